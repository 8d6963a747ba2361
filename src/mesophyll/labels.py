"""Laws of a labelling: int32, 0 background, > 0 cells, -1 unknown."""

from __future__ import annotations

from typing import Any, Literal

import cc3d
import fastremap
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mesophyll.errors import LabelsError

__all__ = [
    "UNKNOWN",
    "Labels",
    "Subject",
    "check",
    "labelled_slices",
    "outlines",
    "remove_small",
    "same_partition",
    "sequential",
    "split_pieces",
]

Labels = NDArray[np.int32]

UNKNOWN = -1

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


def labelled_slices(labels: Labels) -> tuple[int, NDArray[np.int64]]:
    """Return across which axis slices are labelled, and the places of those in which anything is known.

    It is the axis with the smallest share of such slices: the others cut through all that is labelled.

    Raises
    ------
    LabelsError
        Where nothing is known, or something is in every slice across every axis.
    """
    known = labels != UNKNOWN
    axes = range(labels.ndim)
    places = [np.flatnonzero(known.any(axis=tuple(other for other in axes if other != axis))) for axis in axes]
    shares = [len(found) / length for found, length in zip(places, labels.shape, strict=True)]
    axis = int(np.argmin(shares))
    if not 0 < shares[axis] < 1:
        raise LabelsError(
            "nothing is labelled" if shares[axis] == 0 else "labels are known in every slice",
            "labelled slices lie between others that are not (-1)",
            "mark what nobody labelled as -1, or take the labels as single cells",
        )
    return axis, places[axis]


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
