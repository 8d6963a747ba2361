"""Two results on the same true cells: which is better, and by how much, had other cells of the same kind been there.

Both results are judged on every draw of the cells. What makes a leaf easy or hard then moves both alike, and the interval
of their difference is narrower than those of either: no rank without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mesophyll.errors import LabelsError
from mesophyll.evaluation.fates import Fates
from mesophyll.evaluation.intervals import SEED, Interval
from mesophyll.evaluation.layers import Mask, Trainings, ends, of_all, of_draws, times_drawn

__all__ = ["Difference", "difference", "mean_ap", "mean_recall", "pooled", "repeated_difference", "repeated_mean_ap"]


@dataclass(frozen=True)
class Difference:
    """How much better one result is than another.

    Parameters
    ----------
    mean_ap
        Its mean AP minus the other's.
    interval
        In which 95 % of the draws lie.
    """

    mean_ap: float
    interval: Interval

    @property
    def certain(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.interval[0] <= 0 <= self.interval[1]


def pooled(parts: Sequence[Fates]) -> Fates:
    """Return the fates of the cells of several leaves as if they were one; the cells are numbered anew."""
    counts = [len(part.cells) for part in parts]
    total, starts = sum(counts), np.cumsum([0, *counts])
    alone = [
        np.where(part.alone < count, part.alone + start, total)
        for part, count, start in zip(parts, counts, starts[:-1], strict=True)
    ]
    return Fates(
        np.arange(1, total + 1),
        np.concatenate([part.hits for part in parts]),
        np.concatenate([part.claims for part in parts]),
        np.concatenate(alone),
    )


def mean_ap(fates: Fates, among: Mask | None = None) -> tuple[float, Interval]:
    """Return the mean AP over IoU 0.1 to 0.9 and its 95 % interval, over cells.

    Parameters
    ----------
    fates
        What became of the cells.
    among
        Shape (n,): the cells that count. A prediction that is alone counts with the cell that it shares most voxels with;
        one that shares none counts where all cells do.
    """
    return repeated_mean_ap([[fates]], among)


def repeated_mean_ap(trainings: Trainings, among: Mask | None = None) -> tuple[float, Interval]:
    """Return the mean AP of a method, mean over its trainings, and its 95 % interval, over trainings, leaves and cells.

    Parameters
    ----------
    trainings
        What became of the cells: by training, then by leaf.
    among
        As in `mean_ap`, of all leaves one after the other.
    """
    return of_all(trainings, among), ends(of_draws([trainings], among)[0])


def mean_recall(fates: Fates) -> tuple[float, Interval]:
    """Return the share of true cells that were found, mean over IoU 0.1 to 0.9, and its 95 % interval; 1 without cells.

    For cells that are not all that there are: a prediction beside them may well be right.
    """
    found = fates.hits.mean(axis=1) if len(fates.cells) else np.ones(1)
    return float(found.mean()), ends(times_drawn(len(found), np.random.default_rng(SEED)) @ found / len(found))


def difference(first: Fates, second: Fates, among: Mask | None = None, *, tries: int = 1) -> Difference:
    """Return by how much the first result's mean AP is above the second's, with the 95 % interval of a paired bootstrap.

    A draw takes true cells with replacement, each with all predictions that belong to it in either result. Predictions
    that lie outside all cells belong to none; their numbers are drawn for each result by itself (Poisson).

    Parameters
    ----------
    first, second
        What became of the same true cells.
    among
        As in `mean_ap`.
    tries
        How many differences are looked at, to pick one: the best of many is above 0 by chance more often than one alone. The
        intervals are so much wider that 95 % of the time all of them hold at once (Bonferroni).

    Raises
    ------
    LabelsError
        Where the two were not judged on the same true cells.
    """
    return repeated_difference([[first]], [[second]], among, tries=tries)


def repeated_difference(
    first: Trainings, second: Trainings, among: Mask | None = None, *, tries: int = 1
) -> Difference:
    """Return by how much a method's mean AP is above another's; the interval is over trainings and leaves as well as cells.

    Leaves and cells are drawn for both alike. So are trainings where there are as many of both, the first of each together.
    """
    expected = [leaf.cells for leaf in first[0]]
    for training in (*first, *second):
        cells = [leaf.cells for leaf in training]
        if len(cells) != len(expected) or not all(map(np.array_equal, cells, expected)):
            counts = [sum(map(len, each)) for each in (expected, cells)]
            raise LabelsError(
                f"one result is judged on {counts[0]} cells, the other on {counts[1]}, or on others",
                "a pair is judged on the same true cells",
                "judge both on the same truth",
            )
    values = of_draws([first, second], among)
    return Difference(of_all(first, among) - of_all(second, among), ends(values[0] - values[1], tries))
