"""Filters and random textures given by their reach in µm, of which any box equals the same box of the whole.

Filters go line by line and see as far as `reach`; textures are drawn on endless grids by address (`chance`). Their
strength follows from their weights, never from what was drawn.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.blocks import Region
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.phantom.scanner.chance import Field, white
from mesophyll.volume import Spacing

__all__ = ["between", "blur", "grain", "ramped", "reach", "smooth"]

TRUNCATE = 3.0
"""Where a Gaussian ends, in multiples of its sigma."""

RAMP, RAMP_REACH = 0.63, 1.5
"""What `ramped` leaves out of grain: so much of the same grain blurred so much farther. With sigma = 0.182 µm its spectrum is
within 6 % that of the inside of cells of a real slice from 0.7 to 2.2 waves for each µm, which goes as f exp(-1.4 f²)."""


def reach(sigma_um: float, spacing_um: Spacing) -> tuple[int, int, int]:
    """Return how many voxels away `blur` looks, along each axis."""
    deep, high, wide = (len(_weights(sigma)) // 2 for sigma in _widths(sigma_um, spacing_um))
    return deep, high, wide


def blur(field: Field, sigma_um: float, spacing_um: Spacing, keep: Region | None = None) -> Field:
    """Blur with a Gaussian of ``sigma_um``, less what the voxel itself blurs; the border is continued.

    Only the region ``keep`` is returned, the whole field by default.
    """
    keep, given = keep or (slice(None),) * 3, field
    for axis in (2, 1, 0):  # lines along z are the slowest: there should be few of them left
        weights = _weights(_widths(sigma_um, spacing_um)[axis])
        if len(weights) > 1:
            field = ndimage.correlate1d(field, weights, axis, np.float32, mode="nearest")
        field = field[(slice(None),) * axis + (keep[axis],)]
    # Coarse voxels may have blurred enough by themselves: then nothing was filtered, and the field is still the caller's.
    return field.copy() if np.may_share_memory(field, given) else np.ascontiguousarray(field)


def grain(seed: int, grid: Grid, sigma_um: float) -> Field:
    """Draw detector noise as voxels of this size show it: what is finer than a voxel averages out.

    The noise has standard deviation 1 where voxels are far smaller than ``sigma_um``, the reach of its correlation
    exp(-t² / (4 sigma²)).
    """
    return _averaged_grain(seed, grid, (sigma_um,) * 3)


def ramped(seed: int, grid: Grid, sigma_um: float) -> Field:
    """Draw noise as filtered back-projection leaves it: in the tomographic plane (Y, X) the ramp filter takes what is coarse.

    It has standard deviation 1 where voxels are far smaller than ``sigma_um``, the reach of the finest that is left.
    """
    wide_um = RAMP_REACH * sigma_um
    fine, coarse = (_averaged_grain(seed, grid, (sigma_um, across_um, across_um)) for across_um in (sigma_um, wide_um))
    # Weights of the same white noise through filters that keep an even grey: grain itself is brought to deviation 1.
    share = RAMP / RAMP_REACH
    fine -= np.float32(share) * coarse
    fine *= np.float32(1 / np.sqrt(1 - 4 * RAMP / (1 + RAMP_REACH**2) + share**2))
    return fine


def smooth(seed: int, grid: Grid, sigma_um: tuple[float, float, float]) -> Field:
    """Draw slow variation of standard deviation 1 (less where it is finer than voxels), with a reach along each axis.

    It is drawn on knots half a reach apart and read between them: the cost does not grow with the reach.
    """
    knots = [max(sigma / 2, step) for sigma, step in zip(sigma_um, grid.spacing_um, strict=True)]
    places = [grid.centres(axis) / knot - 0.5 for axis, knot in enumerate(knots)]
    first = [int(np.floor(place[0])) for place in places]
    last = [int(np.floor(place[-1])) + 1 for place in places]
    # Knots as far apart as voxels stand for voxels, which average; closer ones are read at a point.
    averaging = [knot if knot == step else 0.0 for knot, step in zip(knots, grid.spacing_um, strict=True)]
    kernels = [_kernel(sigma, knot, over) for sigma, knot, over in zip(sigma_um, knots, averaging, strict=True)]
    shape = [high - low + 1 for low, high in zip(first, last, strict=True)]
    coarse = _coloured(seed, (first[0], first[1], first[2]), (shape[0], shape[1], shape[2]), kernels)
    coarse *= np.float32(np.prod([_averaged(over, sigma) for over, sigma in zip(averaging, sigma_um, strict=True)]))
    return between(coarse, places, first)


def _averaged_grain(seed: int, grid: Grid, sigma_um: tuple[float, float, float]) -> Field:
    """Draw grain with a reach along each axis."""
    each = list(zip(sigma_um, grid.spacing_um, strict=True))
    field = _coloured(seed, grid.start, grid.shape, [_kernel(sigma, step, step) for sigma, step in each])
    field *= np.float32(np.prod([_averaged(step, sigma) for sigma, step in each]))
    return field


def _coloured(seed: int, start: tuple[int, ...], shape: tuple[int, ...], kernels: list[Floats]) -> Field:
    """Draw a box of correlated noise of standard deviation 1: white noise, and the numbers around it, blurred."""
    more = [len(weights) // 2 for weights in kernels]
    origin = [first - each for first, each in zip(start, more, strict=True)]
    widened = [count + 2 * each for count, each in zip(shape, more, strict=True)]
    field = white(seed, (origin[0], origin[1], origin[2]), (widened[0], widened[1], widened[2]))
    for axis in (2, 1, 0):
        keep = slice(more[axis], more[axis] + shape[axis])
        field = ndimage.correlate1d(field, kernels[axis] / np.sqrt(np.sum(kernels[axis] ** 2)), axis, np.float32)
        field = field[(slice(None),) * axis + (keep,)]
    return np.ascontiguousarray(field)


def _widths(sigma_um: float, spacing_um: Spacing) -> list[float]:
    """Return the sigma of `blur` in voxels."""
    return [float(np.sqrt(max(sigma_um**2 - step**2 / 12, 0.0)) / step) for step in spacing_um]


def _weights(sigma: float) -> Floats:
    """Return the weights of a Gaussian, sigma in voxels."""
    far = int(TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-far, far + 1) / max(sigma, 1e-9)) ** 2)
    return np.asarray(weights / weights.sum())


def _kernel(sigma_um: float, step_um: float, over_um: float) -> Floats:
    """Return the weights on a grid of ``step_um`` of a Gaussian that is also averaged over a length."""
    return _weights(float(np.hypot(sigma_um, over_um / np.sqrt(12))) / step_um)


def _averaged(step_um: float, sigma_um: float) -> float:
    """Return by how much averaging over a length ``step_um`` lowers the standard deviation."""
    lag = (np.arange(256) + 0.5) / 256
    correlation = np.exp(-((lag * step_um / sigma_um) ** 2) / 4)
    return float(np.sqrt(np.mean(2 * (1 - lag) * correlation)))


def _split(place: Floats, first: int) -> tuple[NDArray[np.intp], Field]:
    """Return the knot below each place, counted from the ``first``, and the weight of the one above."""
    lower = np.floor(place)  # the weight must not know where the box begins
    return (lower - first).astype(np.intp), (place - lower).astype(np.float32)


def between(coarse: Field, places: list[Floats], first: list[int]) -> Field:
    """Read a field between its knots, linearly.

    Parameters
    ----------
    coarse
        The field on its knots, shape (Z, Y, X) of knots.
    places
        Where to read it along each axis, counted in knots.
    first
        The number of the field's first knot along each axis.
    """
    field = np.empty([len(place) for place in places], np.float32)
    ways = [_split(place, low) for place, low in zip(places, first, strict=True)]
    _interpolate(coarse, (ways[0], ways[1], ways[2]), field)
    return field


@numba.njit(cache=True, nogil=True)
def _interpolate(coarse: Any, ways: Any, field: Any) -> Any:
    (ks, us), (js, vs), (lower, weight) = ways
    one = np.float32(1.0)
    for k in range(field.shape[0]):
        u, near, far = us[k], coarse[ks[k]], coarse[ks[k] + 1]
        for j in range(field.shape[1]):
            v, low = vs[j], js[j]
            row = (one - u) * ((one - v) * near[low] + v * near[low + 1])
            row += u * ((one - v) * far[low] + v * far[low + 1])
            for i in range(field.shape[2]):
                below = row[lower[i]]
                field[k, j, i] = below + weight[i] * (row[lower[i] + 1] - below)
