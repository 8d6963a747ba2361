"""Veins: tubes of long cells - a core of thin ones, a sheath around it, sometimes extensions to both epidermes.

This is the second way of making cells, by partition: in the cross-section a voxel belongs to the file of cells whose
seed is nearest, less the seed's radius; along the vein, end walls cut each file into cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.anatomy.description import Veins
from mesophyll.phantom.anatomy.fields import Waves, scatter
from mesophyll.phantom.anatomy.frame import Frame
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.ranges import draw

__all__ = ["Vein", "grow"]

_Files = tuple[Floats, Floats, NDArray[np.uint8]]
"""Files of cells: their seeds (files, 3), the lengths of their cells (files,) and their tissue (files,)."""


class Section(NamedTuple):
    """A vein's cross-section and how it runs along the vein.

    Parameters
    ----------
    files
        The seeds of the files of cells, shape (files, 3): u, v, radius.
    sway
        How the seeds wander along s, shape (files, 4): amplitudes in u and v, wave number, phase.
    walls
        The end walls of each file, shape (files, walls), ascending in s; only those inside the volume matter.
    lean
        How much the end walls lean with u and v, shape (files, 2).
    heart
        The half axes (u, v) of the ellipse in which no air is left.
    """

    files: Floats
    sway: Floats
    walls: Floats
    lean: Floats
    heart: Floats


@dataclass(frozen=True)
class Vein:
    """One vein.

    Its coordinates are s along it, u across it in the leaf's plane, and v across it in depth, downwards; all in µm.

    Parameters
    ----------
    frame
        The leaf's faces.
    place, angle
        A point (z, x) on the axis, and the axis' angle to z in the leaf's plane, in radians.
    bend
        How the axis strays sideways along s.
    depth
        The axis' distance below the leaf's upper face.
    section
        Its files of cells.
    of_file
        The tissue of each file.
    """

    frame: Frame
    place: Floats
    angle: float
    bend: Waves
    depth: float
    section: Section
    of_file: NDArray[np.uint8]

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, file by file, shape (cells,)."""
        return np.repeat(self.of_file, self.section.walls.shape[1] + 1)

    def fill(self, numbers: Labels, free: NDArray[np.bool_], grid: Grid, first: int) -> None:
        """Claim the vein's voxels, see `Part`."""
        course = _course(self, *grid.plane)
        _carve(numbers, free, course, self.section, (grid.step[1], grid.start[1]), first)

    def distance(self, points: Floats) -> Floats:
        """Return how far points (n, 3) in µm lie outside the vein; negative inside."""
        _, u, axis = _course(self, points[:, 0], points[:, 2])
        v = points[:, 1] - axis
        files, heart = self.section.files, self.section.heart
        apart = np.hypot(u[:, None] - files[:, 0], v[:, None] - files[:, 1]) - files[:, 2]
        filled = (np.hypot(u / heart[0], v / heart[1]) - 1) * heart.min()
        return np.asarray(np.minimum(apart.min(axis=1), filled))


def grow(rng: np.random.Generator, veins: Veins, frame: Frame) -> list[Vein]:
    """Draw the veins of a volume: none, one or several, by its width."""
    expected = max(frame.extent_um[2], frame.extent_um[0]) / veins.distance_um
    count = int(expected * rng.uniform(0.5, 1.5) + rng.uniform(0, 1))
    lanes = (np.arange(count) + rng.uniform(0.2, 0.8, count)) / max(count, 1)
    angle = rng.normal(0, 0.25)
    return [_grow_one(rng, veins, frame, lane, angle + rng.normal(0, 0.08)) for lane in lanes]


def _grow_one(rng: np.random.Generator, veins: Veins, frame: Frame, lane: float, angle: float) -> Vein:
    deep, _, wide = frame.extent_um
    room = frame.mesophyll_um
    extended = bool(rng.uniform() < veins.extended)
    size = rng.uniform(1.1, 1.6) if extended else rng.uniform(0.6, 1.1)
    size *= frame.fullness
    core = size * np.array([draw(rng, veins.core_radius_um), rng.uniform(10.5, 14.0)])
    sheath = draw(rng, veins.sheath_um) * max(frame.fullness, 0.75)
    depth = frame.upper_um + room * rng.uniform(0.48, 0.62)
    cell = draw(rng, veins.sheath_length_um)
    parts = [_core(rng, veins, core), _ring(rng, core, sheath, cell)]
    if extended:
        reach = np.array([frame.upper_um - depth - 4, frame.upper_um + room - depth + 4])
        parts.append(_extensions(rng, core + sheath, reach, sheath, cell))
    seeds, lengths, tissue = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Vein(
        frame=frame,
        place=np.array([deep / 2, lane * wide]),
        angle=angle,
        bend=Waves.random(rng, rng.uniform(0, 3), (150.0, 400.0), 3),
        depth=depth,
        section=Section(
            files=seeds,
            sway=_sway(rng, seeds),
            walls=_walls(rng, lengths, reach_um=float(np.hypot(deep, wide)) + 80.0),
            lean=rng.normal(0, 0.25, (len(seeds), 2)),
            heart=core + 0.55 * sheath,
        ),
        of_file=tissue,
    )


def _core(rng: np.random.Generator, veins: Veins, half: Floats) -> _Files:
    """Fill an ellipse with thin files, a few of them wide vessels."""
    width = draw(rng, veins.core_um)
    seeds = scatter(rng, -half, half, width)
    seeds = seeds[np.sum((seeds / half) ** 2, axis=1) < 1]
    count = len(seeds)
    radius = 0.6 * width * np.where(rng.uniform(size=count) < 0.15, 1.3, rng.uniform(0.85, 1.1, count))
    length = draw(rng, veins.core_length_um) * rng.uniform(0.75, 1.3, count)
    return np.column_stack([seeds, radius]), length, np.full(count, tissues.VEIN, dtype=np.uint8)


def _ring(rng: np.random.Generator, half: Floats, width: float, length: float) -> _Files:
    """Lay one ring of files around the core."""
    middle = half + 0.5 * width
    count = max(int(np.pi * middle.sum() / width), 5)
    turn = (np.arange(count) + rng.uniform(-0.18, 0.18, count)) * 2 * np.pi / count + rng.uniform(0, 6)
    swing = rng.uniform(-0.12, 0.2, count) * width
    places = np.column_stack([np.cos(turn), np.sin(turn)]) * (middle + swing[:, None])
    return _sheath(rng, places, width, length)


def _extensions(rng: np.random.Generator, outer: Floats, reach: Floats, width: float, length: float) -> _Files:
    """Lay files between the ring and both epidermes."""
    half = outer[0] * rng.uniform(0.55, 0.9)
    above = scatter(rng, [-half, min(reach[0], -outer[1] - 1)], [half, -outer[1]], 0.85 * width)
    below = scatter(rng, [-half, outer[1]], [half, max(reach[1], outer[1] + 1)], 0.85 * width)
    return _sheath(rng, np.concatenate([above, below]), width, length)


def _sheath(rng: np.random.Generator, places: Floats, width: float, length: float) -> _Files:
    """Make files of sheath cells at places (u, v)."""
    count = len(places)
    radius = 0.55 * width * rng.uniform(0.85, 1.2, count)
    lengths = length * rng.uniform(0.7, 1.4, count)
    return np.column_stack([places, radius]), lengths, np.full(count, tissues.BUNDLE_SHEATH, dtype=np.uint8)


def _sway(rng: np.random.Generator, seeds: Floats) -> Floats:
    count = len(seeds)
    height = 0.15 * seeds[:, 2:] * rng.uniform(0, 1, (count, 2))
    number = 2 * np.pi / rng.uniform(60.0, 160.0, count)
    return np.column_stack([height, number, rng.uniform(0, 2 * np.pi, count)])


def _walls(rng: np.random.Generator, lengths: Floats, reach_um: float) -> Floats:
    """Draw end walls for files of the given cell lengths, from ``-reach_um`` on; short files end beyond the volume."""
    count = int(2 * reach_um / lengths.min() / 0.7) + 2
    steps = rng.uniform(0.7, 1.3, (len(lengths), count)) * lengths[:, None]
    return np.cumsum(steps, axis=1) - reach_um - lengths[:, None]


def _course(vein: Vein, z: Floats, x: Floats) -> Floats:
    """Return s, u and the axis' height y at places ``z`` and ``x``: three arrays in one, shape (3, ...)."""
    dz, dx = z - vein.place[0], x - vein.place[1]
    cos, sin = np.cos(vein.angle), np.sin(vein.angle)
    along, across = cos * dz + sin * dx, cos * dx - sin * dz
    return np.stack([along, across - vein.bend(along, 0.0), vein.frame.upper_outer(z, x) + vein.depth])


@numba.njit(cache=True, nogil=True)
def _carve(numbers: Any, free: Any, course: Any, section: Any, rows: Any, first: Any) -> Any:
    """Number the free voxels of one vein, from ``first`` on: one number more than ``walls`` for each file.

    ``rows`` are the height of a voxel and the first row.
    """
    step, low = rows
    half = np.empty(2)
    for axis in range(2):
        half[axis] = np.max(np.abs(section.files[:, axis]) + section.files[:, 2]) + 3.0
    for k in range(numbers.shape[0]):
        for i in range(numbers.shape[2]):
            along, across, axis = course[:, k, i]
            if abs(across) > half[0]:
                continue
            seeds = _seeds_at(section, along)
            start = max(int((axis - half[1]) / step) - low, 0)
            stop = min(int((axis + half[1]) / step) + 1 - low, numbers.shape[1])
            for j in range(start, stop):
                if free[k, j, i]:
                    cell = _cell_at(section, seeds, along, across, (low + j + 0.5) * step - axis)
                    if cell >= 0:
                        numbers[k, j, i] = first + cell
                        free[k, j, i] = False


@numba.njit(cache=True, nogil=True)
def _seeds_at(section: Any, along: Any) -> Any:
    """Return where the files are at a place along the vein, shape (files, 3): u, v, radius."""
    seeds = section.files.copy()
    for file in range(len(seeds)):
        swing = section.sway[file, 2] * along + section.sway[file, 3]
        seeds[file, 0] += section.sway[file, 0] * np.cos(swing)
        seeds[file, 1] += section.sway[file, 1] * np.sin(swing)
    return seeds


@numba.njit(cache=True, nogil=True)
def _cell_at(section: Any, seeds: Any, along: Any, across: Any, height: Any) -> Any:
    """Return the cell at (s, u, v), counted from the vein's first; -1 outside."""
    nearest, best = 0, np.inf
    for file in range(len(seeds)):
        apart = np.sqrt((across - seeds[file, 0]) ** 2 + (height - seeds[file, 1]) ** 2) - seeds[file, 2]
        if apart < best:
            nearest, best = file, apart
    if best >= 0.0 and (across / section.heart[0]) ** 2 + (height / section.heart[1]) ** 2 >= 1.0:
        return -1
    lean = section.lean[nearest, 0] * (across - seeds[nearest, 0])
    lean += section.lean[nearest, 1] * (height - seeds[nearest, 1])
    return nearest * (section.walls.shape[1] + 1) + np.searchsorted(section.walls[nearest], along + lean)
