"""What a run finds in a leaf: a 3D model in the volume, a 2D model in sections of it and, put together, in the volume."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mesophyll.cost import Cost, counted
from mesophyll.cuts import Cut, cuts, sections
from mesophyll.experiment.models import model
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.table import Mode, Run
from mesophyll.inference import at_scan, find_cells, look
from mesophyll.io import Example, replacing
from mesophyll.labels import Labels
from mesophyll.model import Model
from mesophyll.position import axis_through
from mesophyll.settings import from_dict, to_dict

__all__ = ["Found", "Took", "cuts_of", "found"]


@dataclass(frozen=True)
class Took:
    """What it took to find cells.

    Parameters
    ----------
    network, decoding
        To look at the scan, which is read meanwhile; to make cells of what was said, blocks stitched.
    """

    network: Cost = field(default_factory=Cost)
    decoding: Cost = field(default_factory=Cost)

    def __add__(self, other: Took) -> Took:
        """Return what both took, one after the other."""
        return Took(self.network + other.network, self.decoding + other.decoding)

    @property
    def whole(self) -> Cost:
        """Both steps together."""
        return self.network + self.decoding


@dataclass(frozen=True)
class Found:
    """What a run found in a leaf.

    Parameters
    ----------
    volume
        Labels of the whole; None where nothing is judged on it.
    sections
        Labels of each of `cuts_of` the leaf.
    took
        What each took. Sections of a volume take what the volume took.
    """

    volume: Labels | None
    sections: list[Labels]
    took: dict[Mode, Took]

    def of(self, mode: Mode) -> list[Labels]:
        """Return what is judged: pictures, or one volume."""
        return self.sections if mode == "sections" else [self.volume] if self.volume is not None else []


def cuts_of(setting: Setting, name: str) -> list[Cut]:
    """Return the sections through a leaf; all trials that judge on it cut the same ones."""
    count = max(trial.sections for trial in setting.table.trials.values() if name in trial.data)
    return cuts(setting.leaf(name).labels.shape, count)


def found(setting: Setting, run: Run, name: str) -> Found:
    """Return what a run finds in a leaf, from its file where it was sought before."""
    path = setting.folder / "labels" / run.slug / f"{name}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, _find(setting, run, name))
    return _read(path)


def _find(setting: Setting, run: Run, name: str) -> Found:
    chosen, leaf, where = model(setting, run), setting.leaf(name), cuts_of(setting, name)
    wanted = {mode for trial in setting.table.trials.values() if name in trial.data for mode in trial.modes}
    if chosen.network.ndim == 3:
        volume, took = _segment(setting, run, chosen, leaf)
        return Found(volume, sections(volume, where), {"volume": took, "sections": took})
    flat = [_segment(setting, run, chosen, leaf.section(cut)) for cut in where]
    spent: dict[Mode, Took] = {"sections": sum((took for _, took in flat), Took())}
    parts = [labels for labels, _ in flat]
    if "volume" not in wanted:
        return Found(None, parts, spent)
    volume, took = _segment(setting, run, chosen, leaf)
    return Found(volume, parts, {**spent, "volume": took})


def _segment(setting: Setting, run: Run, chosen: Model, leaf: Example) -> tuple[Labels, Took]:
    """Return the labels of a scan, and what they took."""
    scan, plan = leaf.scans[0], setting.segmentation(run)
    how: dict[str, Any] = {"plan": plan, "progress": setting.of_run(run)}
    with TemporaryDirectory(dir=setting.folder, ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        with counted() as network:
            through = axis_through(scan, chosen.position, plan.through)
            image = chosen.prepare(scan, **chosen.beside(leaf), through=through)
            outputs = look(chosen, image, scratch=scratch, **how)
        with counted() as decoding:
            cells = find_cells(chosen, outputs, scratch=scratch, **how)
            labels = np.array(at_scan(cells, scan, "cells", through).read())
        del outputs  # its file lies in the scratch folder
    return labels, Took(network, decoding)


def _write(path: Path, what: Found) -> None:
    arrays: dict[str, Any] = {f"section-{place}": labels for place, labels in enumerate(what.sections)}
    if what.volume is not None:
        arrays["volume"] = what.volume
    with replacing(path) as partial:
        np.savez_compressed(
            partial, **arrays, took=np.array(json.dumps({mode: to_dict(took) for mode, took in what.took.items()}))
        )


def _read(path: Path) -> Found:
    with np.load(path) as file:
        flat = [file[f"section-{place}"] for place in range(_count(file.files))]
        took = {mode: from_dict(Took, told) for mode, told in json.loads(str(file["took"])).items()}
        return Found(file.get("volume"), flat, took)


def _count(names: Sequence[str]) -> int:
    return sum(name.startswith("section-") for name in names)
