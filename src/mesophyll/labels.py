"""Laws of a labelling: int32, 0 background, > 0 cells, -1 unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import cc3d
import fastremap
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from mesophyll.errors import LabelsError

__all__ = [
    "UNKNOWN",
    "Labels",
    "Subject",
    "check",
    "known_layers",
    "labelled_slices",
    "outlines",
    "remove_small",
    "same_partition",
    "seen_in_section",
    "sequential",
    "split_pieces",
]

Labels = NDArray[np.int32]

UNKNOWN = -1

_SECTION = 2
"""A labelled slice is so many voxels thick at most: two where it was resampled to finer ones."""


Subject = Literal["cells", "tissue"]
"""What numbers stand for: cells, one number each, which is only a name; or tissues, whose numbers are codes with a meaning."""


def check(labels: ArrayLike, name: str = "labels") -> Labels:
    """Return the labels as int32, or raise a `LabelsError`; the array itself is never changed.

    Whole numbers stored as floats are taken; fractions, NaN and numbers below -1 are not.
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "buif":
        raise LabelsError(
            f"{name} has the type {array.dtype}", "labels are whole numbers", "save them as an integer image"
        )
    if array.dtype.kind == "f" and not np.all(np.isfinite(array) & (array == np.rint(array))):
        raise LabelsError(
            f"{name} holds fractions or NaN", "labels are whole numbers", "is it the scan? pass the label image"
        )
    if array.size and (int(array.min()) < UNKNOWN or int(array.max()) > np.iinfo(np.int32).max):
        raise LabelsError(
            f"{name} holds numbers from {array.min()} to {array.max()}",
            "labels run from -1 (unknown) over 0 (background) to 2147483647",
            "renumber the cells from 1",
        )
    return array.astype(np.int32, copy=False)


def sequential(labels: Labels) -> Labels:
    """Renumber the cells 1, 2, 3, ... in the order of their old numbers; 0 and -1 stay."""
    numbers = fastremap.unique(labels)
    table = {int(number): new for new, number in enumerate(numbers[numbers > 0], start=1)}
    return _renumber(labels, table)


def _renumber(labels: Labels, table: dict[int, int]) -> Labels:
    """Map the numbers of cells through a table; what the table lacks becomes 0, unknown stays."""
    full = {0: 0, UNKNOWN: UNKNOWN} | {int(n): 0 for n in fastremap.unique(labels) if n > 0} | table
    return np.asarray(fastremap.remap(labels, full, preserve_missing_labels=True), dtype=np.int32)


def remove_small(labels: Labels, size_vox: int) -> Labels:
    """Turn cells of fewer than ``size_vox`` voxels into background."""
    numbers, counts = fastremap.unique(labels, return_counts=True)
    keep = {
        int(number): int(number)
        for number, count in zip(numbers, counts, strict=True)
        if number > 0 and count >= size_vox
    }
    return _renumber(labels, keep)


def split_pieces(labels: Labels) -> Labels:
    """Number every connected piece (by faces) of every cell 1, 2, 3, ..., as a section of a volume needs."""
    connectivity = 6 if labels.ndim == 3 else 4
    pieces = cc3d.connected_components(np.maximum(labels, 0), connectivity=connectivity)
    return np.where(labels == UNKNOWN, UNKNOWN, pieces.astype(np.int32))


def known_layers(shape: tuple[int, ...], read: Callable[[tuple[slice, ...]], Labels]) -> list[NDArray[np.bool_]]:
    """Return for each axis in which of its layers anything is known; labels are read one layer at a time."""
    known = [np.zeros(length, dtype=bool) for length in shape]
    for place in range(shape[0]):
        layer = read((slice(place, place + 1), *(slice(0, length) for length in shape[1:]))) != UNKNOWN
        for axis, found in enumerate(known):
            seen = layer.any(axis=tuple(other for other in range(layer.ndim) if other != axis))
            found[slice(place, place + 1) if axis == 0 else slice(None)] |= seen
    return known


def labelled_slices(known: Sequence[NDArray[np.bool_]]) -> tuple[int, tuple[int, ...]] | None:
    """Return across which axis slices are labelled, and their places, given `known_layers`; None where they are no slices.

    Slices are thin, and unknown layers lie between them; across the other axes they are known in every layer, or in many.
    """
    thin = [axis for axis, layers in enumerate(known) if layers.any() and _longest_run(layers) <= _SECTION]
    if not thin:
        return None
    axis = min(thin, key=lambda one: float(known[one].mean()))
    return axis, tuple(int(place) for place in np.flatnonzero(known[axis]))


def _longest_run(layers: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], layers, [False]]).astype(np.int8)))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def seen_in_section(labels: Labels) -> NDArray[np.bool_]:
    """Mark the cells of which only a section is labelled: two voxels thick at most, with unknown voxels above and below.

    A labelled slice shows where cells are, but not where the rest of each lies, nor whether two pieces are one cell.
    """
    marked = np.zeros(labels.shape, dtype=bool)
    unknown = labels == UNKNOWN
    if not unknown.any():
        return marked
    pieces = np.maximum(split_pieces(labels), 0)  # one cell may be labelled in several slices
    for number, region in enumerate(ndimage.find_objects(pieces), start=1):
        if any(_between_unknown(unknown, region, axis) for axis in range(labels.ndim)):
            marked[region] |= pieces[region] == number
    return marked


def _between_unknown(unknown: NDArray[np.bool_], region: tuple[slice, ...], axis: int) -> bool:
    """Tell whether a box is thin along an axis, and mostly unknown voxels lie on both sides of it."""
    span = region[axis]
    if span.stop - span.start > _SECTION:
        return False
    sides = [slice(place, place + 1) for place in (span.start - 1, span.stop) if 0 <= place < unknown.shape[axis]]
    beside = [unknown[(*region[:axis], side, *region[axis + 1 :])].mean() > 0.5 for side in sides]
    return bool(beside) and all(beside)


def outlines(labels: Labels) -> NDArray[np.bool_]:
    """Mark the voxels of cells that have a face in common with another number."""
    edge = np.zeros(labels.shape, dtype=bool)
    for axis in range(labels.ndim):
        lower: tuple[Any, ...] = (slice(None),) * axis + (slice(None, -1),)
        upper: tuple[Any, ...] = (slice(None),) * axis + (slice(1, None),)
        differ = labels[lower] != labels[upper]
        edge[lower] |= differ
        edge[upper] |= differ
    return edge & (labels > 0)


def same_partition(first: Labels, second: Labels) -> bool:
    """Tell whether two labellings are equal but for the cells' numbers."""
    if first.shape != second.shape:
        return False
    if not np.array_equal(np.minimum(first, 1), np.minimum(second, 1)):
        return False
    inside = first > 0
    pairs = np.unique(np.stack([first[inside], second[inside]]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs)
