"""Pieces of cells by the mutex watershed: the surest of all pairs of voxels decides first, for one cell or for two.

Wolf et al., The Mutex Watershed and its Objective, TPAMI 2020; with classes, Wolf et al., The Semantic Mutex Watershed,
CVPRW 2020. Strides and the array's faces leave corners in which nothing speaks against a join, and there the watershed takes
any: what hangs together only by neighbours that are likelier two than one is parted again. The work is done by bioimage-cpp,
which the tests compare with a slow reference. Shapes: C offsets, S the axes (Y, X) or (Z, Y, X); an affinity is how likely a
voxel and the one at the offset are of one cell.
"""

from __future__ import annotations

import numpy as np
from bioimage_cpp.segmentation import mutex_watershed, semantic_mutex_watershed
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.linking.graphs import Offsets
from mesophyll.representations.linking.joining import likely_pieces

__all__ = ["mutex_pieces", "semantic_pieces"]


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
    affinities_CS: NDArray[np.float32],
    offsets: Offsets,
    inside: NDArray[np.bool_],
    strides: int,
    foreground: NDArray[np.float32],
) -> Labels:
    """Return pieces as `mutex_pieces` does, but that a voxel inside is a cell's, or none's, is decided among all else.

    How surely it is a cell's, its ``foreground`` says, shape S.
    """
    ndim = inside.ndim
    votes = np.concatenate([_surest(affinities_CS, ndim), [1 - foreground, foreground]])
    pieces, classes = semantic_mutex_watershed(votes, offsets, ndim, strides=[strides] * ndim, mask=inside)
    return likely_pieces(np.where(classes == 1, pieces, 0), affinities_CS[:ndim])


def _surest(affinities_CS: NDArray[np.float32], ndim: int) -> NDArray[np.float32]:
    """Return how sure each pair is of what it may say: neighbours that they are one, the others that they are two."""
    return np.concatenate([affinities_CS[:ndim], 1 - affinities_CS[ndim:]])
