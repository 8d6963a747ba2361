"""The two skins of a leaf: one layer of pavement cells each, jigsaw edges, walls that swell outwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.anatomy.description import Epidermis
from mesophyll.phantom.anatomy.fields import Waves, nearest, scatter
from mesophyll.phantom.anatomy.frame import Frame
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.ranges import draw

__all__ = ["Sheet", "Skin", "grow"]

MARGIN_UM = 45.0
"""How far beyond the volume cells are still laid out, so that the cells at its border have neighbours."""

SHOULDER_UM = 11.0
"""How far from a cell's edge its outer wall has swollen to the full."""


@dataclass(frozen=True)
class Skin:
    """One epidermis.

    Parameters
    ----------
    frame
        The leaf's faces.
    lower
        Whether it is the lower epidermis.
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

    frame: Frame
    lower: bool
    seeds: Floats
    stretch: float
    jigsaw: tuple[Waves, Waves]
    slant: tuple[Waves, Waves]
    outward: Floats
    inward: Floats

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, shape (cells,)."""
        code = tissues.LOWER_EPIDERMIS if self.lower else tissues.UPPER_EPIDERMIS
        return np.full(len(self.seeds), code, dtype=np.uint8)

    def lay(self, grid: Grid) -> Sheet:
        """Return where the skin is in a box."""
        z, x = grid.plane
        cell, dome = self._cells(z, x)
        if self.lower:
            outer = self.frame.lower_outer(z, x) + self.outward[cell] * dome
            inner = self.frame.lower_inner(z, x) - self.inward[cell] * dome
        else:
            outer = self.frame.upper_outer(z, x) - self.outward[cell] * dome
            inner = self.frame.upper_inner(z, x) + self.inward[cell] * dome
        slant = np.stack([np.broadcast_to(part(z, x), cell.shape) for part in self.slant])
        # Walls lean out of the box: the cells around it are asked for as well.
        reach = np.abs(slant).max(initial=0) * np.abs(outer - inner).max(initial=0)
        margin = int(np.ceil(reach / grid.step[0])) + 1, int(np.ceil(reach / grid.step[2])) + 1
        around = grid.widen((margin[0], 0, margin[1]))
        return Sheet(outer, inner, slant, self._cells(*around.plane)[0], margin)

    def _cells(self, z: Floats, x: Floats) -> tuple[NDArray[np.int32], Floats]:
        """Return the cell at each place, and how much its walls have swollen there, between 0 and 1."""
        warped_z, warped_x = z + self.jigsaw[0](z, x), x + self.jigsaw[1](z, x)
        places = np.stack(np.broadcast_arrays(warped_z / self.stretch, warped_x), axis=-1)
        distances, cells = nearest(self.seeds, places.reshape(-1, 2), 2)
        first, second = distances.T.reshape(2, *places.shape[:-1])
        cell, other = cells.T.reshape(2, *places.shape[:-1])
        between = np.linalg.norm(self.seeds[cell] - self.seeds[other], axis=-1)
        edge = (second**2 - first**2) / (2 * between)  # the distance to the wall, µm
        rest = 1 - np.minimum(edge / SHOULDER_UM, 1)
        return cell.astype(np.int32), np.sqrt(1 - rest**2)


@dataclass(frozen=True)
class Sheet:
    """A skin in a box: maps of the shape (Z, X).

    Parameters
    ----------
    outer, inner
        The heights y of its two faces in µm.
    slant
        How far the walls lean along z and along x for each µm of depth, shape (2, Z, X).
    cell, margin
        The index of the cell, from 0, in a plane wider by so many voxels on either side.
    """

    outer: Floats
    inner: Floats
    slant: Floats
    cell: NDArray[np.int32]
    margin: tuple[int, int]

    def fill(self, numbers: Labels, free: NDArray[np.bool_], grid: Grid, first: int) -> None:
        """Claim the free voxels between the two faces, see `Part`."""
        faces = np.stack([self.outer, self.inner])
        _fill(numbers, free, faces, self.slant, self.cell + np.int32(first), (self.margin, grid.step, grid.start[1]))


def grow(rng: np.random.Generator, epidermis: Epidermis, frame: Frame, *, lower: bool) -> Skin:
    """Draw one epidermis; its walls swell less where it is thin."""
    deep, _, wide = frame.extent_um
    thickness_um = frame.lower_um if lower else frame.upper_um
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
    return Skin(frame, lower, seeds, stretch, jigsaw, slant, outward, inward)


@numba.njit(cache=True, nogil=True)
def _fill(numbers: Any, free: Any, faces: Any, slant: Any, cell: Any, place: Any) -> Any:
    """Number the free voxels between two faces, in either order, by the cell at their place."""
    margin, step, low = place
    deep, high, wide = numbers.shape
    for k in range(deep):
        for i in range(wide):
            outer = faces[0, k, i]
            top, bottom = min(outer, faces[1, k, i]), max(outer, faces[1, k, i])
            start = max(int(np.ceil(top / step[1] - 0.5)) - low, 0)
            stop = min(int(np.ceil(bottom / step[1] - 0.5)) - low, high)
            for j in range(start, stop):
                if free[k, j, i]:
                    depth = abs((low + j + 0.5) * step[1] - outer)
                    dk = round(slant[0, k, i] * depth / step[0])
                    di = round(slant[1, k, i] * depth / step[2])
                    numbers[k, j, i] = cell[margin[0] + k + dk, margin[1] + i + di]
                    free[k, j, i] = False
