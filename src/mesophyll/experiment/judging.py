"""2D and 3D results on equal ground: the same sections of both, or both as volumes; by tissue and by shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll import evaluation
from mesophyll.evaluation import Fates
from mesophyll.evaluation.layers import of_all
from mesophyll.experiment.finding import Took, cuts_of, found
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.shapes import shapes
from mesophyll.experiment.table import Mode, Place, Run
from mesophyll.io import replacing
from mesophyll.labels import Labels, check
from mesophyll.settings import from_dict, to_dict
from mesophyll.traits import measure
from mesophyll.volume import Spacing

__all__ = ["Judgement", "Key", "Truth", "end_to_end", "judgement"]


Part = tuple[Labels, NDArray[Any] | None, Spacing]
"""Labels, tissue map and spacing of a picture or a volume."""

Key = tuple[str, str, Mode]
"""A run by its title, a trial by its name, and a mode."""


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
    leaves
        What became of the true cells of each leaf.
    tissue, shape
        Of each true cell, leaf after leaf.
    took
        What finding took, of all leaves together.
    """

    scores: Mapping[str, Any]
    leaves: tuple[Fates, ...]
    tissue: NDArray[np.str_]
    shape: NDArray[np.str_]
    took: Took

    @property
    def mean_ap(self) -> float:
        """The mean AP of all cells."""
        return of_all([self.leaves])

    def groups(self) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
        """Yield by what, which, and which cells: every tissue and every shape."""
        for by, words in (("tissue", self.tissue), ("shape", self.shape)):
            for word in np.unique(words):
                yield by, str(word), words == word


def judgement(setting: Setting, run: Run, place: Place, truths: dict[Place, Truth]) -> Judgement:
    """Return how a run did, from its file where it was judged before; ``truths`` keeps what later ones need again."""
    trial, mode = place
    path = setting.folder / "scores" / run.slug / f"{trial.replace(' ', '-')}-{mode}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        if place not in truths:
            truths[place] = Truth.of(list(_true_parts(setting, place)))
        _write(path, _judge(setting, run, place, truths[place]))
    return _read(path)


def _judge(setting: Setting, run: Run, place: Place, truth: Truth) -> Judgement:
    trial, mode = place
    results = [found(setting, run, leaf) for leaf in setting.table.trials[trial].data]
    rows = [end_to_end(one.of(mode)) for one in results]
    scores = evaluation.match(end_to_end(rows), truth.labels).to_dict()
    true = np.split(truth.labels, np.cumsum([row.size for row in rows])[:-1])
    leaves = tuple(evaluation.fates(row, one) for row, one in zip(rows, true, strict=True))
    return Judgement(scores, leaves, truth.tissue, truth.shape, sum((one.took[mode] for one in results), Took()))


def _true_parts(setting: Setting, place: Place) -> Iterator[Part]:
    trial, mode = place
    for name in setting.table.trials[trial].data:
        leaf = setting.leaf(name)
        shown = [leaf] if mode == "volume" else map(leaf.section, cuts_of(setting, name))
        for one in shown:
            tissue = None if one.tissue is None else one.tissue.read()
            yield check(one.labels.read()), tissue, one.labels.known_spacing_um


_FATES = tuple(one.name for one in fields(Fates))


def _write(path: Path, judged: Judgement) -> None:
    arrays: dict[str, Any] = {
        f"{name}-{place}": getattr(leaf, name) for place, leaf in enumerate(judged.leaves) for name in _FATES
    }
    told = json.dumps({"scores": judged.scores, "took": to_dict(judged.took)})
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays, tissue=judged.tissue, shape=judged.shape, told=np.array(told))


def _read(path: Path) -> Judgement:
    with np.load(path) as file:
        told = json.loads(str(file["told"]))
        count = sum(name.startswith(f"{_FATES[0]}-") for name in file.files)
        leaves = tuple(Fates(*(file[f"{name}-{place}"] for name in _FATES)) for place in range(count))
        return Judgement(told["scores"], leaves, file["tissue"], file["shape"], from_dict(Took, told["took"]))
