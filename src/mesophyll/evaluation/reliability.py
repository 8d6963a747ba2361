"""Whether cells are as often right as they are said to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.evaluation.base import Integers, Overlaps
from mesophyll.evaluation.matching import matches

__all__ = ["RIGHT", "Reliability", "reliability", "right_ones"]

RIGHT = 0.5
"""A cell is right where it is matched to a true one with at least this IoU."""

_BINS = 10
_DRAWS = 1000

Floats = NDArray[np.float64]


def right_ones(overlaps: Overlaps) -> tuple[Integers, NDArray[np.bool_]]:
    """Return the numbers of the cells found, and whether each is right; of those of which nothing is known, nothing is said."""
    right = np.zeros(len(overlaps.labels), bool)
    right[matches(overlaps, RIGHT).row] = True
    return overlaps.labels.cells, right


@dataclass(frozen=True)
class Reliability:
    """Cells in bins of their confidence: 0 to 0.1, ..., 0.9 to 1.

    Parameters
    ----------
    cells
        How many lie in each bin, shape (10,).
    said
        Their mean confidence; NaN where there are none.
    right
        The share of them that is right; NaN where there are none.
    error
        The expected calibration error: how far said and right lie apart, in the mean over the cells (Naeini and others, AAAI
        2015; Guo and others, ICML 2017).
    error_interval
        In which it lies in 95 % of resamplings of the cells. It is never less than 0, so that of few cells is too large.
    ranking
        The chance that of a right and a wrong cell, drawn at random, the right one is the surer (area under the ROC curve);
        NaN where there are not both.
    """

    cells: tuple[int, ...]
    said: tuple[float, ...]
    right: tuple[float, ...]
    error: float
    error_interval: tuple[float, float]
    ranking: float

    def to_dict(self) -> dict[str, Any]:
        """Return a table that JSON can hold."""
        return {
            "error": self.error,
            "error_interval": list(self.error_interval),
            "ranking": self.ranking,
            "bins": self.table(),
        }

    def table(self) -> list[dict[str, str | int | float]]:
        """Return rows to print, of the bins that hold cells."""
        return [
            {
                "confidence": f"{place / _BINS:.1f} to {(place + 1) / _BINS:.1f}",
                "cells": count,
                "said": said,
                "right": right,
            }
            for place, (count, said, right) in enumerate(zip(self.cells, self.said, self.right, strict=True))
            if count
        ]


def reliability(confidence: Sequence[float] | NDArray[np.floating], right: NDArray[np.bool_]) -> Reliability:
    """Compare what was said of cells with what is true; both of shape (n,), n > 0."""
    said, true = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    counts, means, shares = _binned(said, true)
    draws = np.random.default_rng(0).integers(0, len(said), (_DRAWS, len(said)))
    low, high = np.quantile([_error(*_binned(said[draw], true[draw])) for draw in draws], [0.025, 0.975])
    return Reliability(
        tuple(counts.tolist()),
        tuple(means.tolist()),
        tuple(shares.tolist()),
        _error(counts, means, shares),
        (float(low), float(high)),
        _ranking(said, true > 0),
    )


def _binned(said: Floats, true: Floats) -> tuple[Integers, Floats, Floats]:
    place = np.minimum((said * _BINS).astype(np.int64), _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    with np.errstate(invalid="ignore"):
        return counts, np.bincount(place, said, _BINS) / counts, np.bincount(place, true, _BINS) / counts


def _error(counts: Integers, means: Floats, shares: Floats) -> float:
    return float(np.nansum(counts * np.abs(means - shares)) / counts.sum())


def _ranking(said: Floats, right: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve by ranks (Mann and Whitney); of equals, a half."""
    wrongs, rights = np.sort(said[~right]), said[right]
    if not wrongs.size or not rights.size:
        return float("nan")
    below, upto = (np.searchsorted(wrongs, rights, side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / wrongs.size)
