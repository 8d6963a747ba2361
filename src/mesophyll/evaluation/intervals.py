"""How far the scores would move had other cells of the same kind been in the volume: a bootstrap over cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll.evaluation.base import THRESHOLDS
from mesophyll.evaluation.fates import Fates

__all__ = ["DRAWS", "QUANTILES", "SEED", "Interval", "ap_intervals"]

Interval = tuple[float, float]
"""The lower and the upper end."""

DRAWS = 2000
SEED = 155
QUANTILES = (0.025, 0.975)


def ap_intervals(fates: Fates) -> tuple[Interval, Interval]:
    """Return the 95 % intervals of the mean AP and of the AP at 0.5.

    What is drawn, with replacement, is a true cell together with the prediction matched to it at the lowest
    threshold, or a prediction that found nothing. Only counts are drawn: units of the same fate are interchangeable.
    The seed is fixed, so the same labels give the same interval.
    """
    kinds, counts = np.unique(_units(fates), axis=0, return_counts=True)
    units = int(counts.sum())
    if not units:
        return (1.0, 1.0), (1.0, 1.0)
    draws = np.random.default_rng(SEED).multinomial(units, counts / units, size=DRAWS)
    hits, claims = np.split(draws @ kinds, 2, axis=1)
    ap = hits / np.maximum(claims, 1)
    return _ends(ap.mean(axis=1)), _ends(ap[:, THRESHOLDS.index(0.5)])


def _ends(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, QUANTILES)
    return float(low), float(high)


def _units(fates: Fates) -> NDArray[np.int64]:
    """Return for each unit its true positives, then its TP + FP + FN, at each threshold: shape (units, 18)."""
    alone = np.repeat([[0, 1]], len(THRESHOLDS), axis=1)  # 0 found, 1 claimed, at every threshold
    return np.concatenate([np.hstack([fates.hits, fates.claims]), np.repeat(alone, len(fates.alone), axis=0)])
