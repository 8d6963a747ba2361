"""Cells from heaps of end points, by Cellpose's own rule.

A heap's top is a voxel in which more end points lie than in any other within two voxels; from there the heap spreads, five
times by one voxel, over voxels that hold more than a few. What ends elsewhere belongs to no cell. Volumes (Z, Y, X).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels

__all__ = ["from_heaps"]

_ROUNDS = 5  # so far a heap may spread; its window has this many voxels on each side of the top
_REACH = 2  # a top has no higher voxel so near


def from_heaps(ends: NDArray[np.int32], inside: NDArray[np.bool_], *, top: int, slope: int) -> Labels:
    """Return the cells, shape (Z, Y, X), numbered from 1 in the order of their tops' heights.

    Parameters
    ----------
    ends
        Where each voxel inside ends, shape (N, 3), in raster order of the voxels inside.
    inside
        The voxels that move, shape (Z, Y, X).
    top
        A heap's top holds more end points than this.
    slope
        A heap spreads over voxels that hold more than this.
    """
    depth = 0 if inside.shape[0] == 1 else _ROUNDS  # one layer stays one layer
    margin = np.array([depth, _ROUNDS, _ROUNDS], np.int32)
    heaps: NDArray[np.int32] = _pile(ends, margin, np.array(inside.shape, np.int32) + 2 * margin)
    tops = _tops(heaps, min(depth, _REACH), top)
    order = np.argsort(heaps[tuple(tops.T)], kind="stable")  # where two heaps meet, the higher one has it
    owner: Labels = _spread(heaps, tops[order], margin, slope)
    labels = np.zeros(inside.shape, np.int32)
    labels[inside] = owner[tuple((ends + margin).T)]
    return labels


@numba.njit(cache=True, nogil=True)
def _pile(ends: Any, margin: Any, shape: Any) -> Any:
    heaps = np.zeros((shape[0], shape[1], shape[2]), np.int32)
    for place in range(len(ends)):
        heaps[ends[place, 0] + margin[0], ends[place, 1] + margin[1], ends[place, 2] + margin[2]] += 1
    return heaps


def _tops(heaps: NDArray[np.int32], deep: int, top: int) -> NDArray[np.int32]:
    """Return the voxels above ``top`` that no neighbour exceeds, shape (N, 3), in raster order."""
    high = np.argwhere(heaps > top).astype(np.int32)
    highest: NDArray[np.bool_] = _is_highest(heaps, high, deep)
    return high[highest]


@numba.njit(cache=True, nogil=True)
def _is_highest(heaps: Any, places: Any, deep: Any) -> Any:
    highest = np.ones(len(places), np.bool_)
    for place in range(len(places)):
        z, y, x = places[place]
        around = heaps[z - deep : z + deep + 1, y - _REACH : y + _REACH + 1, x - _REACH : x + _REACH + 1]
        highest[place] = around.max() <= heaps[z, y, x]
    return highest


@numba.njit(cache=True, nogil=True)
def _spread(heaps: Any, tops: Any, margin: Any, slope: Any) -> Any:
    owner = np.zeros(heaps.shape, np.int32)
    for place in range(len(tops)):
        z0, y0, x0 = tops[place, 0] - margin[0], tops[place, 1] - margin[1], tops[place, 2] - margin[2]
        size = 2 * margin + 1
        window = heaps[z0 : z0 + size[0], y0 : y0 + size[1], x0 : x0 + size[2]]
        taken = np.zeros(window.shape, np.bool_)
        taken[margin[0], margin[1], margin[2]] = True
        for _ in range(_ROUNDS):
            taken = _dilated(taken, window, slope)
        for z in range(size[0]):
            for y in range(size[1]):
                for x in range(size[2]):
                    if taken[z, y, x]:
                        owner[z0 + z, y0 + y, x0 + x] = place + 1
    return owner


@numba.njit(cache=True, nogil=True)
def _dilated(taken: Any, window: Any, slope: Any) -> Any:
    grown = np.zeros_like(taken)
    for z in range(taken.shape[0]):
        for y in range(taken.shape[1]):
            for x in range(taken.shape[2]):
                if window[z, y, x] > slope:
                    near = taken[max(z - 1, 0) : z + 2, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                    grown[z, y, x] = near.any()
    return grown
