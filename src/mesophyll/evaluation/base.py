"""The one table from which every score is derived: how many voxels each pair of cells shares.

The volume is read once, slab by slab, so that lazy arrays larger than memory can be compared. The table is sparse: it
holds the pairs that meet, never all cells times all cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import slabs
from mesophyll.errors import LabelsError
from mesophyll.labels import UNKNOWN, check
from mesophyll.volume import LazyArray

__all__ = ["THRESHOLDS", "Overlaps", "Side", "compare"]

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The IoU from which on a prediction counts as found. Literals: 3 shared voxels of 10 do reach 0.3."""

_SLAB_VOX = 1 << 20

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """The cells of one labelling, sorted by number.

    Parameters
    ----------
    cells
        Their numbers, all > 0.
    sizes
        Their voxels where the truth is known.
    tissue
        The tissue in which most of these voxels lie (the smaller code where two are equal), or zeros without a map.
    """

    cells: Integers
    sizes: Integers
    tissue: Integers

    def __len__(self) -> int:
        return len(self.cells)


@dataclass(frozen=True)
class Overlaps:
    """Who meets whom, counted where the truth is known.

    Parameters
    ----------
    pairs
        Shape (3, P): label, truth and shared voxels of each pair that occurs, background (0) included.
    labels, truth
        The cells of the two sides.
    row, column
        Shape (K,): the places in ``labels`` and ``truth`` of the pairs of two cells.
    shared
        Shape (K,): their voxels in common.
    iou
        Shape (K,): shared voxels over voxels in either.
    """

    pairs: Integers
    labels: Side
    truth: Side
    row: Integers
    column: Integers
    shared: Integers
    iou: NDArray[np.float64]


def compare(labels: LazyArray, truth: LazyArray, tissue: LazyArray | None = None) -> Overlaps:
    """Count the overlaps of two labellings of one shape; voxels where the truth is unknown are left out.

    Unknown voxels of ``labels`` make no claim and count as background.
    """
    _check_shapes(labels, truth, tissue)
    label, true, code, voxels = _table(labels, truth, tissue)
    pairs = _tally(np.stack([label, true]), voxels)
    sides = [_side(numbers, code, voxels) for numbers in (label, true)]
    both = pairs[:, (pairs[0] > 0) & (pairs[1] > 0)]
    row, column = (np.searchsorted(side.cells, numbers) for side, numbers in zip(sides, both[:2], strict=True))
    union = sides[0].sizes[row] + sides[1].sizes[column] - both[2]
    return Overlaps(pairs, sides[0], sides[1], row, column, both[2], both[2] / union)


def _check_shapes(labels: LazyArray, truth: LazyArray, tissue: LazyArray | None) -> None:
    for name, array in (("labels", labels), ("tissue", tissue)):
        if array is not None and tuple(array.shape) != tuple(truth.shape):
            raise LabelsError(
                f"{name} of shape {tuple(array.shape)} and truth of shape {tuple(truth.shape)}",
                "they are compared voxel by voxel",
                "crop or resample them to one grid",
            )


def _table(labels: LazyArray, truth: LazyArray, tissue: LazyArray | None) -> Integers:
    """Return label, truth, tissue and voxels of each combination that occurs, shape (4, R)."""
    tables = [np.zeros((4, 0), dtype=np.int64)]
    for slab in slabs(truth.shape, _SLAB_VOX):
        true = check(truth[slab], "truth").ravel()
        label = check(labels[slab], "labels").ravel()
        code = np.zeros_like(true) if tissue is None else np.asarray(tissue[slab]).ravel()
        tables.append(_count([label, true, code]))
    table = np.concatenate(tables, axis=1)
    known = table[:, table[1] != UNKNOWN]
    known[0] = np.maximum(known[0], 0)
    return _tally(known[:3], known[3])


def _count(columns: list[NDArray[Any]]) -> Integers:
    """Count the combinations along a flat slab, by runs: neighbours mostly carry the same numbers."""
    if not columns[0].size:
        return np.zeros((len(columns) + 1, 0), dtype=np.int64)
    change = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    starts = np.concatenate([[0], np.flatnonzero(change) + 1])
    values = np.stack([column[starts] for column in columns]).astype(np.int64)
    return _tally(values, np.diff(starts, append=columns[0].size))


def _tally(values: Integers, voxels: Integers) -> Integers:
    """Sum the voxels of equal columns of ``values``, shape (C, R); returns (C + 1, R'), sorted."""
    if not voxels.size:
        return np.vstack([values, voxels])
    order = np.lexsort(values[::-1])
    values = values[:, order]
    change = (values[:, 1:] != values[:, :-1]).any(axis=0)
    starts = np.concatenate([[0], np.flatnonzero(change) + 1])
    return np.vstack([values[:, starts], np.add.reduceat(voxels[order], starts)])


def _side(numbers: Integers, code: Integers, voxels: Integers) -> Side:
    """Sum up the cells of one side of the table."""
    inside = numbers > 0
    number, code, voxels = _tally(np.stack([numbers[inside], code[inside]]), voxels[inside])
    cells, sizes = _tally(number[None], voxels)
    by_share = np.lexsort([-code, voxels, number])  # the last of each cell is its largest share
    last = np.searchsorted(number[by_share], cells, side="right") - 1
    return Side(cells, sizes, code[by_share][last])
