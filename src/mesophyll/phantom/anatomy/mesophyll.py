"""Between the skins: cells and air, whichever way the cells were made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.phantom.anatomy.bodies import REACH_UM
from mesophyll.phantom.grid import Grid

__all__ = ["Maker", "Mesophyll", "settle"]

SAMPLES = 300_000
"""So many voxels tell how far cells must swell."""


class Maker(Protocol):
    """A way of making cells: whose each place is, and how far it lies outside that cell."""

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, shape (cells,)."""

    def distance(self, free: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return owner (-1 nobody) and distance in µm (negative inside), both (Z, Y, X); see `bodies.Pressed`."""


@dataclass(frozen=True)
class Mesophyll:
    """The cells of the mesophyll, swollen or shrunk together until the air's share is as drawn.

    Parameters
    ----------
    maker
        The cells.
    level_um
        What lies less far outside a cell belongs to it.
    """

    maker: Maker
    level_um: float

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, shape (cells,)."""
        return self.maker.tissue

    def fill(self, numbers: Labels, free: NDArray[np.bool_], grid: Grid, first: int) -> None:
        """Claim the cells' voxels, see `Part`; what is left is airspace."""
        owner, distance = self.maker.distance(free, grid)
        held = free & (owner >= 0) & (distance < self.level_um)
        numbers[held] = owner[held] + first
        free &= ~held


def settle(
    maker: Maker, porosity: float, extent_um: tuple[float, float, float], left: Callable[[Grid], NDArray[np.bool_]]
) -> Mesophyll:
    """Choose how far the cells swell, from an even sample of the volume.

    Parameters
    ----------
    maker
        The cells.
    porosity
        The share of air.
    extent_um
        The volume's edge lengths.
    left
        Returns the voxels of a box that other parts have left to the mesophyll.
    """
    step = max((float(np.prod(extent_um)) / SAMPLES) ** (1 / 3), 0.5)
    deep, high, wide = (max(round(length / step), 1) for length in extent_um)
    grid = Grid((deep, high, wide), (extent_um[0] / deep, extent_um[1] / high, extent_um[2] / wide))
    free = left(grid)
    if not free.any():
        return Mesophyll(maker, 0.0)
    level = np.quantile(maker.distance(free, grid)[1][free], 1 - porosity)
    return Mesophyll(maker, float(np.clip(level, -1.5, REACH_UM - 0.2)))
