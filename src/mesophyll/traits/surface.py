"""How much surface a cell has, and what it faces: counted by straight lines through the volume (Crofton's formula).

A line leaves a cell the more often the larger the cell's surface is, seen along the line. From every voxel one looks one
step ahead in 26 directions, along 13 families of parallel lines (8 and 4 in an image), and counts the exits; those of
a direction are weighted by the part of all directions that lies nearest to it, in µm. Where voxels are no cubes the steps
are longer along the finer axes, so that the lines still run in all directions alike.

The mean over all orientations of a surface is exact. A flat face that is exactly parallel to the grid comes out 7 % too
small, one in between at most 2 % too large; voxel faces would be 50 % too many.
"""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import SphericalVoronoi

from mesophyll.traits.base import OTHER, Cells

__all__ = ["ON_AIR", "ON_OTHER", "surfaces"]


ON_AIR, ON_OTHER = 0, 1
"""The columns of `surfaces` for what faces air, and what faces neither air nor a cell; those for cells follow."""


def surfaces(cells: Cells, groups: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return the surface of each cell by what it faces: air, neither air nor a cell, and cells of each group.

    In µm², or in µm (of outline) for an image; shape (n, 2 + count). The faces on the volume's edge are no surface.

    Parameters
    ----------
    cells
        All cells.
    groups
        To which group, from 0, each belongs, shape (n,).
    count
        How many groups there are.
    """
    steps = _steps(cells)
    kinds = np.concatenate([[ON_AIR], 2 + groups])
    exits: NDArray[np.int64] = _exits(cells.volume, steps, kinds, 2 + count)[1:]
    facing: NDArray[np.float64] = np.einsum("nds,d->ns", exits, _weights(steps, cells))
    return facing


def _steps(cells: Cells) -> NDArray[np.int64]:
    """Return the directions in voxels, shape (26, 3) or (8, 3)."""
    first = 3 - cells.ndim
    spacing = np.array(cells.spacing_um)
    reach = np.rint(spacing[first:].max() / spacing).astype(int)  # of one length in µm along every axis
    signs = [sign for sign in itertools.product((-1, 0, 1), repeat=3) if any(sign) and not any(sign[:first])]
    steps = np.array(signs) * reach
    return np.asarray(steps // np.gcd.reduce(steps, axis=1, keepdims=True))


def _weights(steps: NDArray[np.int64], cells: Cells) -> NDArray[np.float64]:
    """Return the surface that one exit stands for, in each direction.

    A line has the voxel's volume over its step for itself, seen along the line. A surface is four times what is seen
    of it from one side, in the mean over all directions; an outline pi times.
    """
    paths_um = steps * np.array(cells.spacing_um)
    lengths_um = np.linalg.norm(paths_um, axis=1)
    per_line = np.prod(cells.spacing_um) / lengths_um
    directions = paths_um / lengths_um[:, None]
    if cells.ndim == 2:
        return np.asarray(np.pi * _shares_of_circle(directions[:, 1:]) * per_line)
    areas = np.asarray(SphericalVoronoi(directions).calculate_areas())
    return np.asarray(4 * areas / areas.sum() * per_line)


def _shares_of_circle(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the circle that lies nearest to each direction."""
    angles = np.arctan2(directions[:, 0], directions[:, 1])
    order = np.argsort(angles)
    gaps = np.diff(angles[order], append=angles[order[0]] + 2 * np.pi)
    shares = np.empty(len(angles))
    shares[order] = (gaps + np.roll(gaps, 1)) / 2 / (2 * np.pi)
    return shares


@numba.njit(cache=True, nogil=True)
def _exits(volume: Any, steps: Any, kinds: Any, columns: Any) -> Any:
    """Count the steps that leave a cell: shape (n + 1, directions, columns), the last axis what lies beyond.

    A step that would leave the volume slides along its edge: the edge itself is no surface, and surfaces that run into
    it keep their full size.
    """
    depth, height, width = volume.shape
    exits = np.zeros((len(kinds), len(steps), columns), np.int64)
    for z in range(depth):  # layer by layer: the volume may lie in a file
        for direction in range(len(steps)):
            dz, dy, dx = steps[direction]
            next_z = min(max(z + dz, 0), depth - 1)
            for y in range(height):
                next_y = min(max(y + dy, 0), height - 1)
                for x in range(width):
                    cell, beyond = volume[z, y, x], volume[next_z, next_y, min(max(x + dx, 0), width - 1)]
                    if cell > 0 and cell != beyond:
                        exits[cell, direction, ON_OTHER if beyond == OTHER else kinds[beyond]] += 1
    return exits
