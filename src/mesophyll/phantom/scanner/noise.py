"""Random textures on a grid, given by how far they reach in µm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.volume import Spacing

__all__ = ["Field", "blur", "grain", "haze", "smooth"]

Field = NDArray[np.float32]


def blur(field: Field, sigma_um: float, spacing_um: Spacing) -> Field:
    """Blur with a Gaussian of ``sigma_um``, less what the voxel itself blurs; the border is continued."""
    sigma = [np.sqrt(max(sigma_um**2 - step**2 / 12, 0.0)) / step for step in spacing_um]
    return np.asarray(ndimage.gaussian_filter(field, sigma, mode="nearest", truncate=3.0), dtype=np.float32)


def haze(field: Field, sigma_um: float, spacing_um: Spacing) -> Field:
    """Blur widely and roughly: of every quarter of the reach one voxel is looked at, so the reach costs nothing."""
    skip = [max(int(sigma_um / 4 / step), 1) for step in spacing_um]
    knots = [
        np.minimum(np.arange(0, count + 2 * each, each), count - 1)
        for count, each in zip(field.shape, skip, strict=True)
    ]
    knot_um = tuple(each * step for each, step in zip(skip, spacing_um, strict=True))
    coarse = blur(field[np.ix_(*knots)], sigma_um, knot_um)
    for axis, (count, each) in enumerate(zip(field.shape, skip, strict=True)):
        coarse = _between(coarse, np.arange(count) / each, axis)
    return coarse


def grain(rng: np.random.Generator, shape: tuple[int, ...], sigma_um: float, spacing_um: Spacing) -> Field:
    """Draw detector noise as voxels of this size show it: what is finer than a voxel averages out.

    The noise has standard deviation 1 where voxels are far smaller than ``sigma_um``, the reach of its correlation
    exp(-t² / (4 sigma²)).
    """
    white = rng.standard_normal(shape, dtype=np.float32)
    reach = [np.sqrt(sigma_um**2 + step**2 / 12) / step for step in spacing_um]
    left = np.prod([_averaged(step, sigma_um) for step in spacing_um])
    blurred = ndimage.gaussian_filter(white, reach, mode="wrap", truncate=3.0)
    return np.asarray(blurred * np.float32(left / blurred.std()), dtype=np.float32)


def _averaged(step_um: float, sigma_um: float) -> float:
    """Return by how much averaging over a length ``step_um`` lowers the standard deviation."""
    lag = (np.arange(256) + 0.5) / 256
    correlation = np.exp(-((lag * step_um / sigma_um) ** 2) / 4)
    return float(np.sqrt(np.mean(2 * (1 - lag) * correlation)))


def smooth(rng: np.random.Generator, shape: tuple[int, ...], sigma_um: tuple[float, ...], spacing_um: Spacing) -> Field:
    """Draw slow variation of standard deviation 1, with a Gaussian reach along each axis.

    It is drawn on knots half a reach apart and read between them: the cost does not grow with the reach.
    """
    steps = [max(sigma / 2, step) for sigma, step in zip(sigma_um, spacing_um, strict=True)]
    knots = [int(np.ceil(count * step / knot)) + 2 for count, step, knot in zip(shape, spacing_um, steps, strict=True)]
    coarse = rng.standard_normal(knots, dtype=np.float32)
    reach = [sigma / knot if knot < sigma else 0.0 for sigma, knot in zip(sigma_um, steps, strict=True)]
    field = np.asarray(ndimage.gaussian_filter(coarse, reach, mode="wrap"), dtype=np.float32)
    field *= np.float32(np.sqrt(np.prod([max(2 * np.sqrt(np.pi) * sigma, 1.0) for sigma in reach])))
    for axis, (count, step, knot) in enumerate(zip(shape, spacing_um, steps, strict=True)):
        field = _between(field, np.arange(count) * (step / knot), axis)
    return field


def _between(field: Field, place: NDArray[np.floating], axis: int) -> Field:
    """Read a field at places between its knots along one axis, linearly."""
    lower = place.astype(np.intp)
    weight = (place - lower).astype(np.float32).reshape([-1 if other == axis else 1 for other in range(field.ndim)])
    below = field.take(lower, axis)
    below += weight * (field.take(lower + 1, axis) - below)
    return below
