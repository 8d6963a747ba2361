"""Crystals of calcium oxalate: dense stars (druses) and bundles of needles (raphides), and the rays that they throw.

A crystal is nothing but density, many times that of cells: its saturated grey, its dark fringe and its halo come from the
same filters as every edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mesophyll.phantom.crystal import Crystal
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.scanner.chance import Field

__all__ = ["add_stars", "fill"]

POINTS, NEEDLES, RAYS = 26, 24, 7

RAY_REACH = 7.0
"""How far a ray is seen, as a multiple of the crystal's radius."""


def fill(crystals: Sequence[Crystal], density: Field, grid: Grid, value: float) -> None:
    """Write the density of crystals to the voxels of cells that they fill, in part where they fill a part."""
    for crystal in crystals:
        box, away = _around(crystal, grid, crystal.radius_um)
        if density[box].size:
            depth = _druse(crystal, away) if crystal.kind == "druse" else _raphides(crystal, away)
            step = float(np.mean(grid.spacing_um))
            share = np.clip(0.5 + depth / step, 0, 1) * (density[box] > 0)
            density[box] += (share * (value - 1)).astype(np.float32)


def add_stars(crystals: Sequence[Crystal], image: Field, grid: Grid, height: float) -> None:
    """Add the rays, bright and dark, that crystals throw across the tomographic plane, up to so many grey values."""
    for crystal in crystals:
        box, (z, y, x) = _around(crystal, grid, RAY_REACH * crystal.radius_um)
        if not image[box].size:
            continue
        rng = np.random.default_rng(crystal.seed)
        radius = crystal.radius_um
        distance = np.sqrt(y * y + x * x)
        rays = np.zeros(distance.shape)
        for angle, sign in zip(rng.uniform(0, np.pi, RAYS), rng.uniform(-1, 1, RAYS), strict=True):
            off = np.abs(np.sin(angle) * x - np.cos(angle) * y)
            rays += sign * np.clip(1 - off / (0.22 * radius), 0, 1)
        rays *= np.clip(1 - distance / (RAY_REACH * radius), 0, 1) ** 2
        image[box] += (height * rays * np.clip(1 - (z / radius) ** 2, 0, 1)).astype(np.float32)


def _around(crystal: Crystal, grid: Grid, radius_um: float) -> tuple[tuple[slice, ...], tuple[Floats, Floats, Floats]]:
    """Return the voxels of a ball about a crystal, and the way from its middle to them, in µm: z, y, x to broadcast."""
    box, away = [], []
    for axis, middle in enumerate(crystal.place_um):
        centres = grid.centres(axis)
        low, high = np.searchsorted(centres, [middle - radius_um, middle + radius_um])
        box.append(slice(int(low), int(high)))
        away.append((centres[low:high] - middle).reshape([-1 if other == axis else 1 for other in range(3)]))
    return tuple(box), (away[0], away[1], away[2])


def _druse(crystal: Crystal, away: tuple[Floats, Floats, Floats]) -> Floats:
    """Return how deep places lie in a star, in µm: points of various length about a core."""
    rng = np.random.default_rng(crystal.seed)
    axes = _directions(rng, POINTS)
    lengths, widths = rng.uniform(0.7, 1.0, POINTS), rng.uniform(0.2, 0.32, POINTS)
    z, y, x = away
    apart = np.sqrt(z * z + y * y + x * x)
    depth = 0.5 * crystal.radius_um - apart
    for axis, length, width in zip(axes, lengths * crystal.radius_um, widths * crystal.radius_um, strict=True):
        along = z * axis[0] + y * axis[1] + x * axis[2]
        off = np.sqrt(np.maximum(apart * apart - along * along, 0))
        depth = np.maximum(depth, np.where(along > 0, width * (1 - along / length) - off, -off - width))
    return np.asarray(depth)


def _raphides(crystal: Crystal, away: tuple[Floats, Floats, Floats]) -> Floats:
    """Return how deep places lie in a bundle of needles, in µm."""
    rng = np.random.default_rng(crystal.seed)
    course = _directions(rng, 1)[0]
    radius = crystal.radius_um
    z, y, x = away
    depth: Floats = np.full(np.broadcast_shapes(z.shape, y.shape, x.shape), -radius)
    for _ in range(NEEDLES):
        lean = course + rng.normal(0, 0.05, 3)
        lean /= np.sqrt(np.sum(lean**2))
        start = 0.2 * radius * rng.uniform() * _directions(rng, 1)[0]
        half, width = radius * rng.uniform(0.5, 0.8), rng.uniform(0.5, 1.1)
        dz, dy, dx = z - start[0], y - start[1], x - start[2]
        along = dz * lean[0] + dy * lean[1] + dx * lean[2]
        off = np.sqrt(np.maximum(dz * dz + dy * dy + dx * dx - along * along, 0))
        depth = np.maximum(depth, np.minimum(width * np.minimum(1, 3 - 3 * np.abs(along) / half), width) - off)
    return depth


def _directions(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw directions, shape (count, 3)."""
    drawn = rng.normal(size=(count, 3))
    return np.asarray(drawn / np.sqrt(np.sum(drawn**2, axis=1, keepdims=True)))
