"""How much of a tissue is one piece: pieces of slabs, joined where they meet."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from mesophyll.traits.base import slabs
from mesophyll.volume import LazyArray

__all__ = ["largest_share"]


def largest_share(tissue: LazyArray, code: int) -> float:
    """Return the share of a tissue's voxels that lies in its largest piece, connected by faces; NaN where there is none.

    ``tissue`` has the shape (Z, Y, X), and is read slab by slab.
    """
    sizes, pairs = [np.zeros(1, np.int64)], [np.zeros((2, 0), np.int64)]
    count, before = 0, np.zeros(tissue.shape[1:], np.int64)
    for slab in slabs(tissue.shape):
        pieces, number = cc3d.connected_components(np.asarray(tissue[slab]) == code, connectivity=6, return_N=True)
        numbered = np.where(pieces > 0, pieces.astype(np.int64) + count, 0)
        sizes.append(np.bincount(numbered[numbered > 0] - count, minlength=number + 1)[1:])
        pairs.append(_meeting(before, numbered[0]))
        count, before = count + number, numbered[-1]
    if not count:
        return float("nan")
    first, second = np.concatenate(pairs, axis=1)
    graph = sparse.coo_array((np.ones(len(first), bool), (first, second)), shape=(count + 1, count + 1))
    _, whole = csgraph.connected_components(graph, directed=False)
    voxels = np.bincount(whole, weights=np.concatenate(sizes))
    return float(voxels.max() / voxels.sum())


def _meeting(below: NDArray[np.int64], above: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pairs of pieces that meet between two layers, shape (2, n)."""
    both = (below > 0) & (above > 0)
    return np.unique(np.stack([below[both], above[both]]), axis=1)
