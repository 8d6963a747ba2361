"""Neighbours that are likelier of one cell than of two: what hangs together by them, and where a map is highest among them.

An affinity is how likely a voxel and the next one along an axis are of one cell; an even chance joins nothing. Shapes: C the
axes, S (Y, X) or (Z, Y, X).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.geometry.pieces import as_volume

__all__ = ["likely_pieces", "peaks"]

_EVEN = 0.5


def likely_pieces(labels: NDArray[np.integer] | NDArray[np.bool_], affinities_CS: NDArray[np.float32]) -> Labels:
    """Return the connected pieces of each label, shape S, numbered from 1 in the order of their first voxels; 0 stays 0."""
    joined: Labels = _connected(_volume(labels), _joins(affinities_CS))
    return joined.reshape(labels.shape)


def peaks(height: NDArray[np.float32], affinities_CS: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark the voxels, shape S, that none of those joined to them are higher than; there is one in whatever hangs together."""
    highest: NDArray[np.bool_] = _peaks(_volume(height), _joins(affinities_CS))
    return highest.reshape(height.shape)


def _volume(image: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(image).reshape(as_volume(image.shape))


def _joins(affinities_CS: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell of each voxel of a volume whether it is joined to the next one along Z, Y, X; the last one never is."""
    ndim = len(affinities_CS)
    joins = np.zeros((3, *as_volume(affinities_CS.shape[1:])), np.bool_)
    joins[-ndim:] = (affinities_CS > _EVEN).reshape(ndim, *joins.shape[1:])
    joins[0, -1], joins[1, :, -1], joins[2, :, :, -1] = False, False, False
    return joins


@numba.njit(cache=True, nogil=True)
def _connected(labels: Any, joins: Any) -> Any:
    _, height, width = labels.shape
    steps = (height * width, width, 1)
    flat, parent = labels.ravel(), np.arange(labels.size)
    for axis in range(3):
        joined = joins[axis].ravel()
        for here in range(flat.size):
            if joined[here] and flat[here] > 0 and flat[here] == flat[here + steps[axis]]:
                one, other = _root(parent, here), _root(parent, here + steps[axis])
                parent[max(one, other)] = min(one, other)
    numbers = np.zeros(flat.size, np.int32)
    count = 0
    for here in range(flat.size):
        if flat[here] > 0:
            root = _root(parent, here)  # the first voxel of its piece
            if root == here:
                count += 1
                numbers[here] = count
            numbers[here] = numbers[root]
    return numbers.reshape(labels.shape)


@numba.njit(cache=True, nogil=True)
def _root(parent: Any, node: Any) -> Any:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True, nogil=True)
def _peaks(height: Any, joins: Any) -> Any:
    _, rows, width = height.shape
    steps = (rows * width, width, 1)
    flat, highest = height.ravel(), np.ones(height.size, np.bool_)
    for axis in range(3):
        joined = joins[axis].ravel()
        for here in range(flat.size):
            if joined[here]:
                there = here + steps[axis]
                highest[here] &= flat[here] >= flat[there]
                highest[there] &= flat[there] >= flat[here]
    return highest.reshape(height.shape)
