"""How long, wide and lobed a cell is: what its convex hull says.

The hull is drawn around the centres of the cell's outer voxel faces, as scikit-image draws it. A ball of radius 8 then
has a solidity of 0.95, one of radius 20 of 0.97, and a length half to one voxel too large; around the voxels' corners the
first would be 0.85, around their centres 1.11.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from mesophyll.progress import Progress, track
from mesophyll.traits.base import Cells

__all__ = ["hulls"]


def hulls(cells: Cells, progress: Progress) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return length, width (µm) and hull size (µm³, or µm² for an image) of each cell, and its first principal axis.

    Of shape (n, 3) and (n, ndim).
    """
    first = 3 - cells.ndim
    spacing_um = np.array(cells.spacing_um[first:])
    rows, axes = np.empty((len(cells), 3)), np.empty((len(cells), cells.ndim))
    for place in track(range(len(cells)), "measure shapes", progress):
        inside = cells.volume[cells.boxes[place]] == place + 1
        inside = inside[0] if first else inside
        axes[place] = _long_axis(inside, spacing_um)
        rows[place] = _measure(_face_centres(_corners(inside)) * spacing_um, axes[place])
    return rows, axes


def _corners(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the voxels that can be corners of a hull, shape (N, ndim): the ends of their lines along every axis."""
    ends = inside.copy()
    for axis in range(inside.ndim):
        line = np.arange(inside.shape[axis]).reshape([-1 if other == axis else 1 for other in range(inside.ndim)])
        first = inside.argmax(axis, keepdims=True)
        last = inside.shape[axis] - 1 - np.flip(inside, axis).argmax(axis, keepdims=True)
        ends &= (line == first) | (line == last)
    return np.stack(np.nonzero(ends), axis=1)


def _face_centres(voxels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the centres of the faces of voxels, shape (2 * ndim * N, ndim)."""
    half = np.eye(voxels.shape[1]) / 2
    return np.concatenate([voxels + step for step in (*half, *-half)])


def _long_axis(inside: NDArray[np.bool_], spacing_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction in which a body is spread out most, the first principal axis of its voxels, 1 long.

    The longest distance would not do: in a column it runs from rim to rim, and across it the column seems twice as wide.
    """
    at_um = np.stack(np.nonzero(inside)) * spacing_um[:, None]
    spread = np.cov(at_um, bias=True) + np.diag(spacing_um**2) / 12  # of the voxels, and within them
    return np.asarray(np.linalg.eigh(spread).eigenvectors[:, -1])


def _measure(points_um: NDArray[np.float64], axis: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return length, width across the axis, and size of the hull of points, shape (N, ndim)."""
    hull = ConvexHull(points_um)
    corners = points_um[hull.vertices]
    across = corners - np.outer(corners @ axis, axis)
    return float(pdist(corners).max()), float(pdist(across).max()), float(hull.volume)
