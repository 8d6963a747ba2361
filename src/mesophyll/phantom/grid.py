"""A box of voxels in a leaf's volume: which places in µm its voxels stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.volume import Spacing

__all__ = ["Floats", "Grid"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """A box of voxels, axes (Z, Y, X).

    Parameters
    ----------
    shape
        The number of voxels.
    spacing_um
        The voxel's edge lengths.
    start
        The first voxel; the volume's own is (0, 0, 0). A box may reach beyond the volume.
    """

    shape: tuple[int, int, int]
    spacing_um: Spacing
    start: tuple[int, int, int] = (0, 0, 0)

    @property
    def step(self) -> Floats:
        """The voxel's edge lengths, shape (3,)."""
        return np.asarray(self.spacing_um, dtype=float)

    @property
    def corner_um(self) -> Floats:
        """The centre of the first voxel, shape (3,), in µm from the volume's corner."""
        return np.asarray((np.asarray(self.start) + 0.5) * self.step)

    def centres(self, axis: int) -> Floats:
        """Return the voxels' centres along an axis, in µm from the volume's corner."""
        start, count = self.start[axis], self.shape[axis]
        return np.asarray((np.arange(start, start + count) + 0.5) * self.spacing_um[axis])

    @property
    def plane(self) -> tuple[Floats, Floats]:
        """The places z, shape (Z, 1), and x, shape (1, X), of the box's columns in the leaf's plane."""
        return self.centres(0)[:, None], self.centres(2)[None, :]

    def widen(self, margin: tuple[int, int, int]) -> Grid:
        """Return the box with so many voxels more on either side."""
        shape = tuple(count + 2 * more for count, more in zip(self.shape, margin, strict=True))
        start = tuple(first - more for first, more in zip(self.start, margin, strict=True))
        return Grid((shape[0], shape[1], shape[2]), self.spacing_um, (start[0], start[1], start[2]))
