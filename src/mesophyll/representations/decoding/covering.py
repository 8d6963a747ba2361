"""Cover cells with few of many shape patches, the best first, and share the voxels out among those that are picked.

Every voxel of a cell has a shape patch, and a few of them cover it (the greedy choice of Hirsch et al., ECCV 2020). Volumes
(Z, Y, X); an image is a volume of one layer. What the arrays ``likely`` and ``points`` hold is told in
`mesophyll.representations.linking.consensus`.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.linking.consensus import likeliness, within

__all__ = ["cover", "share_out"]

_EVEN = 0.5


def cover(
    score: NDArray[np.float32],
    inside: NDArray[np.bool_],
    likely: NDArray[np.float32],
    points: NDArray[np.int64],
    window: NDArray[np.int64],
) -> Labels:
    """Pick the patch of each voxel that no patch with a higher score holds; return them as numbers from 1, shape (Z, Y, X).

    A patch is what all together say of the voxels around its middle, and not the voxel's own word alone. It holds what hangs
    together by likely neighbours, within its window, and what an earlier patch holds, a later one does not get.

    Parameters
    ----------
    score
        The higher, the earlier, shape (Z, Y, X); among equals in raster order.
    inside
        What is to be covered, shape (Z, Y, X).
    likely, points
        The consensus; neighbours by faces are among the points.
    window
        Which point stands for each voxel around a patch's middle, -1 for none, a volume with the middle in its middle.
    """
    voxels = np.flatnonzero(inside)
    order = voxels[np.argsort(-score.ravel()[voxels], kind="stable")]
    faces = np.flatnonzero(np.abs(points).sum(axis=1) == 1)
    picked: Labels = _covered(order, inside, likely, (points, faces), window)
    return picked


def share_out(picked: Labels, likely: NDArray[np.float32], points: NDArray[np.int64]) -> Labels:
    """Give each voxel to the patch whose voxels, at the points around it, are likeliest one with it; all at once.

    Those that are likelier two than one count against a patch. Where nothing speaks for any, a voxel stays where it is.
    """
    shared: Labels = _shared(picked, likely, points)
    return shared


@numba.njit(cache=True, nogil=True)
def _covered(order: Any, inside: Any, likely: Any, ways: Any, window: Any) -> Any:
    points, _ = ways
    _, height, width = inside.shape
    picked, middle, count = np.zeros(inside.shape, np.int32), len(points) // 2, 0
    holds, waiting = np.ones(len(points), np.bool_), np.empty((window.size, 3), np.int64)
    for voxel in order:
        here = (voxel // (height * width), voxel // width % height, voxel % width)
        if picked[here] == 0:
            count += 1
            picked[here] = count
            for point in range(len(points)):
                if point != middle:
                    there = _moved(here, points[point])
                    holds[point] = within(inside, there) and likeliness(likely, here, there, point - middle) > _EVEN
            _grow(picked, inside, likely, ways, (here, window, holds, waiting))
    return picked


@numba.njit(cache=True, nogil=True)
def _grow(picked: Any, inside: Any, likely: Any, ways: Any, patch: Any) -> None:
    """Let a patch grow from its middle over what it holds and no other has; ``waiting`` has room for a window of voxels."""
    (points, faces), (here, window, holds, waiting) = ways, patch
    corner = (here[0] - window.shape[0] // 2, here[1] - window.shape[1] // 2, here[2] - window.shape[2] // 2)
    waiting[0] = here
    head, tail = 0, 1
    while head < tail:
        at = (waiting[head, 0], waiting[head, 1], waiting[head, 2])
        head += 1
        for face in faces:
            to = _moved(at, points[face])
            free = within(inside, to) and picked[to] == 0 and _is_held(to, corner, window, holds)
            if free and likeliness(likely, at, to, face - len(points) // 2) > _EVEN:
                picked[to] = picked[here]
                waiting[tail] = to
                tail += 1


@numba.njit(cache=True, nogil=True, inline="always")
def _is_held(at: Any, corner: Any, window: Any, holds: Any) -> Any:
    place = (at[0] - corner[0], at[1] - corner[1], at[2] - corner[2])
    for axis in range(3):
        if place[axis] < 0 or place[axis] >= window.shape[axis]:
            return False
    return window[place] >= 0 and holds[window[place]]


@numba.njit(cache=True, nogil=True, inline="always")
def _moved(at: Any, way: Any) -> Any:
    return at[0] + way[0], at[1] + way[1], at[2] + way[2]


@numba.njit(cache=True, parallel=True)
def _shared(picked: Any, likely: Any, points: Any) -> Any:
    shared = picked.copy()
    for z in numba.prange(picked.shape[0]):
        owners, votes = np.empty(len(points), np.int32), np.empty(len(points), np.float32)
        for y in range(picked.shape[1]):
            for x in range(picked.shape[2]):
                if picked[z, y, x] > 0:
                    count = _ask(picked, likely, points, (z, y, x), (owners, votes))
                    best = votes[:count].argmax() if count > 0 else 0
                    if count > 0 and votes[best] > 0:
                        shared[z, y, x] = owners[best]
    return shared


@numba.njit(cache=True, nogil=True)
def _ask(picked: Any, likely: Any, points: Any, here: Any, ballot: Any) -> Any:
    """Fill in whose voxels lie around one, and what speaks for each; return how many they are."""
    owners, votes = ballot
    count, middle = 0, len(points) // 2
    for point in range(len(points)):
        there = _moved(here, points[point])
        if point != middle and within(picked, there):
            place = 0
            while place < count and owners[place] != picked[there]:
                place += 1
            if place == count:
                owners[place], votes[place] = picked[there], 0
                count += 1
            votes[place] += likeliness(likely, here, there, point - middle) - _EVEN
    return count
