"""How many cells a cell touches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll.traits.base import Cells, slabs

__all__ = ["neighbours"]


def neighbours(cells: Cells) -> NDArray[np.int64]:
    """Return with how many others each cell has faces of voxels in common, shape (n,)."""
    met = [np.zeros(0, np.int64)]
    for slab in slabs(cells.volume.shape):
        part = cells.volume[slab.start : slab.stop + 1]  # and the layer behind it
        met += [_pairs(part, axis, len(cells)) for axis in range(3)]
    lower, upper = np.divmod(np.unique(np.concatenate(met)), len(cells) + 1)
    return np.bincount(np.concatenate([lower, upper]), minlength=len(cells) + 1)[1:]


def _pairs(part: NDArray[np.int32], axis: int, count: int) -> NDArray[np.int64]:
    """Return the pairs of cells that meet along an axis, each as one number: the smaller times n + 1, and the larger."""
    first = part[(slice(None),) * axis + (slice(None, -1),)]
    second = part[(slice(None),) * axis + (slice(1, None),)]
    meet = (first > 0) & (second > 0) & (first != second)
    one, other = first[meet].astype(np.int64), second[meet].astype(np.int64)
    return np.unique(np.minimum(one, other) * (count + 1) + np.maximum(one, other))
