"""A scan: an array, lazy or not, and where its voxels lie in space."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.blocks import Region
from mesophyll.errors import VolumeError

__all__ = [
    "LazyArray",
    "Resampled",
    "Spacing",
    "Swapped",
    "Volume",
    "WritableArray",
    "check_spacing",
    "resample",
    "swap",
]

T = TypeVar("T")

_ROUNDING = 1e-6  # votes that differ by less are equal

Spacing = tuple[float, ...]
"""The edge lengths of a voxel in µm, one for each axis, in the order (Z, Y, X)."""


class LazyArray(Protocol):
    """What the package asks of an array: NumPy, memory maps, zarr and HDF5 all give it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis."""

    @property
    def dtype(self) -> Any:
        """The NumPy type of a voxel."""

    def __getitem__(self, region: Any, /) -> Any:
        """Read a region into memory."""


class WritableArray(LazyArray, Protocol):
    """An array that can also be written to, region by region."""

    def __setitem__(self, region: Any, values: Any, /) -> None:
        """Write a region."""


@dataclass(frozen=True)
class Volume:
    """A grey-value or label array in space.

    Parameters
    ----------
    data
        Shape (Y, X) or (Z, Y, X). May be lazy: it is read only where it is indexed.
    spacing_um
        The voxel's edge lengths in µm, in the order of the axes; None where the file did not say.
    origin_um
        Where the first voxel's centre lies; zeros where it is not known.
    name
        What errors and reports call it, usually the file's name.
    """

    data: LazyArray
    spacing_um: Spacing | None = None
    origin_um: tuple[float, ...] = ()
    name: str = "scan"

    def __post_init__(self) -> None:
        if self.ndim not in (2, 3):
            raise VolumeError(
                f"{self.name} has {self.ndim} axes of lengths {tuple(self.data.shape)}",
                "a scan has the axes (Y, X) or (Z, Y, X)",
                "split channels or time points into files of their own",
            )
        if self.spacing_um is not None:
            object.__setattr__(self, "spacing_um", check_spacing(self.spacing_um, self.ndim))
        object.__setattr__(self, "origin_um", self.origin_um or (0.0,) * self.ndim)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis."""
        return tuple(self.data.shape)

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return len(self.data.shape)

    @property
    def known_spacing_um(self) -> Spacing:
        """The spacing; a `VolumeError` where it is not known."""
        if self.spacing_um is None:
            raise VolumeError(
                f"{self.name} holds no voxel size",
                "sizes in µm need one",
                "pass it: --spacing Z Y X, or one number for cubic voxels, in µm",
            )
        return self.spacing_um

    def read(self) -> NDArray[Any]:
        """Read the whole volume into memory."""
        return np.asarray(self.data[(slice(None),) * self.ndim])

    def crop(self, region: Region) -> Volume:
        """Read a region; it keeps its place in space."""
        spacing = self.spacing_um or (0.0,) * self.ndim
        corner = tuple(
            origin + axis.start * step for origin, axis, step in zip(self.origin_um, region, spacing, strict=True)
        )
        return replace(self, data=np.asarray(self.data[region]), origin_um=corner)


def check_spacing(spacing_um: float | Sequence[float], ndim: int) -> Spacing:
    """Return one positive edge length for each axis; a single number, NumPy's too, stands for all of them."""
    given = [spacing_um] * ndim if isinstance(spacing_um, Real) else list(spacing_um)  # type: ignore[arg-type]
    spacing = tuple(float(step) for step in given)
    if len(spacing) != ndim or not all(math.isfinite(step) and step > 0 for step in spacing):
        raise VolumeError(
            f"the voxel size {' '.join(f'{step:g}' for step in spacing)} µm cannot be",
            f"{ndim} axes need one positive number, or {ndim} of them in the order (Z, Y, X)",
            "pass for example --spacing 0.65",
        )
    return spacing


@dataclass(frozen=True)
class Resampled:
    """A lazy array seen at another voxel size: any region of it is computed when it is read.

    Grey values are interpolated linearly, after a Gaussian low-pass where the new voxels are coarser (so that fine
    noise is averaged and not aliased). Of labels, each new voxel takes the one that weighs most in the same linear
    interpolation: outlines stay smooth where voxels become finer. A region read on its own equals the same region of
    the whole.

    Parameters
    ----------
    source
        The array, shape (Y, X) or (Z, Y, X).
    shape
        The new number of voxels along each axis.
    labels
        The source holds labels, not grey values.
    """

    source: LazyArray
    shape: tuple[int, ...]
    labels: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """The source's for labels, float32 for grey values."""
        return np.dtype(self.source.dtype) if self.labels else np.dtype(np.float32)

    def __getitem__(self, region: Region | slice) -> NDArray[Any]:
        whole = _whole(region, len(self.shape))
        places = [_centres(axis, new, old) for axis, new, old in zip(whole, self.shape, self.source.shape, strict=True)]
        if not all(map(len, places)):
            return np.empty([len(place) for place in places], self.dtype)
        return self._vote(places) if self.labels else self._linear(places)

    def _vote(self, places: list[NDArray[Any]]) -> NDArray[Any]:
        ends = [_between(place, length) for place, length in zip(places, self.source.shape, strict=True)]
        starts = [int(lower[0]) for lower, _, _ in ends]
        stops = [int(upper[-1]) + 1 for _, upper, _ in ends]
        block = np.asarray(self.source[tuple(map(slice, starts, stops))])
        corners, shares = [], []
        for above in itertools.product((False, True), repeat=len(ends)):
            sides = [
                (upper, weight) if up else (lower, 1 - weight)
                for up, (lower, upper, weight) in zip(above, ends, strict=True)
            ]
            corners.append(block[np.ix_(*(index - start for (index, _), start in zip(sides, starts, strict=True)))])
            shares.append(functools.reduce(np.multiply.outer, [weight for _, weight in sides]))
        return _heaviest(corners, shares)

    def _linear(self, places: list[NDArray[Any]]) -> NDArray[np.float32]:
        ratios = [old / new for new, old in zip(self.shape, self.source.shape, strict=True)]
        sigmas = [0.5 * math.sqrt(max(ratio * ratio - 1.0, 0.0)) for ratio in ratios]
        margins = [math.ceil(4 * sigma) + 1 for sigma in sigmas]
        starts = [max(math.floor(place[0]) - margin, 0) for place, margin in zip(places, margins, strict=True)]
        stops = [
            min(math.ceil(place[-1]) + margin + 1, length)
            for place, margin, length in zip(places, margins, self.source.shape, strict=True)
        ]
        block = np.asarray(self.source[tuple(map(slice, starts, stops))]).astype(np.float32)
        for axis, (place, start, sigma) in enumerate(zip(places, starts, sigmas, strict=True)):
            if sigma > 0:
                block = ndimage.gaussian_filter1d(block, sigma, axis=axis, mode="nearest", truncate=4.0)
            block = _interpolate(block, place - start, axis)
        return block


def _centres(region: slice, new: int, old: int) -> NDArray[Any]:
    """Where the new voxels' centres lie among the old ones; both cover the same length."""
    return (np.arange(new)[region] + 0.5) * (old / new) - 0.5


def _between(place: NDArray[Any], length: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the voxels below and above each place of an axis, and the weight of the one above."""
    place = np.clip(place, 0, length - 1)
    lower = np.minimum(place.astype(np.intp), max(length - 2, 0))
    return lower, np.minimum(lower + 1, length - 1), (place - lower).astype(np.float32)


def _interpolate(block: NDArray[np.float32], place: NDArray[Any], axis: int) -> NDArray[np.float32]:
    lower, upper, weight = _between(place, block.shape[axis])
    weight = weight.reshape([-1 if other == axis else 1 for other in range(block.ndim)])
    below, above = block.take(lower, axis), block.take(upper, axis)
    blended: NDArray[np.float32] = below + weight * (above - below)
    return blended


def _heaviest(corners: list[NDArray[Any]], shares: list[NDArray[np.float32]]) -> NDArray[Any]:
    """Return at each place the number to which most of the shares belong; of equals, the one that comes first."""
    chosen = corners[0].copy()
    differ = functools.reduce(np.logical_or, [corner != chosen for corner in corners[1:]])
    numbers, weights = [corner[differ] for corner in corners], [share[differ] for share in shares]
    most = np.zeros(len(numbers[0]), np.float32)
    for number in numbers:
        votes = sum(weight * (other == number) for other, weight in zip(numbers, weights, strict=True))
        better = votes > most + _ROUNDING
        chosen[differ] = np.where(better, number, chosen[differ])
        most = np.where(better, votes, most)
    return chosen


@dataclass(frozen=True)
class Swapped:
    """A lazy array two of whose axes have changed places: a region of it is a region of the source, seen from another side.

    Parameters
    ----------
    source
        The array, shape (Y, X) or (Z, Y, X).
    axes
        Those that change places.
    """

    source: LazyArray
    axes: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis."""
        return _exchanged(tuple(self.source.shape), self.axes)

    @property
    def dtype(self) -> Any:
        """The source's."""
        return self.source.dtype

    def __getitem__(self, region: Region | slice) -> NDArray[Any]:
        return np.asarray(self.source[_exchanged(_whole(region, len(self.shape)), self.axes)]).swapaxes(*self.axes)


def _exchanged(row: tuple[T, ...], axes: tuple[int, int]) -> tuple[T, ...]:
    first, second = axes
    order = list(range(len(row)))
    order[first], order[second] = second, first
    return tuple(row[place] for place in order)


def _whole(region: Region | slice, ndim: int) -> Region:
    """Return a region with a slice for each axis: those that are left out are taken whole, as NumPy has it."""
    given = region if isinstance(region, tuple) else (region,)
    return (*given, *(slice(None),) * (ndim - len(given)))


def swap(volume: Volume, first: int, second: int) -> Volume:
    """Return the volume with two axes in each other's place, lazily; swapped twice, it is the one passed again."""
    if first == second:
        return volume
    data, axes = volume.data, (min(first, second), max(first, second))
    if isinstance(data, Swapped) and data.axes == axes:
        seen = data.source
    else:
        seen = data.swapaxes(*axes) if isinstance(data, np.ndarray) else Swapped(data, axes)
    spacing = None if volume.spacing_um is None else _exchanged(volume.spacing_um, axes)
    return replace(volume, data=seen, spacing_um=spacing, origin_um=_exchanged(volume.origin_um, axes))


def resample(volume: Volume, spacing_um: Spacing, *, labels: bool = False) -> Volume:
    """Return the volume at another voxel size, lazily; itself where the number of voxels would not change.

    The new spacing is the one asked for up to rounding: a whole number of voxels covers the same length.
    """
    old = volume.known_spacing_um
    wanted = check_spacing(spacing_um, volume.ndim)
    if isinstance(volume.data, Swapped):  # is swapped last: files are read page by page, as they lie
        axes = volume.data.axes
        return swap(resample(swap(volume, *axes), _exchanged(wanted, axes), labels=labels), *axes)
    shape = tuple(
        max(round(length * step / target), 1) for length, step, target in zip(volume.shape, old, wanted, strict=True)
    )
    if shape == volume.shape:
        return volume
    actual = tuple(length * step / new for length, step, new in zip(volume.shape, old, shape, strict=True))
    return replace(volume, data=Resampled(volume.data, shape, labels=labels), spacing_um=actual)
