"""Follow a flow field step by step, as Cellpose does: Euler's method with bilinear flow.

`following` comes to the same places in far fewer passes, but not to the very same voxels; this is for masks that shall be
Cellpose's own. Volumes (Z, Y, X); a 2D image is a volume of one layer.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["walk"]


def walk(flow: NDArray[np.float32], inside: NDArray[np.bool_], steps: int) -> NDArray[np.int32]:
    """Return the voxel in which each voxel inside ends, shape (N, 3), in raster order of the voxels inside.

    Parameters
    ----------
    flow
        One step, in voxels, shape (3, Z, Y, X). Outside cells it counts as 0.
    inside
        The voxels that move, shape (Z, Y, X).
    steps
        How many steps are taken, at most: a voxel that rests stays.

    Notes
    -----
    In volumes Cellpose samples the flow at ``p * n / (n - 1) - 1/2`` instead of p, n the side: up to half a voxel off, and
    beyond the faces it is 0. In images it samples at p. Both are done here as there, for the ends decide what a cell is.
    """
    step = np.where(inside, flow, np.float32(0)).astype(np.float32)
    sides = np.array(inside.shape, np.float32)
    flat = inside.shape[0] == 1
    stretch = np.ones(3, np.float32) if flat else sides / np.maximum(sides - 1, 1)
    shift = np.float32(0 if flat else -0.5)
    ends: NDArray[np.int32] = _walk(step, np.argwhere(inside).astype(np.int32), steps, stretch, shift)
    return ends


@numba.njit(cache=True, parallel=True, nogil=True)
def _walk(step: Any, starts: Any, steps: Any, stretch: Any, shift: Any) -> Any:
    _, depth, height, width = step.shape
    ends = np.empty_like(starts)
    for place in numba.prange(len(starts)):
        z, y, x = np.float32(starts[place, 0]), np.float32(starts[place, 1]), np.float32(starts[place, 2])
        for _ in range(steps):
            dz, dy, dx = _sample(step, z * stretch[0] + shift, y * stretch[1] + shift, x * stretch[2] + shift)
            nz, ny, nx = _keep(z + dz, depth), _keep(y + dy, height), _keep(x + dx, width)
            if nz == z and ny == y and nx == x:
                break
            z, y, x = nz, ny, nx
        ends[place, 0], ends[place, 1], ends[place, 2] = int(z), int(y), int(x)
    return ends


@numba.njit(cache=True, inline="always")
def _keep(position: Any, length: Any) -> Any:
    return min(max(position, np.float32(0)), np.float32(length - 1))


@numba.njit(cache=True, nogil=True)
def _sample(step: Any, z: Any, y: Any, x: Any) -> Any:
    """Interpolate linearly between the voxels around a position; those beyond the faces count as 0."""
    _, depth, height, width = step.shape
    z0, y0, x0 = int(np.floor(z)), int(np.floor(y)), int(np.floor(x))
    wz, wy, wx = z - np.float32(z0), y - np.float32(y0), x - np.float32(x0)
    dz = dy = dx = np.float32(0)
    for cz in range(max(z0, 0), min(z0 + 2, depth)):
        az = wz if cz > z0 else np.float32(1) - wz
        for cy in range(max(y0, 0), min(y0 + 2, height)):
            ay = az * (wy if cy > y0 else np.float32(1) - wy)
            for cx in range(max(x0, 0), min(x0 + 2, width)):
                share = ay * (wx if cx > x0 else np.float32(1) - wx)
                dz += share * step[0, cz, cy, cx]
                dy += share * step[1, cz, cy, cx]
                dx += share * step[2, cz, cy, cx]
    return dz, dy, dx
