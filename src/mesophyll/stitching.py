"""Cells that were found block by block become cells of the whole.

Two blocks are compared where both have looked. Each pair of blocks is compared on its own: comparing with a picture already
merged looks right in 2D and loses cells in 3D.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from mesophyll.labels import Labels

__all__ = ["agreements", "merge", "successors"]


def agreements(first: Labels, second: Labels, iou: float) -> NDArray[np.int64]:
    """Return the pairs (n, 2) of cells of two labellings of the same voxels that are one cell.

    They are where intersection over union is above ``iou``. Both blocks see the same part of a cell here, so where both are
    right it is near 1 however little of the cell this is. To ask only that one lies in the other would be wrong: what a
    block's edge cuts may have run together there, and would tie whole neighbours to each other.
    """
    pairs, overlap = _overlaps(first, second)
    return np.asarray(pairs[overlap > iou])


def successors(first: Labels, second: Labels, iou: float) -> NDArray[np.int64]:
    """Return the pairs (n, 2) of cells of two neighbouring slices that are one cell.

    A cell goes on as the one with which its intersection over union is greatest, if it is above ``iou``; where two go on as the
    same, the one that overlaps it more does. So no two cells of one slice become one, however low the bound is. This is
    ``stitch3D`` of Cellpose.
    """
    pairs, overlap = _overlaps(first, second)
    order = np.argsort(-overlap, kind="stable")
    chosen = pairs[order][overlap[order] > iou]
    for place in range(
        2
    ):  # the greatest comes first and stays: of each cell's successors, then of each one's predecessors
        chosen = chosen[np.sort(np.unique(chosen[:, place], return_index=True)[1])]
    return np.asarray(chosen)


def _overlaps(first: Labels, second: Labels) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pairs (n, 2) of cells that share voxels, and the IoU of each."""
    both = (first > 0) & (second > 0)
    if not both.any():
        return np.empty((0, 2), np.int64), np.empty(0)
    base = int(second.max()) + 1
    packed, common = np.unique(first[both].astype(np.int64) * base + second[both], return_counts=True)
    pairs = np.stack([packed // base, packed % base], axis=1)
    sizes = [np.bincount(side[side > 0])[pairs[:, place]] for place, side in enumerate((first, second))]
    return pairs, common / (sizes[0] + sizes[1] - common)


def merge(counts: Sequence[int], pairs: Sequence[tuple[int, int, NDArray[np.int64]]]) -> list[NDArray[np.int32]]:
    """Number the cells of all blocks 1, 2, 3, ... so that those that agree have one number.

    Parameters
    ----------
    counts
        Cells of each block; a block numbers its own from 1.
    pairs
        For two blocks, by their places in ``counts``, the agreements between their cells.

    Returns
    -------
    list
        For each block a table from its own numbers to those of the whole; 0 stays 0.
    """
    starts = np.concatenate([[0], np.cumsum(counts)])
    links = [agreed - 1 + [starts[first], starts[second]] for first, second, agreed in pairs]
    rows, columns = np.concatenate([np.empty((0, 2), np.int64), *links]).T.astype(np.int64)
    total = int(starts[-1])
    graph = sparse.coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(total, total))
    number = csgraph.connected_components(graph, directed=False)[1] + 1 if total else np.empty(0, np.int64)
    return [
        np.concatenate([[0], number[start : start + count]]).astype(np.int32)
        for start, count in zip(starts[:-1], counts, strict=True)
    ]
