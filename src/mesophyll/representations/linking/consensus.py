"""What all shape patches together say of two voxels: of those that hold one of the two, how many hold both.

A voxel's shape patch says of the voxels around it which are of its cell. So it speaks of pairs, too: of two that it holds,
that they are of one cell; of two of which it holds one, that they are not; of two that it does not hold, nothing. What one
patch gets wrong others outvote, for all speak of a pair whose window covers both (Hirsch et al., ECCV 2020).

Patches are told at some points around each voxel. Volumes (Z, Y, X); an image is a volume of one layer.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["consensus", "likeliness", "scores", "within"]


def consensus(held: NDArray[np.float32], points: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how likely each voxel and the one at a point are of one cell, for the points behind the middle one.

    Parameters
    ----------
    held
        How surely the patch of each voxel holds the one at each point, from 0 to 1, shape (P, Z, Y, X): 1 of the voxel itself,
        and 0 of all where there is no patch.
    points
        (z, y, x), shape (P, 3), as `mesophyll.representations.geometry.lattices.around` orders them.

    Returns
    -------
    likely
        What patches hold of both, added up, as a share of what they hold of either, shape (P // 2, Z, Y, X); 0 where they
        hold neither.
    """
    number = {tuple(point): place for place, point in enumerate(points.tolist())}
    voices, ends = [], []
    for way in points[len(points) // 2 + 1 :]:
        both = enumerate(map(tuple, (points + way).tolist()))
        voices += [(first, number[second]) for first, second in both if second in number]
        ends.append(len(voices))
    likely: NDArray[np.float32] = _heard(held, points, np.array(voices), np.array(ends))
    return likely


def scores(held: NDArray[np.float32], likely: NDArray[np.float32], points: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how well each patch agrees with the consensus, shape (Z, Y, X): what both hold, less what only one does.

    The larger of two patches that agree fully has more; what lies in no cell does not count.
    """
    agreed: NDArray[np.float32] = _scored(held, likely, points)
    return agreed


@numba.njit(cache=True, nogil=True, inline="always")
def within(inside: Any, at: Any) -> Any:
    """Tell whether the volume has a voxel (z, y, x), and it lies inside."""
    z, y, x = at
    depth, height, width = inside.shape
    return 0 <= z < depth and 0 <= y < height and 0 <= x < width and inside[z, y, x] > 0


@numba.njit(cache=True, nogil=True, inline="always")
def likeliness(likely: Any, here: Any, there: Any, place: Any) -> Any:
    """Return what the consensus says of two voxels; the second lies at the point so many places behind the middle one."""
    if place > 0:
        return likely[place - 1][here]
    return likely[-place - 1][there]


@numba.njit(cache=True, parallel=True)
def _heard(held: Any, points: Any, voices: Any, ends: Any) -> Any:
    """Count the voices of each way, one row of pairs after the other; those of a way end where the next one's begin."""
    _, depth, height, width = held.shape
    likely = np.zeros((len(ends), depth, height, width), np.float32)
    for z in numba.prange(depth):
        both, either = np.empty(width, np.float32), np.empty(width, np.float32)
        for y in range(height):
            start = 0
            for way in range(len(ends)):
                both[:], either[:] = 0, 0
                for voice in range(start, ends[way]):
                    first, second = voices[voice]
                    from_z, from_y = z - points[first, 0], y - points[first, 1]
                    if 0 <= from_z < depth and 0 <= from_y < height:
                        rows = held[first, from_z, from_y], held[second, from_z, from_y]
                        _listen(both, either, rows, points[first, 2])
                start = ends[way]
                likely[way, z, y] = both / np.where(either > 0, either, 1)
    return likely


@numba.njit(cache=True, nogil=True)
def _listen(both: Any, either: Any, rows: Any, step: Any) -> None:
    """Add what a row of patches holds of a row of pairs, each of which begins ``step`` voxels behind its patch's middle."""
    one, other = rows
    for x in range(max(step, 0), min(len(both) + step, len(both))):
        first, second = one[x - step], other[x - step]
        both[x] += min(first, second)
        either[x] += max(first, second)


@numba.njit(cache=True, parallel=True)
def _scored(held: Any, likely: Any, points: Any) -> Any:
    middle = len(points) // 2
    inside = held[middle]
    agreed = np.zeros(inside.shape, np.float32)
    for z in numba.prange(inside.shape[0]):
        for y in range(inside.shape[1]):
            for x in range(inside.shape[2]):
                if inside[z, y, x] > 0:
                    for point in range(len(points)):
                        there = (z + points[point, 0], y + points[point, 1], x + points[point, 2])
                        if point != middle and within(inside, there):
                            one = held[point, z, y, x]
                            all_said = likeliness(likely, (z, y, x), there, point - middle)
                            agreed[z, y, x] += min(one, all_said) - abs(one - all_said)
    return agreed
