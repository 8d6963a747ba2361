"""How much air there is around a place, widely and roughly: by that Paganin glows, where air is near.

Of every few voxels one is looked at, on a lattice fixed to the volume, so that any box finds the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mesophyll.blocks import Region
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.scanner.chance import Field
from mesophyll.phantom.scanner.noise import between, blur, reach

__all__ = ["air_around"]

GLOW_UM = 6.0
"""How far around a place air counts. On a real slice cells in thick tissue are darker than those between airspaces, and air
in wide holes is brighter (62 to 67, 6 µm from the next cell) than beside cells (48): a straight line of one share of air
for both comes nearest to how strongly each wavelength is seen with a reach of 6 µm."""

KNOT_UM = 2.0

_SLAB = 32  # planes that are read at once

Look = Callable[[Region], Field]


def air_around(region: Region, volume: Grid, look: Look) -> Field:
    """Return the share of air around each voxel of a region, shape (Z, Y, X).

    Parameters
    ----------
    region
        The region.
    volume
        The whole volume.
    look
        Returns the density of a region: 1 cells, 0 air.
    """
    skips = [max(int(KNOT_UM / step), 1) for step in volume.spacing_um]
    counts = [-(-count // skip) for count, skip in zip(volume.shape, skips, strict=True)]
    places = [_places(*each) for each in zip(region, skips, counts, strict=True)]
    knot_um = tuple(skip * step for skip, step in zip(skips, volume.spacing_um, strict=True))
    margins = reach(GLOW_UM, knot_um)
    first = [max(int(place[0]) - margin, 0) for place, margin in zip(places, margins, strict=True)]
    last = [
        min(int(place[-1]) + 1 + margin, count - 1)
        for place, margin, count in zip(places, margins, counts, strict=True)
    ]
    knots = [np.arange(low, high + 1) for low, high in zip(first, last, strict=True)]
    voxels = [
        np.minimum(knot * skip + skip // 2, count - 1)
        for knot, skip, count in zip(knots, skips, volume.shape, strict=True)
    ]
    coarse = 1 - blur(_sample(voxels, look), GLOW_UM, knot_um)
    coarse = np.pad(coarse, ((0, 1),) * 3, mode="edge")  # the last knot has none above it
    return between(coarse, places, first)


def _places(axis: slice, skip: int, count: int) -> Floats:
    """Return where voxels lie among the knots, of which the first and the last are continued."""
    return np.asarray(np.clip((np.arange(axis.start, axis.stop) + 0.5) / skip - 0.5, 0, count - 1))


def _sample(voxels: list[np.ndarray[tuple[int], np.dtype[np.intp]]], look: Look) -> Field:
    """Return the density at voxels, named by their place along each axis; a slab is read at a time."""
    ks, js, columns = voxels
    density = np.empty([len(axis) for axis in voxels], np.float32)
    for start in range(int(ks[0]), int(ks[-1]) + 1, _SLAB):
        mine = (ks >= start) & (ks < start + _SLAB)
        if mine.any():
            near = ks[mine]
            box = tuple(slice(int(axis[0]), int(axis[-1]) + 1) for axis in (near, js, columns))
            density[mine] = look(box)[np.ix_(near - near[0], js - js[0], columns - columns[0])]
    return density
