"""Ways inside cells: where a cell's interior point lies, and which way leads there without leaving the cell.

Everything here works on volumes (Z, Y, X); a 2D image is a volume of one layer. Numbers are voxels.
"""

from __future__ import annotations

from typing import Any

import edt
import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels

__all__ = ["centroids", "interior_points", "unit_steps", "waypoints"]

# A cell's interior is what lies at least this share of its greatest depth below its surface.
INTERIOR_DEPTH = 0.7


def centroids(cells: Labels, count: int) -> NDArray[np.float64]:
    """Return the mean position of each of the cells 1 .. count, shape (count + 1, 3); row 0 is unused."""
    sums: NDArray[np.float64] = _sums(cells, count)
    means = sums[:, :3] / np.maximum(sums[:, 3:], 1)
    return np.asarray(means)


def interior_points(cells: Labels, count: int) -> NDArray[np.int64]:
    """Return a voxel deep inside each of the cells 1 .. count, shape (count + 1, 3): of the deep ones, nearest the centroid.

    The deepest voxel alone would jump along a tube of even width; the centroid alone may lie outside a bent cell.
    """
    depth = edt.edt(cells, black_border=False, parallel=1).reshape(cells.shape)
    # A cell that fills the volume has no surface there, hence no finite depth: all of it is interior.
    depth = np.where(np.isfinite(depth), depth, 1.0)
    points: NDArray[np.int64] = _deep_and_central(cells, depth, centroids(cells, count), INTERIOR_DEPTH)
    return points


def waypoints(cells: Labels, points: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the voxel that each voxel of a cell heads for on its way to the cell's point, as flat indices, shape S.

    Where a straight line leads to the point inside the cell, that is the point itself; elsewhere it is the last corner that
    can be seen. One breadth-first pass over each cell, in which a voxel inherits the waypoint of its parent while it sees it
    (the idea of Theta*: Nash et al., AAAI 2007). Outside cells, and where a cell is not connected to its point, it is -1.
    """
    ways: NDArray[np.int32] = _spread(np.ascontiguousarray(cells), points)
    return ways


def unit_steps(ways: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the direction of each waypoint, 1 long, shape (3, *S); 0 at the waypoint and where there is none."""
    steps: NDArray[np.float32] = _steps(ways)
    return steps


@numba.njit(cache=True, nogil=True)
def _steps(ways: Any) -> Any:
    _, height, width = ways.shape
    steps = np.zeros((3, ways.shape[0], height, width), np.float32)
    for z in range(ways.shape[0]):
        for y in range(height):
            for x in range(width):
                way = ways[z, y, x]
                if way >= 0:
                    dz, dy, dx = way // (height * width) - z, way // width % height - y, way % width - x
                    length = max(np.sqrt(dz * dz + dy * dy + dx * dx), 1.0)
                    steps[0, z, y, x], steps[1, z, y, x], steps[2, z, y, x] = dz / length, dy / length, dx / length
    return steps


@numba.njit(cache=True, nogil=True)
def _sums(cells: Any, count: Any) -> Any:
    sums = np.zeros((count + 1, 4))
    for z in range(cells.shape[0]):
        for y in range(cells.shape[1]):
            for x in range(cells.shape[2]):
                cell = cells[z, y, x]
                if cell > 0:
                    sums[cell, 0] += z
                    sums[cell, 1] += y
                    sums[cell, 2] += x
                    sums[cell, 3] += 1
    return sums


@numba.njit(cache=True, nogil=True)
def _deep_and_central(cells: Any, depth: Any, centre: Any, share: Any) -> Any:
    deepest = np.zeros(centre.shape[0], np.float32)
    for cell, value in zip(cells.ravel(), depth.ravel()):  # noqa: B905 - numba knows no strict
        if cell > 0 and value > deepest[cell]:
            deepest[cell] = value
    nearest = np.full(centre.shape[0], np.inf)
    points = np.zeros((centre.shape[0], 3), np.int64)
    for z in range(cells.shape[0]):
        for y in range(cells.shape[1]):
            for x in range(cells.shape[2]):
                cell = cells[z, y, x]
                if cell > 0 and depth[z, y, x] >= share * deepest[cell]:
                    far = (z - centre[cell, 0]) ** 2 + (y - centre[cell, 1]) ** 2 + (x - centre[cell, 2]) ** 2
                    if far < nearest[cell] - 1e-9:
                        nearest[cell] = far
                        points[cell, 0], points[cell, 1], points[cell, 2] = z, y, x
    return points


@numba.njit(cache=True, nogil=True)
def _sees(cells: Any, start: Any, goal: Any) -> Any:
    """Tell whether the straight line between two voxels (flat indices) stays in one cell."""
    _, height, width = cells.shape
    z, y, x = start // (height * width), start // width % height, start % width
    dz, dy, dx = goal // (height * width) - z, goal // width % height - y, goal % width - x
    steps = max(abs(dz), abs(dy), abs(dx))
    cell = cells[z, y, x]
    for step in range(1, steps):
        share = step / steps
        if cells[int(z + dz * share + 0.5), int(y + dy * share + 0.5), int(x + dx * share + 0.5)] != cell:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _spread(cells: Any, points: Any) -> Any:
    depth, height, width = cells.shape
    ways = np.full(cells.shape, -1, np.int32)
    flat_cells, flat_ways = cells.ravel(), ways.ravel()
    queue = np.empty(cells.size, np.int32)
    tail = 0
    for cell in range(1, points.shape[0]):
        source = (points[cell, 0] * height + points[cell, 1]) * width + points[cell, 2]
        if flat_cells[source] == cell:
            flat_ways[source] = source
            queue[tail] = source
            tail += 1
    head = 0
    while head < tail:
        here = queue[head]
        head += 1
        z, y, x = here // (height * width), here // width % height, here % width
        for nz in range(max(z - 1, 0), min(z + 2, depth)):
            for ny in range(max(y - 1, 0), min(y + 2, height)):
                for nx in range(max(x - 1, 0), min(x + 2, width)):
                    there = (nz * height + ny) * width + nx
                    if flat_ways[there] < 0 and flat_cells[there] == flat_cells[here]:
                        flat_ways[there] = flat_ways[here] if _sees(cells, there, flat_ways[here]) else here
                        queue[tail] = there
                        tail += 1
    return ways
