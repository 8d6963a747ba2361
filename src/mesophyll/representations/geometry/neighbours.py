"""The voxels beside a voxel of a volume (Z, Y, X), for compiled loops; voxels are flat indices."""

from __future__ import annotations

from typing import Any

import numba

__all__ = ["box_around", "faces"]


@numba.njit(cache=True, nogil=True, inline="always")
def faces(here: Any, shape: Any) -> Any:
    """Return the six voxels beyond the faces of a voxel, each with whether the volume has it: -Z, +Z, -Y, +Y, -X, +X."""
    depth, height, width = shape
    z, y, x = here // (height * width), here // width % height, here % width
    return (
        (here - height * width, z > 0),
        (here + height * width, z < depth - 1),
        (here - width, y > 0),
        (here + width, y < height - 1),
        (here - 1, x > 0),
        (here + 1, x < width - 1),
    )


@numba.njit(cache=True, nogil=True)
def box_around(here: Any, shape: Any) -> Any:
    """Return the ranges of the coordinates of a voxel and its 26 neighbours, cut at the volume's faces."""
    depth, height, width = shape
    z, y, x = here // (height * width), here // width % height, here % width
    return max(z - 1, 0), min(z + 2, depth), max(y - 1, 0), min(y + 2, height), max(x - 1, 0), min(x + 2, width)
