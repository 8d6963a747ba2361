"""How far the scores would move had other cells of the same kind been in the volume: a bootstrap over cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mesophyll.evaluation.base import THRESHOLDS, Overlaps
from mesophyll.evaluation.matching import Found

__all__ = ["Interval", "ap_intervals"]

Interval = tuple[float, float]
"""The lower and the upper end."""

DRAWS = 2000
SEED = 155
QUANTILES = (0.025, 0.975)


def ap_intervals(overlaps: Overlaps, found: Sequence[Found]) -> tuple[Interval, Interval]:
    """Return the 95 % intervals of the mean AP and of the AP at 0.5.

    What is drawn, with replacement, is a true cell together with the prediction matched to it at the lowest
    threshold, or a prediction that found nothing. Only counts are drawn: units of the same fate are interchangeable.
    The seed is fixed, so the same labels give the same interval.

    Parameters
    ----------
    overlaps
        The compared labellings.
    found
        The matching at each of `THRESHOLDS`.
    """
    fates, counts = np.unique(_fates(overlaps, found), axis=0, return_counts=True)
    units = int(counts.sum())
    if not units:
        return (1.0, 1.0), (1.0, 1.0)
    draws = np.random.default_rng(SEED).multinomial(units, counts / units, size=DRAWS)
    hits, claims = np.split(draws @ fates, 2, axis=1)
    ap = hits / np.maximum(claims, 1)
    return _ends(ap.mean(axis=1)), _ends(ap[:, THRESHOLDS.index(0.5)])


def _ends(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, QUANTILES)
    return float(low), float(high)


def _fates(overlaps: Overlaps, found: Sequence[Found]) -> NDArray[np.int64]:
    """Return for each unit its true positives, then its TP + FP + FN, at each threshold: shape (units, 18)."""
    unit_of_label = np.full(len(overlaps.labels), -1)
    unit_of_label[found[0].row] = found[0].column
    alone = np.flatnonzero(unit_of_label < 0)
    unit_of_label[alone] = len(overlaps.truth) + np.arange(len(alone))
    hits = np.zeros((len(overlaps.truth) + len(alone), len(found)), dtype=np.int64)
    claims = np.zeros_like(hits)
    claims[: len(overlaps.truth)] = 1
    for place, pairs in enumerate(found):
        hits[pairs.column, place] = 1
        wrong = np.delete(unit_of_label, pairs.row)
        claims[wrong, place] += 1  # a unit holds one prediction at most
    return np.hstack([hits, claims])
