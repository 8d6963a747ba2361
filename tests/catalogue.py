"""Tiny named cases, each a labelling that some method gets wrong; used by the laws, by other tests and by the docs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from mesophyll.labels import UNKNOWN, Labels

__all__ = ["CASES", "crowd"]

SIDE = 40


def _empty(ndim: int) -> Labels:
    return np.zeros((SIDE,) * ndim, np.int32)


def _distance(ndim: int, centre: float, axes: slice = slice(None)) -> np.ndarray:
    offsets = np.indices((SIDE,) * ndim) - centre
    return np.sqrt((offsets[axes] ** 2).sum(axis=0))


def touching_pair(ndim: int) -> Labels:
    """Two cells that share a whole face and no wall."""
    labels = _empty(ndim)
    labels[(slice(8, 30),) * ndim] = 1
    labels[(slice(8, 30),) * (ndim - 1) + (slice(19, 30),)] = 2
    return labels


def stretched_cell(ndim: int) -> Labels:
    """A cell eight times as long as wide."""
    labels = _empty(ndim)
    labels[(slice(18, 22),) * (ndim - 1) + (slice(4, 36),)] = 1
    return labels


def ring(ndim: int) -> Labels:
    """A cell around a cell: its centroid lies in the other one."""
    labels = _empty(ndim)
    far = _distance(ndim, 19.5, slice(-2, None))
    flat = np.ones(labels.shape, bool) if ndim == 2 else np.abs(np.indices(labels.shape)[0] - 20) < 5
    labels[flat & (far < 15)] = 1
    labels[flat & (far < 7)] = 2
    return labels


def bridge(ndim: int) -> Labels:
    """One cell of two halves that hang together by a bridge of one voxel's width."""
    labels = _empty(ndim)
    labels[(slice(12, 28),) * (ndim - 1) + (slice(6, 18),)] = 1
    labels[(slice(12, 28),) * (ndim - 1) + (slice(20, 30),)] = 1
    labels[(20,) * (ndim - 1) + (slice(18, 20),)] = 1
    return labels


def lobed_cell(ndim: int) -> Labels:
    """A core with an arm along every axis."""
    labels = _empty(ndim)
    labels[_distance(ndim, 19.5) < 7] = 1
    for axis in range(ndim):
        labels[(slice(17, 22),) * axis + (slice(6, 34),) + (slice(17, 22),) * (ndim - axis - 1)] = 1
    return labels


def unknown_border(ndim: int) -> Labels:
    """A pair of which nobody knows what lies around it."""
    labels = touching_pair(ndim)
    margin = np.ones(labels.shape, bool)
    margin[(slice(4, -4),) * ndim] = False
    labels[margin] = UNKNOWN
    return labels


def nothing(ndim: int) -> Labels:
    """No cell at all."""
    return _empty(ndim)


CASES: dict[str, Callable[[int], Labels]] = {
    case.__name__: case for case in (touching_pair, stretched_cell, ring, bridge, lobed_cell, unknown_border, nothing)
}


def crowd(ndim: int, side: int = 64, spacing: float = 11, seed: int = 0) -> Labels:
    """Cells packed like tissue: irregular, touching nearly everywhere, with gaps where three meet."""
    rng = np.random.default_rng(seed)
    count = round((side / spacing) ** ndim)
    seeds = rng.uniform(0, side, (count, ndim))
    for _ in range(4):  # Lloyd's relaxation, on random points: cells become alike in size
        points = rng.uniform(0, side, (200 * count, ndim))
        owner = cKDTree(seeds).query(points)[1]
        members = np.maximum(np.bincount(owner, minlength=count), 1)
        seeds = (
            np.stack([np.bincount(owner, points[:, axis], count) for axis in range(ndim)], axis=1) / members[:, None]
        )
    voxels = np.indices((side,) * ndim).reshape(ndim, -1).T
    distance, nearest = cKDTree(seeds).query(voxels)
    labels = np.where(distance < 0.62 * spacing, nearest + 1, 0)
    return labels.reshape((side,) * ndim).astype(np.int32)
