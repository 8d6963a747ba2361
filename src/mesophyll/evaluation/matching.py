"""Which prediction found which true cell: one to one, as many pairs as possible, the better overlap where it is free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, sparse
from scipy.sparse import csgraph

from mesophyll.evaluation.base import THRESHOLDS, Integers, Overlaps

__all__ = ["Found", "matches", "report_map"]


@dataclass(frozen=True)
class Found:
    """The pairs at one threshold, as places in ``Overlaps.labels`` and ``Overlaps.truth``."""

    row: Integers
    column: Integers
    iou: NDArray[np.float64]


def matches(overlaps: Overlaps, threshold: float) -> Found:
    """Match predictions and true cells of IoU >= ``threshold`` one to one.

    The number of pairs is the largest possible, and among such matchings the sum of their IoU is. (Above 0.5 there is
    only one matching; from 0.5 downwards a prediction may suit two cells.)
    """
    fit = overlaps.iou >= threshold
    row, column, iou = overlaps.row[fit], overlaps.column[fit], overlaps.iou[fit]
    if not row.size:
        return Found(row, column, iou)
    rows, local_row = np.unique(row, return_inverse=True)
    columns, local_column = np.unique(column, return_inverse=True)
    chosen = _assign(local_row, local_column, iou, (len(rows), len(columns)))
    return Found(row[chosen], column[chosen], iou[chosen])


def _assign(row: Integers, column: Integers, iou: NDArray[np.float64], shape: tuple[int, int]) -> Integers:
    """Return the places of the chosen edges.

    Every row may also take a spare column of its own, which makes a full matching always exist. A true edge weighs
    more than a spare one by 1, and all the IoU together add less than 1: the number of pairs comes first.
    """
    rows, columns = shape
    spare = np.arange(rows)
    weight = np.concatenate([2 + iou / (rows + 1), np.ones(rows)])
    ends = np.concatenate([row, spare]), np.concatenate([column, columns + spare])
    graph = sparse.csr_array((weight, ends), shape=(rows, columns + rows))
    taken_row, taken_column = csgraph.min_weight_full_bipartite_matching(graph, maximize=True)
    partner = np.empty(rows, dtype=np.int64)
    partner[taken_row] = taken_column
    return np.flatnonzero(partner[row] == column)


def report_map(overlaps: Overlaps) -> float:
    """Return the area under precision over recall, by the rules of section 4.2 of PRIP-TR-155.

    At each of the nine thresholds t a true cell is found where the IoU of some prediction is greater than t. Its best
    prediction is a true positive; other predictions on it are neither true nor false. A prediction that suits no true
    cell is a false positive, a true cell that no prediction suits a false negative. The nine points (recall,
    precision) are joined by straight lines.

    The report leaves two things open. Here a prediction that is the best of two true cells counts for both, and left
    of the smallest recall - the point of the highest threshold - the precision is extended horizontally to recall 0,
    so that a perfect result scores 1.
    """
    if not len(overlaps.labels) or not len(overlaps.truth):
        return float(len(overlaps.labels) == len(overlaps.truth))
    points = [_report_point(overlaps, threshold) for threshold in reversed(THRESHOLDS)]
    recall, precision = np.transpose([(0.0, points[0][1]), *points])
    return float(integrate.trapezoid(precision, recall))


def _report_point(overlaps: Overlaps, threshold: float) -> tuple[float, float]:
    """Return recall and precision at one threshold, by the report's rules."""
    fit = overlaps.iou > threshold
    found = len(np.unique(overlaps.column[fit]))
    wrong = len(overlaps.labels) - len(np.unique(overlaps.row[fit]))
    return found / len(overlaps.truth), found / (found + wrong) if found else 0.0
