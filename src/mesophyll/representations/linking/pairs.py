"""Pairs of voxels in labels: whether a voxel and the one at an offset are of one cell, and what a section tells of that.

Shapes: C offsets, S the axes (Y, X) or (Z, Y, X).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import UNKNOWN, Labels
from mesophyll.representations.linking.graphs import Offsets, ends

__all__ = ["forget_walls", "foreground_and_pairs", "in_plane"]


def foreground_and_pairs(labels_S: Labels, offsets: Offsets) -> NDArray[np.float32]:
    """Return where cells are, and which pairs are of one cell (0 or 1), shape (1 + C, *S).

    A pair that reaches out of the array is 0; one of a cell and an unknown voxel is NaN, as is all of an unknown voxel.
    """
    target = np.zeros((1 + len(offsets), *labels_S.shape), np.float32)
    target[0] = labels_S > 0
    for pair, offset in zip(target[1:], offsets, strict=True):
        here, there = ends(labels_S.shape, offset)
        one, other = labels_S[here], labels_S[there]
        pair[here] = np.where((one > 0) & (other == UNKNOWN), np.nan, (one > 0) & (one == other))
    target[:, labels_S == UNKNOWN] = np.nan
    return target


def forget_walls(
    target_CS: NDArray[np.float32], offsets: Offsets, sections_S: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return a target of `foreground_and_pairs` that forgets, in sections, that two cells are two: elsewhere they may be one.

    Neighbours are not forgotten: a section does tell where a wall lies, that two voxels of a piece are one cell, and that a
    cell and the air are none.
    """
    forgotten = target_CS.copy()
    for pair, offset in zip(forgotten[1:], offsets, strict=True):
        if np.abs(offset).sum() > 1:
            here, there = ends(sections_S.shape, offset)
            pair[here][sections_S[here] & (pair[here] == 0) & (target_CS[0][there] > 0)] = np.nan
    return forgotten


def in_plane(flat: Offsets, whole: Offsets, across: int) -> tuple[int, ...]:
    """Return the channel of a volume that speaks of what each of a section across an axis does; foreground comes first."""
    return (0, *(1 + whole.index((*way[:across], 0, *way[across:])) for way in flat))
