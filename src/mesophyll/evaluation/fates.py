"""What became of each true cell: the units that a bootstrap draws, and that two results on the same cells share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.evaluation.base import THRESHOLDS, Integers, Overlaps
from mesophyll.evaluation.matching import Found

__all__ = ["Fates", "trace"]


@dataclass(frozen=True)
class Fates:
    """The fate of each true cell, and of the predictions that found none.

    Parameters
    ----------
    cells
        Shape (n,): the numbers of the true cells, sorted.
    hits
        Shape (n, 9): 1 where the cell was found, at each of `THRESHOLDS`.
    claims
        Shape (n, 9): the cell itself, and the prediction matched to it at the lowest threshold where that does not find
        it at this one. TP + FP + FN is their sum, and one for each prediction that is alone.
    alone
        Shape (m,): for each prediction that is matched to no cell at the lowest threshold, the place in ``cells`` of the
        cell that it shares most voxels with; n where it shares none.
    """

    cells: Integers
    hits: Integers
    claims: Integers
    alone: Integers


def trace(overlaps: Overlaps, found: Sequence[Found]) -> Fates:
    """Return what became of the cells, given the matching at each of `THRESHOLDS`."""
    count = len(overlaps.truth)
    unit = np.full(len(overlaps.labels), -1)
    unit[found[0].row] = found[0].column
    hits, claims = np.zeros((count, len(THRESHOLDS)), np.int64), np.ones((count, len(THRESHOLDS)), np.int64)
    alone = unit < 0
    for place, pairs in enumerate(found):
        hits[pairs.column, place] = 1
        wrong = np.delete(unit, pairs.row)
        claims[wrong[wrong >= 0], place] += 1  # a cell has one prediction at most
    return Fates(overlaps.truth.cells, hits, claims, _nearest(overlaps)[alone])


def _nearest(overlaps: Overlaps) -> Integers:
    """Return for each prediction the true cell that it shares most voxels with; the number of cells where none."""
    nearest: NDArray[np.int64] = np.full(len(overlaps.labels), len(overlaps.truth))
    order = np.argsort(overlaps.shared, kind="stable")
    nearest[overlaps.row[order]] = overlaps.column[order]  # the last one written is the largest
    return nearest
