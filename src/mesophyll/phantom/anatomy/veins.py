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
from mesophyll.phantom.anatomy.fields import scatter
from mesophyll.phantom.anatomy.frame import Frame
from mesophyll.phantom.anatomy.venation import Course
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.ranges import draw

__all__ = ["Vein", "grow"]

_SIZES = {(False, True): (1.1, 1.6), (False, False): (0.6, 1.1), (True, False): (0.4, 0.65)}
"""The sizes of veins, by whether they are branches and whether they are large."""

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
    span
        Where the vein begins and ends on s; its ends are round.
    """

    files: Floats
    sway: Floats
    walls: Floats
    lean: Floats
    heart: Floats
    span: tuple[float, float]


@dataclass(frozen=True)
class Vein:
    """One vein.

    Its coordinates are s along it, u across it in the leaf's plane, and v across it in depth, downwards; all in µm.

    Parameters
    ----------
    frame
        The leaf's faces.
    course
        Where it runs.
    section
        Its files of cells.
    of_file
        The tissue of each file.
    """

    frame: Frame
    course: Course
    section: Section
    of_file: NDArray[np.uint8]

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, file by file, shape (cells,)."""
        return np.repeat(self.of_file, self.section.walls.shape[1] + 1)

    @property
    def half_um(self) -> Floats:
        """How far the vein reaches at most from its axis, along u and v."""
        reach = np.abs(self.section.files[:, :2]) + self.section.files[:, 2:] + np.abs(self.section.sway[:, :2])
        return np.asarray(np.maximum(reach.max(axis=0), self.section.heart))

    def fill(self, numbers: Labels, free: NDArray[np.bool_], grid: Grid, first: int) -> None:
        """Claim the vein's voxels, see `Part`."""
        z, x = grid.plane
        along, across = self.course.follow(z, x)
        course = np.stack([along, across, self.axis(along, z, x)])
        place = (grid.step[1], grid.start[1])
        _carve(numbers, free, course, self.section, (self.half_um, place), first)

    def distance(self, points: Floats) -> Floats:
        """Return how far points (n, 3) in µm lie outside the vein; negative inside."""
        along, u = self.course.follow(points[:, 0], points[:, 2])
        v = points[:, 1] - self.axis(along, points[:, 0], points[:, 2])
        over = np.maximum(np.maximum(self.section.span[0] - along, along - self.section.span[1]), 0.0)
        files, heart = self.section.files, self.section.heart
        apart = np.hypot(np.hypot(u[:, None] - files[:, 0], v[:, None] - files[:, 1]), over[:, None]) - files[:, 2]
        filled = (np.sqrt((u / heart[0]) ** 2 + (v / heart[1]) ** 2 + (over / heart.min()) ** 2) - 1) * heart.min()
        return np.asarray(np.minimum(apart.min(axis=1), filled))

    def axis(self, along: Floats, z: Floats, x: Floats) -> Floats:
        """Return the height y of the axis."""
        deep = self.frame.upper_um + self.frame.mesophyll_um * self.course.depth_at(along)
        return np.asarray(self.frame.upper_outer(z, x) + deep)


def grow(rng: np.random.Generator, veins: Veins, frame: Frame, courses: list[Course]) -> list[Vein]:
    """Draw what the veins of a leaf are made of."""
    kranz = bool(rng.uniform() < veins.kranz)
    return [_grow_one(rng, veins, frame, course, kranz=kranz) for course in courses]


def _grow_one(rng: np.random.Generator, veins: Veins, frame: Frame, course: Course, *, kranz: bool) -> Vein:
    room = frame.mesophyll_um
    size = frame.fullness * rng.uniform(*_SIZES[course.branch, course.large])
    sheath = draw(rng, veins.sheath_um) * max(frame.fullness, 0.75) * (0.8 if course.branch else 1.3 if kranz else 1.0)
    half = size * draw(rng, veins.core_radius_um)
    core = np.minimum([half, half * rng.uniform(0.75, 1.2)], max(0.42 * room - sheath, 4.0))
    cell = draw(rng, veins.sheath_length_um) * (0.7 if kranz else 1.0)
    parts = [_core(rng, veins, core), _ring(rng, core, sheath, cell, uneven=0.3 if kranz else 1.0)]
    if course.large:
        depth = room * course.depth[0]
        reach = np.array([-depth - 4, room - depth + 4 + sum(rib.height for rib in frame.ribs if rib.course is course)])
        parts.append(_extensions(rng, core + sheath, reach, sheath, cell))
    seeds, lengths, tissue = (np.concatenate(column) for column in zip(*parts, strict=True))
    longest = float(np.hypot(frame.extent_um[0], frame.extent_um[2])) / 2 + 250.0
    low, high = max(course.span[0], -longest), min(course.span[1], longest)
    return Vein(
        frame=frame,
        course=course,
        section=Section(
            files=seeds,
            sway=_sway(rng, seeds),
            walls=_walls(rng, lengths, low - 40.0, high + 40.0),
            lean=rng.normal(0, 0.25, (len(seeds), 2)),
            heart=core + 0.55 * sheath,
            span=course.span,
        ),
        of_file=tissue,
    )


def _core(rng: np.random.Generator, veins: Veins, half: Floats) -> _Files:
    """Fill an ellipse with thin files: below thinner ones (phloem), above a few that are wide vessels (xylem)."""
    width = draw(rng, veins.core_um)
    low, high = -half, half * [1.0, -0.1]  # v grows downwards: the upper part comes first
    upper = scatter(rng, low, high, width)
    lower = scatter(rng, half * [-1.0, -0.1], half, 0.8 * width)
    seeds = np.concatenate([upper, lower])
    radius = 0.6 * width * np.where(rng.uniform(size=len(seeds)) < 0.25, 1.3, rng.uniform(0.85, 1.1, len(seeds)))
    radius[len(upper) :] = 0.5 * width
    within = np.sum((seeds / half) ** 2, axis=1) < 1
    seeds, radius = (seeds[within], radius[within]) if within.any() else (np.zeros((1, 2)), radius[:1])
    count = len(seeds)
    length = draw(rng, veins.core_length_um) * rng.uniform(0.75, 1.3, count)
    return np.column_stack([seeds, radius]), length, np.full(count, tissues.VEIN, dtype=np.uint8)


def _ring(rng: np.random.Generator, half: Floats, width: float, length: float, *, uneven: float) -> _Files:
    """Lay one ring of files around the core."""
    middle = half + 0.5 * width
    count = max(int(np.pi * middle.sum() / width), 5)
    turn = (np.arange(count) + uneven * rng.uniform(-0.18, 0.18, count)) * 2 * np.pi / count + rng.uniform(0, 6)
    swing = uneven * rng.uniform(-0.12, 0.2, count) * width
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


def _walls(rng: np.random.Generator, lengths: Floats, low: float, high: float) -> Floats:
    """Draw end walls for files of the given cell lengths from ``low`` on; those of long files go on beyond ``high``."""
    count = int((high - low) / lengths.min() / 0.7) + 2
    steps = rng.uniform(0.7, 1.3, (len(lengths), count)) * lengths[:, None]
    return np.asarray(np.cumsum(steps, axis=1) + low - rng.uniform(0, 1, len(lengths))[:, None] * lengths[:, None])


@numba.njit(cache=True, nogil=True)
def _carve(numbers: Any, free: Any, course: Any, section: Any, place: Any, first: Any) -> Any:
    """Number the free voxels of one vein, from ``first`` on: one number more than ``walls`` for each file.

    ``place`` holds how far the vein reaches from its axis along u and v, and the height of a voxel and the first row.
    """
    half, (step, low) = place
    for k in range(numbers.shape[0]):
        for i in range(numbers.shape[2]):
            along, across, axis = course[:, k, i]
            over = max(section.span[0] - along, along - section.span[1], 0.0)
            if abs(across) > half[0] or over > half[1]:
                continue
            start = max(int(np.floor((axis - half[1]) / step)) - low, 0)
            stop = min(int(np.floor((axis + half[1]) / step)) + 1 - low, numbers.shape[1])
            if start >= stop:
                continue
            seeds, order = _seeds_at(section, along, across)
            for j in range(start, stop):
                if free[k, j, i]:
                    where = (along, across, (low + j + 0.5) * step - axis, over)
                    cell = _cell_at(section, seeds, order, where)
                    if cell >= 0:
                        numbers[k, j, i] = first + cell
                        free[k, j, i] = False


@numba.njit(cache=True, nogil=True)
def _seeds_at(section: Any, along: Any, across: Any) -> Any:
    """Return where the files are at a place along the vein, shape (files, 4): u, v, radius, least distance; and their order.

    A file is at least as far from every voxel of a column as the two lie apart across the vein.
    """
    seeds = np.empty((len(section.files), 4))
    seeds[:, :3] = section.files
    for file in range(len(seeds)):
        swing = section.sway[file, 2] * along + section.sway[file, 3]
        seeds[file, 0] += section.sway[file, 0] * np.cos(swing)
        seeds[file, 1] += section.sway[file, 1] * np.sin(swing)
        seeds[file, 3] = abs(across - seeds[file, 0]) - seeds[file, 2]
    return seeds, np.argsort(seeds[:, 3])


@numba.njit(cache=True, nogil=True)
def _cell_at(section: Any, seeds: Any, order: Any, where: Any) -> Any:
    """Return the cell at (s, u, v), counted from the vein's first, -1 outside; ``where`` ends with how far s is past an end."""
    along, across, height, over = where
    nearest, best = 0, np.inf
    for file in order:
        if seeds[file, 3] >= best:
            break
        apart = np.sqrt((across - seeds[file, 0]) ** 2 + (height - seeds[file, 1]) ** 2 + over * over) - seeds[file, 2]
        if apart < best:
            nearest, best = file, apart
    heart = (across / section.heart[0]) ** 2 + (height / section.heart[1]) ** 2
    if best >= 0.0 and heart + (over / min(section.heart[0], section.heart[1])) ** 2 >= 1.0:
        return -1
    lean = section.lean[nearest, 0] * (across - seeds[nearest, 0])
    lean += section.lean[nearest, 1] * (height - seeds[nearest, 1])
    return nearest * (section.walls.shape[1] + 1) + np.searchsorted(section.walls[nearest], along + lean)
