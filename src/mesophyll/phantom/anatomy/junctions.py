"""Grown tissue that came apart at its junctions: cells fill all space, and air opens where three or more of them meet.

How near a place is to a junction is told by the fillet that would reach it. So, as the air grows, tiny triangular pores
become canals, and canals a network of holes around lobed cells that touch by flat faces. Faces stay closed, except
between neighbours that lost hold of each other, and where columns grew thin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.phantom.anatomy.bodies import Body, bump
from mesophyll.phantom.anatomy.frame import Frame
from mesophyll.phantom.anatomy.seeds import KEPT, Seeds, bin_at, bins, rank
from mesophyll.phantom.grid import Grid
from mesophyll.phantom.hashing import of_pair, share

__all__ = ["Opening", "Parted"]

SOLID_UM = 0.5
"""How far outside two columns' seeds their wall still holds."""

TORN_UM = 2.0
"""Over how many µm more it loses its hold."""

ALONG = 3.5
"""How much harder holes in lobed tissue grow along the faces of cells than into cells."""

UPRIGHT = 0.3
"""How lobed columns are, as a share of what the cells below are."""

SLACK = 0.65
"""How well neighbours hold that lost each other."""

HOLDS = np.uint64(1)
"""The seed by which pairs of cells hold each other: the cells of no two leaves are numbered alike."""

WARP = 2.0
"""How far walls are bent, as a multiple of the table of bumps."""

UNEVEN = 2.4
"""How unlike the openings of lobed tissue are: the logarithm of their size, as a multiple of the same table."""

UNEVEN_REACH = 3.0
"""Over how long a distance: openings read the table so much more slowly than outlines."""

BELOW = 0.1
"""Within how much more depth openings grow from those among columns to the full."""


class Opening(NamedTuple):
    """How a tissue comes apart.

    Parameters
    ----------
    top, columns, knee
        Openings right under the upper skin, and where columns end, as a share of those below; and the depth (a share of
        the mesophyll) where columns end.
    lobed
        From 0, cells rounded at their edges that part evenly, to 1, arms between uneven holes.
    links
        The share of neighbours that stay joined by a face.
    paradermal
        How much less junctions with cells above or below open than those in the leaf's plane.
    """

    top: float = 1.0
    columns: float = 1.0
    knee: float = 1.0
    lobed: float = 0.5
    links: float = 1.0
    paradermal: float = 0.0


@dataclass(frozen=True)
class Parted:
    """Cells parted at their junctions.

    Parameters
    ----------
    bodies
        The cells' shapes, in µm from the volume's corner: seeds are strung along their cones.
    bumps
        The table of `bodies.lumps`.
    frame
        The leaf's faces: air opens along the skins as it does between cells.
    opening
        How the tissue comes apart.
    """

    bodies: Sequence[Body]
    bumps: NDArray[np.float32]
    frame: Frame
    opening: Opening

    @property
    def limits_um(self) -> tuple[float, float]:
        """The levels that make sense, see `Maker`: no fillet is smaller than nothing."""
        return -np.inf, 0.0

    @property
    def tissue(self) -> NDArray[np.uint8]:
        """The tissue of each cell, shape (cells,)."""
        return np.array([body.tissue for body in self.bodies], dtype=np.uint8)

    @cached_property
    def _seeds(self) -> Seeds:
        return Seeds.of(body.cones for body in self.bodies)

    def distance(self, free: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find for each voxel its cell, and how near it is to a junction.

        Parameters
        ----------
        free
            Shape (Z, Y, X) of the box: where cells may be.
        grid
            The box.

        Returns
        -------
        owner
            Shape (Z, Y, X): the index of the cell, -1 where nothing is free.
        distance_um
            Shape (Z, Y, X): minus the radius of the fillet that reaches the voxel; 0 on a junction.
        """
        owner = np.full(free.shape, -1, dtype=np.int32)
        distance = np.zeros(free.shape, dtype=np.float32)
        if self.bodies:
            skins = np.stack([self.frame.upper_inner(*grid.plane), self.frame.lower_inner(*grid.plane)])
            stray = WARP * float(np.abs(self.bumps).max(initial=0.0)) + 1e-3
            size = (np.array(grid.shape) - 1) * grid.step
            box = bins(grid.corner_um - stray, grid.corner_um + size + stray)
            wanted = np.zeros(int(np.prod(box.shape)), bool)
            place = (np.array(grid.start), grid.step, skins)
            _want(free, place, self.bumps, box, wanted)
            seeds = (self._seeds.places, self._seeds.cell, self._seeds.near(box, wanted))
            cells = (self._seeds.middles, self.tissue == tissues.PALISADE)
            _part(free, place, seeds, (self.bumps, self.opening, cells), (owner, distance))
        return owner, distance


@numba.njit(cache=True, nogil=True)
def _want(free: Any, place: Any, bumps: Any, box: Any, wanted: Any) -> Any:
    """Mark the bins in which free voxels lie; in a sparse sample of a large volume these are few."""
    start, step, _ = place
    for k in range(free.shape[0]):
        for j in range(free.shape[1]):
            for i in range(free.shape[2]):
                if free[k, j, i]:
                    at = _bent(
                        bumps,
                        (
                            (start[0] + k + 0.5) * step[0],
                            (start[1] + j + 0.5) * step[1],
                            (start[2] + i + 0.5) * step[2],
                        ),
                    )
                    wanted[bin_at(box, at)] = True


@numba.njit(cache=True, nogil=True)
def _part(free: Any, place: Any, seeds: Any, rule: Any, found: Any) -> Any:
    """Find owner and distance of the free voxels; ``place`` holds the first voxel, the step and the skins."""
    start, step, skins = place
    places, cell, listed = seeds
    bumps, opening, cells = rule
    nearest = (np.empty(KEPT), np.empty(KEPT, np.int32))
    for k in range(free.shape[0]):
        for j in range(free.shape[1]):
            for i in range(free.shape[2]):
                if not free[k, j, i]:
                    continue
                at = ((start[0] + k + 0.5) * step[0], (start[1] + j + 0.5) * step[1], (start[2] + i + 0.5) * step[2])
                rank(places, cell, listed, _bent(bumps, at), nearest)
                above, below = at[1] - skins[0, k, i], skins[1, k, i] - at[1]
                fillet = _fillet(cells, nearest, min(above, below), opening)
                found[0][k, j, i] = nearest[1][0]
                found[1][k, j, i] = -fillet / _wide(bumps, opening, at, above / (above + below))


@numba.njit(cache=True, nogil=True)
def _bent(bumps: Any, at: Any) -> Any:
    """Return the place that stands for a place where walls are not bent."""
    z, y, x = at
    return (
        z + WARP * bump(bumps, z, y, x),
        y + WARP * bump(bumps, z + 31.0, y + 17.0, x + 5.0),
        x + WARP * bump(bumps, z + 11.0, y + 53.0, x + 37.0),
    )


@numba.njit(cache=True, nogil=True)
def _wide(bumps: Any, opening: Any, at: Any, depth: Any) -> Any:
    """Return how wide junctions open at a place: the narrower the higher among columns, elsewhere by chance."""
    share = min(max(depth / opening.knee, 0.0), 1.0)
    below = min(max((depth - opening.knee) / BELOW, 0.0), 1.0)
    wide = opening.top + (opening.columns - opening.top) * share + (1.0 - opening.columns) * below
    z, y, x = at[0] / UNEVEN_REACH, at[1] / UNEVEN_REACH, at[2] / UNEVEN_REACH
    return wide * np.exp(UNEVEN * opening.lobed * wide * bump(bumps, z, y, x))


@numba.njit(cache=True, nogil=True)
def _fillet(cells: Any, nearest: Any, skin: Any, opening: Any) -> Any:
    """Return the radius (µm) of the fillet that reaches a place.

    With a and b the distances to the two nearest walls, and walls at 120°: a circle that touches both has passed the place
    when its radius is 2 (a + b + sqrt(3 a b)). The distance to the junction is sqrt((a + b)² / 3 + (a - b)²); a hole that
    reaches farther into cells than along their faces weighs the two squares unlike, and leaves cells with arms.
    Where a wall has no hold, it counts as a junction itself. Holes are wider where four cells meet.
    """
    apart, who = nearest
    middles, column = cells
    first, second, third = np.inf, np.inf, np.inf
    holds = 1.0
    for other in range(KEPT):
        wall = skin
        if other:
            if who[other] < 0:
                break
            wall = 0.5 * (apart[other] - apart[0]) * _stiff(middles, who, other, opening.paradermal)
        if wall < first:
            first, second, third = wall, first, second
            holds = _hold(column, apart, who, other, opening.links) if other else 1.0
        elif wall < second:
            second, third = wall, second
        elif wall < third:
            third = wall
    first = max(first, 0.0)
    if second == np.inf:
        return np.inf
    met = 1.0 - 0.35 * second / max(third, 1e-6)
    second = first + (second - first) * holds
    rounded = 2.0 / np.sqrt(3.0) * (first + second + np.sqrt(3.0 * first * second))
    hole = np.sqrt(0.5 * (first + second) ** 2 / 3.0 + ALONG * (second - first) ** 2)
    radius = rounded + (hole - rounded) * opening.lobed * (UPRIGHT if column[who[0]] else 1.0)
    return radius * met


@numba.njit(cache=True, nogil=True)
def _stiff(middles: Any, who: Any, other: Any, paradermal: Any) -> Any:
    """Return by how much farther away a wall counts, the more it lies in the leaf's plane."""
    if paradermal == 0.0:
        return 1.0
    dz, dy, dx = middles[who[other]] - middles[who[0]]
    return 1.0 + 2.0 * paradermal * dy * dy / (dz * dz + dy * dy + dx * dx)


@numba.njit(cache=True, nogil=True)
def _hold(column: Any, apart: Any, who: Any, other: Any, links: Any) -> Any:
    """Return how well a wall between two cells holds, from 0 to 1."""
    own, its = who[0], who[other]
    if column[own] and column[its]:
        return 1.0 - min(max((apart[0] - SOLID_UM) / TORN_UM, 0.0), 1.0)
    return 1.0 if share(of_pair(own, its, HOLDS)) < links else SLACK
