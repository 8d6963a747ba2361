"""How a leaf lies in a scan, and how it is brought into the position that a model knows.

A leaf has two faces. A network that has only seen them at right angles to one axis need not learn what a palisade looks like
from the side, and learns more of everything else in the same time. So scans are made upright before it looks: the axis that
leads through the leaf from face to face, and Y, change places. Which face is up does not matter, nor how the leaf is turned
about the way through it; and it may lean.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.errors import UnfamiliarScanWarning
from mesophyll.volume import Volume, swap

__all__ = ["AXES", "THROUGH", "Position", "Through", "axis_through", "find_through", "layering", "upright"]

Position = Literal["any", "upright"]
"""What a model knows: leaves that lie anyhow, or upright ones."""

Through = Literal["auto", "Z", "Y", "X"]
"""Which axis leads through a leaf, where that is known."""

AXES: tuple[Literal["Z"], Literal["Y"], Literal["X"]] = ("Z", "Y", "X")

THROUGH = 1
"""The axis through an upright leaf: Y."""

_CLEAR = 1.0
"""Of the logarithms that `layering` returns: in phantom leaves that have layers, the right axis is ahead by more."""

_STEP_UM, _MOST_VOXELS = 2.6, 2**22

_WIDTHS = (1.5, 3.0)
"""Of neighbourhoods, in steps: the standard deviation of a Gaussian."""

_INSIDE = 0.5
"""Neighbourhoods count of which so much lies in the field of view."""


def upright(volume: Volume, through: int) -> Volume:
    """Return a volume in which the axis through the leaf and Y have changed places, lazily; done twice, it is undone."""
    return swap(volume, through, THROUGH)


def axis_through(scan: Volume, position: Position, told: Through = "auto") -> int:
    """Return the axis that `upright` exchanges with Y for a model of this position: Y itself where the model does not mind.

    ``told`` is believed; ``auto`` leaves it to `find_through`.
    """
    if position == "any":
        return THROUGH
    return find_through(scan) if told == "auto" else AXES.index(told)


def find_through(scan: Volume) -> int:
    """Return the axis of a volume that leads through the leaf: the one along which it changes most, see `layering`.

    In doubt a scan is left as it lies: Y, as in sections across a leaf. An `UnfamiliarScanWarning` says that it is in doubt.
    """
    changes = layering(scan)
    best = int(np.argmax(changes))
    chosen = best if changes[best] - changes[THROUGH] >= _CLEAR else THROUGH
    if changes[best] - np.delete(changes, best).max() < _CLEAR:
        warnings.warn(
            f"{scan.name} hardly shows how its leaf lies: {AXES[chosen]} is taken for the axis that leads through it. "
            "If another one does, say so in a plan (through).",
            UnfamiliarScanWarning,
            stacklevel=5,  # the line that called `segment` or `map_tissue`
        )
    return chosen


def layering(scan: Volume) -> NDArray[np.float64]:
    """Return how much a volume changes along each axis, shape (3,): the logarithm, of which differences mean something.

    Faces, palisade and spongy tissue lie in layers, so that the brightness and the contrast of a neighbourhood change more from
    layer to layer than within them: the diagonal of a structure tensor (Bigün and Granlund, ICCV 1987), of both, in
    neighbourhoods of about 4 and 8 µm. What is exactly 0 lies outside the field of view and says nothing.

    Parameters
    ----------
    scan
        Shape (Z, Y, X), with known voxels. It is read at steps of about 2.6 µm, longer ones in a large scan.
    """
    grey, lengths_um = _sample(scan)
    known = (grey != 0).astype(np.float32)
    if known.any():
        grey = (grey - grey[known > 0].mean()) * known  # far from 0, squares lose what comes after the point
    changes = np.zeros(grey.ndim)
    for width in _WIDTHS:
        inside, *means = _neighbourhoods(grey, known, width * lengths_um.max() / lengths_um)
        for each in means:
            slopes = (_slope(each, axis) / length for axis, length in enumerate(lengths_um))
            energy = np.array([(np.square(slope) * inside).sum() for slope in slopes])
            changes += np.log(np.maximum(energy, np.finfo(float).tiny))
    return changes


def _sample(scan: Volume) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return voxels of a scan in even steps, and how long these are along each axis."""
    spacing_um = np.array(scan.known_spacing_um)
    step_um = max(_STEP_UM, float(np.prod(spacing_um * scan.shape) / _MOST_VOXELS) ** (1 / 3))
    steps = np.maximum(np.rint(step_um / spacing_um), 1).astype(int)
    grey = np.array(scan.data[tuple(slice(None, None, int(step)) for step in steps)], np.float32)
    return grey, steps * spacing_um


def _neighbourhoods(
    grey: NDArray[np.float32], known: NDArray[np.float32], sigma: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
    """Return which neighbourhoods lie in the field of view, and the mean and the standard deviation of each."""
    weight, first, second = (ndimage.gaussian_filter(each, sigma, truncate=3) for each in (known, grey, grey**2))
    inside, weight = weight > _INSIDE, np.maximum(weight, _INSIDE)
    mean = first / weight
    return inside, mean, np.sqrt(np.maximum(second / weight - mean**2, 0))


def _slope(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    return np.gradient(values, axis=axis) if values.shape[axis] > 1 else np.zeros_like(values)
