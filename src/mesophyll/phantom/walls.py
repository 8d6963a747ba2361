"""The walls between touching cells, as a scanner shows them: thin sheets, some bright, some not there at all.

Whether a contact shows is drawn once for a pair of cells, from a hash of both numbers: the same pair always gets the
same wall, in whatever order and from whichever side its faces are met.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.noise import Field, blur
from mesophyll.volume import Spacing

__all__ = ["RIDGES", "sheets"]

HALF_WIDTH_UM = 0.65
"""Where a measured ridge has fallen to half its height."""

RIDGES: dict[str, tuple[float, float, float]] = {"gridrec": (7.1, 9.6, 12.2), "paganin": (5.3, 7.7, 9.8)}
"""The measured heights of a ridge in grey values: mesophyll, epidermis, bundle sheath and vein."""

FAINT = 0.12
"""The height of a wall that does not show, as a share of one that does."""

_CLASS = {tissues.UPPER_EPIDERMIS: 1, tissues.LOWER_EPIDERMIS: 1, tissues.BUNDLE_SHEATH: 2, tissues.VEIN: 2}


def sheets(
    labels: Labels, tissue: NDArray[np.uint8], spacing_um: Spacing, seen: dict[int, float], seed: int
) -> tuple[Field, Field]:
    """Return the walls' ridges in grey values, in gridrec and in Paganin.

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
    share = np.zeros(256)
    share[list(seen)] = list(seen.values())
    ridge = np.zeros((256, 2), dtype=np.float32)
    for code in range(256):
        place = _CLASS.get(code, 0)
        ridge[code] = RIDGES["gridrec"][place], RIDGES["paganin"][place]
    gridrec, paganin = np.zeros(labels.shape, np.float32), np.zeros(labels.shape, np.float32)
    step = np.asarray(spacing_um)
    _mark(labels, tissue, share, ridge, step, np.uint64(seed), gridrec, paganin)
    # A plane of faces marks one voxel on either side of it; its own spread counts towards the ridge's width.
    sigma = HALF_WIDTH_UM / np.sqrt(2 * np.log(2))
    left = np.sqrt(max(sigma**2 - float(np.mean(step**2)) / 4, 0.01)) + 0.0
    reach = float(np.sqrt(left**2 + float(np.mean(step**2)) / 12))  # blur() takes the voxel's own share off again
    height = np.float32(np.sqrt(2 * np.pi) * np.sqrt(left**2 + float(np.mean(step**2)) / 4))
    return blur(gridrec, reach, spacing_um) * height, blur(paganin, reach, spacing_um) * height


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mark(labels, tissue, share, ridge, spacing, seed, gridrec, paganin):  # type: ignore[no-untyped-def]  # noqa: PLR0913 - compiled
    """Write each voxel's share of the walls at its faces.

    Summed over the axes, the faces of an oblique wall would count up to 1.7 times its area; the root of the summed
    squares is right for planes along the axes and along all diagonals.
    """
    deep, high, wide = labels.shape
    for k in range(deep):
        for j in range(high):
            for i in range(wide):
                own = labels[k, j, i]
                if own <= 0:
                    continue
                for axis in range(3):
                    mass_g, mass_p = 0.0, 0.0
                    for sign in (-1, 1):
                        kk, jj, ii = k + sign * (axis == 0), j + sign * (axis == 1), i + sign * (axis == 2)
                        if min(kk, jj, ii) < 0 or kk >= deep or jj >= high or ii >= wide:
                            continue
                        other = labels[kk, jj, ii]
                        if other <= 0 or other == own:
                            continue
                        here, there = tissue[k, j, i], tissue[kk, jj, ii]
                        height = _height(own, other, min(share[here], share[there]), seed) * 0.5 / spacing[axis]
                        mass_g += height * (ridge[here, 0] + ridge[there, 0]) * 0.5
                        mass_p += height * (ridge[here, 1] + ridge[there, 1]) * 0.5
                    gridrec[k, j, i] += mass_g * mass_g
                    paganin[k, j, i] += mass_p * mass_p
                gridrec[k, j, i] = np.sqrt(gridrec[k, j, i])
                paganin[k, j, i] = np.sqrt(paganin[k, j, i])


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _height(first, second, share, seed):  # type: ignore[no-untyped-def]
    """Return a contact's height relative to its tissue's ridge: near 1 where it shows, `FAINT` where it does not."""
    key = (np.uint64(min(first, second)) << np.uint64(32)) ^ np.uint64(max(first, second))
    key = _mix(key ^ _mix(seed))
    shows = (key >> np.uint64(40)) / 16777216.0
    if shows >= share:
        return FAINT
    return 0.6 + 0.8 * ((_mix(key) >> np.uint64(40)) / 16777216.0)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mix(key):  # type: ignore[no-untyped-def]
    """Scramble 64 bits (the finaliser of SplitMix64)."""
    key = (key + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))
