"""Cells from points: every voxel votes for a place, places with many votes are centres, and voxels go to the nearest centre.

This is mean shift of which only the modes are wanted: votes are counted on the grid of voxels and smoothed with the kernel, and
the maxima of that density are its modes. The time grows with the number of voxels, not with its square.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

__all__ = ["assign", "modes"]

_BEYOND = 32  # voxels: so far outside may lie the centre of a cell that is cut; votes for what lies farther are lost

_CANDIDATES = 4  # nearest centres, of which the widest may be the one


def modes(
    ends: NDArray[np.float32], shape: tuple[int, ...], spread: float, apart: float, least: float
) -> NDArray[np.float32]:
    """Return where votes gather, shape (K, ndim), the densest place first.

    Parameters
    ----------
    ends
        What each voxel votes for, in voxels, shape (N, ndim).
    shape
        Of the image or volume in which the voxels lie.
    spread
        Standard deviation of the Gaussian that smooths the votes, in voxels: votes for the very place count fully, those
        beside it less.
    apart
        Of two maxima nearer to each other than this, in voxels, only the higher one is a mode.
    least
        So many votes make a mode.
    """
    places = np.rint(ends)
    places = places[((places >= -_BEYOND) & (places < np.array(shape) + _BEYOND)).all(axis=1)].astype(int)
    low = places.min(axis=0, initial=0)
    grid = tuple(places.max(axis=0, initial=0) - low + 1)
    counted = np.bincount(np.ravel_multi_index(tuple((places - low).T), grid), minlength=math.prod(grid))
    density = ndimage.gaussian_filter(counted.reshape(grid).astype(np.float32), spread, mode="constant")
    density *= (math.sqrt(2 * math.pi) * spread) ** len(grid)
    highest = ndimage.maximum_filter(density, 3, mode="constant")
    tops = np.argwhere((density == highest) & (density >= least))
    order = np.argsort(-density[tuple(tops.T)], kind="stable")
    return np.asarray(_apart(tops[order], apart) + low, dtype=np.float32)


def _apart(places: NDArray[np.int64], least: float) -> NDArray[np.int64]:
    """Drop each place (K, ndim) that lies nearer than ``least`` to one that stands before it and is kept."""
    kept = np.ones(len(places), dtype=bool)
    tree = cKDTree(places)
    for place in range(len(places)):
        near = np.array(tree.query_ball_point(places[place], least), dtype=int)
        kept[place] = not kept[near[near < place]].any()
    return places[kept]


def assign(
    ends: NDArray[np.float32], centres: NDArray[np.float32], widths: NDArray[np.float32], reach: float
) -> NDArray[np.int32]:
    """Return for each point (N, ndim) the number from 1 of the nearest centre (K, ndim), 0 where none is within ``reach``.

    Distances are in units of a centre's width, one for each axis, shape (K, ndim).
    """
    count = min(_CANDIDATES, len(centres))
    if not count:
        return np.zeros(len(ends), np.int32)
    nearest = cKDTree(centres).query(ends, count)[1].reshape(len(ends), count)
    far = np.stack([np.square((ends - centres[one]) / widths[one]).sum(axis=1) for one in nearest.T])
    best = far.argmin(axis=0)
    found = nearest[np.arange(len(ends)), best] + 1
    return np.where(far.min(axis=0) < reach**2, found, 0).astype(np.int32)
