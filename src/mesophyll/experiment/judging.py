"""2D and 3D results on equal ground: the same sections of both, or both as volumes; by tissue and by shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll import evaluation
from mesophyll.evaluation import Fates
from mesophyll.experiment.finding import cuts_of, found
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.shapes import shapes
from mesophyll.experiment.table import Mode
from mesophyll.io import replacing
from mesophyll.labels import Labels, check
from mesophyll.traits import measure
from mesophyll.volume import Spacing

__all__ = ["Judgement", "Key", "Truth", "judgement"]


Part = tuple[Labels, NDArray[Any] | None, Spacing]
"""Labels, tissue map and spacing of a picture or a volume."""

Key = tuple[str, str, Mode]
"""A run, a trial and a mode, by their names."""


@dataclass(frozen=True)
class Truth:
    """The true cells of a trial in one mode: pictures or volumes, end to end, no number in two of them.

    Parameters
    ----------
    labels
        Shape (n,): all voxels in a row.
    tissue, shape
        Of each cell, in the order of the numbers.
    """

    labels: Labels
    tissue: NDArray[np.str_]
    shape: NDArray[np.str_]

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Truth:
        """Put labels, each with its tissue map and its spacing, end to end."""
        tables = [measure(labels, spacing_um, tissue=tissue) for labels, tissue, spacing_um in parts]
        tissues = [table["tissue"].to_numpy(str) if "tissue" in table else np.full(len(table), "") for table in tables]
        return cls(
            end_to_end([labels for labels, _, _ in parts]),
            np.concatenate(tissues).astype(str),
            np.concatenate([shapes(table) for table in tables]),
        )


def end_to_end(parts: Sequence[Labels]) -> Labels:
    """Put labels of any shapes in one row; the cells of each are numbered on from those of the one before."""
    starts = np.cumsum([0, *(int(part.max(initial=0)) for part in parts)])
    moved = [np.where(part > 0, part + start, part).ravel() for part, start in zip(parts, starts[:-1], strict=True)]
    return np.concatenate(moved).astype(np.int32)


@dataclass(frozen=True)
class Judgement:
    """How a run did in a trial, in one mode.

    Parameters
    ----------
    scores
        Of all cells, as `mesophyll.evaluation.Scores.to_dict` says them.
    fates
        What became of each true cell.
    tissue, shape
        Of each true cell.
    seconds
        What the run took for it.
    """

    scores: Mapping[str, Any]
    fates: Fates
    tissue: NDArray[np.str_]
    shape: NDArray[np.str_]
    seconds: float

    def groups(self) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
        """Yield by what, which, and which cells: every tissue and every shape."""
        for by, words in (("tissue", self.tissue), ("shape", self.shape)):
            for word in np.unique(words):
                yield by, str(word), words == word


def judgement(setting: Setting, key: Key, truths: dict[tuple[str, Mode], Truth]) -> Judgement:
    """Return how a run did, from its file where it was judged before; ``truths`` keeps what later ones need again."""
    name, trial, mode = key
    run = setting.table.run(name)
    path = setting.folder / "scores" / run.slug / f"{trial.replace(' ', '-')}-{mode}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        if (trial, mode) not in truths:
            truths[trial, mode] = Truth.of(list(_true_parts(setting, trial, mode)))
        _write(path, _judge(setting, key, truths[trial, mode]))
    return _read(path)


def _judge(setting: Setting, key: Key, truth: Truth) -> Judgement:
    name, trial, mode = key
    results = [found(setting, setting.table.run(name), leaf) for leaf in setting.table.trials[trial].data]
    parts = [part for one in results for part in (one.sections if mode == "sections" else [one.volume])]
    labels = end_to_end([part for part in parts if part is not None])
    scores = evaluation.match(labels, truth.labels).to_dict()
    fates = evaluation.fates(labels, truth.labels)
    return Judgement(scores, fates, truth.tissue, truth.shape, sum(one.seconds[mode] for one in results))


def _true_parts(setting: Setting, trial: str, mode: Mode) -> Iterator[Part]:
    for name in setting.table.trials[trial].data:
        leaf = setting.leaf(name)
        shown = [leaf] if mode == "volume" else map(leaf.section, cuts_of(setting, name))
        for one in shown:
            tissue = None if one.tissue is None else one.tissue.read()
            yield check(one.labels.read()), tissue, one.labels.known_spacing_um


def _write(path: Path, judged: Judgement) -> None:
    fates = judged.fates
    arrays: dict[str, Any] = {"cells": fates.cells, "hits": fates.hits, "claims": fates.claims, "alone": fates.alone}
    told = json.dumps({"scores": judged.scores, "seconds": judged.seconds})
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays, tissue=judged.tissue, shape=judged.shape, told=np.array(told))


def _read(path: Path) -> Judgement:
    with np.load(path) as file:
        told = json.loads(str(file["told"]))
        fates = Fates(*(file[name] for name in ("cells", "hits", "claims", "alone")))
        return Judgement(told["scores"], fates, file["tissue"], file["shape"], told["seconds"])
