"""Cells that come one at a time, put together: no voxel belongs to two of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import LabelsError
from mesophyll.labels import Labels

__all__ = ["Union"]


class Union:
    """A labelling that grows by a cell at a time.

    Parameters
    ----------
    shape
        The number of voxels along each axis.

    Attributes
    ----------
    labels
        int32: 0 where no cell is, else the cells' numbers 1, 2, 3, ... in the order in which they came.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.labels: Labels = np.zeros(shape, np.int32)
        self._names = [""]

    def add(self, region: Any, mask: NDArray[np.bool_], name: str) -> None:
        """Add a cell within a region; ``name`` is what errors call it.

        Raises
        ------
        LabelsError
            Where it overlaps an earlier one; it names both and the first voxel that they share.
        """
        where = np.zeros(self.labels.shape, bool)
        where[region] = mask
        twice = where & (self.labels > 0)
        if twice.any():
            first = tuple(int(index) for index in np.argwhere(twice)[0])
            raise LabelsError(
                f"{self._names[self.labels[first]]} and {name} share {int(twice.sum())} voxels, {_told(first)}",
                "a voxel belongs to one cell",
                "draw the border between them anew",
            )
        self._names.append(name)
        self.labels[where] = len(self._names) - 1


def _told(voxel: tuple[int, ...]) -> str:
    """Name a voxel as ImageJ does: slices from 1, pixels from 0."""
    *slices, y, x = voxel
    return f"the first at x {x}, y {y}" + "".join(f" of slice {z + 1}" for z in slices)
