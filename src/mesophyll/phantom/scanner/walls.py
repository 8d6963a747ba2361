"""The walls between touching cells, as a scanner shows them: thin sheets, some bright, some not there at all.

Whether a contact shows is drawn once for a pair of cells, from a hash of both numbers: the same pair always gets the
same wall, in whatever order and from whichever side its faces are met.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.scanner.noise import Field, blur
from mesophyll.volume import Spacing

__all__ = ["sheets"]

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


def sheets(labels: Labels, tissue: NDArray[np.uint8], spacing_um: Spacing, seen: dict[int, float], seed: int) -> Field:
    """Return the walls' ridges in grey values of gridrec, shape (Z, Y, X).

    Parameters
    ----------
    labels, tissue
        Shape (Z, Y, X).
    spacing_um
        The voxel's edge lengths.
    seen
        Tissue code: the share of its walls that show; a tissue that is not named shows none.
    seed
        Draws which ones.
    """
    look = np.array([[seen.get(code, 0.0), _RIDGES.get(code, MESOPHYLL_RIDGE)] for code in range(256)])
    mass = np.sqrt(_squares(labels, tissue, look, np.asarray(spacing_um), np.uint64(seed)))
    # A plane of faces marks one voxel on either side of it: that spread, and the voxel's own, count towards the width.
    sigma = HALF_WIDTH_UM / np.sqrt(2 * np.log(2))
    step = float(np.mean(spacing_um))
    width = np.sqrt(max(sigma**2, 0.01 + step**2 / 4))
    ridges = blur(mass, np.sqrt(width**2 - step**2 / 6), spacing_um)
    ridges *= np.sqrt(2 * np.pi) * width  # from µm of wall to the height of its ridge
    return ridges


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
def _height(first: Any, second: Any, share: Any, seed: Any) -> Any:
    """Return a contact's height relative to its tissue's ridge: near 1 where it shows, `FAINT` where it does not."""
    key = (np.uint64(min(first, second)) << np.uint64(32)) ^ np.uint64(max(first, second))
    key = _mix(key ^ _mix(seed))
    shows = (key >> np.uint64(40)) / 16777216.0
    if shows >= share:
        return FAINT
    return 0.6 + 0.8 * ((_mix(key) >> np.uint64(40)) / 16777216.0)


@numba.njit(cache=True, nogil=True)
def _mix(key: Any) -> Any:
    """Scramble 64 bits (the finaliser of SplitMix64)."""
    key = (key + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))
