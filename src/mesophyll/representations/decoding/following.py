"""Follow a flow field to where it ends, fast: scaling and squaring.

Where Euler's method takes one step at a time, the displacement field is composed with itself: after k passes every voxel has
gone 2**k steps (``phi_2n = phi_n after phi_n``; Arsigny et al., MICCAI 2006). Positions are voxels, axes (Z, Y, X); a 2D field
is a volume of one layer. The compiled loop serves NumPy arrays, torch's sampler serves tensors on whatever device they lie.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

__all__ = ["follow", "follow_tensor", "keep", "sample"]


def follow(flow: NDArray[np.float32], inside: NDArray[np.bool_], passes: int) -> NDArray[np.float32]:
    """Return how far each voxel is carried by 2**passes steps of the flow, shape (3, Z, Y, X).

    Parameters
    ----------
    flow
        One step, in voxels, shape (3, Z, Y, X).
    inside
        The voxels that move, shape (Z, Y, X). Between voxels, only those inside are interpolated, so that the border of a
        cell does not hold it back. Positions are kept within the volume.
    passes
        How often the field is composed with itself.
    """
    step = np.where(inside, flow, np.float32(0)).astype(np.float32)
    moved = np.zeros_like(step)
    for _ in range(passes):
        _compose(step, inside, moved)
        step, moved = moved, step
    return step


@numba.njit(cache=True, parallel=True)
def _compose(step: Any, inside: Any, moved: Any) -> None:
    for z in numba.prange(inside.shape[0]):
        for y in range(inside.shape[1]):
            for x in range(inside.shape[2]):
                if inside[z, y, x]:
                    _carry(step, inside, moved, (z, y, x))


@numba.njit(cache=True, inline="always")
def _split(position: Any, length: Any) -> Any:
    """Return the voxel below a position and the share of the one above it."""
    position = min(max(position, 0.0), length - 1.0)
    lower = min(int(position), max(length - 2, 0))
    return lower, np.float32(position - lower)


@numba.njit(cache=True)
def _carry(step: Any, inside: Any, moved: Any, voxel: Any) -> None:
    z, y, x = voxel
    depth, height, width = inside.shape
    tz, ty, tx = z + step[0, z, y, x], y + step[1, z, y, x], x + step[2, z, y, x]
    dz, dy, dx = sample(step, inside, tz, ty, tx)
    moved[0, z, y, x] = keep(tz + dz, depth) - z
    moved[1, z, y, x] = keep(ty + dy, height) - y
    moved[2, z, y, x] = keep(tx + dx, width) - x


@numba.njit(cache=True)
def sample(field: Any, inside: Any, z: Any, y: Any, x: Any) -> Any:
    """Interpolate a field (3, Z, Y, X) at a position, between the voxels inside; 0 where none is."""
    depth, height, width = inside.shape
    z0, wz = _split(z, depth)
    y0, wy = _split(y, height)
    x0, wx = _split(x, width)
    total = sum_z = sum_y = sum_x = np.float32(0)
    for cz in range(min(2, depth)):
        for cy in range(min(2, height)):
            for cx in range(min(2, width)):
                if inside[z0 + cz, y0 + cy, x0 + cx]:
                    weight = (wz if cz else 1 - wz) * (wy if cy else 1 - wy) * (wx if cx else 1 - wx)
                    total += weight
                    sum_z += weight * field[0, z0 + cz, y0 + cy, x0 + cx]
                    sum_y += weight * field[1, z0 + cz, y0 + cy, x0 + cx]
                    sum_x += weight * field[2, z0 + cz, y0 + cy, x0 + cx]
    scale = np.float32(1) / total if total > 1e-6 else np.float32(0)
    return scale * sum_z, scale * sum_y, scale * sum_x


@numba.njit(cache=True, inline="always")
def keep(position: Any, length: Any) -> Any:
    """Return the nearest position within the volume."""
    return min(max(position, np.float32(0)), np.float32(length - 1))


def follow_tensor(flow: torch.Tensor, inside: torch.Tensor, passes: int) -> torch.Tensor:
    """Do what `follow` does, on the device where the tensors lie."""
    mask = inside.to(flow.dtype)[None]
    lengths = torch.tensor(inside.shape, device=flow.device, dtype=flow.dtype).view(3, 1, 1, 1)
    here = torch.stack(torch.meshgrid(*(torch.arange(n, device=flow.device) for n in inside.shape), indexing="ij"))
    step = flow * mask
    for _ in range(passes):
        there = torch.minimum(torch.clamp(here + step, min=0), lengths - 1)
        # grid_sample wants (x, y, z) between -1 and 1; a layer of one voxel is at 0 whatever is asked.
        places = (2 * there / torch.clamp(lengths - 1, min=1) - 1).flip(0).permute(1, 2, 3, 0)[None]
        sampled = functional.grid_sample(
            torch.cat([step * mask, mask])[None], places, mode="bilinear", padding_mode="border", align_corners=True
        )[0]
        carried = sampled[:3] / torch.where(sampled[3:] > 1e-6, sampled[3:], torch.inf)
        target = torch.minimum(torch.clamp(here + step + carried, min=0), lengths - 1)
        step = (target - here) * mask
    return step
