"""A partition of space by seeds: a place belongs to the cell with the nearest seed, less the seed's radius.

A cell has as many seeds as its shape needs. Those that may matter are listed bin by bin, so that a place looks at a dozen
seeds whichever box it is asked for in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.phantom.grid import Floats

__all__ = ["KEPT", "Bins", "Listed", "Seeds", "bin_at", "bins", "rank", "string"]

KEPT = 4
"""So many of the cells nearest to a place are told."""

BIN_UM = 4.0
"""The side of the bins in which seeds are listed."""

HALF_UM = 0.5 * BIN_UM * 3**0.5
"""From a bin's middle to its corner."""

COARSE = 7
"""So many bins wide are the coarse ones in which seeds are sought: 3 x 3 x 3 of them, 28 µm far at least."""


class Bins(NamedTuple):
    """The bins of a box: the first one, and their number along each axis."""

    first: NDArray[np.int64]
    shape: NDArray[np.int64]


class Listed(NamedTuple):
    """The seeds that matter in the bins of a box.

    Parameters
    ----------
    bins
        The bins.
    seeds, stops
        The bins' seeds one after the other, in raster order, and where each bin's end.
    """

    bins: Bins
    seeds: NDArray[np.int32]
    stops: NDArray[np.int64]


class _Coarse(NamedTuple):
    """Seeds sorted into coarse bins: the first bin, the bins along each axis, the order, and where each bin starts."""

    first: NDArray[np.int64]
    shape: NDArray[np.int64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]


@dataclass(frozen=True)
class Seeds:
    """Seeds and the cells that they belong to.

    Parameters
    ----------
    places
        Shape (seeds, 4), in µm: z, y, x, radius.
    cell
        Shape (seeds,).
    """

    places: Floats
    cell: NDArray[np.int32]

    @classmethod
    def of(cls, cells: Iterable[Floats]) -> Seeds:
        """String seeds along the cones of each cell, see `bodies.Body`."""
        strung = [string(cones) for cones in cells]
        cell = np.repeat(np.arange(len(strung), dtype=np.int32), [len(seeds) for seeds in strung])
        return cls(np.concatenate([np.empty((0, 4)), *strung]), cell)

    def near(self, box: Bins, wanted: NDArray[np.bool_]) -> Listed:
        """List the seeds that matter in those bins of a box that are wanted, a flag for each in raster order."""
        return Listed(box, *_list(self.places, self.cell, self._coarse, (box.first, box.shape, wanted)))

    @cached_property
    def middles(self) -> Floats:
        """The middles of the cells, shape (cells, 3), in µm."""
        count = np.bincount(self.cell)
        return np.stack([np.bincount(self.cell, self.places[:, axis]) / count for axis in range(3)], axis=1)

    @cached_property
    def _coarse(self) -> _Coarse:
        at = np.floor(self.places[:, :3] / (BIN_UM * COARSE)).astype(np.int64)
        first = at.min(axis=0)
        shape = at.max(axis=0) - first + 1
        flat = np.ravel_multi_index(tuple((at - first).T), tuple(shape))
        order = np.argsort(flat, kind="stable")
        starts = np.searchsorted(flat[order], np.arange(int(np.prod(shape)) + 1))
        return _Coarse(first, shape, order.astype(np.int64), starts.astype(np.int64))


def bins(low_um: Floats, high_um: Floats) -> Bins:
    """Return the bins between two corners of a box."""
    first, last = (np.floor(corner / BIN_UM).astype(np.int64) for corner in (low_um, high_um))
    return Bins(first, last - first + 1)


def string(cones: Floats) -> Floats:
    """String seeds along cones (cones, 8), closer together than they are wide: shape (seeds, 4)."""
    seeds = []
    for cone in cones.reshape(-1, 2, 4):
        length = float(np.linalg.norm(cone[1, :3] - cone[0, :3]))
        share = np.linspace(0, 1, int(np.ceil(length / (0.8 * cone[:, 3].mean()))) + 1)[:, None]
        seeds.append(cone[0] * (1 - share) + cone[1] * share)
    return np.unique(np.concatenate(seeds), axis=0)


@numba.njit(cache=True, nogil=True)
def bin_at(box: Any, at: Any) -> Any:
    """Return which bin of a box, in raster order, a place (z, y, x) lies in."""
    here = 0
    for axis in range(3):
        here = here * box.shape[axis] + int(np.floor(at[axis] / BIN_UM)) - box.first[axis]
    return here


@numba.njit(cache=True, nogil=True)
def rank(places: Any, cell: Any, listed: Any, at: Any, nearest: Any) -> Any:
    """Find the nearest cells.

    ``nearest`` is written to: distances to their nearest seeds (less the radius) and cells, `KEPT` of each; cell -1 where
    there are no more.
    """
    z, y, x = at
    apart, who = nearest
    apart[:] = np.inf
    who[:] = -1
    here = bin_at(listed.bins, at)
    for entry in range(listed.stops[here - 1] if here else 0, listed.stops[here]):
        seed = listed.seeds[entry]
        dz, dy, dx = z - places[seed, 0], y - places[seed, 1], x - places[seed, 2]
        distance = np.sqrt(dz * dz + dy * dy + dx * dx) - places[seed, 3]
        if distance >= apart[KEPT - 1]:
            continue
        slot = 0
        while slot < KEPT - 1 and who[slot] != cell[seed]:
            slot += 1
        if distance >= apart[slot]:
            continue
        while slot > 0 and distance < apart[slot - 1]:
            apart[slot], who[slot] = apart[slot - 1], who[slot - 1]
            slot -= 1
        apart[slot], who[slot] = distance, cell[seed]


@numba.njit(cache=True, nogil=True)
def _list(places: Any, cell: Any, coarse: Any, box: Any) -> Any:
    """List for each wanted bin of a box the seeds that may be the nearest of one of the nearest cells; see `Listed`."""
    first, shape, wanted = box
    stops = np.zeros(len(wanted), np.int64)
    listed = np.empty(16 * np.sum(wanted) + len(places), np.int32)
    best = np.full(cell.max() + 1, np.inf)
    near, apart = np.empty(len(places), np.int32), np.empty(len(places))
    used = 0
    for index in range(len(wanted)):
        stops[index] = used
        if not wanted[index]:
            continue
        j, i = index // shape[2] % shape[1], index % shape[2]
        at = (first[0] + index // (shape[1] * shape[2]), first[1] + j, first[2] + i)
        found = _around(places, coarse, at, near, apart)
        reach = _reach(cell, near[:found], apart[:found], best)
        if used + found > len(listed):
            listed = np.concatenate((listed, np.empty(len(listed) + found, np.int32)))
        for entry in range(found):
            if apart[entry] <= min(reach, best[cell[near[entry]]]) + 2.0 * HALF_UM:
                listed[used] = near[entry]
                used += 1
        for entry in range(found):
            best[cell[near[entry]]] = np.inf
        stops[index] = used
    return listed[:used], stops


@numba.njit(cache=True, nogil=True)
def _around(places: Any, coarse: Any, at: Any, near: Any, apart: Any) -> Any:
    """Find the seeds in the coarse bins around a bin, and how far each is from its middle; return their number."""
    k0, j0, i0 = at[0] // COARSE, at[1] // COARSE, at[2] // COARSE
    found = 0
    for k in range(k0 - 1, k0 + 2):
        for j in range(j0 - 1, j0 + 2):
            begin, end = _row(coarse, k, j, i0)
            for seed in coarse.order[begin:end]:
                dz = (at[0] + 0.5) * BIN_UM - places[seed, 0]
                dy = (at[1] + 0.5) * BIN_UM - places[seed, 1]
                dx = (at[2] + 0.5) * BIN_UM - places[seed, 2]
                near[found] = seed
                apart[found] = np.sqrt(dz * dz + dy * dy + dx * dx) - places[seed, 3]
                found += 1
    return found


@numba.njit(cache=True, nogil=True)
def _row(coarse: Any, k: Any, j: Any, i: Any) -> Any:
    """Return where the seeds of three coarse bins in a row begin and end."""
    k, j, i = k - coarse.first[0], j - coarse.first[1], i - coarse.first[2]
    low, high = max(i - 1, 0), min(i + 2, coarse.shape[2])
    if not (0 <= k < coarse.shape[0] and 0 <= j < coarse.shape[1] and low < high):
        return 0, 0
    row = (k * coarse.shape[1] + j) * coarse.shape[2]
    return coarse.starts[row + low], coarse.starts[row + high]


@numba.njit(cache=True, nogil=True)
def _reach(cell: Any, near: Any, apart: Any, best: Any) -> Any:
    """Return how far the last of the nearest cells is, and note in ``best`` how far each cell is."""
    for entry in range(len(near)):
        best[cell[near[entry]]] = min(best[cell[near[entry]]], apart[entry])
    nearest = np.full(KEPT, np.inf)
    for entry in range(len(near)):
        if apart[entry] == best[cell[near[entry]]] and apart[entry] < nearest[KEPT - 1]:
            slot = KEPT - 1
            while slot > 0 and apart[entry] < nearest[slot - 1]:
                nearest[slot] = nearest[slot - 1]
                slot -= 1
            nearest[slot] = apart[entry]
    return nearest[KEPT - 1]
