"""What every part of a leaf can do: say which cells it may have, and claim its voxels in any box of the volume."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.phantom.grid import Grid

__all__ = ["Part"]


class Part(Protocol):
    """A part of a leaf: stomata, a vein, the mesophyll. First come, first served: none takes what another has."""

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each of its cells, shape (cells,): codes of `mesophyll.tissues`."""

    def fill(self, numbers: Labels, free: NDArray[np.bool_], grid: Grid, first: int) -> None:
        """Claim voxels.

        What it writes to a voxel must depend on the voxel's place alone, not on the box that it is asked for.

        Parameters
        ----------
        numbers
            Shape (Z, Y, X) of the box, written to: the voxels of cell i become ``first + i``.
        free
            Shape (Z, Y, X), written to: the voxels inside the leaf that nobody has claimed; those claimed here, as cells or
            as air, become false.
        grid
            The box.
        first
            The number of the first cell.
        """
