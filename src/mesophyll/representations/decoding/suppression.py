"""Of many shapes that are proposed for the same cells, keep one each: non-maximum suppression, voxel by voxel.

Peaks of a score propose shapes; the surest is kept first, and a shape that lies over one kept before is dropped. Shapes are
compared by the voxels that they hold, not by boxes around them. Each voxel remembers the first shape kept that holds it, so a
shape is compared with all others by looking at its own voxels once: the work grows with their number, and not with pairs of
shapes. Volumes (Z, Y, X); an image is a volume of one layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.base import as_array
from mesophyll.representations.geometry.pieces import as_volume

__all__ = ["Draw", "Drop", "Proposals", "paint", "peaks", "proposals"]

Draw = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.int32]]]
"""Draws some of the shapes: where each one's voxels end in the row of all, shape (n,), and that row, as flat indices."""

Drop = Callable[[NDArray[np.int64], NDArray[np.int64], Labels], NDArray[np.bool_]]
"""Tells which of some shapes need not be drawn to be dropped, given which were kept so far and what is painted of these."""

_BATCH = 256  # shapes that are drawn at a time: their voxels are held


@dataclass(frozen=True)
class Proposals:
    """What an output proposes whose channel 0 is the foreground and channel 1 a score.

    Parameters
    ----------
    inside
        The foreground, shape (Z, Y, X).
    places
        The voxels that propose a shape, (z, y, x), shape (n, 3), the surest first.
    said
        What each channel says there, shape (n, C).
    """

    inside: NDArray[np.bool_]
    places: NDArray[np.int64]
    said: NDArray[np.float32]


def proposals(output_CS: NDArray[np.float32] | torch.Tensor, threshold: float, score: float) -> Proposals:
    """Let each peak above ``score`` propose a shape, where the foreground is above ``threshold``."""
    output = as_array(output_CS)
    output = output.reshape(-1, *as_volume(output.shape[1:]))
    inside = np.ascontiguousarray(output[0] > threshold)
    places = peaks(np.where(inside, output[1], np.float32(0)), score)
    return Proposals(inside, places, output[(slice(None), *places.T)].T)


def peaks(score: NDArray[np.float32], threshold: float) -> NDArray[np.int64]:
    """Return the voxels above a threshold that none of their 26 neighbours exceeds, shape (n, 3), the highest first.

    Among equals all are peaks, in raster order.
    """
    places: NDArray[np.int64] = _peaks(np.ascontiguousarray(score, np.float32), np.float32(threshold))
    return places[np.argsort(-score[tuple(places.T)], kind="stable")]


def paint(
    shape: tuple[int, ...], count: int, draw: Draw, most: float, drop: Drop | None = None
) -> tuple[Labels, NDArray[np.bool_]]:
    """Paint shapes in their order, but drop those that lie over a shape painted before.

    Parameters
    ----------
    shape
        Of the volume, (Z, Y, X).
    count
        How many shapes there are, the surest first.
    draw
        Returns the voxels of some of them.
    most
        A shape is dropped where one that was kept has more than this share of its voxels, or of its own, whichever has fewer.
        What an earlier shape has, a later one does not get.
    drop
        Spares drawing most of the shapes that are proposed once more; every one is drawn, if None.

    Returns
    -------
    labels
        The shapes kept, numbered 1, 2, 3, ... in their order, shape (Z, Y, X).
    kept
        Which they are, shape (count,).
    """
    labels = np.zeros(math.prod(shape), np.int32)
    before, number = np.zeros(count, np.int64), 0
    sizes, common = np.zeros((2, count + 1), np.int64)
    for start in range(0, count, _BATCH):
        batch = np.arange(start, min(start + _BATCH, count))
        if drop is not None:
            batch = batch[~drop(batch, before[:number], labels.reshape(shape))]
        more = batch[_paint(labels, (sizes, common), draw(batch), number, most)]
        before[number : number + len(more)] = more
        number += len(more)
    kept = np.zeros(count, bool)
    kept[before[:number]] = True
    return labels.reshape(shape), kept


@numba.njit(cache=True, nogil=True)
def _peaks(score: Any, threshold: Any) -> Any:
    depth, height, width = score.shape
    found = []
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if score[z, y, x] > threshold:
                    around = score[max(z - 1, 0) : z + 2, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                    if around.max() <= score[z, y, x]:
                        found.append((z, y, x))
    places = np.empty((len(found), 3), np.int64)
    for place in range(len(found)):
        places[place, 0], places[place, 1], places[place, 2] = found[place]
    return places


@numba.njit(cache=True, nogil=True)
def _paint(labels: Any, counts: Any, drawn: Any, number: Any, most: Any) -> Any:
    """Paint a batch of shapes, and tell which were kept; ``number`` is that of the last one kept before."""
    ends, voxels = drawn
    sizes, common = counts  # of each shape kept, its voxels; and zeros
    kept = np.zeros(len(ends), np.bool_)
    start = 0
    for place in range(len(ends)):
        held = voxels[start : ends[place]]
        start = ends[place]
        if len(held) > 0 and not _lies_over(labels, sizes, held, common, most):
            number += 1
            sizes[number], kept[place] = len(held), True
            for voxel in held:
                if labels[voxel] == 0:
                    labels[voxel] = number
    return kept


@numba.njit(cache=True, nogil=True)
def _lies_over(labels: Any, sizes: Any, held: Any, common: Any, most: Any) -> Any:
    """Tell whether a shape lies over one that was painted; ``common`` is zeros, before and after."""
    over = False
    for voxel in held:
        owner = labels[voxel]
        if owner > 0:
            common[owner] += 1
            if common[owner] > most * min(len(held), sizes[owner]):
                over = True
                break
    for voxel in held:
        common[labels[voxel]] = 0
    return over
