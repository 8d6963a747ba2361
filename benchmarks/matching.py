"""Judging labels: one sparse table of overlaps against a mask for every pair of cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.timing import against, seconds
from mesophyll.evaluation import match
from mesophyll.phantom import make


def measure() -> Iterator[str]:
    truth = make(5, shape=(64, 96, 64)).labels
    labels = np.roll(truth, 2, axis=2)
    fast, slow, ratio = against(lambda: match(labels, truth), lambda: naive(labels, truth), rounds=1)
    yield (
        f"{truth.max()} cells in 64 x 96 x 64: {fast:.3f} s against {slow:.1f} s, {ratio:.0f} times as fast; "
        f"AP@0.5 {match(labels, truth).to_dict()['AP']['0.5']:.4f} and {naive(labels, truth):.4f}"
    )
    large = make(6, shape=(256, 256, 256)).labels
    moved = np.roll(large, 2, axis=2)
    yield f"{large.max()} cells in 256³: {seconds(lambda: match(moved, large)):.2f} s"


def naive(labels: Any, truth: Any) -> float:
    """AP at IoU 0.5 with a mask for every pair."""
    found = [labels == number for number in np.unique(labels[labels > 0])]
    true = [truth == number for number in np.unique(truth[truth > 0])]
    hits = sum((a & b).sum() >= 0.5 * (a | b).sum() for a in found for b in true)
    return float(hits / (len(found) + len(true) - hits))
