"""Cellpose's flow: heat spreads from a cell's centre, and the flow climbs to where it is hottest.

After Stringer et al., Nature Methods 18 (2021), methods, "auxiliary vector flow representation": heat is added at the voxel of
the cell nearest its centroid, and every voxel takes the mean of itself and its neighbours inside the cell, 2 x (sum of the
cell's extents) times. Written for volumes of one layer or more; cells never mix, for each is computed on its own.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.geometry.paths import centroids

__all__ = ["diffusion_flow"]


def diffusion_flow(cells: Labels, count: int) -> NDArray[np.float32]:
    """Return the unit gradient of log heat, shape (3, Z, Y, X), for the cells 1 .. count, each of one piece."""
    flow = np.zeros((3, *cells.shape), np.float32)
    _fill(flow, cells, count, centroids(cells, count))
    return flow


@numba.njit(cache=True, nogil=True)
def _boxes(cells: Any, count: Any) -> Any:
    low = np.full((count + 1, 3), 2**30)
    high = np.full((count + 1, 3), -1)
    for z in range(cells.shape[0]):
        for y in range(cells.shape[1]):
            for x in range(cells.shape[2]):
                cell = cells[z, y, x]
                low[cell, 0], high[cell, 0] = min(low[cell, 0], z), max(high[cell, 0], z)
                low[cell, 1], high[cell, 1] = min(low[cell, 1], y), max(high[cell, 1], y)
                low[cell, 2], high[cell, 2] = min(low[cell, 2], x), max(high[cell, 2], x)
    return low, high


@numba.njit(cache=True, nogil=True)
def _fill(flow: Any, cells: Any, count: Any, centre: Any) -> None:
    low, high = _boxes(cells, count)
    for cell in range(1, count + 1):
        z0, y0, x0 = low[cell]
        box = cells[z0 : high[cell, 0] + 1, y0 : high[cell, 1] + 1, x0 : high[cell, 2] + 1]
        # A border of one cold voxel, so that neighbours need no bounds check.
        mask = np.zeros((box.shape[0] + 2, box.shape[1] + 2, box.shape[2] + 2), np.bool_)
        mask[1:-1, 1:-1, 1:-1] = box == cell
        source = _nearest(mask, centre[cell, 0] - z0 + 1, centre[cell, 1] - y0 + 1, centre[cell, 2] - x0 + 1)
        heat = _spread(mask, source, 2 * (box.shape[0] + box.shape[1] + box.shape[2]))
        _climb(heat, mask, flow[:, z0:, y0:, x0:])


@numba.njit(cache=True, nogil=True)
def _nearest(mask: Any, cz: Any, cy: Any, cx: Any) -> Any:
    best, found = np.inf, (0, 0, 0)
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            for x in range(mask.shape[2]):
                far = (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2
                if mask[z, y, x] and far < best - 1e-9:
                    best, found = far, (z, y, x)
    return found


@numba.njit(cache=True, nogil=True)
def _spread(mask: Any, source: Any, rounds: Any) -> Any:
    heat, cooled = np.zeros(mask.shape), np.zeros(mask.shape)
    reach = 0 if mask.shape[0] == 3 else 1  # one layer and its border: a 2D cell has 8 neighbours, not 26
    for _ in range(rounds):
        heat[source] += 1
        for z in range(1, mask.shape[0] - 1):
            for y in range(1, mask.shape[1] - 1):
                for x in range(1, mask.shape[2] - 1):
                    if mask[z, y, x]:
                        cooled[z, y, x] = _mean_around(heat, z, y, x, reach)
        heat, cooled = cooled, heat
    return np.log(1.0 + heat)


@numba.njit(cache=True, nogil=True, inline="always")
def _mean_around(heat: Any, z: Any, y: Any, x: Any, reach: Any) -> Any:
    total = 0.0
    for nz in range(z - reach, z + reach + 1):
        for ny in range(y - 1, y + 2):
            for nx in range(x - 1, x + 2):
                total += heat[nz, ny, nx]
    return total / (9 * (2 * reach + 1))


@numba.njit(cache=True, nogil=True)
def _climb(heat: Any, mask: Any, flow: Any) -> None:
    for z in range(1, mask.shape[0] - 1):
        for y in range(1, mask.shape[1] - 1):
            for x in range(1, mask.shape[2] - 1):
                if mask[z, y, x]:
                    gz = heat[z + 1, y, x] - heat[z - 1, y, x]
                    gy = heat[z, y + 1, x] - heat[z, y - 1, x]
                    gx = heat[z, y, x + 1] - heat[z, y, x - 1]
                    norm = 1e-20 + np.sqrt(gz * gz + gy * gy + gx * gx)
                    flow[0, z - 1, y - 1, x - 1] = gz / norm
                    flow[1, z - 1, y - 1, x - 1] = gy / norm
                    flow[2, z - 1, y - 1, x - 1] = gx / norm
