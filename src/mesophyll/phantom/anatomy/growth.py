"""How a leaf grows: every part is drawn in µm, from a stream of its own, before the first voxel is looked at.

So the same seed in a volume of the same size is the same leaf at any voxel size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.phantom.anatomy import bodies, epidermis, palisade, spongy, veins
from mesophyll.phantom.anatomy.description import Anatomy
from mesophyll.phantom.anatomy.frame import Frame, lay
from mesophyll.phantom.ranges import draw

__all__ = ["Leaf", "grow"]


@dataclass(frozen=True)
class Leaf:
    """A leaf in µm.

    Parameters
    ----------
    frame
        Its faces.
    skins
        The upper and the lower epidermis.
    veins
        None or more.
    cells
        The palisade and the spongy cells.
    bumps
        What makes the cells' outlines uneven.
    porosity
        The share of air in the mesophyll.
    """

    frame: Frame
    skins: tuple[epidermis.Skin, epidermis.Skin]
    veins: list[veins.Vein]
    cells: list[bodies.Body]
    bumps: NDArray[np.float32]
    porosity: float


def grow(rng: np.random.Generator, anatomy: Anatomy, extent_um: tuple[float, float, float]) -> Leaf:
    """Draw a leaf for a volume of the given edge lengths (Z, Y, X)."""
    of_frame, of_upper, of_lower, of_veins, of_columns, of_spongy, of_rest = rng.spawn(7)
    frame = lay(of_frame, anatomy.blade, anatomy.epidermis, extent_um)
    upper = epidermis.grow(of_upper, anatomy.epidermis, frame, frame.upper_um)
    lower = epidermis.grow(of_lower, anatomy.epidermis, frame, frame.lower_um)
    bundles = veins.grow(of_veins, anatomy.veins, frame)
    share = draw(of_rest, anatomy.palisade.share)
    columns = _clear(palisade.grow(of_columns, anatomy.palisade, frame, share), bundles, frame)
    sponge = _clear(spongy.grow(of_spongy, anatomy.spongy, frame, share, columns), bundles, frame)
    bumps = bodies.lumps(of_rest, 0.45)
    return Leaf(frame, (upper, lower), bundles, columns + sponge, bumps, draw(of_rest, anatomy.porosity))


def _clear(cells: list[bodies.Body], grown: list[veins.Vein], frame: Frame) -> list[bodies.Body]:
    """Leave out the cells whose middle lies in a vein or at its surface."""
    if not (cells and grown):
        return cells
    middles = np.stack([body.middle for body in cells])
    apart = np.min([veins.distance(each, frame, middles) for each in grown], axis=0)
    return [body for body, gap in zip(cells, apart, strict=True) if gap > 2.5]
