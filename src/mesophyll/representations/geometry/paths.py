"""Ways inside cells: where a cell's interior point lies, and which way leads there without leaving the cell.

Everything here works on volumes (Z, Y, X); a 2D image is a volume of one layer. Numbers are voxels.
"""

from __future__ import annotations

from typing import Any

import edt
import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import UNKNOWN, Labels
from mesophyll.representations.geometry.neighbours import box_around

__all__ = [
    "centroids",
    "depths",
    "interior_points",
    "least_depths",
    "relative_depths",
    "unit_steps",
    "waypoints",
]

# A cell's interior is what lies at least this share of its greatest depth below its surface.
INTERIOR_DEPTH = 0.7

# A voxel so deep has no face, edge or corner at the surface of its cell.
DEEP = 2.0


def centroids(cells: Labels, count: int) -> NDArray[np.float64]:
    """Return the mean position of each of the cells 1 .. count, shape (count + 1, 3); row 0 is unused."""
    sums: NDArray[np.float64] = _sums(cells, count)
    means = sums[:, :3] / np.maximum(sums[:, 3:], 1)
    return np.asarray(means)


def depths(cells: Labels) -> NDArray[np.float32]:
    """Return how deep each voxel lies below its cell's surface, shape S: 1 at the surface. The volume's faces are none."""
    depth = edt.edt(cells, black_border=False, parallel=1).reshape(cells.shape)
    # A cell that fills the volume has no surface there, hence no finite depth: all of it is interior.
    return np.where(np.isfinite(depth), depth, np.float32(max(cells.shape)))


def least_depths(labels: Labels, depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark voxels of cells to which unknown ones are as near as a surface, shape S: what `depths` says is the least there."""
    if not (labels == UNKNOWN).any():
        return np.zeros(labels.shape, np.bool_)
    from_unknown = edt.edt(labels != UNKNOWN, black_border=False, parallel=1).reshape(labels.shape)
    return np.asarray((labels > 0) & (from_unknown <= depth))


def relative_depths(cells: Labels, count: int) -> NDArray[np.float32]:
    """Return how deep each voxel lies in its cell as a share of the cell's deepest, shape (Z, Y, X); 0 outside cells."""
    depth = depths(cells)
    deepest = np.zeros(count + 1, np.float32)
    np.maximum.at(deepest, cells.ravel(), depth.ravel())
    return np.where(cells > 0, depth / np.maximum(deepest, 1)[cells], np.float32(0)).astype(np.float32)


def interior_points(cells: Labels, count: int, depth: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return a voxel deep inside each of the cells 1 .. count, shape (count + 1, 3): of the deep ones, nearest the centroid.

    The deepest voxel alone would jump along a tube of even width; the centroid alone may lie outside a bent cell.
    """
    points: NDArray[np.int64] = _deep_and_central(cells, depth, centroids(cells, count), INTERIOR_DEPTH)
    return points


def waypoints(cells: Labels, points: NDArray[np.int64], depth: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the voxel that each voxel of a cell heads for on its way to the cell's point, as flat indices, shape S.

    Where a straight line leads to the point inside the cell, that is the point itself; elsewhere it is the last corner that
    can be seen. A voxel inherits the waypoint of its parent in a breadth-first pass while it sees it (the idea of Theta*: Nash
    et al., AAAI 2007). The pass goes over deep voxels first, and their ways keep to deep voxels: a way along the surface would
    be pushed across it by the flow of a touching cell. The surface follows. Outside cells, and where a cell is not connected
    to its point, it is -1.
    """
    ways = np.full(cells.shape, -1, np.int32)
    deep = np.where(depth >= DEEP, cells, 0).astype(np.int32)
    queue = np.empty(cells.size, np.int32)
    found = _spread_deep(deep, ways, queue, _start(cells, points, ways, queue))
    _spread_surface(cells, deep, ways, queue, found)
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
    """Tell whether the straight line between two voxels (flat indices) stays in the goal's cell."""
    _, height, width = cells.shape
    z, y, x = start // (height * width), start // width % height, start % width
    gz, gy, gx = goal // (height * width), goal // width % height, goal % width
    dz, dy, dx = gz - z, gy - y, gx - x
    steps = max(abs(dz), abs(dy), abs(dx))
    for step in range(1, steps):
        share = step / steps
        if cells[int(z + dz * share + 0.5), int(y + dy * share + 0.5), int(x + dx * share + 0.5)] != cells[gz, gy, gx]:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _start(cells: Any, points: Any, ways: Any, queue: Any) -> Any:
    """Let every cell's point be its own waypoint; return how many there are."""
    _, height, width = cells.shape
    found = 0
    for cell in range(1, points.shape[0]):
        z, y, x = points[cell]
        if cells[z, y, x] == cell:
            ways[z, y, x] = queue[found] = (z * height + y) * width + x
            found += 1
    return found


@numba.njit(cache=True, nogil=True)
def _spread_deep(deep: Any, ways: Any, queue: Any, found: Any) -> Any:
    """Reach all deep voxels by deep voxels; return how many voxels are in the queue then."""
    _, height, width = deep.shape
    flat_deep, flat_ways = deep.ravel(), ways.ravel()
    head = 0
    while head < found:
        here = queue[head]
        head += 1
        z0, z1, y0, y1, x0, x1 = box_around(here, deep.shape)
        for z in range(z0, z1):
            for y in range(y0, y1):
                for x in range(x0, x1):
                    there = (z * height + y) * width + x
                    if flat_ways[there] < 0 and flat_deep[there] > 0 and flat_deep[there] == flat_deep[here]:
                        flat_ways[there] = flat_ways[here] if _sees(deep, there, flat_ways[here]) else here
                        queue[found] = there
                        found += 1
    return found


@numba.njit(cache=True, nogil=True)
def _spread_surface(cells: Any, deep: Any, ways: Any, queue: Any, found: Any) -> None:
    """Reach the voxels that are left, from all that are reached."""
    _, height, width = cells.shape
    flat_cells, flat_ways, flat_deep = cells.ravel(), ways.ravel(), deep.ravel()
    head = 0
    while head < found:
        here = queue[head]
        head += 1
        z0, z1, y0, y1, x0, x1 = box_around(here, cells.shape)
        for z in range(z0, z1):
            for y in range(y0, y1):
                for x in range(x0, x1):
                    there = (z * height + y) * width + x
                    if flat_ways[there] < 0 and flat_cells[there] == flat_cells[here]:
                        goal = flat_ways[here]
                        # From below the surface: one step inwards, then deep. In parts too thin to be deep: as it is.
                        through = deep if flat_deep[here] > 0 and flat_deep[goal] > 0 else cells
                        clear = _sees(through, there, goal)
                        flat_ways[there] = goal if clear else here
                        queue[found] = there
                        found += 1
