"""Idioblasts: single large cells among those of the mesophyll, each of which holds a crystal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.anatomy.description import Idioblasts
from mesophyll.phantom.anatomy.frame import MARGIN_UM, Frame
from mesophyll.phantom.crystal import Crystal
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.ranges import draw

__all__ = ["Ovals", "grow"]

FLATTEN = 0.14
"""How far an idioblast's outline departs from an ellipsoid."""


class Occupied(Protocol):
    """What has its place already."""

    def distance(self, points: Floats) -> Floats:
        """Return how far points (n, 3) in µm lie outside; negative inside."""


@dataclass(frozen=True)
class Ovals:
    """The idioblasts of a leaf.

    Parameters
    ----------
    middles, axes
        Where, shape (cells, 3), and each one's axes, shape (cells, 3, 3), in µm: rows are half axes.
    bumps
        How uneven each one is, as wave vectors on the unit ball and phases: shape (cells, waves, 4).
    tissue
        The tissue of each, shape (cells,).
    crystals
        What they hold.
    """

    middles: Floats
    axes: Floats
    bumps: Floats
    tissue: NDArray[np.uint8]
    crystals: tuple[Crystal, ...]

    def fill(self, numbers: Labels, free: NDArray[np.bool_], grid: Grid, first: int) -> None:
        """Claim their voxels, see `Part`."""
        centres = [grid.centres(axis) for axis in range(3)]
        for index, (middle, axes) in enumerate(zip(self.middles, self.axes, strict=True)):
            reach = np.sqrt(np.sum(axes**2, axis=0)) * (1 + FLATTEN)
            box = tuple(
                slice(*np.searchsorted(centre, [low, high]).tolist())
                for centre, low, high in zip(centres, middle - reach, middle + reach, strict=True)
            )
            inverse = axes / np.sum(axes**2, axis=1)[:, None]
            places = [centre[part] - at for centre, part, at in zip(centres, box, middle, strict=True)]
            shape = (inverse, self.bumps[index])
            _swell(numbers[box], free[box], (places[0], places[1], places[2]), shape, first + index)

    def distance(self, points: Floats) -> Floats:
        """Return about how far points (n, 3) in µm lie outside of the nearest one; negative inside."""
        apart = np.full(len(points), np.inf)
        for middle, axes in zip(self.middles, self.axes, strict=True):
            half = np.sqrt(np.sum(axes**2, axis=1))
            ball = (points - middle) @ (axes / half[:, None] ** 2).T
            apart = np.minimum(apart, (np.sqrt(np.sum(ball**2, axis=1)) - 1) * half.min())
        return apart


def grow(
    rng: np.random.Generator, idioblasts: Idioblasts, frame: Frame, share: float, occupied: list[Occupied]
) -> Ovals:
    """Draw the idioblasts of a leaf where nothing else is.

    Parameters
    ----------
    share
        Where the palisade ends, as a share of the mesophyll.
    occupied
        Veins, cavities.
    """
    deep, _, wide = frame.extent_um
    room = frame.mesophyll_um
    volume = (deep + 2 * MARGIN_UM) * (wide + 2 * MARGIN_UM) * room * 1e-9
    count = int(rng.poisson(draw(rng, idioblasts.per_mm3) * volume))
    half = 0.5 * frame.fullness * rng.uniform(*idioblasts.width_um, count)
    level = rng.uniform(0, 1, count)
    middles = rng.uniform([-MARGIN_UM, 0, -MARGIN_UM], [deep + MARGIN_UM, 0, wide + MARGIN_UM], (count, 3))
    middles[:, 1] = frame.upper_inner(middles[:, 0], middles[:, 2]) + 1.1 * half
    middles[:, 1] += level * np.maximum(room - 2.2 * half, 0)
    axes = _axes(rng, half)
    kept = _apart(middles, 1.3 * half)
    for each in occupied:
        kept &= each.distance(middles) > 1.1 * half
    waves = np.concatenate([rng.normal(0, 1.6, (count, 4, 3)), rng.uniform(0, 2 * np.pi, (count, 4, 1))], axis=2)
    depth = (middles[:, 1] - frame.upper_inner(middles[:, 0], middles[:, 2])) / room
    tissue = np.where(depth < share, tissues.PALISADE, tissues.SPONGY).astype(np.uint8)
    radius = half * rng.uniform(*idioblasts.crystal, count)
    druse, seeds = rng.uniform(size=count) < idioblasts.druse, rng.integers(2**31, size=count)
    crystals = tuple(
        Crystal(
            (float(middles[i, 0]), float(middles[i, 1]), float(middles[i, 2])),
            float(radius[i]),
            "druse" if druse[i] else "raphides",
            int(seeds[i]),
        )
        for i in np.flatnonzero(kept)
    )
    return Ovals(middles[kept], axes[kept], waves[kept], tissue[kept], crystals)


def _axes(rng: np.random.Generator, half: Floats) -> Floats:
    """Draw three half axes for each cell: the shortest is ``half``, the longest rather upright."""
    count = len(half)
    longest = rng.normal(size=(count, 3)) * [0.6, 1.0, 0.6]
    longest /= np.maximum(np.linalg.norm(longest, axis=1), 1e-9)[:, None]
    second = np.cross(longest, rng.normal(size=(count, 3)))
    second /= np.maximum(np.linalg.norm(second, axis=1), 1e-9)[:, None]
    ratios = np.stack([rng.uniform(1.0, 1.45, count), rng.uniform(1.0, 1.1, count), np.ones(count)], axis=1)
    return np.stack([longest, second, np.cross(longest, second)], axis=1) * (ratios * half[:, None])[..., None]


def _apart(middles: Floats, half: Floats) -> NDArray[np.bool_]:
    """Return which cells keep clear of those before them."""
    kept = np.zeros(len(middles), bool)
    for index, middle in enumerate(middles):
        others = np.linalg.norm(middles[kept] - middle, axis=1)
        kept[index] = bool(np.all(others > half[kept] + half[index]))
    return kept


@numba.njit(cache=True, nogil=True)
def _swell(numbers: Any, free: Any, places: Any, shape: Any, number: Any) -> Any:
    """Number the free voxels of an ellipsoid with bumps."""
    inverse, bumps = shape
    for k in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            for i in range(numbers.shape[2]):
                if not free[k, j, i]:
                    continue
                z, y, x = places[0][k], places[1][j], places[2][i]
                u = inverse[0, 0] * z + inverse[0, 1] * y + inverse[0, 2] * x
                v = inverse[1, 0] * z + inverse[1, 1] * y + inverse[1, 2] * x
                w = inverse[2, 0] * z + inverse[2, 1] * y + inverse[2, 2] * x
                swell = 0.0
                for wave in range(len(bumps)):
                    swell += np.cos(bumps[wave, 0] * u + bumps[wave, 1] * v + bumps[wave, 2] * w + bumps[wave, 3])
                if np.sqrt(u * u + v * v + w * w) < 1.0 + FLATTEN * swell / len(bumps):
                    numbers[k, j, i] = number
                    free[k, j, i] = False
