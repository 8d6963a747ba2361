"""Local shape descriptors: what the cell around a voxel is like as seen through a window, learnt beside another method.

A network that must tell how large a cell is and how it lies learns shapes, and so where a wall must be that shows nowhere
(Sheridan et al., Nature Methods 2023). No cells are read from them: they are for `mesophyll.representations.heads`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.errors import SettingsError
from mesophyll.labels import UNKNOWN, Labels, sequential
from mesophyll.representations.base import SPACING_UM, Representation
from mesophyll.representations.learning.losses import mean_where

__all__ = ["Descriptors"]

_DEVIATIONS = 2  # so wide is the window on each side
_UNKNOWN_AT_MOST = 0.05  # of the window; where more of it is unknown, so is the shape
_FLAT = 1e-6  # of the window's variance; less than this is a layer of voxels, which leans nowhere


@dataclass(frozen=True)
class Descriptors(Representation):
    """Size, middle and spread of a voxel's cell, as seen through a Gaussian window around the voxel.

    Parameters
    ----------
    spacing_um
        The edge length of the model's voxels, by which lengths in µm become voxels; a training sets it to that of its plan.
    window_um
        Standard deviation of the window, which ends at two of them.
    """

    spacing_um: float = SPACING_UM
    window_um: float = 5.2

    def __post_init__(self) -> None:
        if not self.reach >= 1:  # this way round, for NaN
            raise SettingsError(
                f"window_um = {self.window_um} at {self.spacing_um:g} µm a voxel",
                "a window holds the next voxels, at least",
                "make window_um larger",
            )

    @property
    def reach(self) -> int:
        """Half the window's width."""
        return int(_DEVIATIONS * self.window_um / self.spacing_um)

    def at(self, spacing_um: float) -> Descriptors:
        """Return the same window in other voxels."""
        return replace(self, spacing_um=spacing_um)

    def channels(self, ndim: int) -> int:
        """Size; the middle and the spread along each axis; the lean of each pair of axes."""
        return 1 + 2 * ndim + len(_pairs(ndim))

    @property
    def ceiling(self) -> float:
        """No cells are found by it."""
        return 0.0

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return what each voxel's cell is like in the window around it, shape (channels, *S).

        Its size is its share of the window, its middle the mean way to it and its spread the variance, in the window's
        deviations and variances, and its lean the correlation of two axes. NaN where much of the window is unknown.
        """
        target = np.zeros((self.channels(labels_S.ndim), *labels_S.shape), np.float32)
        cells = sequential(np.maximum(labels_S, 0))
        for number, box in enumerate(ndimage.find_objects(cells), start=1):
            inside = cells[box] == number
            for channel, said in zip(target, self._describe(inside), strict=True):
                channel[box][inside] = said[inside]
        target[:, self._little_known(labels_S)] = np.nan
        return target

    def _describe(self, inside: NDArray[np.bool_]) -> Iterator[NDArray[np.float32]]:
        """Yield the channels of one cell in its box."""
        ndim, unit = inside.ndim, np.eye(inside.ndim, dtype=int)
        moments = _moments(inside.astype(np.float32), self._kernels())
        size = moments[(0,) * ndim]
        middle = [moments[tuple(axis)] / size for axis in unit]
        spread = {
            (one, other): moments[tuple(unit[one] + unit[other])] / size - middle[one] * middle[other]
            for one, other in combinations_with_replacement(range(ndim), 2)
        }
        yield size
        yield from middle
        yield from (spread[axis, axis] for axis in range(ndim))
        for one, other in _pairs(ndim):
            scale = np.sqrt(np.maximum(spread[one, one] * spread[other, other], 0))
            yield np.where(scale > _FLAT, spread[one, other] / np.maximum(scale, _FLAT), 0)

    def _kernels(self) -> list[NDArray[np.float64]]:
        """Return the window along one axis, of sum 1; times the way from its middle; times that way squared."""
        way = np.arange(-self.reach, self.reach + 1) * self.spacing_um / self.window_um
        window = np.exp(-(way**2) / 2)
        return [window / window.sum() * way**order for order in range(3)]

    def _little_known(self, labels_S: Labels) -> NDArray[np.bool_]:
        unknown = np.asarray(labels_S == UNKNOWN)
        if not unknown.any():
            return unknown
        share = unknown.astype(np.float32)
        for axis in range(share.ndim):
            share = ndimage.correlate1d(share, self._kernels()[0], axis, mode="constant")
        return np.asarray(unknown | ((share > _UNKNOWN_AT_MOST) & (labels_S > 0)))

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return the mean squared error inside cells, where it is known."""
        weighs = known_BS & torch.isfinite(target_BCS[:, 0]) & (target_BCS[:, 0] > 0)
        target = torch.where(weighs[:, None], target_BCS, 0)  # not a product: what is not known may be NaN
        return mean_where((output_BCS.float() - target).square().mean(dim=1), weighs)

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Nothing is changed: the raw output is on the scale of `encode`."""
        return output_BCS

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Forget all: what a cell is like above and below a section, the section does not show."""
        return np.where(sections_S, np.float32(np.nan), target_CS)

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; middles along flipped axes, and leans of one flipped axis and another one, change their sign."""
        ndim = output_CS.ndim - 1
        mirrored = np.flip(output_CS, tuple(1 + axis for axis in axes)).copy()
        mirrored[[1 + axis for axis in axes]] *= -1
        for channel, pair in enumerate(_pairs(ndim), start=1 + 2 * ndim):
            if len(set(pair) & set(axes)) == 1:
                mirrored[channel] *= -1
        return mirrored

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Those of the section's own axes, though what a section shows of a cell is less than what a volume shows."""
        one, other = (axis for axis in range(3) if axis != across)
        return (0, 1 + one, 1 + other, 4 + one, 4 + other, 7 + _pairs(3).index((one, other)))

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Raise an error: what cells are like does not say which voxels are one."""
        raise SettingsError(
            f"{len(output_CS)} channels of descriptors are to be decoded",
            "descriptors are learnt beside a method that finds cells",
            "name that one in decode_by",
        )


def _pairs(ndim: int) -> list[tuple[int, int]]:
    return list(combinations(range(ndim), 2))


def _moments(
    inside: NDArray[np.float32], kernels: list[NDArray[np.float64]]
) -> dict[tuple[int, ...], NDArray[np.float32]]:
    """Return the windowed sums of powers of the way to each voxel, by the power along each axis, up to 2 in all."""
    moments: dict[tuple[int, ...], NDArray[np.float32]] = {(): inside}
    for axis in range(inside.ndim):
        moments = {
            (*powers, power): ndimage.correlate1d(image, kernels[power], axis, mode="constant")
            for powers, image in moments.items()
            for power in range(3 - sum(powers))
        }
    return moments
