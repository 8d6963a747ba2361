"""What a run finds in a leaf: a 3D model in the volume, a 2D model in sections of it and, put together, in the volume."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mesophyll.cuts import Cut, cuts, sections
from mesophyll.experiment.models import model
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.table import Mode, Run
from mesophyll.inference import SegmentationPlan, segment_volume
from mesophyll.io import Example, replacing
from mesophyll.labels import Labels
from mesophyll.model import Model
from mesophyll.settings import from_dict

__all__ = ["Found", "cuts_of", "found"]


@dataclass(frozen=True)
class Found:
    """What a run found in a leaf.

    Parameters
    ----------
    volume
        Labels of the whole; None where nothing is judged on it.
    sections
        Labels of each of `cuts_of` the leaf.
    seconds
        What each took. Sections of a volume take what the volume took.
    """

    volume: Labels | None
    sections: list[Labels]
    seconds: dict[Mode, float]


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
        volume, seconds = _segment(setting, run, chosen, leaf)
        return Found(volume, sections(volume, where), {"volume": seconds, "sections": seconds})
    flat = [_segment(setting, run, chosen, leaf.section(cut)) for cut in where]
    took: dict[Mode, float] = {"sections": sum(seconds for _, seconds in flat)}
    parts = [labels for labels, _ in flat]
    if "volume" not in wanted:
        return Found(None, parts, took)
    volume, seconds = _segment(setting, run, chosen, leaf)
    return Found(volume, parts, {**took, "volume": seconds})


def _segment(setting: Setting, run: Run, chosen: Model, leaf: Example) -> tuple[Labels, float]:
    """Return the labels of a scan, and the seconds that they took."""
    plan = replace(from_dict(SegmentationPlan, run.segmentation), device=setting.device)
    tissue = None if chosen.tissue == "none" else leaf.tissue
    start = time.monotonic()
    with TemporaryDirectory(dir=setting.folder, ignore_cleanup_errors=True) as scratch:
        labels = segment_volume(
            leaf.scans[0], chosen, tissue=tissue, scratch=Path(scratch), plan=plan, progress=setting.of_run(run)
        )
        return np.array(labels.read()), time.monotonic() - start


def _write(path: Path, what: Found) -> None:
    arrays: dict[str, Any] = {f"section-{place}": labels for place, labels in enumerate(what.sections)}
    if what.volume is not None:
        arrays["volume"] = what.volume
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays, seconds=np.array(json.dumps(what.seconds)))


def _read(path: Path) -> Found:
    with np.load(path) as file:
        flat = [file[f"section-{place}"] for place in range(_count(file.files))]
        return Found(file.get("volume"), flat, json.loads(str(file["seconds"])))


def _count(names: Sequence[str]) -> int:
    return sum(name.startswith("section-") for name in names)
