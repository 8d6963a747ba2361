"""Pieces of cells by the mutex watershed: the surest of all pairs of voxels decides first, for one cell or for two.

Wolf et al., The Mutex Watershed and its Objective, TPAMI 2020; with classes, Wolf et al., The Semantic Mutex Watershed,
CVPRW 2020. The work is done by bioimage-cpp, which the tests compare with a slow reference. Shapes: C offsets, S the axes
(Y, X) or (Z, Y, X); an affinity is how likely a voxel and the one at the offset are of one cell.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from bioimage_cpp.filters import gaussian_smoothing
from bioimage_cpp.segmentation import mutex_watershed, semantic_mutex_watershed
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.graphs import Offsets

__all__ = ["likely_pieces", "mutex_pieces", "semantic_pieces", "smoothed_within"]


def mutex_pieces(
    affinities_CS: NDArray[np.float32], offsets: Offsets, inside: NDArray[np.bool_], strides: int
) -> Labels:
    """Return pieces, shape S, numbered from 1; 0 outside.

    Parameters
    ----------
    affinities_CS
        Of the next voxel along each axis, which may join, and then of all others, which may only part.
    offsets
        Where each leads.
    inside
        Where pieces may lie, shape S.
    strides
        Of those that part, one in so many along each axis is looked at.
    """
    ndim = inside.ndim
    pieces = mutex_watershed(_surest(affinities_CS, ndim), offsets, ndim, strides=[strides] * ndim, mask=inside)
    return likely_pieces(pieces, affinities_CS[:ndim])


def semantic_pieces(
    affinities_CS: NDArray[np.float32], offsets: Offsets, foreground: NDArray[np.float32], strides: int
) -> Labels:
    """Return pieces as `mutex_pieces` does, where that a voxel is a cell's, or is none's, is decided among all the others."""
    ndim = foreground.ndim
    votes = np.concatenate([_surest(affinities_CS, ndim), [1 - foreground, foreground]])
    pieces, classes = semantic_mutex_watershed(votes, offsets, ndim, strides=[strides] * ndim)
    return likely_pieces(np.where(classes == 1, pieces, 0), affinities_CS[:ndim])


def smoothed_within(
    channels_CS: NDArray[np.float32], inside: NDArray[np.bool_], deviation_vox: float
) -> NDArray[np.float32]:
    """Return channels smoothed by a Gaussian that sees only what lies inside; 0 outside."""
    if deviation_vox == 0:
        return channels_CS * inside
    weight = gaussian_smoothing(inside.astype(np.float32), deviation_vox)
    smooth = np.stack([gaussian_smoothing(channel * inside, deviation_vox) for channel in channels_CS])
    return np.asarray(np.divide(smooth, weight, out=np.zeros_like(smooth), where=inside))


def _surest(affinities_CS: NDArray[np.float32], ndim: int) -> NDArray[np.float32]:
    """Return how sure each pair is of what it may say: neighbours that they are one, the others that they are two."""
    return np.concatenate([affinities_CS[:ndim], 1 - affinities_CS[ndim:]])


def likely_pieces(pieces: NDArray[np.integer], neighbours_CS: NDArray[np.float32]) -> Labels:
    """Part pieces where no way leads through neighbours that are likelier one than two, and number them from 1.

    A mutex watershed needs it: strides and the array's faces leave corners in which nothing speaks against a join, and there it
    takes any.
    """
    volume = (1,) * (3 - pieces.ndim) + pieces.shape
    likely = np.zeros((3, *volume), np.bool_)
    likely[-pieces.ndim :] = (neighbours_CS > 0.5).reshape(-1, *volume)
    joined: Labels = _components(pieces.reshape(volume), likely)
    return joined.reshape(pieces.shape)


@numba.njit(cache=True)
def _components(pieces: Any, likely: Any) -> Any:
    depth, height, width = pieces.shape
    flat = pieces.ravel()
    parent = np.arange(flat.size)
    for here in range(flat.size):
        z, y, x = here // (height * width), here // width % height, here % width
        for axis, there, exists in (
            (0, here + height * width, z < depth - 1),
            (1, here + width, y < height - 1),
            (2, here + 1, x < width - 1),
        ):
            if exists and likely[axis, z, y, x] and flat[here] > 0 and flat[here] == flat[there]:
                one, other = _root(parent, here), _root(parent, there)
                parent[max(one, other)] = min(one, other)
    numbers = np.zeros(flat.size, np.int32)
    count = 0
    for here in range(flat.size):  # a root is the first voxel of its component
        if flat[here] > 0:
            root = _root(parent, here)
            if root == here:
                count += 1
                numbers[here] = count
            numbers[here] = numbers[root]
    return numbers.reshape(pieces.shape)


@numba.njit(cache=True)
def _root(parent: Any, node: Any) -> Any:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node
