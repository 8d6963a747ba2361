"""Each number one piece: what a partition cuts off becomes a cell of its own, or is given back if it is a crumb.

Blocks are entered one after the other; pieces that touch across the faces of blocks are one. So the whole may be larger than
memory, and how it was cut into blocks leaves no trace.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from mesophyll.blocks import Region
from mesophyll.labels import Labels
from mesophyll.volume import WritableArray

__all__ = ["CRUMB_UM3", "Ledger"]

CRUMB_UM3 = 30.0
CRUMB_VOX = 8


class Ledger:
    """The pieces (connected by faces) of a volume of numbers, entered block by block.

    Parameters
    ----------
    pieces
        Shape (Z, Y, X), int32, written to: 0 where the number is 0, the pieces of all blocks 1, 2, 3, ...
    voxel_um3
        The volume of a voxel.
    """

    def __init__(self, pieces: WritableArray, voxel_um3: float) -> None:
        self.pieces = pieces
        self.least = max(CRUMB_UM3 / voxel_um3, CRUMB_VOX)
        self.owner = [np.zeros(1, np.int64)]
        self.size = [np.zeros(1, np.int64)]
        self.first = [np.full(1, -1)]
        self.joins = [np.empty((0, 2), np.int64)]
        self.count = 0

    def enter(self, region: Region, numbers: Labels) -> None:
        """Enter a block of numbers; blocks come in raster order."""
        own = cc3d.connected_components(numbers, connectivity=6, out_dtype=np.uint32).astype(np.int32)
        flat, count = own.ravel(), int(own.max())
        owner, place = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
        owner[flat] = numbers.ravel()
        place[flat[::-1]] = np.arange(flat.size)[::-1]  # the first voxel of each piece is written last
        within = np.stack(np.unravel_index(place, own.shape)) + [[axis.start] for axis in region]
        self.owner.append(owner[1:])
        self.size.append(np.bincount(flat, minlength=count + 1)[1:])
        self.first.append(np.ravel_multi_index(tuple(within), self.pieces.shape)[1:])
        own[own > 0] += self.count
        self.pieces[region] = own
        self.count += count
        owners = np.concatenate(self.owner)
        for axis in range(3):
            if region[axis].start:
                self.joins.append(_joins(self._before(region, axis), own.take(0, axis), owners))

    def _before(self, region: Region, axis: int) -> Labels:
        """Return the pieces in the plane of voxels before a block."""
        plane = list(region)
        plane[axis] = slice(region[axis].start - 1, region[axis].start)
        return np.asarray(self.pieces[tuple(plane)]).squeeze(axis)

    def settle(self, regions: Sequence[Region]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Number the pieces of the whole 1, 2, 3, ... by their first voxels, and dissolve crumbs into what they touch most.

        Returns
        -------
        number
            For each entry of ``pieces`` its number.
        owner
            For each number the number that it had when it was entered; 0 stays 0.
        """
        joins = np.concatenate(self.joins)
        graph = sparse.coo_array((np.ones(len(joins), bool), (joins[:, 0], joins[:, 1])), (self.count + 1,) * 2)
        whole = csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
        first = np.full(int(whole.max()) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, whole, np.concatenate(self.first))
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))  # nobody's entry has -1 and stays 0
        whole = rank[whole]
        owner = np.zeros(len(first), np.int64)
        owner[whole] = np.concatenate(self.owner)
        crumb = np.bincount(whole, np.concatenate(self.size)) < self.least
        crumb[0] = False
        heir = self._heirs(whole, crumb, regions)
        kept = np.flatnonzero(~crumb)
        number = np.zeros(len(first), np.int32)
        number[kept] = np.arange(len(kept))
        number[crumb] = number[heir[crumb]]
        return number[whole], owner[kept]

    def _heirs(
        self, whole: NDArray[np.int64], crumb: NDArray[np.bool_], regions: Sequence[Region]
    ) -> NDArray[np.int64]:
        """Return for each crumb the piece, or the air, that it shares most faces with; of several, the last."""
        heir = np.zeros(len(crumb), np.int64)
        if crumb.any():
            contacts = np.concatenate([self._contacts(whole, crumb, region) for region in regions])
            pairs, faces = np.unique(contacts, axis=0, return_counts=True)
            order = np.argsort(faces, kind="stable")  # the most faces come last and win
            heir[pairs[order, 0]] = pairs[order, 1]
        return heir

    def _contacts(self, whole: NDArray[np.int64], crumb: NDArray[np.bool_], region: Region) -> NDArray[np.int64]:
        """Return one row (crumb, neighbour) for each face between a crumb's voxel in a region and what is no crumb."""
        wide = tuple(
            slice(max(axis.start - 1, 0), min(axis.stop + 1, length))
            for axis, length in zip(region, self.pieces.shape, strict=True)
        )
        around = whole[np.asarray(self.pieces[wide])]
        places = np.argwhere(crumb[around])
        low = [axis.start - other.start for axis, other in zip(region, wide, strict=True)]
        high = [axis.stop - other.start for axis, other in zip(region, wide, strict=True)]
        places = places[((places >= low) & (places < high)).all(axis=1)]
        found = [np.empty((0, 2), np.int64)]
        for axis, sign in itertools.product(range(3), (-1, 1)):
            beside = places.copy()
            beside[:, axis] += sign
            within = (beside[:, axis] >= 0) & (beside[:, axis] < around.shape[axis])
            rows = np.stack([around[tuple(places[within].T)], around[tuple(beside[within].T)]], axis=1)
            found.append(rows[~crumb[rows[:, 1]]])
        return np.concatenate(found)


def _joins(before: Labels, after: Labels, owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pairs of pieces of one number that touch across a face between blocks."""
    same = (before > 0) & (owner[before] == owner[after])
    return np.unique(np.stack([before[same], after[same]], axis=1), axis=0).astype(np.int64)
