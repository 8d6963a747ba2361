"""Clusters of fragments that merge, and what is known of them and of each two that touch: sums over voxels and faces.

Sums, least and greatest values of two clusters give those of both together, so that clusters merge without a voxel being
looked at again. Volumes (Z, Y, X); an image is a volume of one layer. K clusters, 0 of them the outside, E pairs that touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.labels import Labels
from mesophyll.logistic import Floats

__all__ = ["FACES", "FLOW", "LENGTH", "PLACE", "PRODUCTS", "SPREAD", "TWO", "VALUES", "VOXELS", "Clusters", "Ints"]

Ints = NDArray[np.int64]

_AROUND_VOX = 2.0
"""Standard deviation by which the divergence is smoothed once more: what leads apart around a face."""

VOXELS, FACES, SPREAD, LENGTH = 0, 1, 11, 15
PLACE, PRODUCTS, FLOW = slice(2, 5), slice(5, 11), slice(12, 15)
"""Columns of the sums over voxels; ``PLACE`` their positions, ``PRODUCTS`` these times each other."""

VALUES = ("parting", "divergence", "around", "foreground")
"""What is known of each face between two fragments: how much more the flow beyond it leads on than that before it, the
divergence, the same smoothed, and the lower foreground."""

TWO = tuple((one, other) for one in range(3) for other in range(one, 3))
"""The axes that are multiplied, in the order of ``PRODUCTS``."""


@dataclass(frozen=True)
class Clusters:
    """Clusters of fragments.

    Parameters
    ----------
    sums, lowest
        Over the voxels of each cluster: sums, shape (K, 16), and the lowest divergence, shape (K,).
    pairs
        Those that share faces, the lower number first, in order, shape (E, 2).
    shared, least, most
        Over the faces that each pair shares: their number and the sums of the four values, shape (E, 5); the least and the
        greatest of these, shape (E, 4).
    """

    sums: Floats
    lowest: Floats
    pairs: Ints
    shared: Floats
    least: Floats
    most: Floats

    @classmethod
    def of(
        cls,
        fragments: Labels,
        foreground: NDArray[np.float32],
        flow: NDArray[np.float32],
        spread: NDArray[np.float32],
    ) -> Clusters:
        """Return a cluster for each fragment.

        Parameters
        ----------
        fragments
            Numbered from 1; 0 outside; shape (Z, Y, X).
        foreground, flow, spread
            What a network says, shapes (Z, Y, X) and (3, Z, Y, X), and the flow's divergence.
        """
        count = int(fragments.max(initial=0)) + 1
        lowest = np.full(count, np.inf)
        np.minimum.at(lowest, fragments.ravel(), spread.ravel())
        pairs, values = _faces_between(fragments, foreground, flow, spread, count)
        keys, place = np.unique(pairs, return_inverse=True)
        return cls(
            _sums(fragments, flow, spread, count),
            lowest,
            np.stack(np.divmod(keys, count), axis=1).astype(np.int64).reshape(-1, 2),
            _summed(np.concatenate([np.ones((len(values), 1)), values], axis=1), place, len(keys)),
            _extreme(np.minimum, values, place, len(keys)),
            _extreme(np.maximum, values, place, len(keys)),
        )

    def merged(self, these: Ints) -> Clusters:
        """Return the clusters after the second of each pair, shape (n, 2), has become part of the first.

        No cluster may be in two of these pairs. Numbers stay what they are; those that are gone have no voxels.
        """
        into = np.arange(len(self.sums))
        into[these[:, 1]] = these[:, 0]
        ends = np.sort(into[self.pairs], axis=1)
        inner = ends[:, 0] == ends[:, 1]
        sums, lowest = _summed(self.sums, into, len(into)), _extreme(np.minimum, self.lowest, into, len(into))
        np.subtract.at(sums[:, FACES], ends[inner, 0], 2 * self.shared[inner, 0])
        keys, place = np.unique(ends[~inner] @ [len(into), 1], return_inverse=True)
        return Clusters(
            sums,
            lowest,
            np.stack(np.divmod(keys, len(into)), axis=1).astype(np.int64).reshape(-1, 2),
            _summed(self.shared[~inner], place, len(keys)),
            _extreme(np.minimum, self.least[~inner], place, len(keys)),
            _extreme(np.maximum, self.most[~inner], place, len(keys)),
        )

    def at_both_ends(self, values: Floats) -> Floats:
        """Return the sums of values of pairs, shape (E, n), over all pairs of each cluster."""
        one, other = self.pairs.T
        return _summed(values, one, len(self.sums)) + _summed(values, other, len(self.sums))


def _sums(fragments: Labels, flow: NDArray[np.float32], spread: NDArray[np.float32], count: int) -> Floats:
    """Return the sums over the voxels of each fragment, shape (count, 16)."""
    numbers = fragments.ravel().astype(np.intp)

    def over(values: NDArray[np.floating]) -> Floats:
        return np.asarray(np.bincount(numbers, np.broadcast_to(values, fragments.shape).ravel(), count), np.float64)

    place = np.meshgrid(*(np.arange(side, dtype=np.float64) for side in fragments.shape), indexing="ij", sparse=True)
    columns = [
        np.bincount(numbers, minlength=count).astype(np.float64),
        _faces(fragments, count),
        *(over(place[axis]) for axis in range(3)),
        *(over(place[one] * place[other]) for one, other in TWO),
        over(spread),
        *(over(flow[axis]) for axis in range(3)),
        over(np.sqrt((flow**2).sum(axis=0))),
    ]
    return np.stack(columns, axis=1)


def _faces(fragments: Labels, count: int) -> Floats:
    """Return how many faces of each fragment lead to something else; the volume's edge is nothing."""
    total = np.zeros(count)
    for axis in range(fragments.ndim):
        one, other = _ends(fragments, axis)
        differ = one != other
        total += np.bincount(one[differ], minlength=count) + np.bincount(other[differ], minlength=count)
    return total


def _faces_between(
    fragments: Labels,
    foreground: NDArray[np.float32],
    flow: NDArray[np.float32],
    spread: NDArray[np.float32],
    count: int,
) -> tuple[Ints, Floats]:
    """Return the faces between fragments: a number for each pair, the lower one first, and the four values, shape (n, 4)."""
    around = ndimage.gaussian_filter(spread, _AROUND_VOX)
    numbers, values = [], []
    for axis in range(fragments.ndim):
        one, other = _ends(fragments, axis)
        between = (one != other) & (one > 0) & (other > 0)
        low, high = (ends(one[between], other[between]).astype(np.int64) for ends in (np.minimum, np.maximum))
        numbers.append(low * count + high)
        said = [[end[between] for end in _ends(each, axis)] for each in (flow[axis], spread, around, foreground)]
        parting, divergence, wide, inside = said
        values.append(
            np.stack(
                [parting[1] - parting[0], np.mean(divergence, axis=0), np.mean(wide, axis=0), np.min(inside, axis=0)]
            )
        )
    return np.concatenate(numbers), np.concatenate(values, axis=1).T.astype(np.float64)


def _ends(values: NDArray, axis: int) -> tuple[NDArray, NDArray]:  # type: ignore[type-arg]
    """Return the values before and after each face across an axis."""
    lower = (slice(None),) * axis
    return values[(*lower, slice(None, -1))], values[(*lower, slice(1, None))]


def _summed(values: Floats, place: Ints, count: int) -> Floats:
    """Return the sums of the rows of values that have the same place, shape (count, n)."""
    return np.stack([np.bincount(place, column, count) for column in values.T], axis=1)


def _extreme(which: np.ufunc, values: Floats, place: Ints, count: int) -> Floats:
    """Return the least or the greatest of the rows of values that have the same place."""
    found = np.full((count, *values.shape[1:]), np.inf if which is np.minimum else -np.inf)
    which.at(found, place, values)
    return found
