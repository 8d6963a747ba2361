"""What surrounds a leaf in a scan: a medium or air, bubbles or droplets on its faces, a corner that was not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.phantom.grid import Grid
from mesophyll.phantom.ranges import draw
from mesophyll.phantom.scanner.chance import Field, seed_from
from mesophyll.phantom.scanner.faces import FAR_UM, Faces
from mesophyll.phantom.scanner.noise import blur, reach, smooth
from mesophyll.phantom.scanner.optics import Optics
from mesophyll.volume import Spacing

__all__ = ["Corner", "Drop", "Medium"]

PIT_UM = 1.5
"""How far around a place the leaf is looked at to tell whether it lies in a pit."""


@dataclass(frozen=True)
class Drop:
    """A bubble or a droplet: an ellipsoid, middle and half axes (z, y, x) in µm."""

    middle_um: tuple[float, float, float]
    half_um: tuple[float, float, float]

    def fill(self, density: Field, outside: NDArray[np.bool_], grid: Grid, value: float) -> None:
        """Write a value to those of its voxels that are ``outside`` the leaf."""
        box, squares = [], []
        for axis, (middle, half) in enumerate(zip(self.middle_um, self.half_um, strict=True)):
            centres = grid.centres(axis)
            low, high = np.searchsorted(centres, [middle - half, middle + half])
            box.append(slice(low, high))
            offset = (centres[low:high] - middle) / half
            squares.append((offset**2).reshape([-1 if other == axis else 1 for other in range(3)]))
        place = tuple(box)
        within = (squares[0] + squares[1] + squares[2] < 1) & outside[place]
        density[place][within] = value


@dataclass(frozen=True)
class Corner:
    """What lies outside the field of view: all beyond a circle in the tomographic plane, middle (y, x) in µm."""

    middle_um: tuple[float, float]
    radius_um: float

    def holds(self, grid: Grid) -> NDArray[np.bool_]:
        """Mark the lines along z that lie in it, shape (Y, X)."""
        y, x = (grid.centres(axis) - middle for axis, middle in zip((1, 2), self.middle_um, strict=True))
        return np.asarray(y[:, None] ** 2 + x[None, :] ** 2 > self.radius_um**2)


@dataclass(frozen=True)
class Medium:
    """What surrounds the leaf of one scan.

    Parameters
    ----------
    density
        1 is as dense as cells, 0 is air.
    drops
        Bubbles in a medium, droplets in air.
    pits
        The seed of where air was trapped in the pits of the leaf's faces.
    corner
        What was not seen, if anything.
    """

    density: float
    drops: tuple[Drop, ...]
    pits: int
    corner: Corner | None

    @classmethod
    def draw(cls, rng: np.random.Generator, optics: Optics, faces: Faces, volume: Grid) -> Medium:
        """Draw it for a volume."""
        of_density, of_drops, of_pits, of_corner = rng.spawn(4)
        airy = of_density.uniform() < optics.medium_is_air
        density = 0.0 if airy else draw(of_density, optics.medium)
        deep, high, wide = (count * step for count, step in zip(volume.shape, volume.spacing_um, strict=True))
        count = of_drops.poisson(of_drops.uniform(0, optics.drops) * deep * wide / 10_000)
        drawn = [_drop(each, faces, (deep, high, wide)) for each in of_drops.spawn(count)]
        unseen = of_corner.uniform() < optics.dark_corner
        corner = _corner(of_corner, high, wide) if unseen else None
        return cls(density, tuple(drop for drop in drawn if drop is not None), seed_from(of_pits), corner)

    @property
    def airy(self) -> bool:
        """Whether the leaf hangs in air."""
        return self.density == 0

    def reach(self, spacing_um: Spacing) -> tuple[int, int, int]:
        """Return how many voxels away `fill` looks, along each axis."""
        return (0, 0, 0) if self.airy else reach(PIT_UM, spacing_um)

    def fill(self, density: Field, outside: NDArray[np.bool_], grid: Grid) -> None:
        """Write the medium's density, and that of what lies in it, to the voxels ``outside`` the leaf.

        Parameters
        ----------
        density
            Shape (Z, Y, X) of the box: 1 as dense as cells, 0 air. Written to.
        outside
            Shape (Z, Y, X): around the leaf.
        grid
            The box.
        """
        if not outside.any():
            return
        self.flood(density, outside, grid)
        if not self.airy:
            # Air stays in some of the pits of a leaf's faces, where two outer walls meet.
            enclosed = blur(1 - outside.astype(np.float32), PIT_UM, grid.spacing_um)
            enclosed -= np.float32(0.06) * smooth(self.pits, grid, (12.0, 12.0, 12.0))
            density[outside & (enclosed > 0.58)] = 0.0

    def flood(self, density: Field, outside: NDArray[np.bool_], grid: Grid) -> None:
        """Write the density of the medium and of its drops, but leave out the pits."""
        density[outside] = self.density
        for drop in self.drops:
            drop.fill(density, outside, grid, 1.0 if self.airy else 0.0)


def _drop(rng: np.random.Generator, faces: Faces, extent_um: tuple[float, float, float]) -> Drop | None:
    """Lay a bubble or a droplet on a face of the leaf, round or flat, more or less sunk in; None where no face is."""
    z, x = rng.uniform(0, extent_um[0]), rng.uniform(0, extent_um[2])
    below = rng.uniform() < 0.3
    size = rng.uniform(4.0, 12.0) * (rng.uniform(1, 4) if rng.uniform() < 0.3 else 1.0)
    flat, sink = rng.uniform(0.4, 1.0), rng.uniform(-0.2, 0.9)
    heights = faces.at(np.array([z]), np.array([x]))
    height = float(heights[int(below)][0, 0])
    if abs(height) > FAR_UM / 100:
        return None
    lift = size * flat * sink * (1 if below else -1)
    return Drop((z, height + lift, x), (size, size * flat, size))


def _corner(rng: np.random.Generator, high_um: float, wide_um: float) -> Corner:
    """Draw a corner: the circle is so large that its edge is nearly straight."""
    angle, share = rng.uniform(0, 2 * np.pi), rng.uniform(0.88, 0.98)
    reach_um = np.hypot(high_um, wide_um) / 2
    back = 6 * reach_um - share * reach_um
    middle = (high_um / 2 - back * np.sin(angle), wide_um / 2 - back * np.cos(angle))
    return Corner((float(middle[0]), float(middle[1])), float(6 * reach_um))
