"""Soft bodies: a cell is a few rounded cones, and a voxel belongs to the cell that it lies deepest in.

So neighbours press flat faces against each other, stay round where nothing touches them, and leave small pores where
three of them meet - columns, lobed cells and everything between come from this one mechanism.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.phantom.grid import Floats, Grid

__all__ = ["REACH_UM", "Body", "Pressed", "bump", "lumps"]

REACH_UM = 3.0
"""How far outside a body its distance is computed at least: bodies may swell by as much."""

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


@dataclass(frozen=True)
class Pressed:
    """Bodies pressed together.

    Parameters
    ----------
    bodies
        The cells, in µm from the volume's corner.
    bumps
        The table of `lumps`.
    reach_um
        How far outside a body its distance is computed.
    """

    bodies: Sequence[Body]
    bumps: NDArray[np.float32]
    reach_um: float = REACH_UM

    @property
    def limits_um(self) -> tuple[float, float]:
        """How far bodies may shrink and swell, see `Maker`."""
        return -0.5 * self.reach_um, self.reach_um - 0.2

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, shape (cells,)."""
        return np.array([body.tissue for body in self.bodies], dtype=np.uint8)

    @cached_property
    def _reach_um(self) -> Floats:
        """How far each cell may reach, shape (cells, 2, 3): its lowest and its highest corner."""
        reach = [
            [(ends[:, :3] - ends[:, 3:]).min(axis=0), (ends[:, :3] + ends[:, 3:]).max(axis=0)]
            for ends in (body.cones.reshape(-1, 4) for body in self.bodies)
        ]
        return np.asarray(np.array(reach).reshape(-1, 2, 3) + np.array([[-self.reach_um], [self.reach_um]]))

    def distance(self, free: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find for each voxel the body that it lies deepest in.

        Parameters
        ----------
        free
            Shape (Z, Y, X) of the box: where bodies may be.
        grid
            The box.

        Returns
        -------
        owner
            Shape (Z, Y, X): the index of the nearest body, -1 farther than ``reach_um`` from all of them.
        distance_um
            Shape (Z, Y, X): the signed distance to its surface, negative inside.
        """
        owner = np.full(free.shape, -1, dtype=np.int32)
        distance = np.where(free, np.float32(self.reach_um), np.float32(-np.inf))  # nothing lies deeper than -inf
        start = np.array(grid.start)
        low, high = np.floor(self._reach_um[:, 0] / grid.step), np.ceil(self._reach_um[:, 1] / grid.step)
        first = np.maximum(low.astype(int) - start, 0)
        last = np.minimum(high.astype(int) - start, free.shape)
        for index in np.flatnonzero((first < last).all(axis=1)).tolist():
            body = self.bodies[index]
            box = tuple(slice(*ends) for ends in zip(first[index], last[index], strict=True))
            window = 7.3 * body.middle  # any factor: neighbours must not read the same bumps
            place = (start + first[index], grid.step, window, self.reach_um)
            _press(body.cones, self.bumps, place, owner[box], distance[box], index)
        distance[~free] = self.reach_um
        return owner, distance


def lumps(rng: np.random.Generator, height_um: float) -> NDArray[np.float32]:
    """Draw the periodic table of bumps, shape (16, 16, 16), from which every cell reads its own window."""
    return rng.normal(0, height_um, (16, 16, 16)).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _press(cones: Any, bumps: Any, place: Any, owner: Any, distance: Any, index: Any) -> Any:
    """Give a body the voxels of its box in which it lies deepest; ``place`` holds the first voxel, step, window, reach."""
    start, step, window, reach = place
    for k in range(owner.shape[0]):
        z = (start[0] + k + 0.5) * step[0]
        for j in range(owner.shape[1]):
            y = (start[1] + j + 0.5) * step[1]
            for i in range(owner.shape[2]):
                if distance[k, j, i] == -np.inf:
                    continue
                x = (start[2] + i + 0.5) * step[2]
                depth = _depth(cones, z, y, x)
                if depth < reach + 1.0:
                    depth += bump(bumps, window[0] + z, window[1] + y, window[2] + x)
                if depth < distance[k, j, i]:
                    distance[k, j, i] = depth
                    owner[k, j, i] = index


@numba.njit(cache=True, nogil=True)
def _depth(cones: Any, z: Any, y: Any, x: Any) -> Any:
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


@numba.njit(cache=True, nogil=True)
def bump(bumps: Any, z: Any, y: Any, x: Any) -> Any:
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
