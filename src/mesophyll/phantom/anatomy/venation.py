"""Where veins run in the leaf's plane: parallel ones at a distance, and thinner ones that bridge the lanes between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mesophyll.phantom.anatomy.description import Veins
from mesophyll.phantom.anatomy.fields import Waves
from mesophyll.phantom.grid import Floats
from mesophyll.phantom.ranges import draw

__all__ = ["Course", "Rib", "lane", "lay", "ribs"]

ENDLESS_UM = 1e9
"""Half the length of a vein that crosses the volume."""


@dataclass(frozen=True)
class Course:
    """The way of one vein: s along it, u across it in the leaf's plane, both in µm.

    Parameters
    ----------
    place, angle
        A point (z, x) where s is 0, and the axis' angle to z in the leaf's plane, in radians.
    bend
        How the axis strays sideways along s.
    span
        Where on s it begins and where it ends.
    depth
        How deep in the mesophyll it lies at either end, as a share of it.
    large, branch
        Whether it spans both epidermes, and whether it is a thinner one that leaves another.
    """

    place: Floats
    angle: float
    bend: Waves
    span: tuple[float, float]
    depth: tuple[float, float]
    large: bool = False
    branch: bool = False

    def follow(self, z: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return s and u at places ``z`` and ``x``."""
        dz, dx = np.asarray(z) - self.place[0], np.asarray(x) - self.place[1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        along = cos * dz + sin * dx
        return along, np.asarray(cos * dx - sin * dz - self._stray(along))

    def at(self, along: ArrayLike) -> Floats:
        """Return the places (z, x) of the axis at s, shape (..., 2)."""
        along = np.asarray(along, dtype=float)
        stray = self._stray(along)
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.stack([cos * along - sin * stray, sin * along + cos * stray], axis=-1) + self.place

    def depth_at(self, along: Floats) -> Floats:
        """Return how deep the axis lies at s, as a share of the mesophyll."""
        return np.asarray(self.depth[0] + (self.depth[1] - self.depth[0]) * self._way(along))

    def _way(self, along: Floats) -> Floats:
        low, high = self.span
        return np.asarray(np.clip((along - low) / (high - low), 0.0, 1.0))

    def _stray(self, along: Floats) -> Floats:
        """Return how far the axis is from straight: a branch leaves and arrives where its ends are."""
        stray = self.bend(along, 0.0)
        way = self._way(along)
        return np.asarray(4 * way * (1 - way) * stray if self.branch else stray)


@dataclass(frozen=True)
class Rib:
    """A ridge of the leaf's lower face below a large vein.

    Parameters
    ----------
    course
        Where the vein runs.
    height, half_um
        How high the ridge is, and how far from its crest a quarter of that is left.
    """

    course: Course
    height: float
    half_um: float

    def __call__(self, z: ArrayLike, x: ArrayLike) -> Floats:
        """Return its height at places ``z`` and ``x``."""
        across = self.course.follow(z, x)[1] / self.half_um
        return np.asarray(self.height / (1 + across * across) ** 2)


def lay(rng: np.random.Generator, veins: Veins, extent_um: tuple[float, float, float]) -> list[Course]:
    """Draw where veins run: first those that cross the volume, side by side, then those between them.

    Some run beside the volume; so the lanes at its border are bridged as well.
    """
    deep, _, wide = extent_um
    turn = np.radians(draw(rng, veins.turn_deg))
    cos, sin = np.cos(turn), np.sin(turn)
    across = abs(cos) * wide + abs(sin) * deep
    along = abs(cos) * deep + abs(sin) * wide
    count = int(np.ceil(across / veins.distance_um)) + 2
    lanes = np.arange(count) - 1 + rng.uniform() + rng.uniform(-0.25, 0.25, count)
    offsets = lanes * veins.distance_um - across / 2
    angles = turn + np.radians(veins.spread_deg) * rng.uniform(-0.5, 0.5, count)
    places = np.array([deep, wide]) / 2 + offsets[:, None] * np.array([-sin, cos])
    main = [_cross(rng, veins, place, float(angle)) for place, angle in zip(places, angles, strict=True)]
    share = draw(rng, veins.branches)
    bridges = [
        _bridge(rng, veins, pair[:: rng.choice([-1, 1])], start)
        for pair in itertools.pairwise(main)
        for start in np.arange(-along / 2 - veins.distance_um, along / 2 + veins.distance_um, veins.distance_um)
        if rng.uniform() < share
    ]
    return sorted(main, key=lambda course: not course.large) + bridges


def ribs(rng: np.random.Generator, veins: Veins, courses: list[Course]) -> tuple[Rib, ...]:
    """Draw the ridges below large veins: one height for a leaf, wider than high."""
    height = draw(rng, veins.rib_um)
    half = 2 * max(veins.core_radius_um) + max(veins.sheath_um)
    return tuple(Rib(course, height * rng.uniform(0.6, 1.0), half) for course in courses if course.large)


def lane(courses: Sequence[Course], z: Floats, x: Floats) -> Floats:
    """Return how far across the lane between two crossing veins places lie: 0.5 in its middle; 0 where no lane is."""
    across = np.stack([course.follow(z, x)[1] for course in courses if not course.branch])
    left = np.min(np.where(across >= 0, across, np.inf), axis=0)
    right = np.min(np.where(across < 0, -across, np.inf), axis=0)
    known = np.isfinite(left) & np.isfinite(right)
    return np.where(known, left, 0.0) / np.where(known, left + right, 1.0)


def _cross(rng: np.random.Generator, veins: Veins, place: Floats, angle: float) -> Course:
    """Draw a vein that crosses the volume."""
    large = bool(rng.uniform() < veins.extended)
    bend = Waves.random(rng, rng.uniform(0, 3), (150.0, 400.0), 3)
    depth = rng.uniform(0.48, 0.62)
    return Course(place, angle, bend, (-ENDLESS_UM, ENDLESS_UM), (depth, depth), large=large)


def _bridge(rng: np.random.Generator, veins: Veins, pair: tuple[Course, ...], start: float) -> Course:
    """Draw a thinner vein from one vein to, or towards, another; ``start`` is about where on s of both."""
    first, other = pair
    there = start + veins.distance_um * rng.uniform(-0.3, 0.3)
    here = first.at(there)
    way = other.at(there + veins.distance_um * rng.uniform(-0.6, 0.6)) - here
    reached = rng.uniform(0.35, 0.75) if rng.uniform() < veins.endings else 1.0
    length = float(np.hypot(*way)) * reached
    depth = first.depth[0], first.depth[0] + (other.depth[0] - first.depth[0]) * reached
    bend = Waves.random(rng, rng.uniform(0.01, 0.06) * length, (80.0, 200.0), 3)
    return Course(here, float(np.arctan2(way[1], way[0])), bend, (0.0, length), depth, branch=True)
