"""Which fragments touch, and what their contact is like: the region adjacency graph, as a table of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.densify.fragments import Fragments

__all__ = ["Contacts", "Floats", "Meetings", "find", "free_faces"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Meetings:
    """Pairs that touch, an entry for each.

    Parameters
    ----------
    area, saddle, ridge
        Of the contact: its faces of voxels, the depth of its deepest place in voxels, the sum of the ridges on its faces.
    smaller, both
        Voxels of the smaller one, and of both together.
    peak
        The lower of both greatest depths.
    ndim
        2 or 3.
    """

    area: Floats
    saddle: Floats
    ridge: Floats
    smaller: Floats
    both: Floats
    peak: Floats
    ndim: int


@dataclass(frozen=True)
class Contacts:
    """A graph of fragments; arrays by contact, and by fragment from 0 on.

    Parameters
    ----------
    first, second
        The fragments that touch, the smaller number first.
    area, saddle, ridge
        Of the contacts, as in `Meetings`.
    size, peak
        Of the fragments: voxels, and greatest depth.
    ndim
        2 or 3.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    area: Floats
    saddle: Floats
    ridge: Floats
    size: Floats
    peak: Floats
    ndim: int

    def meetings(self, which: NDArray[np.bool_] | slice = slice(None)) -> Meetings:
        """Return what the rule must know of contacts: of all, or of some."""
        first, second = self.first[which], self.second[which]
        one, other = self.size[first], self.size[second]
        peak = np.minimum(self.peak[first], self.peak[second])
        contact = (self.area[which], self.saddle[which], self.ridge[which])
        return Meetings(*contact, np.minimum(one, other), one + other, peak, self.ndim)


def find(fragments: Fragments) -> Contacts:
    """Find all contacts by faces of the fragments."""
    labels, count = fragments.labels, len(fragments.cells)
    keys, saddles, ridges = [], [], []
    for lower, upper in _neighbours(labels.ndim):
        face = (labels[lower] != labels[upper]) & (labels[lower] > 0) & (labels[upper] > 0)
        one, other = labels[lower][face].astype(np.int64), labels[upper][face]
        keys.append(np.minimum(one, other) * count + np.maximum(one, other))
        saddles.append(np.minimum(fragments.depth[lower][face], fragments.depth[upper][face]))
        ridges.append(np.maximum(fragments.ridges[lower][face], fragments.ridges[upper][face]))
    pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
    saddle = np.zeros(len(pairs))
    np.maximum.at(saddle, place, np.concatenate(saddles))
    size = np.bincount(labels.ravel(), minlength=count).astype(np.float64)
    size[0], peak = 0, np.zeros(count)
    present = np.flatnonzero(size)
    peak[present] = ndimage.maximum(fragments.depth, labels, present)
    return Contacts(
        first=pairs // count,
        second=pairs % count,
        area=np.bincount(place, minlength=len(pairs)).astype(np.float64),
        saddle=saddle,
        ridge=np.bincount(place, np.concatenate(ridges), minlength=len(pairs)).astype(np.float64),
        size=size,
        peak=peak,
        ndim=labels.ndim,
    )


def free_faces(labels: NDArray[np.int32], count: int) -> Floats:
    """Return how many faces each of ``count`` numbers shows to 0; the volume's edge is none."""
    total = np.zeros(count)
    for lower, upper in _neighbours(labels.ndim):
        for inner, outer in ((lower, upper), (upper, lower)):
            total += np.bincount(labels[inner][labels[outer] == 0], minlength=count)
    total[0] = 0
    return total


def _neighbours(ndim: int) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Return for each axis the index of all voxels that have a next one, and that of the next ones."""
    return [
        ((*(slice(None),) * axis, slice(None, -1)), (*(slice(None),) * axis, slice(1, None))) for axis in range(ndim)
    ]
