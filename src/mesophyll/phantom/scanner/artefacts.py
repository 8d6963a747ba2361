"""What a scanner adds by itself: rings about its axis, the joints of tiles, edges seen twice where a leaf moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from mesophyll.blocks import Region
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.scanner.chance import Field, seed_from, white
from mesophyll.phantom.scanner.noise import smooth
from mesophyll.volume import Spacing

__all__ = ["Motion", "Rings", "Seams"]

RING_UM, RING_DEPTH_UM = 0.6, 25.0
"""How wide a ring is, and how far along the axis a flaw of the detector is seen."""

SEAM_UM = 0.8
"""The half width of the line where two tiles meet."""

TILE_UM = (120.0, 450.0)

ZONE_UM = (28.0, 16.0, 16.0)
"""The reach of the zones in which a leaf moved."""

MOVED = 1.1
"""Where zones begin, in standard deviations: about a seventh of the leaf moved."""


@dataclass(frozen=True)
class Rings:
    """Arcs about the axis of rotation, which runs along Z.

    Parameters
    ----------
    middle_um
        The axis (y, x); mostly beyond the volume, as a leaf is a small part of what is scanned.
    seed
        Draws the detector's flaws.
    """

    middle_um: tuple[float, float]
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, volume: Grid) -> Rings:
        """Draw the axis for a volume."""
        high, wide = (volume.shape[axis] * volume.spacing_um[axis] for axis in (1, 2))
        far = rng.uniform(-1.0, 1.0, 2) * max(high, wide)
        return cls((float(high / 2 + far[0]), float(wide / 2 + far[1])), seed_from(rng))

    def field(self, grid: Grid) -> Field:
        """Return the rings in a box, of standard deviation 1: few strong ones, many faint ones."""
        y, x = (grid.centres(axis) - middle for axis, middle in zip((1, 2), self.middle_um, strict=True))
        step = min(grid.spacing_um[1:])
        place = np.sqrt(y[:, None] ** 2 + x[None, :] ** 2) / step
        lower = np.floor(place)
        first = int(lower.min())
        lines = Grid(
            (grid.shape[0], int(lower.max()) - first + 2, 1),
            (grid.spacing_um[0], step, 1.0),
            (grid.start[0], first, 0),
        )
        flaws = smooth(self.seed, lines, (RING_DEPTH_UM, RING_UM, 2.0))[:, :, 0]
        flaws *= flaws * flaws * np.float32(1 / np.sqrt(15))
        field = np.empty(grid.shape, np.float32)
        _turn(flaws, (lower - first).astype(np.intp), (place - lower).astype(np.float32), field)
        return field


@numba.njit(cache=True, nogil=True)
def _turn(flaws: Any, lower: Any, weight: Any, field: Any) -> Any:
    """Read what each radius shows at every voxel of the tomographic planes."""
    for k in range(field.shape[0]):
        for j in range(field.shape[1]):
            for i in range(field.shape[2]):
                below = flaws[k, lower[j, i]]
                field[k, j, i] = below + weight[j, i] * (flaws[k, lower[j, i] + 1] - below)


@dataclass(frozen=True)
class Seams:
    """Where tiles of a scan were joined: each has a grey of its own, and a line runs along the joint.

    Parameters
    ----------
    pitch_um, first_um
        A tile's lengths (z, y, x), and where the first one begins.
    seed
        Draws the greys and the lines.
    """

    pitch_um: tuple[float, float, float]
    first_um: tuple[float, float, float]
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Seams:
        """Draw the tiles."""
        pitch = rng.uniform(*TILE_UM, 3)
        first = -pitch * rng.uniform(0, 1, 3)
        return cls((pitch[0], pitch[1], pitch[2]), (first[0], first[1], first[2]), seed_from(rng))

    def add(self, image: Field, grid: Grid, height: float) -> None:
        """Add steps of so many grey values, and lines twice as high, to a box."""
        for axis in range(3):
            level = np.float32(height) * self._profile(grid.centres(axis), axis)
            image += level.reshape([-1 if other == axis else 1 for other in range(3)])

    def _profile(self, places: Floats, axis: int) -> Field:
        """Return the greys of tiles and lines along one axis."""
        position = (places - self.first_um[axis]) / self.pitch_um[axis]
        count = int(np.ceil(position[-1])) + 2
        tiles, lines = (white(self.seed + part, (axis, 0, 0), (1, 1, count))[0, 0] for part in (0, 1))
        joint = np.rint(position)
        off = np.abs(position - joint) * self.pitch_um[axis] / SEAM_UM
        line = 2 * lines[joint.astype(np.intp)] * np.clip(1 - off, 0, 1)
        return np.asarray(tiles[np.floor(position).astype(np.intp)] + line, np.float32)


@dataclass(frozen=True)
class Motion:
    """Zones of a leaf that moved while it turned: each edge is seen twice, once bright and once dark.

    Parameters
    ----------
    seed
        Draws the zones.
    """

    seed: int

    @staticmethod
    def reach(way_um: float, spacing_um: Spacing) -> tuple[int, int, int]:
        """Return how many voxels away `field` looks, along each axis."""
        high, wide = (round(way_um / step) for step in spacing_um[1:])
        return 0, high, wide

    def field(self, image: Field, way_um: float, grid: Grid, inner: Region) -> Field:
        """Return by how much an image of a box differs between where things were and where they came from.

        Parameters
        ----------
        image
            Shape (Z, Y, X) of the box and of what is around it: as many voxels as `reach` tells, or up to the volume's faces.
        way_um
            How far a place moved.
        grid
            The box.
        inner
            The box within the image.
        """
        _, high, wide = self.reach(way_um, grid.spacing_um)
        share, turn = (smooth(self.seed + part, grid, ZONE_UM) for part in (0, 1))
        share -= np.float32(MOVED)
        np.clip(share, 0, 1, out=share)
        corner = (inner[0].start, inner[1].start, inner[2].start)
        _double(image, share, turn, corner, (high, wide))
        return share


@numba.njit(cache=True, nogil=True)
def _double(image: Any, share: Any, turn: Any, corner: Any, way: Any) -> Any:
    """Turn the share of each voxel that moved into the difference of where it was and where it came from."""
    last_j, last_i = image.shape[1] - 1, image.shape[2] - 1
    for k in range(share.shape[0]):
        for j in range(share.shape[1]):
            for i in range(share.shape[2]):
                if share[k, j, i] > 0:
                    # A zone turns rather than slides: the way points elsewhere as `turn` goes from -1 to 1.
                    lean = min(max(turn[k, j, i], np.float32(-1.0)), np.float32(1.0))
                    dj, di = round(lean * way[0]), round((1.0 - abs(lean)) * way[1])
                    j_on, i_on = min(max(corner[1] + j + dj, 0), last_j), min(corner[2] + i + di, last_i)
                    j_back, i_back = min(max(corner[1] + j - dj, 0), last_j), max(corner[2] + i - di, 0)
                    share[k, j, i] *= image[corner[0] + k, j_on, i_on] - image[corner[0] + k, j_back, i_back]
