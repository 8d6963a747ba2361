"""Where to label next: slices in which a model contradicts itself.

A network that has learnt what a leaf looks like finds the same cells in a scan and in its mirror images. Where they differ it
is guessing, and there a label teaches it most. (The spread over mirror images as a measure of what a network does not know:
Wang et al., Neurocomputing 338, 2019.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import SettingsError, VolumeError
from mesophyll.evaluation import compare
from mesophyll.inference import SegmentationPlan, segment_volume
from mesophyll.labels import UNKNOWN, Labels
from mesophyll.model import Model
from mesophyll.progress import Progress, silent
from mesophyll.tissues import name_of
from mesophyll.volume import LazyArray, Volume

__all__ = ["STANDS_OUT", "Slice", "SuggestionPlan", "by_tissue", "disagreement", "suggest"]

STANDS_OUT = 1.1
"""A slice is worth naming where the model contradicts itself so many times as much as in the median slice."""


_SEEN = 0.1
"""Of the voxels of cells in the median slice: a slice that shows fewer says too little."""


@dataclass(frozen=True)
class Slice:
    """A slice to label.

    Parameters
    ----------
    axis, place
        Across which axis, and where, from 0.
    disagreement
        Mean over the slice.
    times_median
        That of the median slice across this axis, so many times.
    """

    axis: int
    place: int
    disagreement: float
    times_median: float


@dataclass(frozen=True)
class SuggestionPlan:
    """Which slices are named; one TOML table.

    Parameters
    ----------
    count
        How many, at most.
    axis
        Across which axis they lie: 0, 1, 2 for Z, Y, X.
    apart_um
        They lie at least so far apart, and from what is labelled already: neighbours show the same cells.
    """

    count: int = 3
    axis: int = 0
    apart_um: float = 10.0

    def __post_init__(self) -> None:
        if self.axis not in range(3) or self.count < 1 or not self.apart_um >= 0:  # this way round, for NaN
            raise SettingsError(
                f"count = {self.count}, axis = {self.axis}, apart_um = {self.apart_um}",
                "at least one slice across one of the axes 0, 1, 2 is named, and a distance is not negative",
                "correct the plan",
            )


def suggest(voxels: Volume, plan: SuggestionPlan | None = None, *, labels: Volume | None = None) -> list[Slice]:
    """Name the slices whose labelling should help most, the best first; none where no slice stands out.

    Parameters
    ----------
    voxels
        The disagreement of each voxel of the scan, see `disagreement`.
    plan
        Which slices are named.
    labels
        What is labelled already, shape as the scan, -1 where nothing is.

    Raises
    ------
    VolumeError
        Where the scan is no volume, or the labels have another shape.
    """
    plan = plan or SuggestionPlan()
    _check_shapes(voxels, labels)
    profile = _profile(voxels, plan.axis)
    apart = max(round(plan.apart_um / voxels.known_spacing_um[plan.axis]), 1)
    median = float(np.median(profile))
    places = [] if labels is None else _labelled(labels, plan.axis)
    picked: list[Slice] = []
    for place in map(int, np.argsort(-profile, kind="stable")):
        if len(picked) == plan.count or profile[place] < STANDS_OUT * median or median == 0:
            break
        if all(abs(place - other) >= apart for other in places):
            places.append(place)
            picked.append(Slice(plan.axis, place, float(profile[place]), float(profile[place]) / median))
    return picked


def _profile(voxels: Volume, axis: int) -> NDArray[np.float64]:
    """Return the mean disagreement of each slice where cells were seen; 0 for slices in which hardly any were."""
    counted = [(np.isfinite(one).sum(), float(np.nansum(one))) for one in _slices(voxels.data, axis)]
    seen, sums = np.array(counted).T
    enough = (seen > 0) & (seen >= _SEEN * np.median(seen))
    return np.where(enough, sums / np.maximum(seen, 1), 0.0)


def _check_shapes(voxels: Volume, labels: Volume | None) -> None:
    if voxels.ndim != 3:
        raise VolumeError(f"{voxels.name} has {voxels.ndim} axes", "slices of volumes are named", "pass a volume")
    if labels is not None and labels.shape != voxels.shape:
        raise VolumeError(
            f"{labels.name} has the shape {labels.shape}, {voxels.name} {voxels.shape}",
            "labels have the shape of their scan",
            "pass the labels of this scan",
        )


def by_tissue(voxels: LazyArray, tissue: LazyArray) -> dict[str, float]:
    """Return the mean disagreement of each tissue, by name, the largest first; both have the shape (Z, Y, X)."""
    sums, counts = np.zeros(256), np.zeros(256)
    for place in range(tissue.shape[0]):
        values = _slice(voxels, 0, place)
        codes = _slice(tissue, 0, place)[np.isfinite(values)].astype(np.int64)
        sums += np.bincount(codes, values[np.isfinite(values)], 256)
        counts += np.bincount(codes, minlength=256)
    means = {name_of(int(code)): float(sums[code] / counts[code]) for code in np.flatnonzero(counts)}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def disagreement(
    model: Model, scan: Volume, *, scratch: Path, plan: SegmentationPlan | None = None, progress: Progress = silent
) -> Volume:
    """Return how much the cells found in a scan differ from those found in its mirror images, voxel by voxel.

    Where two results see a voxel in cells of an IoU of q they differ by 1 - q there; where one sees a cell and the other
    none, by 1. The scan is compared with its mirror image along each axis, and the mean is taken. Where no cell is seen at
    all, nothing is said.

    Parameters
    ----------
    model
        What looks at the scan.
    scan
        A volume; shape (Z, Y, X). It is held in memory, a label image of it too.
    scratch
        A folder for files.
    plan
        How the model goes through the scan.
    progress
        Told what is being done.

    Returns
    -------
    Volume
        float32 from 0 to 1, NaN where no cell is seen; shape and voxels of the scan.
    """
    still = replace(scan, data=scan.read())
    plan = (plan or SegmentationPlan()).settled(still, model.position)  # once, and so for all mirror images alike
    first = _cells(model, still, (), scratch, plan, progress)
    total, seen = np.zeros(scan.shape, np.float32), first > 0
    for axis in range(scan.ndim):
        other = _cells(model, still, (axis,), scratch, plan, progress)
        total += _apart(first, other)
        seen |= other > 0
    return replace(scan, data=np.where(seen, total / scan.ndim, np.float32(np.nan)))


def _cells(
    model: Model, scan: Volume, axes: tuple[int, ...], scratch: Path, plan: SegmentationPlan, progress: Progress
) -> Labels:
    """Return the cells of a scan, found in its mirror image."""
    mirrored = replace(scan, data=np.flip(np.asarray(scan.data), axes))
    with TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        found = segment_volume(mirrored, model, scratch=Path(folder), plan=plan, progress=progress)
        return np.ascontiguousarray(np.flip(found.labels.read(), axes))


def _apart(first: Labels, second: Labels) -> NDArray[np.float32]:
    """Return 1 - IoU of the two cells in which each voxel lies; 1 where it lies in one, 0 where in none."""
    overlaps = compare(first, second)
    base = int(second.max(initial=0)) + 1
    pairs = overlaps.labels.cells[overlaps.row] * base + overlaps.truth.cells[overlaps.column]
    order = np.argsort(pairs)
    known, iou = np.append(pairs[order], -1), np.append(overlaps.iou[order], 0.0)
    apart = np.empty(first.shape, np.float32)
    for place in range(len(first)):
        seen = first[place].astype(np.int64) * base + second[place]
        at = np.minimum(np.searchsorted(known[:-1], seen), len(known) - 1)
        apart[place] = np.where(known[at] == seen, 1 - iou[at], seen > 0)
    return apart


def _slices(array: LazyArray, axis: int) -> Iterator[NDArray[Any]]:
    return (_slice(array, axis, place) for place in range(array.shape[axis]))


def _slice(array: LazyArray, axis: int, place: int) -> NDArray[Any]:
    return np.asarray(array[(slice(None),) * axis + (slice(place, place + 1),)])


def _labelled(labels: Volume, axis: int) -> list[int]:
    return [place for place, one in enumerate(_slices(labels.data, axis)) if (one != UNKNOWN).any()]
