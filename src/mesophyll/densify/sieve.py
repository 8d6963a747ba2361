"""How far to trust each cell that was added."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll.densify.contacts import Floats, free_faces
from mesophyll.densify.merging import Merged
from mesophyll.densify.rule import Rule

__all__ = ["confidences"]

_ODD = 1.2
"""The standard deviation of cells' sizes, in logarithms: how odd a cell of another size than the typical one is."""


def confidences(labels: NDArray[np.int32], merged: Merged, rule: Rule) -> Floats:
    """Return the confidence of each cell, from 0 to 1, by the fragment that stands for it.

    A product of three: how sure its least sure merge was; how surely it ends where it ends - at the surface of its tissue
    surely, at a contact with another cell as probably as the rule says; and how usual its size is.

    Parameters
    ----------
    labels
        The cells, by the fragment that stands for each.
    merged
        How they came about.
    rule
        What was asked.
    """
    count = len(merged.root)
    free = free_faces(labels, count)
    surface = np.maximum(free + merged.touching, 1)
    bounded = (free + merged.bounded * merged.touching) / surface
    size = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    usual = np.exp(-0.5 * (np.log(size / rule.typical_vox) / _ODD) ** 2)
    return np.asarray(merged.weakest * bounded * usual, np.float64)
