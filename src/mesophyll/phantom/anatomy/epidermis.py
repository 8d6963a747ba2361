"""The two skins of a leaf: one layer of pavement cells each, jigsaw edges, walls that swell outwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.phantom.anatomy.description import Epidermis
from mesophyll.phantom.anatomy.fields import Floats, Waves, nearest, scatter
from mesophyll.phantom.anatomy.frame import Frame
from mesophyll.phantom.ranges import draw

__all__ = ["Skin", "SkinMap", "fill", "grow", "on_grid"]

MARGIN_UM = 45.0
"""How far beyond the volume cells are still laid out, so that the cells at its border have neighbours."""

SHOULDER_UM = 11.0
"""How far from a cell's edge its outer wall has swollen to the full."""


@dataclass(frozen=True)
class Skin:
    """One epidermis.

    Parameters
    ----------
    seeds
        The middles of its cells in the leaf's plane, shape (cells, 2), in µm, before the stretch.
    stretch
        By how much the cells are longer along z than along x.
    jigsaw
        How outlines wave, along z and along x.
    slant
        How far walls lean along z and along x, for each µm of depth.
    outward, inward
        How far each cell's outer and inner wall swell, shape (cells,), in µm.
    """

    seeds: Floats
    stretch: float
    jigsaw: tuple[Waves, Waves]
    slant: tuple[Waves, Waves]
    outward: Floats
    inward: Floats


@dataclass(frozen=True)
class SkinMap:
    """A skin on the grid of the leaf's plane: everything of the shape (Z, X).

    Parameters
    ----------
    cell
        The index of the cell, from 0.
    outward_um, inward_um
        How far the outer and the inner wall swell here.
    slant
        How far the walls lean along z and along x for each µm of depth, shape (2, Z, X).
    """

    cell: NDArray[np.int32]
    outward_um: Floats
    inward_um: Floats
    slant: Floats


def grow(rng: np.random.Generator, epidermis: Epidermis, frame: Frame, thickness_um: float) -> Skin:
    """Draw one epidermis; its walls swell less where it is thin."""
    deep, _, wide = frame.extent_um
    stretch = draw(rng, epidermis.elongation)
    low, high = np.array([-MARGIN_UM, -MARGIN_UM]), np.array([deep, wide]) + MARGIN_UM
    low[0], high[0] = low[0] / stretch, high[0] / stretch
    seeds = scatter(rng, low, high, draw(rng, epidermis.width_um), rounds=1)
    wave = draw(rng, epidermis.jigsaw_um)
    jigsaw = (Waves.random(rng, wave, (12.0, 26.0), 8), Waves.random(rng, wave, (12.0, 26.0), 8))
    slant = (Waves.random(rng, 0.12, (25.0, 60.0)), Waves.random(rng, 0.12, (25.0, 60.0)))
    swell = draw(rng, epidermis.bulge_um) * min(thickness_um / 15.0, 1.0)
    outward = swell * rng.uniform(0.6, 1.4, len(seeds))
    inward = swell * rng.uniform(0.3, 1.3, len(seeds))
    return Skin(seeds, stretch, jigsaw, slant, outward, inward)


def on_grid(skin: Skin, z: Floats, x: Floats) -> SkinMap:
    """Evaluate a skin at places ``z`` (Z, 1) and ``x`` (1, X), in µm."""
    warped_z, warped_x = z + skin.jigsaw[0](z, x), x + skin.jigsaw[1](z, x)
    places = np.stack(np.broadcast_arrays(warped_z / skin.stretch, warped_x), axis=-1)
    distances, cells = nearest(skin.seeds, places.reshape(-1, 2), 2)
    first, second = distances.T.reshape(2, *places.shape[:-1])
    cell, other = cells.T.reshape(2, *places.shape[:-1])
    between = np.linalg.norm(skin.seeds[cell] - skin.seeds[other], axis=-1)
    edge = (second**2 - first**2) / (2 * between)  # the distance to the wall, µm
    rest = 1 - np.minimum(edge / SHOULDER_UM, 1)
    dome = np.sqrt(1 - rest**2)
    slant = np.stack([np.broadcast_to(part(z, x), cell.shape) for part in skin.slant])
    return SkinMap(cell.astype(np.int32), skin.outward[cell] * dome, skin.inward[cell] * dome, slant)


@numba.njit(cache=True, nogil=True)
def fill(labels: Any, outer: Any, inner: Any, cell: Any, slant: Any, spacing: Any) -> Any:
    """Number the voxels between two faces, in either order, by the cell at their place; all maps are (Z, X)."""
    deep, high, wide = labels.shape
    for k in range(deep):
        for i in range(wide):
            top, bottom = min(outer[k, i], inner[k, i]), max(outer[k, i], inner[k, i])
            start = max(int(np.ceil(top / spacing[1] - 0.5)), 0)
            stop = min(int(np.ceil(bottom / spacing[1] - 0.5)), high)
            for j in range(start, stop):
                depth = abs((j + 0.5) * spacing[1] - outer[k, i])
                kk = round(k + slant[0, k, i] * depth / spacing[0])
                ii = round(i + slant[1, k, i] * depth / spacing[2])
                labels[k, j, i] = cell[min(max(kk, 0), deep - 1), min(max(ii, 0), wide - 1)]
