"""Follow a flow field step by step, as Cellpose does: Euler's method with bilinear flow.

`following` comes to the same places in far fewer passes, but not to the very same voxels; this is for masks that shall be
Cellpose's own. Yet most walks come to turn in circles, often of a few steps, round the middle of a cell; a walk that is where
it was before, to the last bit, goes on as it did, so whole laps are left out. Volumes (Z, Y, X); a 2D image is a volume of one
layer.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["walk"]

_CLOSER = 4
"""After n steps the next mark is n / 4 away: that late, at most, is a lap seen that is no longer."""


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
    sides = np.array(inside.shape, np.float32)
    flat = inside.shape[0] == 1
    stretch = np.ones(3, np.float32) if flat else sides / np.maximum(sides - 1, 1)
    shift = np.float32(0 if flat else -0.5)
    # Beyond the faces there is a layer that does not move, and a voxel's three numbers lie side by side.
    step = np.zeros((*(side + 2 for side in inside.shape), 3), np.float32)
    np.copyto(step[1:-1, 1:-1, 1:-1], np.moveaxis(flow, 0, -1), where=inside[..., None])
    ends: NDArray[np.int32] = _walk(step, np.argwhere(inside).astype(np.int32), steps, stretch, shift)
    return ends


@numba.njit(cache=True, parallel=True, nogil=True)
def _walk(step: Any, starts: Any, steps: Any, stretch: Any, shift: Any) -> Any:
    last = (step.shape[0] - 3, step.shape[1] - 3, step.shape[2] - 3)
    ends = np.empty_like(starts)
    for place in numba.prange(len(starts)):
        z, y, x = np.float32(starts[place, 0]), np.float32(starts[place, 1]), np.float32(starts[place, 2])
        # Where it was with so many steps left, and with how many it is marked next (Brent, BIT 20, 1980; with closer marks).
        mark, marked, following = (z, y, x), steps, steps - 1
        left = steps
        while left > 0:
            dz, dy, dx = _sample(step, z * stretch[0] + shift, y * stretch[1] + shift, x * stretch[2] + shift)
            z, y, x = _keep(z + dz, last[0]), _keep(y + dy, last[1]), _keep(x + dx, last[2])
            left -= 1
            if z == mark[0] and y == mark[1] and x == mark[2]:
                left %= marked - left
            elif left <= following:
                mark, marked, following = (z, y, x), left, left - 1 - (steps - left) // _CLOSER
        ends[place, 0], ends[place, 1], ends[place, 2] = int(z), int(y), int(x)
    return ends


@numba.njit(cache=True, inline="always")
def _keep(position: Any, last: Any) -> Any:
    return min(max(np.float32(0), position), np.float32(last))  # this way round, for NaN: it becomes 0


@numba.njit(cache=True, nogil=True, inline="always")
def _sample(step: Any, z: Any, y: Any, x: Any) -> Any:
    """Interpolate linearly between the voxels around a position; those beyond the faces count as 0."""
    z0, y0, x0 = int(np.floor(z)), int(np.floor(y)), int(np.floor(x))
    wz, wy, wx = z - np.float32(z0), y - np.float32(y0), x - np.float32(x0)
    dz = dy = dx = np.float32(0)
    for cz in range(2):
        az = wz if cz else np.float32(1) - wz
        for cy in range(2):
            ay = az * (wy if cy else np.float32(1) - wy)
            for cx in range(2):
                share = ay * (wx if cx else np.float32(1) - wx)
                dz += share * step[z0 + cz + 1, y0 + cy + 1, x0 + cx + 1, 0]
                dy += share * step[z0 + cz + 1, y0 + cy + 1, x0 + cx + 1, 1]
                dx += share * step[z0 + cz + 1, y0 + cy + 1, x0 + cx + 1, 2]
    return dz, dy, dx
