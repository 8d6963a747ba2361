"""Points of a coarse lattice around a voxel, and the voxel's own neighbours: where a window is sampled. Numbers are voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["around", "nearest_points"]


def around(ndim: int, steps: int, stride: int) -> NDArray[np.int64]:
    """Return where points lie, shape (P, ndim): those at most so many steps of a lattice away, and the neighbours by faces.

    The voxel itself is the one in the middle; points at equal places from both ends are opposite.
    """
    return np.unique(np.concatenate([stride * _ball(ndim, steps), _ball(ndim, 1)]), axis=0)


def nearest_points(points: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
    """Return which point stands for each voxel of the window around the middle one, -1 where none does; its shape is odd.

    That is the point itself, where there is one, and else that of the lattice which is nearest along each axis: of two equally
    near the one nearer to the middle.
    """
    reach = points.max(axis=0)
    reach = reach + np.minimum(reach, stride // 2)  # an image has no second layer
    ways = np.moveaxis(np.indices(2 * reach + 1), 0, -1) - reach
    near = stride * np.sign(ways) * ((2 * np.abs(ways) + stride - 1) // (2 * stride))
    exact = _numbers(ways, points)
    return np.where(exact < 0, _numbers(near, points), exact)


def _ball(ndim: int, radius: int) -> NDArray[np.int64]:
    """Return the points of the unit lattice within a ball, shape (P, ndim)."""
    points = np.indices((2 * radius + 1,) * ndim).reshape(ndim, -1).T - radius
    return np.asarray(points[np.square(points).sum(axis=1) <= radius**2])


def _numbers(ways: NDArray[np.int64], points: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of the points each way leads to, shape of the ways without the last axis; -1 where to none."""
    same = (ways[..., None, :] == points).all(axis=-1)
    return np.where(same.any(axis=-1), same.argmax(axis=-1), -1)
