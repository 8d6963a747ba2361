"""A leaf in µm, and which cell of it each voxel of a box would belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.anatomy.epidermis import Skin
from mesophyll.phantom.anatomy.part import Part
from mesophyll.phantom.crystal import Crystal
from mesophyll.phantom.grid import Grid

__all__ = ["Leaf", "Numbered"]


@dataclass(frozen=True)
class Numbered:
    """A box of a leaf before its cells are looked at one by one: all arrays (Z, Y, X).

    Parameters
    ----------
    numbers
        0 nobody, 1, 2, ... the cells of skins and parts in their order; a number may have several pieces, or none.
    inside
        The leaf.
    free
        What nobody has claimed of it.
    """

    numbers: Labels
    inside: NDArray[np.bool_]
    free: NDArray[np.bool_]


@dataclass(frozen=True)
class Leaf:
    """A leaf in µm.

    Parameters
    ----------
    skins
        The upper and the lower epidermis, between whose outer faces the leaf is.
    parts
        What lies within, in the order in which it claims its place; stomata come first and take theirs from the skins.
    crystals
        What idioblasts hold.
    """

    skins: tuple[Skin, Skin]
    parts: tuple[Part, ...]
    crystals: tuple[Crystal, ...] = ()

    @property
    def tissue_of(self) -> NDArray[np.uint8]:
        """The tissue of each number; 0 is background."""
        nobody = np.array([tissues.BACKGROUND], np.uint8)
        return np.concatenate([nobody, *(skin.tissue for skin in self.skins), *(part.tissue for part in self.parts)])

    def number(self, grid: Grid) -> Numbered:
        """Put the leaf on a box of voxels. Every voxel is as it would be in any other box."""
        numbers = np.zeros(grid.shape, dtype=np.int32)
        sheets = [skin.lay(grid) for skin in self.skins]
        y = grid.centres(1)[None, :, None]
        inside = (y >= sheets[0].outer[:, None, :]) & (y < sheets[1].outer[:, None, :])
        free = inside.copy()
        first = 1
        for sheet, skin in zip(sheets, self.skins, strict=True):
            sheet.fill(numbers, free, grid, first)
            first += len(skin.tissue)
        for part in self.parts:
            part.fill(numbers, free, grid, first)
            first += len(part.tissue)
        return Numbered(numbers, inside, free)
