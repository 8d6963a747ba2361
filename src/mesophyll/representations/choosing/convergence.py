"""Fragments of a flow: one for each place where it runs together. Volumes (Z, Y, X); an image is a volume of one layer.

Where a wall is not seen, the flows of two cells turn slowly from one to the other. Followed to their ends they run together,
and two cells are one for good. But on the way each of them has a place of its own where most runs together, and those are
found here: too many of them, so that fragments may be joined again.
"""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.labels import Labels
from mesophyll.representations.decoding.basins import basins

__all__ = ["convergence_fragments", "divergence"]

_SMOOTHING_VOX = 1.5
"""Standard deviation: less leaves five fragments to a cell, more joins thin cells with their neighbours."""

_WINDOW_VOX = 5
"""A place where flow runs together most is one where it does so more than anywhere in a box of this side."""

_LEAST = 0.05
"""What runs together less than so much a voxel is no such place."""

_STEEP = 0.5
"""Divergence beyond this, either way, is flooded as if it were this: between lie nearly all voxels of cells."""


def divergence(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much more leads out of each voxel than into it, smoothed; shape (Z, Y, X), from a flow (3, Z, Y, X)."""
    total = np.zeros(flow.shape[1:], np.float32)
    for axis, along in enumerate(flow):
        if along.shape[axis] > 1:
            total += np.gradient(along, axis=axis)
    return np.asarray(ndimage.gaussian_filter(total, _SMOOTHING_VOX))


def convergence_fragments(spread: NDArray[np.float32], inside: NDArray[np.bool_]) -> Labels:
    """Return fragments, 1, 2, 3, ...; 0 outside; shape (Z, Y, X).

    Parameters
    ----------
    spread
        What `divergence` returns.
    inside
        What is filled; a piece of it in which nothing runs together is a fragment of its own.
    """
    lowest = ndimage.minimum_filter(spread, _WINDOW_VOX) == spread
    seeds = cc3d.connected_components(lowest & inside & (spread < -_LEAST), connectivity=26).astype(np.int32)
    return basins(0.5 + spread / (2 * _STEEP), seeds, inside)
