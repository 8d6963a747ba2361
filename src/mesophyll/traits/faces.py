"""The two faces of a leaf, told by its epidermes: how deep a place lies between them, and which way is straight through.

Along one axis, that which leads from one epidermis to the other, each column of voxels meets the outside of both. A leaf is
bent and leans, stomata are holes in it, hairs stand on it, and a map errs. So a face is a smooth sheet: a paraboloid through
most of what the columns say, and on it what it leaves over, smoothed (normalised convolution: Knutsson & Westin, CVPR 1993).
Beyond what is seen the paraboloid goes on alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.tissues import LOWER_EPIDERMIS, UPPER_EPIDERMIS
from mesophyll.traits.base import slabs
from mesophyll.volume import LazyArray, Spacing

__all__ = ["Faces", "find_faces"]

Heights = NDArray[np.float64]
"""In µm along the axis through the leaf, of each column; the first voxel's centre is 0."""

_SMOOTH_UM = 10.0  # half an epidermal cell: a face follows bulges of the leaf, and not its cells
_FAR = 4.0  # standard deviations from the paraboloid beyond which a column tells of a hair, a hole or a mistake
_ROUNDS = 4
_FEWEST = 6  # columns for each number that is fitted


@dataclass(frozen=True)
class Faces:
    """Both faces of a leaf.

    Parameters
    ----------
    axis
        That which leads through the leaf.
    spacing_um
        Edge lengths of a voxel.
    upper_um, lower_um
        Where the outside of the upper and of the lower epidermis lies, shape of the other axes. Either may be the higher one.
    seen
        In which columns both epidermes are met, shape of the other axes.
    """

    axis: int
    spacing_um: Spacing
    upper_um: Heights
    lower_um: Heights
    seen: NDArray[np.bool_]

    @cached_property
    def slopes(self) -> NDArray[np.float64]:
        """By how much the leaf's middle rises along each of the other axes, shape (ndim - 1, *others)."""
        middle = (self.upper_um + self.lower_um) / 2
        steps = self._others(self.spacing_um)
        # An axis of one voxel rises nowhere.
        return np.stack(
            [
                np.gradient(middle, step, axis=place) if middle.shape[place] > 1 else np.zeros_like(middle)
                for place, step in enumerate(steps)
            ]
        )

    @cached_property
    def upright(self) -> NDArray[np.float64]:
        """The cosine of the angle between the axis and the way straight through the leaf, shape of the other axes."""
        return np.asarray(1 / np.sqrt(1 + np.square(self.slopes).sum(axis=0)))

    @cached_property
    def thickness_um(self) -> NDArray[np.float64]:
        """From face to face, straight through the leaf, shape of the other axes."""
        return np.asarray(np.abs(self.lower_um - self.upper_um) * self.upright)

    def _others(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return values[: self.axis] + values[self.axis + 1 :]

    def depth(self, at_um: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how deep places lie below the upper face, in µm and as a share of the thickness, both of shape (n,).

        ``at_um`` has the shape (n, ndim).
        """
        upper, lower, thickness = (self._at(each, at_um) for each in (self.upper_um, self.lower_um, self.thickness_um))
        share = (at_um[:, self.axis] - upper) / (lower - upper)
        return share * thickness, share

    def through(self, at_um: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the direction straight through the leaf at places, 1 long, both of shape (n, ndim)."""
        rises = [-self._at(slope, at_um) for slope in self.slopes]
        rises.insert(self.axis, np.ones(len(at_um)))
        along = np.stack(rises, axis=1)
        return np.asarray(along / np.linalg.norm(along, axis=1, keepdims=True))

    def shares(self, slab: slice, length: int) -> NDArray[np.float64]:
        """Return how deep the voxels of a slab across the first axis lie, as shares, shape of the slab.

        ``length`` is that of the volume along the axis through the leaf.
        """
        ndim = self.upper_um.ndim + 1
        heights = (np.arange(length) * self.spacing_um[self.axis]).reshape(
            [-1 if axis == self.axis else 1 for axis in range(ndim)]
        )
        upper, lower = (np.expand_dims(each, self.axis) for each in (self.upper_um, self.lower_um))
        if self.axis == 0:
            heights = heights[slab]
        else:
            upper, lower = upper[slab], lower[slab]
        return np.asarray((heights - upper) / (lower - upper))

    def _at(self, values: NDArray[np.float64], at_um: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what a map of the columns says at places, linear in between."""
        columns = np.delete(at_um, self.axis, axis=1) / np.array(self._others(self.spacing_um))
        return np.asarray(ndimage.map_coordinates(values, columns.T, order=1, mode="nearest"))


def find_faces(tissue: LazyArray, spacing_um: Spacing) -> Faces | None:
    """Find both faces of a leaf in a tissue map; None where it holds only one epidermis, or none, or hardly any of them.

    Parameters
    ----------
    tissue
        Codes of `mesophyll.tissues`, shape (Z, Y, X), or (Y, X) for a section through the leaf. It is read slab by slab.
    spacing_um
        Edge lengths of a voxel.
    """
    middles = [_middle(tissue, code) for code in (UPPER_EPIDERMIS, LOWER_EPIDERMIS)]
    ways = (middles[1] - middles[0]) * np.array(spacing_um)
    if not np.isfinite(ways).all():
        return None
    axis = int(np.argmax(np.abs(ways)))
    others = spacing_um[:axis] + spacing_um[axis + 1 :]
    rising = bool(ways[axis] > 0)
    columns = [
        _columns(tissue, code, axis, low=low)
        for code, low in ((UPPER_EPIDERMIS, rising), (LOWER_EPIDERMIS, not rising))
    ]
    sheets = [_sheet(outside * spacing_um[axis], met, others) for outside, met in columns]
    if sheets[0] is None or sheets[1] is None:
        return None
    upper_um, lower_um = _apart(sheets[0], sheets[1], spacing_um[axis])
    return Faces(axis, spacing_um, upper_um, lower_um, columns[0][1] & columns[1][1])


def _middle(tissue: LazyArray, code: int) -> NDArray[np.float64]:
    """Return the mean place of a tissue, in voxels; NaN where there is none."""
    total, sums = 0, np.zeros(len(tissue.shape))
    for slab in slabs(tissue.shape):
        face = np.asarray(tissue[slab]) == code
        total += int(face.sum())
        for axis, length in enumerate(face.shape):
            counts = face.sum(axis=tuple(other for other in range(face.ndim) if other != axis))
            sums[axis] += counts @ np.arange(length) + (slab.start * counts.sum() if axis == 0 else 0)
    return sums / total if total else np.full(len(sums), np.nan)


def _columns(tissue: LazyArray, code: int, axis: int, *, low: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return where each column enters a tissue, from its low end or from its high one, in voxels; and whether it does."""
    entered = [
        _entered(np.asarray(tissue[slab]) == code, axis, slab.start if axis == 0 else 0, low=low)
        for slab in slabs(tissue.shape)
    ]
    if axis:
        return np.concatenate([first for first, _ in entered]), np.concatenate([met for _, met in entered])
    outside, found = entered[0] if low else entered[-1]
    for first, met in entered[1:] if low else entered[-2::-1]:  # from the outside to the inside
        outside, found = np.where(found, outside, first), found | met
    return outside, found


def _entered(
    face: NDArray[np.bool_], axis: int, start: int, *, low: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    first = face.argmax(axis) - 0.5 if low else face.shape[axis] - np.flip(face, axis).argmax(axis) - 0.5
    return start + np.asarray(first, np.float64), np.asarray(face.any(axis))


def _sheet(outside_um: Heights, met: NDArray[np.bool_], spacing_um: tuple[float, ...]) -> Heights | None:
    """Return a smooth sheet through what most columns say; None where too few say anything."""
    terms = _paraboloid(outside_um.shape, spacing_um)
    trusted = met.copy()
    for _ in range(_ROUNDS):
        if trusted.sum() < _FEWEST * terms.shape[-1]:
            return None
        fitted = terms @ np.linalg.lstsq(terms[trusted], outside_um[trusted], rcond=None)[0]
        rest = outside_um - fitted
        spread = 1.4826 * np.median(np.abs(rest[trusted]))  # of a Gaussian, the standard deviation
        trusted = met & (np.abs(rest) <= _FAR * max(spread, min(spacing_um)))
    sigmas = [_SMOOTH_UM / step for step in spacing_um]
    weights = ndimage.gaussian_filter(trusted.astype(float), sigmas, mode="constant")
    return np.asarray(
        fitted
        + ndimage.gaussian_filter(np.where(trusted, rest, 0.0), sigmas, mode="constant") / np.maximum(weights, 0.1)
    )


def _paraboloid(shape: tuple[int, ...], spacing_um: tuple[float, ...]) -> NDArray[np.float64]:
    """Return 1, the places along each axis and their products, for each column: shape (*shape, terms)."""
    at = [place - place.mean() for place in np.indices(shape) * np.array(spacing_um).reshape(-1, *[1] * len(shape))]
    products = [first * second for place, first in enumerate(at) for second in at[place:]]
    scale = max(np.abs(at).max(), 1.0)  # so that no term dwarfs another
    return np.stack([np.ones(shape), *(each / scale for each in at), *(each / scale**2 for each in products)], axis=-1)


def _apart(upper_um: Heights, lower_um: Heights, step_um: float) -> tuple[Heights, Heights]:
    """Let the faces keep a voxel's distance, on the side where they are apart mostly: beyond what is seen they may meet."""
    side = np.sign(np.median(lower_um - upper_um))
    return upper_um, upper_um + side * np.maximum(side * (lower_um - upper_um), step_um)
