"""The medial axis of cells: where it lies, how near to it a voxel is, and which way leads to it.

The depth of a voxel below its cell's surface rises by one a voxel on the way inwards; where it rises no more, opposite sides
of the cell are equally far, and there is the medial axis (Blum 1967). In a flat cell it is a sheet, in a lobed one it has a
branch for each arm. All of it is told by the surface around a voxel, however long the cell is. Volumes (Z, Y, X); a 2D image
is a volume of one layer. Lengths are voxels.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.geometry.paths import depths

__all__ = ["SLOPE", "THIN", "axis_nearness", "medial_flow"]

SLOPE = 0.5
"""On the axis depth rises by less than this a voxel. It rises by 1 beside it, and by 0.58 from the corner of a cube inwards."""

THIN = 2.5
"""An axis less deep than this would nearly touch that of the next cell; what lies on it is not near to an axis."""


def medial_flow(cells: Labels, count: int) -> NDArray[np.float32]:  # noqa: ARG001 - as all targets of flows are called
    """Return the gradient of depth, shape (3, Z, Y, X): about 1 long beside the axis, about 0 on it.

    It is taken from both neighbours, of which one outside the cell has depth 0: from the two sides of a wall, however thin, the
    flow parts. The volume's faces are no surface.
    """
    depth = depths(cells)
    flow = np.zeros((3, *cells.shape), np.float32)
    for axis, along in enumerate(flow):
        if cells.shape[axis] > 1:
            along[...] = np.moveaxis(_rise(np.moveaxis(cells, axis, 0), np.moveaxis(depth, axis, 0)), 0, axis)
    return np.asarray(flow / np.maximum(np.sqrt(np.square(flow).sum(axis=0)), 1))


def _rise(cells: Labels, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return half of how much deeper the next voxel along the first axis is than the last one; at the ends, of one of them."""
    same = cells[1:] == cells[:-1]
    before = np.concatenate([2 * depth[:1] - np.where(same, depth[1:], 0)[:1], np.where(same, depth[:-1], 0)])
    after = np.concatenate([np.where(same, depth[1:], 0), 2 * depth[-1:] - np.where(same, depth[:-1], 0)[-1:]])
    return np.where(cells > 0, (after - before) / 2, 0).astype(np.float32)


def axis_nearness(cells: Labels, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how near each voxel is to the axis of its cell, shape S: 1 on it, falling to nearly 0 at the surface; 0 outside.

    It is the depth of a voxel as a share of that of the axis above it, to which the steepest way inwards leads: as far from the
    surface as from the axis is about 1/2, in thick parts and in thin ones. So it is the skeleton-aware distance of Lin et al.
    (MICCAI 2023), ``depth / (depth + way to the skeleton)``, of a skeleton that has too many branches rather than too few.
    """
    inside = np.flatnonzero(cells)
    order = inside[np.argsort(-depth.ravel()[inside], kind="stable")]
    top: NDArray[np.float32] = _axis_depths(cells, depth, order)
    # A surface voxel's centre lies half a voxel below its surface, though its depth is 1.
    return np.where(cells > 0, (depth - 0.5) / (np.maximum(top, THIN) - 0.5), 0).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _axis_depths(cells: Any, depth: Any, order: Any) -> Any:
    """Return the depth of the axis to which each voxel climbs; the deepest come first in ``order``."""
    _, height, width = cells.shape
    top = np.ones(cells.shape, np.float32)
    for voxel in order:
        z, y, x = voxel // (height * width), voxel // width % height, voxel % width
        top[z, y, x] = _climb(cells, depth, top, (z, y, x))
    return top


@numba.njit(cache=True, nogil=True)
def _climb(cells: Any, depth: Any, top: Any, voxel: Any) -> Any:
    """Return what the steepest of the neighbours climbs to, the higher of several; its own depth where none is steep."""
    z, y, x = voxel
    steepest, highest = np.float32(SLOPE), depth[z, y, x]
    for nz in range(max(z - 1, 0), min(z + 2, cells.shape[0])):
        for ny in range(max(y - 1, 0), min(y + 2, cells.shape[1])):
            for nx in range(max(x - 1, 0), min(x + 2, cells.shape[2])):
                far = (nz - z) ** 2 + (ny - y) ** 2 + (nx - x) ** 2
                if cells[nz, ny, nx] == cells[z, y, x] and far > 0:
                    slope = (depth[nz, ny, nx] - depth[z, y, x]) / np.sqrt(np.float32(far))
                    if slope > steepest + 1e-4:
                        steepest, highest = slope, top[nz, ny, nx]
                    elif slope > steepest - 1e-4:
                        highest = max(highest, top[nz, ny, nx])
    return highest
