"""How far to trust each cell that was added."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mesophyll.densify.contacts import Floats, free_faces
from mesophyll.densify.learnt import SOUND
from mesophyll.densify.merging import Merged
from mesophyll.densify.rule import Rule

__all__ = ["confidences", "evidence"]


def confidences(labels: NDArray[np.int32], merged: Merged, rule: Rule, tissue: int) -> Floats:
    """Return the confidence of each cell, from 0 to 1, by the fragment that stands for it.

    It is how often a phantom's cell of this tissue, added on the same `evidence`, was right.

    Parameters
    ----------
    labels
        The cells, by the fragment that stands for each.
    merged
        How they came about.
    rule
        What was asked.
    tissue
        Its code.
    """
    return np.asarray(expit(evidence(labels, merged, rule) @ np.array(SOUND[tissue])), np.float64)


def evidence(labels: NDArray[np.int32], merged: Merged, rule: Rule) -> Floats:
    """Return what speaks for each cell, shape (fragments, 6).

    How surely it ends at its contacts, on average and at the least sure one; the share of its surface that touches no other
    cell; its size as a multiple of the typical one, in logarithms, and how far from it; 1.
    """
    count = len(merged.root)
    free = free_faces(labels, count)
    surface = np.maximum(free + merged.touching, 1)
    size = np.log(np.maximum(np.bincount(labels.ravel(), minlength=count), 1) / rule.typical_vox)
    return np.stack([merged.bounded, merged.doubtful, free / surface, size, np.abs(size), np.ones(count)], axis=-1)
