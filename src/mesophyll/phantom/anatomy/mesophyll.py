"""Between the skins: cells and air, whichever way the cells were made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.phantom.anatomy import palisade, spongy
from mesophyll.phantom.anatomy.bodies import REACH_UM, Body, Pressed, lumps
from mesophyll.phantom.anatomy.description import Anatomy
from mesophyll.phantom.anatomy.frame import Frame
from mesophyll.phantom.anatomy.junctions import Opening, Parted
from mesophyll.phantom.grid import Grid
from mesophyll.phantom.ranges import draw

__all__ = ["Maker", "Mesophyll", "grow", "settle"]

SAMPLES = 300_000
"""So many voxels tell how far cells must swell."""

UNEVEN_UM = 0.45
"""How uneven the outlines of cells are."""


class Maker(Protocol):
    """A way of making cells: whose each place is, and how far it lies outside that cell."""

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, shape (cells,)."""

    @property
    def limits_um(self) -> tuple[float, float]:
        """The least and the greatest level that makes sense."""

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


def grow(
    rngs: list[np.random.Generator], anatomy: Anatomy, frame: Frame, cleared: Callable[[list[Body]], list[Body]]
) -> Maker:
    """Draw the cells, in one of the two ways of making them.

    Parameters
    ----------
    rngs
        Three streams: of the columns, of the spongy cells, and of what all cells share.
    anatomy
        What the cells are like.
    frame
        Where the leaf is.
    cleared
        Leaves out the cells for which there is no place.
    """
    of_columns, of_spongy, of_all = rngs
    grown = of_all.uniform() < anatomy.grown
    share = draw(of_all, anatomy.palisade.share)
    columns = cleared(palisade.grow(of_columns, anatomy.palisade, frame, share))
    bumps = lumps(of_all, UNEVEN_UM)
    if grown:
        sponge = cleared(spongy.cluster(of_spongy, anatomy.spongy, frame, share))
        return Parted(columns + sponge, bumps, frame, _opening(of_all, anatomy, share))
    sponge = cleared(spongy.grow(of_spongy, anatomy.spongy, frame, share, columns))
    return Pressed(columns + sponge, bumps, max(REACH_UM, 0.12 * anatomy.spongy.distance_um[1]))


def _opening(rng: np.random.Generator, anatomy: Anatomy, share: float) -> Opening:
    """Draw how grown tissue comes apart: the smaller the bodies, the more lobed."""
    return Opening(
        top=rng.uniform(0.3, 0.45) if share > 0 else 1.0,
        columns=rng.uniform(0.8, 1.0) if share > 0 else 1.0,
        knee=max(share, 0.1),
        lobed=min(1.4 - draw(rng, anatomy.spongy.body) ** 2, 0.85),
        links=0.7 + 0.3 * draw(rng, anatomy.spongy.links),
        paradermal=draw(rng, anatomy.spongy.paradermal),
    )


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
    return Mesophyll(maker, float(np.clip(level, *maker.limits_um)))
