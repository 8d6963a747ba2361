"""Scores that need no matching: the two labellings as two ways to cut the volume, and what was cut wrongly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll.evaluation.base import Integers, Overlaps

__all__ = ["aggregated_jaccard", "merging", "rand_error", "split", "variation_of_information"]

HALF = 0.5
"""The share of itself that a cell has in another, from which on it belongs there."""

PIECE = 0.1
"""The share of a true cell that a prediction must cover to be called a piece of it, and no crumb."""


def aggregated_jaccard(overlaps: Overlaps) -> float:
    """Return the aggregated Jaccard index (Kumar et al. 2017).

    Each true cell takes its prediction of highest IoU (several may take the same). The shared voxels of these pairs,
    over the voxels in either of the two, plus those of the predictions that nobody took.
    """
    if not len(overlaps.labels) and not len(overlaps.truth):
        return 1.0
    order = np.lexsort([overlaps.shared, overlaps.iou, overlaps.column])
    column = overlaps.column[order]
    best = order[np.append(column[1:] != column[:-1], True)] if order.size else order  # the last of each true cell
    shared = int(overlaps.shared[best].sum())
    taken = int(overlaps.labels.sizes[overlaps.row[best]].sum())
    unused = np.delete(overlaps.labels.sizes, overlaps.row[best])
    return shared / (int(overlaps.truth.sizes.sum()) + taken - shared + int(unused.sum()))


def variation_of_information(overlaps: Overlaps) -> tuple[float, float]:
    """Return H(labels | truth) and H(truth | labels) in bits: what splits and what merges cost.

    Background is one more region, on both sides, as in scikit-image.
    """
    label, true, voxels = overlaps.pairs
    total = max(int(voxels.sum()), 1)
    split_bits, merge_bits = (
        float(np.sum(voxels * np.log2(_sums(numbers, voxels) / voxels)) / total) for numbers in (true, label)
    )
    return split_bits, merge_bits


def _sums(numbers: Integers, voxels: Integers) -> Integers:
    """Return for each pair the voxels of all pairs with its number."""
    _, place = np.unique(numbers, return_inverse=True)
    sums: Integers = np.bincount(place, weights=voxels).astype(np.int64)[place]
    return sums


def rand_error(overlaps: Overlaps) -> float:
    """Return the adapted Rand error: 1 - F score of "these two voxels lie in one cell", over the true cells' voxels.

    The background of the truth is ignored, as in CREMI, SNEMI3D and scikit-image; the background of the labels is one
    more region. Where no two voxels lie together on either side, the error is 0.
    """
    label, true, voxels = overlaps.pairs[:, overlaps.pairs[1] > 0]
    together = _couples(voxels)
    claimed, real = (_couples(np.unique(_by(numbers, voxels), axis=1)[1]) for numbers in (label, true))
    return 1.0 - 2.0 * together / (claimed + real) if claimed + real else 0.0


def _by(numbers: Integers, voxels: Integers) -> Integers:
    """Return each number once, with the sum of its voxels, shape (2, N)."""
    unique, place = np.unique(numbers, return_inverse=True)
    return np.stack([unique, np.bincount(place, weights=voxels, minlength=len(unique)).astype(np.int64)])


def _couples(voxels: Integers) -> float:
    """Return the number of ordered couples of different voxels within each region."""
    return float(np.sum(voxels.astype(np.float64) * (voxels - 1)))


def merging(overlaps: Overlaps) -> NDArray[np.bool_]:
    """Mark the predictions that cover at least half of each of two or more true cells."""
    covers = overlaps.shared >= HALF * overlaps.truth.sizes[overlaps.column]
    return np.bincount(overlaps.row[covers], minlength=len(overlaps.labels)) >= 2


def split(overlaps: Overlaps) -> NDArray[np.bool_]:
    """Mark the true cells with two or more pieces.

    A piece is a prediction that lies at least half inside the cell and covers at least a tenth of it.
    """
    inside = overlaps.shared >= HALF * overlaps.labels.sizes[overlaps.row]
    large = overlaps.shared >= PIECE * overlaps.truth.sizes[overlaps.column]
    return np.bincount(overlaps.column[inside & large], minlength=len(overlaps.truth)) >= 2
