"""How a leaf grows: every part is drawn in µm, from a stream of its own, before the first voxel is looked at.

So the same seed in a volume of the same size is the same leaf at any voxel size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mesophyll.phantom.anatomy import bodies, epidermis, idioblasts, mesophyll, stomata, veins, venation
from mesophyll.phantom.anatomy.description import Anatomy
from mesophyll.phantom.anatomy.frame import lay
from mesophyll.phantom.anatomy.leaf import Leaf
from mesophyll.phantom.ranges import draw

__all__ = ["grow"]


def grow(rng: np.random.Generator, anatomy: Anatomy, extent_um: tuple[float, float, float]) -> Leaf:
    """Draw a leaf for a volume of the given edge lengths (Z, Y, X)."""
    of_frame, of_upper, of_lower, of_veins, of_columns, of_spongy, of_rest, of_pores, of_ovals = rng.spawn(9)
    courses = venation.lay(of_veins, anatomy.veins, extent_um)
    ribs = venation.ribs(of_veins, anatomy.veins, courses)
    frame = lay(of_frame, anatomy.blade, anatomy.epidermis, extent_um, ribs)
    bundles = veins.grow(of_veins, anatomy.veins, frame, courses)
    above, below = (stomata.grow(of_pores, anatomy.stomata, frame, bundles, lower=lower) for lower in (False, True))
    upper = epidermis.grow(of_upper, anatomy.epidermis, frame, above, courses)
    lower = epidermis.grow(of_lower, anatomy.epidermis, frame, below, courses)
    share = float(np.mean(anatomy.palisade.share))
    ovals = idioblasts.grow(of_ovals, anatomy.idioblasts, frame, share, [*bundles, above, below])
    grown: list[idioblasts.Occupied] = [*bundles, above, below, ovals]
    porosity = draw(of_rest, anatomy.porosity)
    streams = [of_columns, of_spongy, of_rest]
    cells = mesophyll.grow(streams, anatomy, frame, lambda drawn: _clear(drawn, grown))
    before = Leaf((upper, lower), (above, below, *bundles, ovals), ovals.crystals)
    tissue = mesophyll.settle(cells, porosity, extent_um, lambda grid: before.number(grid).free)
    return replace(before, parts=(*before.parts, tissue))


def _clear(cells: list[bodies.Body], grown: Sequence[idioblasts.Occupied]) -> list[bodies.Body]:
    """Leave out the cells whose middle lies in a part that has its place already, or at its surface."""
    if not cells:
        return cells
    middles = np.stack([body.middle for body in cells])
    apart = np.min([each.distance(middles) for each in grown], axis=0)
    return [body for body, gap in zip(cells, apart, strict=True) if gap > 2.5]
