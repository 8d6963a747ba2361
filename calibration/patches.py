"""Small square windows of a section, and what can be told about each without knowing what it shows.

`FEATURES` are the numbers that `calibration.apart` hands to a classifier: they are plain, so that what gives a phantom
away can be read from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from calibration.section import Grey, Section

__all__ = ["FEATURES", "SIDE", "Patch", "describe", "patches"]

SIDE = 64
"""The side of a patch in pixels."""

LEAF_SHARE = 0.6
"""The least share of a patch that must be leaf."""

SIGMAS = (1.0, 2.0, 4.0)
"""The scales (pixels) at which gradients are taken."""

BANDS = 8
"""Rings of the power spectrum, evenly wide up to the pixel's own frequency (Nyquist)."""

PERCENTILES = (1, 5, 25, 75, 95, 99)


class Patch(NamedTuple):
    """A window: the row and column of its corner, and its grey values, shape (`SIDE`, `SIDE`)."""

    row: int
    column: int
    grey: Grey


def patches(section: Section, scan: Grey, stride: int) -> Iterator[Patch]:
    """Yield the windows of a scan that lie mostly in the leaf and wholly within the field of view."""
    height, width = scan.shape
    leaf = section.leaf
    for row in range(0, height - SIDE + 1, stride):
        for column in range(0, width - SIDE + 1, stride):
            window = slice(row, row + SIDE), slice(column, column + SIDE)
            if leaf[window].mean() >= LEAF_SHARE and scan[window].min() > 0:
                yield Patch(row, column, scan[window])


def describe(grey: Grey) -> dict[str, float]:
    """Return all features of one patch by ``kind: name``."""
    return {f"{kind}: {name}": value for kind, of in FEATURES.items() for name, value in of(grey).items()}


def _histogram(grey: Grey) -> dict[str, float]:
    centred = grey - grey.mean()
    spread = float(grey.std()) + 1e-6
    middle, *levels = (float(level) for level in np.percentile(centred, (50, *PERCENTILES)))
    return {
        "mean": float(grey.mean()),
        "sd": spread,
        "skewness": _skewness(grey),
        "kurtosis": float(np.mean(centred**4)) / spread**4,
        **{f"percentile {p} less the median": level - middle for p, level in zip(PERCENTILES, levels, strict=True)},
    }


def _skewness(field: Grey) -> float:
    centred = field - field.mean()
    return float(np.mean(centred**3)) / (float(field.std()) + 1e-6) ** 3


def _spectrum(grey: Grey) -> dict[str, float]:
    """Return the power (log10) in rings of frequency, and that along x as against along y."""
    window = np.hanning(SIDE)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * np.outer(window, window))) ** 2
    v, u = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    ring = np.minimum((np.hypot(v, u) * 2 * BANDS).astype(int), BANDS)
    found = {f"power, ring {n + 1} of {BANDS}": _log(power[ring == n]) for n in range(BANDS)}
    steep, low = np.abs(v) > 2 * np.abs(u), (np.hypot(v, u) > 0.03)
    for name, near in (("coarse", np.hypot(v, u) < 0.15), ("fine", np.hypot(v, u) >= 0.15)):
        part = low & near
        found[f"power across rows over columns, {name}"] = _log(power[part & steep]) - _log(power[part & steep.T])
    return found


def _log(power: NDArray[np.floating]) -> float:
    return float(np.log10(power.mean() + 1e-6))


def _gradients(grey: Grey) -> dict[str, float]:
    """Return the moments of the gradient at several scales, and of the curvature."""
    found = {}
    for sigma in SIGMAS:
        steep = ndimage.gaussian_gradient_magnitude(grey, sigma)
        bend = ndimage.gaussian_laplace(grey, sigma)
        mean = float(steep.mean()) + 1e-6
        found |= {
            f"gradient, mean, sigma {sigma:g}": mean,
            f"gradient, sd over mean, sigma {sigma:g}": float(steep.std()) / mean,
            f"gradient, percentile 99 over mean, sigma {sigma:g}": float(np.percentile(steep, 99)) / mean,
            f"curvature, sd, sigma {sigma:g}": float(bend.std()),
            f"curvature, skewness, sigma {sigma:g}": _skewness(bend),
        }
    return found


def _directions(grey: Grey) -> dict[str, float]:
    """Return which shares of the gradient point along y, along x and aslant, and how much all of them agree."""
    down, right = (ndimage.gaussian_filter(grey, 1.5, order=order) for order in ((1, 0), (0, 1)))
    weight = np.hypot(down, right)
    turn = np.mod(np.arctan2(down, right), np.pi)
    sectors = np.histogram(turn, bins=8, range=(0, np.pi), weights=weight)[0] / (weight.sum() + 1e-6)
    agree = np.abs(np.sum(weight * np.exp(2j * turn))) / (weight.sum() + 1e-6)
    return {
        "gradient along x, share": float(sectors[0] + sectors[7]),
        "gradient along y, share": float(sectors[3] + sectors[4]),
        "gradient aslant, share": float(sectors[1:3].sum() + sectors[5:7].sum()),
        "gradient, agreement of directions": float(agree),
    }


def _neighbours(grey: Grey) -> dict[str, float]:
    """Return how often a pixel's eight neighbours are brighter (local binary patterns, in three classes), at two distances."""
    found = {}
    for far in (1, 3):
        centre = grey[far:-far, far:-far]
        ring = [
            np.roll(grey, (dy, dx), (0, 1))[far:-far, far:-far] > centre
            for dy, dx in ((-far, -far), (-far, 0), (-far, far), (0, far), (far, far), (far, 0), (far, -far), (0, -far))
        ]
        brighter = np.sum(ring, axis=0)
        changes = np.sum([a != b for a, b in zip(ring, ring[1:] + ring[:1], strict=True)], axis=0)
        found |= {
            f"local maxima, {far} px": float(np.mean(brighter == 0)),
            f"local minima, {far} px": float(np.mean(brighter == 8)),
            f"edges and corners, {far} px": float(np.mean((changes == 2) & (brighter > 0) & (brighter < 8))),
        }
    return found


FEATURES = {
    "histogram": _histogram,
    "spectrum": _spectrum,
    "gradients": _gradients,
    "directions": _directions,
    "neighbours": _neighbours,
}
