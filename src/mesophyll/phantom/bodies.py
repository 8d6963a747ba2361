"""Soft bodies: a cell is a few rounded cones, and a voxel belongs to the cell that it lies deepest in.

So neighbours press flat faces against each other, stay round where nothing touches them, and leave small pores where
three of them meet - columns, lobed cells and everything between come from this one mechanism.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.phantom.fields import Floats
from mesophyll.volume import Spacing

__all__ = ["Body", "lumps", "press"]

REACH_UM = 3.0
"""How far outside a body its distance is still computed: bodies may swell by as much."""

FILLET_UM = 2.0
"""The radius by which the cones of one cell flow into each other."""

LUMP_UM = 6.0
"""The distance of the knots between which a cell's outline varies."""


@dataclass(frozen=True)
class Body:
    """One cell.

    Parameters
    ----------
    tissue
        Its code.
    cones
        Shape (cones, 8), in µm: one end (z, y, x, radius), then the other. The first end of the first cone is the
        cell's middle.
    """

    tissue: int
    cones: Floats

    @property
    def middle(self) -> Floats:
        """The middle (z, y, x) in µm."""
        return self.cones[0, :3]


def lumps(rng: np.random.Generator, height_um: float) -> NDArray[np.float32]:
    """Draw the periodic table of bumps, shape (16, 16, 16), from which every cell reads its own window."""
    return rng.normal(0, height_um, (16, 16, 16)).astype(np.float32)


def press(
    bodies: list[Body], free: NDArray[np.bool_], spacing_um: Spacing, bumps: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find for each voxel the body that it lies deepest in.

    Parameters
    ----------
    bodies
        The cells, in µm from the volume's corner.
    free
        Shape (Z, Y, X): where bodies may be.
    spacing_um
        The voxel's edge lengths (Z, Y, X).
    bumps
        The table of `lumps`.

    Returns
    -------
    owner
        Shape (Z, Y, X): the index of the nearest body, -1 farther than `REACH_UM` from all of them.
    distance_um
        Shape (Z, Y, X): the signed distance to its surface, negative inside.
    """
    owner = np.full(free.shape, -1, dtype=np.int32)
    distance = np.full(free.shape, np.float32(REACH_UM), dtype=np.float32)
    if bodies:
        cones = np.concatenate([body.cones for body in bodies])
        first = np.cumsum([0] + [len(body.cones) for body in bodies])
        window = np.stack([body.middle for body in bodies]) * 7.3  # any factor: neighbours must not read the same bumps
        _press(cones, first, window, bumps, free, np.asarray(spacing_um), owner, distance)
    return owner, distance


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _press(cones, first, window, bumps, free, spacing, owner, distance):  # type: ignore[no-untyped-def]  # noqa: PLR0913 - compiled
    """Visit each body's bounding box and keep the deepest body of each voxel."""
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for body in range(len(first) - 1):
        own = cones[first[body] : first[body + 1]]
        _bounds(own, spacing, free.shape, low, high)
        for k in range(low[0], high[0]):
            z = (k + 0.5) * spacing[0]
            for j in range(low[1], high[1]):
                y = (j + 0.5) * spacing[1]
                for i in range(low[2], high[2]):
                    if not free[k, j, i]:
                        continue
                    x = (i + 0.5) * spacing[2]
                    depth = _depth(own, z, y, x)
                    if depth < REACH_UM + 1.0:
                        depth += _bump(bumps, z + window[body, 0], y + window[body, 1], x + window[body, 2])
                        if depth < distance[k, j, i]:
                            distance[k, j, i] = depth
                            owner[k, j, i] = body


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _bounds(cones, spacing, shape, low, high):  # type: ignore[no-untyped-def]
    """Write the voxels of a body's bounding box, cut at the volume's faces."""
    for axis in range(3):
        least, most = np.inf, -np.inf
        for cone in range(len(cones)):
            for end in (0, 4):
                least = min(least, cones[cone, end + axis] - cones[cone, end + 3])
                most = max(most, cones[cone, end + axis] + cones[cone, end + 3])
        low[axis] = min(max(int(np.floor((least - REACH_UM) / spacing[axis])), 0), shape[axis])
        high[axis] = max(min(int(np.ceil((most + REACH_UM) / spacing[axis])) + 1, shape[axis]), low[axis])


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _depth(cones, z, y, x):  # type: ignore[no-untyped-def]
    """Return the signed distance to a body: its cones, joined by a smooth minimum."""
    joined = np.inf
    for cone in range(len(cones)):
        az, ay, ax, ar, bz, by, bx, br = cones[cone]
        dz, dy, dx = bz - az, by - ay, bx - ax
        length = dz * dz + dy * dy + dx * dx
        along = 0.0
        if length > 0.0:
            along = min(max(((z - az) * dz + (y - ay) * dy + (x - ax) * dx) / length, 0.0), 1.0)
        dz, dy, dx = z - az - along * dz, y - ay - along * dy, x - ax - along * dx
        depth = np.sqrt(dz * dz + dy * dy + dx * dx) - (ar + along * (br - ar))
        overlap = max(FILLET_UM - abs(depth - joined), 0.0) / FILLET_UM
        joined = min(depth, joined) - overlap * overlap * FILLET_UM * 0.25
    return joined


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _bump(bumps, z, y, x):  # type: ignore[no-untyped-def]
    """Read the periodic table of bumps between its knots."""
    size = bumps.shape[0]
    k, j, i = z / LUMP_UM, y / LUMP_UM, x / LUMP_UM
    k0, j0, i0 = int(np.floor(k)), int(np.floor(j)), int(np.floor(i))
    value = 0.0
    for dk in range(2):
        wk = k - k0 if dk else 1.0 - (k - k0)
        for dj in range(2):
            wj = j - j0 if dj else 1.0 - (j - j0)
            for di in range(2):
                wi = i - i0 if di else 1.0 - (i - i0)
                value += wk * wj * wi * bumps[(k0 + dk) % size, (j0 + dj) % size, (i0 + di) % size]
    return value
