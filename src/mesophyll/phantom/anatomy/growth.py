"""How a leaf grows: every part is drawn in µm, from a stream of its own, before the first voxel is looked at.

So the same seed in a volume of the same size is the same leaf at any voxel size.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mesophyll.phantom.anatomy import bodies, epidermis, palisade, spongy, veins
from mesophyll.phantom.anatomy.description import Anatomy
from mesophyll.phantom.anatomy.frame import lay
from mesophyll.phantom.anatomy.leaf import Leaf
from mesophyll.phantom.anatomy.mesophyll import settle
from mesophyll.phantom.ranges import draw

__all__ = ["grow"]


def grow(rng: np.random.Generator, anatomy: Anatomy, extent_um: tuple[float, float, float]) -> Leaf:
    """Draw a leaf for a volume of the given edge lengths (Z, Y, X)."""
    of_frame, of_upper, of_lower, of_veins, of_columns, of_spongy, of_rest = rng.spawn(7)
    frame = lay(of_frame, anatomy.blade, anatomy.epidermis, extent_um)
    upper = epidermis.grow(of_upper, anatomy.epidermis, frame, lower=False)
    lower = epidermis.grow(of_lower, anatomy.epidermis, frame, lower=True)
    bundles = veins.grow(of_veins, anatomy.veins, frame)
    share = draw(of_rest, anatomy.palisade.share)
    columns = _clear(palisade.grow(of_columns, anatomy.palisade, frame, share), bundles)
    sponge = _clear(spongy.grow(of_spongy, anatomy.spongy, frame, share, columns), bundles)
    cells = bodies.Pressed(columns + sponge, bodies.lumps(of_rest, 0.45))
    before = Leaf((upper, lower), tuple(bundles))
    tissue = settle(cells, draw(of_rest, anatomy.porosity), extent_um, lambda grid: before.number(grid).free)
    return replace(before, parts=(*before.parts, tissue))


def _clear(cells: list[bodies.Body], grown: list[veins.Vein]) -> list[bodies.Body]:
    """Leave out the cells whose middle lies in a vein or at its surface."""
    if not (cells and grown):
        return cells
    middles = np.stack([body.middle for body in cells])
    apart = np.min([each.distance(middles) for each in grown], axis=0)
    return [body for body, gap in zip(cells, apart, strict=True) if gap > 2.5]
