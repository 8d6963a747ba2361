"""Stomata: two guard cells about a slit, through which the outside reaches a cavity in the mesophyll.

Each has coordinates of its own: a along the slit, b across it, both in the leaf's plane, and d downwards from the leaf's face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.anatomy.description import Stomata
from mesophyll.phantom.anatomy.fields import nearest
from mesophyll.phantom.anatomy.frame import Frame
from mesophyll.phantom.anatomy.veins import Vein
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.ranges import draw

__all__ = ["Pores", "grow"]

MARGIN_UM = 45.0
"""How far beyond the volume stomata are still laid out."""

ROW_UM = 55.0
"""The distance of the rows in which the stomata of grasses lie."""

TRIES = 20
"""So many places are drawn for each stoma: one over a vein or beside another stoma is none."""

BUMPS = 4
"""So many waves make a cavity uneven."""


class _Build(NamedTuple):
    """What the stomata of one skin have in common, in µm: half axes, and whether they have subsidiary cells (their width)."""

    length: float
    width: float
    pore: float
    height: float
    depth: float
    skin: float
    cavity: float
    beside: float


@dataclass(frozen=True)
class Pores:
    """The stomata of one epidermis: guard cells, slits, cavities.

    Parameters
    ----------
    frame
        The leaf's faces.
    lower
        Whether they lie in the lower epidermis.
    places, angles
        Where, shape (stomata, 2), in µm along z and x, and the slit's angle to z, shape (stomata,), in radians.
    build
        What they have in common.
    sizes
        Each one's size as a share of that, shape (stomata,).
    bumps
        How uneven each one's cavity is: wave vectors and phases, shape (stomata, waves, 4).
    """

    frame: Frame
    lower: bool
    places: Floats
    angles: Floats
    build: _Build
    sizes: Floats
    bumps: Floats

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each guard cell (and subsidiary cell), shape (cells,)."""
        code = tissues.LOWER_EPIDERMIS if self.lower else tissues.UPPER_EPIDERMIS
        return np.full(self.cells_each * len(self.places), code, dtype=np.uint8)

    @property
    def cells_each(self) -> int:
        """How many cells a stoma has: two guard cells, or two subsidiary cells as well."""
        return 4 if self.build.beside > 0 else 2

    @property
    def _half(self) -> Floats:
        """The half axes (a, b) of a stoma's outline."""
        build = self.build
        return np.array([build.length, build.pore + 2 * build.width + build.beside])

    def fill(self, numbers: Labels, free: NDArray[np.bool_], grid: Grid, first: int) -> None:
        """Claim guard cells from the skin, slits and cavities, see `Part`."""
        face = self.frame.lower_outer if self.lower else self.frame.upper_outer
        reach = self._half.max() + self.build.cavity * 1.5
        deep, wide = grid.centres(0), grid.centres(2)
        for index, (place, size) in enumerate(zip(self.places, self.sizes, strict=True)):
            low, high = place - reach * size, place + reach * size
            rows = slice(*np.searchsorted(deep, [low[0], high[0]]).tolist())
            columns = slice(*np.searchsorted(wide, [low[1], high[1]]).tolist())
            z, x = deep[rows, None], wide[None, columns]
            if not z.size or not x.size:
                continue
            plane = (z - place[0], x - place[1], face(z, x))
            view = (numbers[rows, :, columns], free[rows, :, columns])
            stoma = (np.cos(self.angles[index]), np.sin(self.angles[index]), size, self.bumps[index])
            _open(view, plane, grid.centres(1), (stoma, self.build, self.lower), first + self.cells_each * index)

    def distance(self, points: Floats) -> Floats:
        """Return how far points (n, 3) in µm lie outside the cavities; negative inside."""
        if not len(self.places):
            return np.full(len(points), np.inf)
        face = self.frame.lower_outer if self.lower else self.frame.upper_outer
        away = self._inwards * (self.build.skin + 0.5 * self.build.cavity * self.sizes)
        middles = np.column_stack([self.places[:, 0], face(*self.places.T) + away, self.places[:, 1]])
        apart = np.linalg.norm(points[:, None] - middles, axis=-1) - self.build.cavity * self.sizes
        return np.asarray(apart.min(axis=1))

    def around(self, z: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return how far places lie outside the nearest stoma's outline, and how far that one lifts the skin there, in µm."""
        z, x = np.broadcast_arrays(np.asarray(z, dtype=float), np.asarray(x, dtype=float))
        if not len(self.places):
            return np.full(z.shape, np.inf), np.zeros(z.shape)
        _, q, least = self._nearest(np.stack([z, x], axis=-1).reshape(-1, 2))
        return ((q - 1) * least).reshape(z.shape), (self.lift_um * np.clip(2 - q, 0, 1)).reshape(z.shape)

    def clear(self, points: Floats, gap_um: float) -> Floats:
        """Move places (n, 2) that lie within a stoma, or less than a gap beside it, straight out to that distance."""
        if not len(self.places):
            return points
        index, q, least = self._nearest(points)
        out = np.maximum((1 + gap_um / least) / np.maximum(q, 1e-3), 1.0)
        return np.asarray(
            np.where(out[:, None] > 1, self.places[index] * (1 - out[:, None]) + points * out[:, None], points)
        )

    def _nearest(self, points: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
        """Return the stoma nearest to places (n, 2), how often they are as far out as its outline, and its least half axis."""
        index = nearest(self.places, points)[1][:, 0]
        dz, dx = (points - self.places[index]).T
        cos, sin = np.cos(self.angles)[index], np.sin(self.angles)[index]
        half = self._half[:, None] * self.sizes[index]
        q = np.sqrt(((cos * dz + sin * dx) / half[0]) ** 2 + ((cos * dx - sin * dz) / half[1]) ** 2)
        return index, q, half.min(axis=0)

    @property
    def lift_um(self) -> float:
        """How far the skin rises to guard cells that stand out of it."""
        return max(self.build.height - self.build.depth, 0.0)

    @property
    def _inwards(self) -> int:
        return -1 if self.lower else 1


def grow(rng: np.random.Generator, stomata: Stomata, frame: Frame, bundles: list[Vein], *, lower: bool) -> Pores:
    """Draw the stomata of one epidermis: none over a vein, none beside another."""
    deep, _, wide = frame.extent_um
    skin = frame.lower_um if lower else frame.upper_um
    scale = max(frame.fullness, 0.8)
    length, width = (0.5 * scale * draw(rng, span) for span in (stomata.length_um, stomata.width_um))
    width = min(width, 0.35 * length)
    height = min(1.4 * width, 0.42 * skin)  # half of it: guard cells are higher than wide
    build = _Build(
        length=length,
        width=width,
        pore=min(
            0.5 * scale * draw(rng, stomata.pore_um), 0.5 * width
        ),  # wider, and the two no longer meet at its ends
        height=height,
        depth=min(height + draw(rng, stomata.sunken_um), skin - height),
        skin=skin,
        cavity=scale * draw(rng, stomata.cavity_um),
        beside=0.8 * width if stomata.aligned else 0.0,
    )
    density = draw(rng, stomata.lower_per_mm2 if lower else stomata.upper_per_mm2) * 1e-6
    count = int(rng.poisson(density * (deep + 2 * MARGIN_UM) * (wide + 2 * MARGIN_UM)))
    drawn = rng.uniform([-MARGIN_UM] * 2, [deep + MARGIN_UM, wide + MARGIN_UM], (TRIES * count, 2))
    if stomata.aligned:
        phase = rng.uniform()
        drawn[:, 1] = ROW_UM * (np.round(drawn[:, 1] / ROW_UM - phase) + phase) + rng.normal(0, 1.5, len(drawn))
    empty = Pores(frame, lower, drawn, np.zeros(len(drawn)), build, np.ones(len(drawn)), np.zeros((len(drawn), 0, 4)))
    places = _choose(drawn[_off_veins(empty, bundles)], count, 1.3 * (length + build.cavity))
    angles = rng.normal(0, 0.06, len(places)) if stomata.aligned else rng.uniform(0, np.pi, len(places))
    bumps = np.concatenate(
        [rng.normal(0, 0.25, (len(places), BUMPS, 3)), rng.uniform(0, 2 * np.pi, (len(places), BUMPS, 1))], axis=2
    )
    return Pores(frame, lower, places, angles, build, rng.uniform(0.85, 1.1, len(places)), bumps)


def _off_veins(drawn: Pores, bundles: list[Vein]) -> NDArray[np.bool_]:
    """Return which of the places drawn have room for a cavity beside all veins."""
    face = drawn.frame.lower_outer if drawn.lower else drawn.frame.upper_outer
    middle = face(*drawn.places.T) + drawn._inwards * (drawn.build.skin + 0.5 * drawn.build.cavity)
    points = np.column_stack([drawn.places[:, 0], middle, drawn.places[:, 1]])
    clear = np.ones(len(points), bool)
    for vein in bundles:
        clear &= vein.distance(points) > 1.1 * drawn.build.cavity + 3.0
    return clear


def _choose(drawn: Floats, count: int, apart: float) -> Floats:
    """Choose places, first come, first served, that lie apart."""
    chosen: list[Floats] = []
    for place in drawn:
        if len(chosen) == count:
            break
        if all(np.hypot(*(place - other)) > apart for other in chosen):
            chosen.append(place)
    return np.array(chosen).reshape(-1, 2)


@numba.njit(cache=True, nogil=True)
def _open(view: Any, plane: Any, heights: Any, what: Any, first: Any) -> Any:
    """Claim the voxels of one stoma in the columns around it."""
    numbers, free = view
    stoma, build, lower = what
    cos, sin, size, bumps = stoma
    for k in range(numbers.shape[0]):
        for i in range(numbers.shape[2]):
            dz, dx, face = plane[0][k, 0], plane[1][0, i], plane[2][k, i]
            a, b = (cos * dz + sin * dx) / size, (cos * dx - sin * dz) / size
            outline = _outline(a, build)
            for j in range(numbers.shape[1]):
                d = face - heights[j] if lower else heights[j] - face
                if d > build.skin + 2.0 * build.cavity:
                    continue
                own = _place(b, d, outline, build)
                if own > 0:
                    if free[k, j, i] or numbers[k, j, i] > 0:
                        numbers[k, j, i] = first + own - 1
                        free[k, j, i] = False
                elif own == 0 or (free[k, j, i] and _hollow(a, b, d, bumps, build)):
                    numbers[k, j, i] = 0
                    free[k, j, i] = False


@numba.njit(cache=True, nogil=True)
def _outline(a: Any, build: Any) -> Any:
    """Return how far from the slit's middle plane the guard cell's axis lies at a, its half width and its height's share."""
    t = a / build.length
    if abs(t) >= 1.0:
        return -1.0, 0.0, 0.0
    taper = np.sqrt(1.0 - t**6)
    waist = 0.6 + 0.4 * t * t if build.beside > 0 else 1.0  # the guard cells of grasses are dumb-bells
    axis = (build.pore + build.width) * (1.0 - t * t) + 0.3 * build.width * t * t
    if build.beside > 0:
        end = abs(t) ** 3
        axis = (build.pore + waist * build.width) * (1.0 - end) + 0.3 * build.width * end
    return axis, waist * build.width * taper, taper


@numba.njit(cache=True, nogil=True)
def _place(b: Any, d: Any, outline: Any, build: Any) -> Any:
    """Return what lies at b and d: 1, 2 a guard cell, 3, 4 a subsidiary cell, 0 the slit, -1 neither."""
    axis, half, taper = outline
    apart = abs(b)
    if axis < 0.0 or d > build.skin + 3.0:
        return -1
    side = 2 if b > 0 else 1
    high = (d - build.depth) / (build.height * taper)
    tube = ((apart - axis) / half) ** 2 + high * high
    if tube < 1.0:
        return side
    if apart < axis or (d > build.depth and apart < axis + 0.4 * half):
        return 0
    rim = axis + half + build.beside * taper
    if build.beside > 0.0 and apart < rim and d < 0.95 * build.skin:
        return 2 + side
    return -1


@numba.njit(cache=True, nogil=True)
def _hollow(a: Any, b: Any, d: Any, bumps: Any, build: Any) -> Any:
    """Return whether (a, b, d) lies in the cavity: a ball with bumps."""
    down = d - build.skin - 0.5 * build.cavity
    apart = np.sqrt(a * a + b * b + down * down)
    if apart > 1.5 * build.cavity:
        return False
    swell = 0.0
    for wave in range(len(bumps)):
        swell += np.cos(bumps[wave, 0] * a + bumps[wave, 1] * b + bumps[wave, 2] * down + bumps[wave, 3])
    return apart < build.cavity * (1.0 + 0.22 * swell / np.sqrt(0.5 * len(bumps)))
