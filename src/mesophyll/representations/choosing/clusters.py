"""Clusters of fragments, and what is known of them and of each two that touch: sums over voxels and faces.

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

__all__ = ["CANDIDATE_FIGURES", "PAIR_FIGURES", "Clusters"]

Ints = NDArray[np.int64]

_AROUND_VOX = 2.0
"""Standard deviation by which the divergence is smoothed once more: what leads apart around a face."""

_VOXELS, _FACES, _SPREAD, _LENGTH = 0, 1, 11, 15
_PLACE, _PRODUCTS, _FLOW = slice(2, 5), slice(5, 11), slice(12, 15)
"""Columns of the sums over voxels; ``_PLACE`` their positions, ``_PRODUCTS`` these times each other."""

_VALUES = ("parting", "divergence", "around", "foreground")
"""What is known of each face between two fragments: how much more the flow beyond it leads on than that before it, the
divergence, the same smoothed, and the lower foreground."""

PAIR_FIGURES = (
    *(f"{value}, {of}" for value in _VALUES for of in ("mean", "least", "greatest")),
    "faces",
    "smaller",
    "larger",
    "both",
    "ridge above the deeper",
    "ridge above the shallower",
    "shallower",
    "deeper",
    "share of the smaller's faces",
    "share of the larger's faces",
    "faces by the smaller's size",
    "roundness, both",
    "roundness above the rounder",
    "roundness above the other",
    "distance",
    "distance by size",
    "towards each other",
    "divergence, lower",
    "divergence, higher",
    "length by thickness",
    "length by width",
    "length",
    "flow, shorter",
    "flow, longer",
    "surface, both",
    "surface above the rougher",
    "surface above the smoother",
)
"""What speaks for two clusters being one cell, or against it; sizes, faces and lengths as logarithms of voxels."""

CANDIDATE_FIGURES = (
    "size",
    "surface",
    "roundness",
    "length by thickness",
    "length by width",
    "length",
    "share of faces that touch",
    *(f"{value} of faces that touch" for value in _VALUES),
    "divergence",
    "lowest divergence",
    "length of the flow",
    "length of its mean",
    "neighbours",
    "likeliest neighbour",
    "mean likelihood of neighbours",
    "sum of likelihoods",
)
"""What speaks for a cluster being a cell, see `Clusters.of_candidates`."""


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
        np.subtract.at(sums[:, _FACES], ends[inner, 0], 2 * self.shared[inner, 0])
        keys, place = np.unique(ends[~inner] @ [len(into), 1], return_inverse=True)
        return Clusters(
            sums,
            lowest,
            np.stack(np.divmod(keys, len(into)), axis=1).astype(np.int64).reshape(-1, 2),
            _summed(self.shared[~inner], place, len(keys)),
            _extreme(np.minimum, self.least[~inner], place, len(keys)),
            _extreme(np.maximum, self.most[~inner], place, len(keys)),
        )

    def of_pairs(self) -> Floats:
        """Return the `PAIR_FIGURES` of each pair, shape (E, F)."""
        one, other = self.pairs.T
        faces, lowest = self.shared[:, 0], self.lowest[self.pairs]
        first, second = _Shape.of(self.sums[one]), _Shape.of(self.sums[other])
        both = self.sums[one] + self.sums[other]
        both[:, _FACES] -= 2 * faces
        union = _Shape.of(both)
        way = second.centre - first.centre
        distance = np.maximum(np.linalg.norm(way, axis=1), 1e-6)
        towards = ((first.flow - second.flow) * way).sum(axis=1) / distance
        ridge = self.least[:, 1]
        smaller, larger = np.minimum(first.voxels, second.voxels), np.maximum(first.voxels, second.voxels)
        values = np.stack([self.shared[:, 1:] / faces[:, None], self.least, self.most], axis=2).reshape(
            -1, 3 * len(_VALUES)
        )
        told = [
            np.log(faces),
            np.log(smaller),
            np.log(larger),
            np.log(union.voxels),
            ridge - lowest.min(axis=1),
            ridge - lowest.max(axis=1),
            lowest.max(axis=1),
            lowest.min(axis=1),
            faces / np.minimum(first.faces, second.faces),
            faces / np.maximum(first.faces, second.faces),
            faces / smaller ** (2 / 3),
            union.roundness,
            union.roundness - np.maximum(first.roundness, second.roundness),
            union.roundness - np.minimum(first.roundness, second.roundness),
            np.log(distance),
            distance / (first.voxels ** (1 / 3) + second.voxels ** (1 / 3)),
            towards,
            np.minimum(first.spread, second.spread),
            np.maximum(first.spread, second.spread),
            union.axes[:, 2] / union.axes[:, 0],
            union.axes[:, 2] / union.axes[:, 1],
            np.log(union.axes[:, 2]),
            np.minimum(first.length, second.length),
            np.maximum(first.length, second.length),
            union.surface,
            union.surface - np.maximum(first.surface, second.surface),
            union.surface - np.minimum(first.surface, second.surface),
        ]
        return np.concatenate([values, np.stack(told, axis=1)], axis=1)

    def of_candidates(self, likely: Floats) -> Floats:
        """Return the `CANDIDATE_FIGURES` of each cluster, shape (K, F); of those that are gone, anything.

        Parameters
        ----------
        likely
            How likely the two of each pair are one cell, shape (E,).
        """
        shape = _Shape.of(self.sums)
        touching = self._at_both_ends(self.shared)
        faces = np.maximum(touching[:, 0], 1)
        neighbours, sum_likely = self._at_both_ends(np.stack([np.ones_like(likely), likely], axis=1)).T
        likeliest = np.zeros(len(self.sums))
        np.maximum.at(likeliest, self.pairs, likely[:, None])
        by_faces = self._at_both_ends((likely * self.shared[:, 0])[:, None])[:, 0]
        told = [
            np.log(shape.voxels),
            shape.surface,
            shape.roundness,
            shape.axes[:, 2] / shape.axes[:, 0],
            shape.axes[:, 2] / shape.axes[:, 1],
            np.log(shape.axes[:, 2]),
            touching[:, 0] / shape.faces,
            *(touching[:, 1:] / faces[:, None]).T,
            shape.spread,
            np.where(np.isfinite(self.lowest), self.lowest, 0),
            shape.length,
            np.linalg.norm(shape.flow, axis=1),
            neighbours,
            likeliest,
            by_faces / faces,
            sum_likely,
        ]
        return np.stack(told, axis=1)

    def _at_both_ends(self, values: Floats) -> Floats:
        """Return the sums of values of pairs, shape (E, n), over all pairs of each cluster."""
        one, other = self.pairs.T
        return _summed(values, one, len(self.sums)) + _summed(values, other, len(self.sums))


@dataclass(frozen=True)
class _Shape:
    """What sums over voxels say of clusters.

    Parameters
    ----------
    voxels, faces
        How many.
    centre, flow
        Means, shape (n, 3).
    axes
        Half axes of the ellipsoid of the same second moments, but for a factor, the shortest first, shape (n, 3).
    roundness
        Logarithm of the share of that ellipsoid that the voxels would fill, but for a constant: falls where there are waists.
    surface
        Logarithm of the faces, less that of a compact body of as many voxels.
    spread, length
        Means of the divergence and of how long the flow is.
    """

    voxels: Floats
    faces: Floats
    centre: Floats
    flow: Floats
    axes: Floats
    roundness: Floats
    surface: Floats
    spread: Floats
    length: Floats

    @classmethod
    def of(cls, sums: Floats) -> _Shape:
        """Read them from sums, shape (n, 16)."""
        voxels, faces = np.maximum(sums[:, _VOXELS], 1), np.maximum(sums[:, _FACES], 1)
        centre = sums[:, _PLACE] / voxels[:, None]
        moments = np.empty((len(sums), 3, 3))
        for product, (one, other) in zip(sums[:, _PRODUCTS].T, _TWO, strict=True):
            moments[:, one, other] = moments[:, other, one] = product / voxels - centre[:, one] * centre[:, other]
        moments += np.eye(3) / 12  # a voxel is a cube, not a point
        axes = np.sqrt(np.maximum(np.linalg.eigvalsh(moments), 1e-9))
        return cls(
            voxels,
            faces,
            centre,
            sums[:, _FLOW] / voxels[:, None],
            axes,
            np.log(voxels) - np.log(axes).sum(axis=1),
            np.log(faces) - 2 / 3 * np.log(voxels),
            sums[:, _SPREAD] / voxels,
            sums[:, _LENGTH] / voxels,
        )


_TWO = tuple((one, other) for one in range(3) for other in range(one, 3))
"""The axes that are multiplied, in the order of ``_PRODUCTS``."""


def _sums(fragments: Labels, flow: NDArray[np.float32], spread: NDArray[np.float32], count: int) -> Floats:
    """Return the sums over the voxels of each fragment, shape (count, 16)."""
    numbers = fragments.ravel()

    def over(values: NDArray[np.floating]) -> Floats:
        return np.asarray(np.bincount(numbers, values.ravel(), count), np.float64)

    place = np.indices(fragments.shape).astype(np.float64)
    columns = [
        np.bincount(numbers, minlength=count).astype(np.float64),
        _faces(fragments, count),
        *(over(place[axis]) for axis in range(3)),
        *(over(place[one] * place[other]) for one, other in _TWO),
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
