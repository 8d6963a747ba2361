"""The two skins of a leaf: one layer of pavement cells each, whose lobes interlock and whose walls swell outwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.anatomy.description import Epidermis
from mesophyll.phantom.anatomy.fields import Waves, nearest, scatter
from mesophyll.phantom.anatomy.frame import Frame
from mesophyll.phantom.anatomy.stomata import Pores
from mesophyll.phantom.anatomy.venation import Course, lane
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.ranges import draw

__all__ = ["Sheet", "Skin", "grow"]

MARGIN_UM = 45.0
"""How far beyond the volume cells are still laid out, so that the cells at its border have neighbours."""

SHOULDER_UM = 11.0
"""How far from a cell's edge its outer wall has swollen to the full."""

NEIGHBOURS = 8
"""So many seeds about a place are looked at for its cell's walls."""

CORNER_UM = 6.0
"""How far from the corner of three cells lobes have grown to the full."""

LONG, FILES = 2.5, 1.7
"""Cells longer than so many widths lie in files, and how much less steps along a file then count than a cell is long."""


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
        The middles of its cells in the leaf's plane, shape (cells, 2), in µm.
    stretch
        By how much distances along z count less than along x when the nearest seed is looked for.
    warp
        How all outlines waver, along z and along x.
    lobes
        How far lobes reach into neighbours, and how wide they are, in µm.
    phases
        Where on its walls each cell's lobes begin, shape (cells,).
    slant
        How far walls lean along z and along x, for each µm of depth.
    outward, inward
        How far each cell's outer and inner wall swell, shape (cells,), in µm.
    pores
        Its stomata.
    """

    frame: Frame
    lower: bool
    seeds: Floats
    stretch: float
    warp: tuple[Waves, Waves]
    lobes: tuple[float, float]
    phases: Floats
    slant: tuple[Waves, Waves]
    outward: Floats
    inward: Floats
    pores: Pores

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, shape (cells,)."""
        code = tissues.LOWER_EPIDERMIS if self.lower else tissues.UPPER_EPIDERMIS
        return np.full(len(self.seeds), code, dtype=np.uint8)

    def lay(self, grid: Grid) -> Sheet:
        """Return where the skin is in a box."""
        # Walls lean out of the box: the cells around it are asked for as well.
        thickest = self.frame.lower_um if self.lower else self.frame.upper_um
        thickest += float(self.outward.max(initial=0) + self.inward.max(initial=0)) + self.pores.lift_um
        reach = thickest * max(part.most for part in self.slant)
        margin = int(np.ceil(reach / grid.step[0])) + 1, int(np.ceil(reach / grid.step[2])) + 1
        cells, domes = self.cells(*grid.widen((margin[0], 0, margin[1])).plane)
        own = np.s_[margin[0] : -margin[0], margin[1] : -margin[1]]
        cell, dome = cells[own], domes[own]
        z, x = grid.plane
        apart, lift = self.pores.around(z, x)
        outward = self.outward[cell] * dome * _shoulder(apart) + lift
        inward = self.inward[cell] * dome * _shoulder(apart)
        if self.lower:
            outer, inner = self.frame.lower_outer(z, x) + outward, self.frame.lower_inner(z, x) - inward
        else:
            outer, inner = self.frame.upper_outer(z, x) - outward, self.frame.upper_inner(z, x) + inward
        slant = np.stack([np.broadcast_to(part(z, x), cell.shape) for part in self.slant])
        return Sheet(outer, inner, slant, cells, margin)

    def cells(self, z: Floats, x: Floats) -> tuple[NDArray[np.int32], Floats]:
        """Return the cell at each place, and how much its walls have swollen there, between 0 and 1."""
        warped = np.broadcast_arrays(z + self.warp[0](z, x), x + self.warp[1](z, x))
        places = np.stack(warped, axis=-1).reshape(-1, 2)
        squeeze = np.array([1 / self.stretch, 1.0])
        near = nearest(self.seeds * squeeze, places * squeeze, min(NEIGHBOURS, len(self.seeds)))[1]
        cell, edge = _choose(near, places, (self.seeds, self.phases, self.stretch), self.lobes)
        shape = warped[0].shape
        return cell.reshape(shape), _shoulder(edge).reshape(shape)


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


def grow(rng: np.random.Generator, epidermis: Epidermis, frame: Frame, pores: Pores, courses: Sequence[Course]) -> Skin:
    """Draw one epidermis around its stomata; its walls swell less where it is thin.

    Parameters
    ----------
    courses
        The veins: bulliform cells lie between them.
    """
    width, stretch = draw(rng, epidermis.width_um), draw(rng, epidermis.elongation)
    seeds = _seeds(rng, frame, width, stretch)
    seeds = _beside(seeds, pores, 0.3 * width, width * np.array([max(stretch, 1.0), 1.0]))
    swollen = np.zeros(len(seeds))
    if not pores.lower:
        swollen = _bulliform(seeds, draw(rng, epidermis.bulliform), courses)
        spared = (swollen == 0) | (rng.uniform(size=len(seeds)) < 0.6)  # fewer cells are larger ones
        seeds, swollen = seeds[spared], swollen[spared]
    lobe = min(draw(rng, epidermis.jigsaw_um), 0.2 * width)
    waver = 0.5 + 0.2 * lobe
    warp = (Waves.random(rng, waver, (14.0, 40.0), 8), Waves.random(rng, waver, (14.0, 40.0), 8))
    slant = (Waves.random(rng, 0.12, (25.0, 60.0)), Waves.random(rng, 0.12, (25.0, 60.0)))
    thickness_um = frame.lower_um if pores.lower else frame.upper_um
    swell = draw(rng, epidermis.bulge_um) * min(thickness_um / 15.0, 1.0)
    return Skin(
        frame=frame,
        lower=pores.lower,
        seeds=seeds,
        stretch=FILES * stretch if stretch > LONG else stretch,
        warp=warp,
        lobes=(lobe, draw(rng, epidermis.lobe_um)),
        phases=rng.uniform(0, 2 * np.pi, len(seeds)),
        slant=slant,
        outward=swell * rng.uniform(0.6, 1.4, len(seeds)),
        inward=swell * rng.uniform(0.3, 1.3, len(seeds)) + swollen * 0.3 * frame.mesophyll_um,
        pores=pores,
    )


def _seeds(rng: np.random.Generator, frame: Frame, width: float, stretch: float) -> Floats:
    """Scatter the middles of cells, or lay them out in files where cells are long."""
    deep, _, wide = frame.extent_um
    margin = np.array([max(stretch, 1.0), 1.0]) * MARGIN_UM
    low, high = -margin, np.array([deep, wide]) + margin
    if stretch <= LONG:
        scale = np.array([stretch, 1.0])
        return np.asarray(scatter(rng, low / scale, high / scale, width, rounds=2) * scale)
    length = width * stretch
    files = np.arange(low[1], high[1], width)
    steps = length * rng.uniform(0.6, 1.4, (len(files), int((high[0] - low[0]) / length / 0.6) + 2))
    z = low[0] + np.cumsum(steps, axis=1) - length * rng.uniform(0, 1, (len(files), 1))
    x = np.broadcast_to((files + width * rng.uniform(-0.15, 0.15, len(files)))[:, None], z.shape)
    return np.asarray(np.column_stack([z.ravel(), x.ravel()])[z.ravel() < high[0]])


def _beside(seeds: Floats, pores: Pores, gap_um: float, cell_um: Floats) -> Floats:
    """Move middles out of stomata and leave out those that then crowd others: what is left surrounds the stomata."""
    moved = pores.clear(seeds, gap_um)
    pairs = cKDTree(moved / cell_um).query_pairs(0.55, output_type="ndarray")
    later = pairs.max(axis=1)[np.any(moved != seeds, axis=1)[pairs].any(axis=1)]
    return np.asarray(np.delete(moved, np.unique(later), axis=0))


def _bulliform(seeds: Floats, share: float, courses: Sequence[Course]) -> Floats:
    """Return how much cells reach into the leaf, from 0 to 1: most in the middle of strips between veins."""
    if share == 0 or not courses:
        return np.zeros(len(seeds))
    off = np.abs(lane(courses, *seeds.T) - 0.5) / (0.5 * share)
    return np.asarray(np.where(off < 1, 1 - 0.6 * off**2, 0.0))


def _shoulder(apart: Floats) -> Floats:
    """Return how much walls have swollen at a distance from a cell's edge."""
    rest = 1 - np.clip(apart / SHOULDER_UM, 0, 1)
    return np.asarray(np.sqrt(1 - rest**2))


@numba.njit(cache=True, nogil=True)
def _choose(near: Any, places: Any, cells: Any, lobes: Any) -> Any:
    """Return the cell at each place, and the distance to its nearest wall in µm."""
    seeds, phases, stretch = cells
    chosen, edge = np.empty(len(places), np.int32), np.empty(len(places))
    for point in range(len(places)):
        z, x = places[point]
        own, other, first, second = near[point, 0], near[point, 0], np.inf, np.inf
        for candidate in near[point, 1:]:
            apart = _wall(z, x, seeds[own], seeds[candidate], stretch)[0]
            if apart < first:
                other, first, second = candidate, apart, first
            elif apart < second:
                second = apart
        reach = min((second - first) / CORNER_UM, 1.0)
        if other != own and lobes[0] > 0.0 and reach > 0.0:
            low, high = min(own, other), max(own, other)
            along = _wall(z, x, seeds[low], seeds[high], stretch)[1]
            wave = np.sin(np.pi * along / lobes[1] + phases[low] + phases[high])
            wave *= 1.5 - 0.5 * wave * wave  # rounder tips, steeper flanks
            first += (1.0 if own == low else -1.0) * lobes[0] * reach * reach * (3.0 - 2.0 * reach) * wave
        chosen[point] = own if first >= 0.0 else other
        edge[point] = min(abs(first), second)
    return chosen, edge


@numba.njit(cache=True, nogil=True)
def _wall(z: Any, x: Any, own: Any, other: Any, stretch: Any) -> Any:
    """Return how far a place lies from the wall between two cells, positive on the first one's side, and where along it."""
    dz, dx = (other[0] - own[0]) / stretch, other[1] - own[1]
    mz, mx = z - 0.5 * (own[0] + other[0]), x - 0.5 * (own[1] + other[1])
    nz, nx = dz / stretch, dx  # across the wall, where distances are true
    norm = np.sqrt(nz * nz + nx * nx)
    return -(mz * nz + mx * nx) / norm, (mx * nz - mz * nx) / norm


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
