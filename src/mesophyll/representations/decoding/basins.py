"""Seeds that grow until they fill the foreground; what none of them reaches is not lost.

The watershed by flooding (Meyer, Signal Processing 38, 1994), compiled here because of the plateaus: what networks learn is 0
or 1 nearly everywhere, so to which of two seeds a voxel goes is mostly a matter of which is nearer. Here a plateau is flooded
a layer at a time from all sides; bioimage-cpp floods it in any order, and one seed may take all of it.
"""

from __future__ import annotations

from typing import Any

import cc3d
import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.geometry.neighbours import faces
from mesophyll.representations.geometry.pieces import as_volume

__all__ = ["basins"]

_LEVELS = 256  # heights told apart: from an output's 0 to its 1


def basins(height: NDArray[np.float32], seeds: Labels, inside: NDArray[np.bool_]) -> Labels:
    """Return the basins of seeds in a height, 1, 2, 3, ..., shape S; a piece of the inside without a seed is one of its own.

    Parameters
    ----------
    height
        Where walls are, from 0 to 1, shape S; it is flooded from below, by the voxels' faces.
    seeds
        Numbered 1, 2, 3, ...; shape S. What of them lies outside is ignored.
    inside
        What is filled, shape S.
    """
    volume = as_volume(inside.shape)
    level = np.rint(np.clip(height, 0, 1) * (_LEVELS - 1)).astype(np.uint8)
    filled = np.where(inside, seeds, 0).astype(np.int32).reshape(volume)
    _flood(level.reshape(volume), filled, inside.reshape(volume))
    left = cc3d.connected_components(inside.reshape(volume) & (filled == 0), connectivity=6).astype(np.int32)
    return np.where(left > 0, left + seeds.max(initial=0), filled).reshape(inside.shape).astype(np.int32)


@numba.njit(cache=True, nogil=True)
def _flood(level: Any, filled: Any, inside: Any) -> None:
    """Fill the free voxels inside: always from the lowest voxel that waits, of equals from the one that waits longest."""
    flat, low, free = filled.ravel(), level.ravel(), inside.ravel()
    # A queue for each level, as a chain of voxels.
    first, last, following = np.full(_LEVELS, -1), np.full(_LEVELS, -1), np.full(flat.size, -1)
    for voxel in range(flat.size):
        if flat[voxel] > 0:
            _append(first, last, following, low[voxel], voxel)
    lowest = 0
    while lowest < _LEVELS:
        here = first[lowest]
        if here < 0:
            lowest += 1
            continue
        first[lowest] = following[here]
        for there, exists in faces(here, filled.shape):
            if exists and free[there] and flat[there] == 0:
                flat[there] = flat[here]
                _append(first, last, following, low[there], there)
                lowest = min(lowest, low[there])


@numba.njit(cache=True, nogil=True)
def _append(first: Any, last: Any, following: Any, level: Any, voxel: Any) -> None:
    if first[level] < 0:
        first[level] = voxel
    else:
        following[last[level]] = voxel
    last[level] = voxel
