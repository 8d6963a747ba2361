"""Two results on the same true cells: which is better, and by how much, had other cells of the same kind been there.

Both results are judged on every draw of the cells. What makes a leaf easy or hard then moves both alike, and the interval
of their difference is narrower than those of either: no rank without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import LabelsError
from mesophyll.evaluation.fates import Fates
from mesophyll.evaluation.intervals import DRAWS, QUANTILES, SEED, Interval

__all__ = ["Difference", "difference", "mean_ap", "mean_recall", "pooled"]

Mask = NDArray[np.bool_]


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
    """Return the mean AP over IoU 0.1 to 0.9 and its 95 % interval.

    Parameters
    ----------
    fates
        What became of the cells.
    among
        Shape (n,): the cells that count. A prediction that is alone counts with the cell that it shares most voxels with;
        one that shares none counts where all cells do.
    """
    kept, wrong, nowhere = _units(fates, among)
    whole = np.ones((1, len(kept)), np.int64)
    draws = _draws(len(kept))
    return float(_mean_ap(whole, kept, wrong, np.array([nowhere]))[0]), _ends(
        _mean_ap(draws, kept, wrong, _poisson(nowhere, 0))
    )


def mean_recall(fates: Fates) -> tuple[float, Interval]:
    """Return the share of true cells that were found, mean over IoU 0.1 to 0.9, and its 95 % interval; 1 without cells.

    For cells that are not all that there are: a prediction beside them may well be right.
    """
    found = fates.hits.mean(axis=1) if len(fates.cells) else np.ones(1)
    return float(found.mean()), _ends(_draws(len(found)) @ found / len(found))


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
    if not np.array_equal(first.cells, second.cells):
        raise LabelsError(
            f"one result is judged on {len(first.cells)} cells, the other on {len(second.cells)}, or on others",
            "a pair is judged on the same true cells",
            "judge both on the same truth",
        )
    draws = _draws(int(len(first.cells) if among is None else among.sum()))
    values, point = [], []
    for place, fates in enumerate((first, second)):
        kept, wrong, nowhere = _units(fates, among)
        point.append(_mean_ap(np.ones((1, len(kept)), np.int64), kept, wrong, np.array([nowhere]))[0])
        values.append(_mean_ap(draws, kept, wrong, _poisson(nowhere, place)))
    return Difference(float(point[0] - point[1]), _ends(values[0] - values[1], tries))


def _units(fates: Fates, among: Mask | None) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return hits and TP + FP + FN of each cell that counts, and how many predictions belong to no cell."""
    extra = np.bincount(fates.alone, minlength=len(fates.cells) + 1)
    claims = fates.claims + extra[:-1, None]
    if among is None:
        return fates.hits, claims, int(extra[-1])
    return fates.hits[among], claims[among], 0


def _draws(units: int) -> NDArray[np.int64]:
    """Return how often each unit is drawn, shape (draws, units); the seed is fixed, so the same cells give the same."""
    if not units:
        return np.zeros((DRAWS, 0), np.int64)
    return np.random.default_rng(SEED).multinomial(units, np.full(units, 1 / units), size=DRAWS)


def _poisson(nowhere: int, stream: int) -> NDArray[np.int64]:
    return np.random.default_rng([SEED, stream]).poisson(nowhere, DRAWS)


def _mean_ap(
    draws: NDArray[np.int64], hits: NDArray[np.int64], claims: NDArray[np.int64], nowhere: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean AP of each draw; where there is neither cell nor prediction it is 1."""
    times = draws.astype(np.float64)  # a product of floats is a fast one
    found, all_of_them = times @ hits.astype(np.float64), times @ claims.astype(np.float64) + nowhere[:, None]
    ap = np.divide(found, all_of_them, out=np.ones_like(found), where=all_of_them > 0)
    return np.asarray(ap.mean(axis=1))


def _ends(values: NDArray[np.float64], tries: int = 1) -> Interval:
    low, high = np.quantile(values, (QUANTILES[0] / tries, 1 - (1 - QUANTILES[1]) / tries))
    return float(low), float(high)
