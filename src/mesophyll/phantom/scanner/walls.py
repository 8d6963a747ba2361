"""The walls between touching cells, as a scanner shows them: thin sheets, some bright, some not there at all.

Whether a contact shows is drawn once for a pair of cells, from a hash of both numbers: the same pair always gets the
same wall, in whatever order and from whichever side its faces are met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.blocks import Region
from mesophyll.labels import Labels
from mesophyll.phantom.grid import Floats
from mesophyll.phantom.hashing import mix, of_pair, share
from mesophyll.phantom.ranges import draw
from mesophyll.phantom.scanner.chance import Field, seed_from
from mesophyll.phantom.scanner.noise import blur, reach
from mesophyll.phantom.scanner.optics import Optics
from mesophyll.volume import Spacing

__all__ = ["Walls"]

HALF_WIDTH_UM = 0.65
"""Where a measured ridge has fallen to half its height."""

MESOPHYLL_RIDGE, EPIDERMIS_RIDGE, VEIN_RIDGE = 7.1, 9.6, 12.2
"""The measured heights of a ridge in grey values of gridrec; in Paganin 0.75 to 0.80 of it."""

FAINT = 0.12
"""The height of a wall that does not show, as a share of one that does."""

_RIDGES = {
    tissues.BACKGROUND: EPIDERMIS_RIDGE,
    tissues.UPPER_EPIDERMIS: EPIDERMIS_RIDGE,
    tissues.LOWER_EPIDERMIS: EPIDERMIS_RIDGE,
    tissues.BUNDLE_SHEATH: VEIN_RIDGE,
    tissues.VEIN: VEIN_RIDGE,
}


@dataclass(frozen=True)
class Walls:
    """The walls of one scan.

    Parameters
    ----------
    look
        Shape (256, 2): for each code of a tissue the share of its walls that show, and the height of their ridges in grey
        values of gridrec.
    seed
        Draws which ones show.
    """

    look: Floats
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, optics: Optics) -> Walls:
        """Draw them: each tissue has a height of its own."""
        seed = seed_from(rng)
        shares = [optics.walls_seen.get(code, optics.walls_otherwise) * (1 - optics.hidden) for code in range(256)]
        heights = [_RIDGES.get(code, MESOPHYLL_RIDGE) * draw(rng, optics.walls) for code in range(256)]
        return cls(np.column_stack([shares, heights]), seed)

    @staticmethod
    def reach(spacing_um: Spacing) -> tuple[int, int, int]:
        """Return how many voxels away `ridges` looks, along each axis."""
        deep, high, wide = reach(_widths(spacing_um)[1], spacing_um)
        return deep + 1, high + 1, wide + 1

    def ridges(
        self, labels: Labels, tissue: NDArray[np.uint8], spacing_um: Spacing, keep: Region | None = None
    ) -> Field:
        """Return the walls' ridges in grey values of gridrec, in the region ``keep`` or everywhere.

        Parameters
        ----------
        labels, tissue
            Shape (Z, Y, X).
        spacing_um
            The voxel's edge lengths.
        keep
            The region that is wanted.
        """
        mass = np.sqrt(_squares(labels, tissue, self.look, np.asarray(spacing_um), np.uint64(self.seed)))
        width, spread = _widths(spacing_um)
        field = blur(mass, spread, spacing_um, keep)
        field *= np.float32(np.sqrt(2 * np.pi) * width)  # from µm of wall to the height of its ridge
        return field


def _widths(spacing_um: Spacing) -> tuple[float, float]:
    """Return the sigma of a ridge, and what is left of it to blur, in µm."""
    # A plane of faces marks one voxel on either side of it: that spread, and the voxel's own, count towards the width.
    sigma = HALF_WIDTH_UM / np.sqrt(2 * np.log(2))
    step = float(np.mean(spacing_um))
    width = np.sqrt(max(sigma**2, 0.01 + step**2 / 4))
    return float(width), float(np.sqrt(width**2 - step**2 / 6))


@numba.njit(cache=True, nogil=True)
def _squares(labels: Any, tissue: Any, look: Any, spacing: Any, seed: Any) -> Any:
    """Sum the squares of each voxel's walls, half of every wall at its faces.

    Summed as they are, the faces of an oblique wall would count up to 1.7 times its area; the root of the summed
    squares is right for planes along the axes and along all diagonals.
    """
    squares = np.zeros(labels.shape, np.float32)
    for axis in range(3):
        dk, dj, di = int(axis == 0), int(axis == 1), int(axis == 2)
        for k in range(labels.shape[0] - dk):
            for j in range(labels.shape[1] - dj):
                for i in range(labels.shape[2] - di):
                    own, other = labels[k, j, i], labels[k + dk, j + dj, i + di]
                    if own != other and _is_wall(own, other, tissue[k, j, i], tissue[k + dk, j + dj, i + di]):
                        here, there = look[tissue[k, j, i]], look[tissue[k + dk, j + dj, i + di]]
                        # The medium has no wall of its own: the leaf's outer wall is all the cell's.
                        here, there = (here if own > 0 else there), (there if other > 0 else here)
                        mass = 0.25 * (here[1] + there[1]) / spacing[axis]
                        mass *= _height(own, other, min(here[0], there[0]), seed)
                        squares[k, j, i] += mass * mass
                        squares[k + dk, j + dj, i + di] += mass * mass
    return squares


@numba.njit(cache=True, nogil=True)
def _is_wall(own: Any, other: Any, here: Any, there: Any) -> Any:
    """Tell whether a face is a wall: between two cells, or between a cell and the medium around the leaf."""
    return (own > 0 or here == tissues.BACKGROUND) and (other > 0 or there == tissues.BACKGROUND)


@numba.njit(cache=True, nogil=True)
def _height(first: Any, second: Any, seen: Any, seed: Any) -> Any:
    """Return a contact's height relative to its tissue's ridge: near 1 where it shows, `FAINT` where it does not."""
    key = of_pair(first, second, seed)
    return 0.6 + 0.8 * share(mix(key)) if share(key) < seen else FAINT
