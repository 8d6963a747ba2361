"""The user's cells: which of them are whole, and which were traced on single planes and go on beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fastremap
import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region
from mesophyll.labels import Labels

__all__ = ["Given", "at_home", "sort_out"]


@dataclass(frozen=True)
class Given:
    """The user's cells in a region, 0 elsewhere.

    Parameters
    ----------
    whole
        Those that are there in full: nothing is added to them.
    traced
        Those of which only planes are there: they grow, and keep what they are.
    """

    whole: Labels
    traced: Labels

    def within(self, box: Region, mask: NDArray[np.bool_]) -> Given:
        """Return what of them lies in a box, and there in a mask."""
        return Given(np.where(mask, self.whole[box], 0), np.where(mask, self.traced[box], 0))

    @property
    def spoken(self) -> NDArray[np.bool_]:
        """The voxels of which the cells say whose they are: all for whole ones, else the planes that were traced on."""
        if self.whole.any() or not self.traced.any():
            return np.ones(self.whole.shape, bool)
        axis = _plane_axis(self.traced)
        others = tuple(other for other in range(self.traced.ndim) if other != axis)
        return np.broadcast_to((self.traced > 0).any(axis=others, keepdims=True), self.traced.shape)

    @property
    def profiles(self) -> tuple[int, dict[int, NDArray[np.int64]]]:
        """The axis across which cells were traced, and for each traced cell its planes."""
        axis = _plane_axis(self.traced)
        voxels = np.nonzero(self.traced)
        pairs = np.unique(np.stack([self.traced[voxels], voxels[axis]]), axis=1)
        return axis, {int(number): pairs[1, pairs[0] == number] for number in np.unique(pairs[0])}

    def sizes_vox(self) -> NDArray[np.float64]:
        """Return the size of each cell in voxels; a traced one is taken to be as deep as it is wide."""
        whole = _areas(self.whole)
        if whole.size or self.traced.ndim == 2:
            return whole
        planes = np.moveaxis(self.traced, _plane_axis(self.traced), 0)
        largest = [area for plane in planes for area in _areas(plane)]
        return np.array(largest, np.float64) ** 1.5


def sort_out(cells: Labels) -> Given:
    """Tell whole cells of a volume from traced ones: along some axis, no two voxels of a traced cell are neighbours.

    In an image all cells are whole.
    """
    if cells.ndim == 2:
        return Given(cells, np.zeros_like(cells))
    numbers = fastremap.unique(cells)
    thick = [np.unique(_neighbours(cells, axis)) for axis in range(3)]
    whole = [n for n in numbers[numbers > 0] if all(n in along for along in thick)]
    is_whole = np.isin(cells, whole)
    return Given(np.where(is_whole, cells, 0), np.where(is_whole, 0, cells))


def at_home(cells: Labels, tissue: NDArray[Any]) -> NDArray[np.int16]:
    """Return for each voxel the tissue in which most of its cell lies; 0 where no cell is."""
    numbers, place = np.unique(cells, return_inverse=True)
    place = place.reshape(-1)
    codes = np.maximum(tissue, 0).reshape(-1).astype(np.int64)
    most = int(codes.max(initial=0)) + 1
    votes = np.bincount(place * most + codes, minlength=len(numbers) * most).reshape(len(numbers), most)
    home = np.where(numbers > 0, votes.argmax(axis=1), 0).astype(np.int16)
    return home[place].reshape(cells.shape)


def _neighbours(cells: Labels, axis: int) -> Labels:
    """Return the numbers of voxels whose neighbour along an axis has the same."""
    before: tuple[Any, ...] = (*(slice(None),) * axis, slice(None, -1))
    after: tuple[Any, ...] = (*(slice(None),) * axis, slice(1, None))
    found: Labels = cells[before][cells[before] == cells[after]]
    return found


def _plane_axis(traced: Labels) -> int:
    """Return the axis across which cells were traced: the one along which fewest of their voxels are neighbours."""
    return int(np.argmin([np.count_nonzero(_neighbours(traced, axis)) for axis in range(traced.ndim)]))


def _areas(cells: Labels) -> NDArray[np.float64]:
    numbers, counts = np.unique(cells[cells > 0], return_counts=True)
    return counts[numbers > 0].astype(np.float64)
