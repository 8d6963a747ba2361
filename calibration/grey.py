"""Grey values: plateaus, the profile across an edge, noise and what varies slowly."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from calibration.section import Grey, Mask, Section, signed_distance_um

__all__ = ["edge", "noise", "plateaus", "profile"]

Figures = dict[str, float]

DEEP_UM = 3.2
"""From here on cells are free of the edge's fringe; air from `FREE_UM` on, as its gaps are narrow."""

FREE_UM = 2.5

PLACES_UM = (-3.25, -2.6, -1.95, -1.3, -0.975, -0.65, -0.325, 0.0, 0.325, 0.65, 0.975, 1.3, 1.625, 2.275, 3.25, 4.875)
"""Where profiles are told: signed distance to the cells' outline, positive inside."""

NOISE_UM, BAND_UM = 0.325, 1.95
"""The Gaussians whose difference from the scan is called noise, and band: 2 and 12 pixels of 0.1625 µm."""

LAGS = (1, 2, 3, 4, 6, 24)
"""Pixels; what is still alike at the last one is a streak."""


def plateaus(section: Section) -> Figures:
    """Measure the grey values that cells, air and surround have far from every edge, and how the surround varies."""
    distance = signed_distance_um(section)
    surround = ~ndimage.binary_dilation(section.leaf, iterations=round(8 / section.spacing_um))
    found: Figures = {}
    for name, scan in section.scans.items():
        seen = scan > 0  # corners outside the field of view are 0
        parts = {
            "cells": section.mesophyll & (distance >= DEEP_UM),
            "air": section.air & (distance <= -FREE_UM),
            "surround": surround & seen,
        }
        found |= {f"{part}, {name}": _median(scan[mask]) for part, mask in parts.items()}
    return found


def _median(values: NDArray[np.floating]) -> float:
    return float(np.median(values)) if values.size else float("nan")


def profile(section: Section, scan: Grey, places_um: ArrayLike) -> NDArray[np.float64]:
    """Return the median grey value at signed distances to the outline between mesophyll cells and air."""
    distance = signed_distance_um(section)
    wanted = section.air | section.mesophyll
    grey, apart = scan[wanted], distance[wanted]
    half = section.spacing_um / 2
    return np.array(
        [_median(grey[(apart >= place - half) & (apart < place + half)]) for place in np.asarray(places_um)]
    )


def edge(section: Section) -> Figures:
    """Measure both reconstructions' profiles across the cells' outline.

    A hand-drawn outline lies a little off the edge: places are told from where Paganin is halfway between its plateaus.
    """
    levels = plateaus(section)
    step = section.spacing_um
    fine = (np.arange(-round(4.0 / step), round(6.0 / step)) + 0.5) * step  # where pixels lie at a straight outline
    curves = {name: profile(section, scan, fine) for name, scan in section.scans.items()}
    low, high = levels["air, Paganin"], levels["cells, Paganin"]
    tenth, middle, ninetieth = (_crossing(fine, curves["Paganin"], low + s * (high - low)) for s in (0.1, 0.5, 0.9))
    found = {"half-way of Paganin inside the outline, µm": middle, "10-90 % of Paganin, µm": ninetieth - tenth}
    found["steepest rise of Paganin, grey/µm"] = _greatest(np.diff(curves["Paganin"]) / step)
    found |= _extremes(fine - middle, curves["gridrec"])
    for name, curve in curves.items():
        known = np.isfinite(curve)
        told = (
            np.interp(PLACES_UM, fine[known] - middle, curve[known]) if known.any() else np.full(len(PLACES_UM), np.nan)
        )
        found |= {f"{name} at {place:+.2f} µm": float(value) for place, value in zip(PLACES_UM, told, strict=True)}
    return found


def _greatest(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else float("nan")


def _crossing(places: NDArray[np.float64], curve: NDArray[np.float64], level: float) -> float:
    """Return where a rising curve last passes a level before it stays above it for good near the edge."""
    near = np.flatnonzero((places > -3.0) & (places < 3.0) & (curve <= level))
    if not len(near) or near[-1] + 1 >= len(curve):
        return float("nan")
    at = near[-1]
    return float(places[at] + (level - curve[at]) / (curve[at + 1] - curve[at]) * (places[at + 1] - places[at]))


def _extremes(places: NDArray[np.float64], curve: NDArray[np.float64]) -> Figures:
    """Return the bright rim in the cell and the dark one in the air."""
    if not np.isfinite(curve).any():
        return {}
    peak, trough = int(np.nanargmax(curve)), int(np.nanargmin(curve))
    return {
        "bright rim of gridrec": float(curve[peak]),
        "bright rim inside the cell, µm": float(places[peak]),
        "dark rim of gridrec": float(curve[trough]),
        "dark rim in the air, µm": float(-places[trough]),
    }


def noise(section: Section) -> Figures:
    """Measure what varies inside mesophyll cells, at least 2 µm from air: noise, band, their correlation, shading."""
    cells = section.mesophyll
    inner = cells & (signed_distance_um(section) > 2.0)
    sigma, band = (length / section.spacing_um for length in (NOISE_UM, BAND_UM))
    found: Figures = {}
    for name, scan in section.scans.items():
        slow = _within(scan, cells, band)
        rest = scan - slow
        found[f"noise sd, {name}"] = _spread((scan - ndimage.gaussian_filter(scan, sigma))[inner])
        found[f"band sd, {name}"] = _spread(rest[inner])
        found[f"slow sd, {name}"] = _spread(slow[inner])
        for axis, along in ((1, "x"), (0, "y")):
            found |= {f"correlation at {lag} px along {along}, {name}": _at_lag(rest, inner, axis, lag) for lag in LAGS}
    return found


def _within(scan: Grey, mask: Mask, sigma: float) -> Grey:
    """Smooth a scan among the pixels of a mask only."""
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    return np.asarray(ndimage.gaussian_filter(np.where(mask, scan, 0), sigma) / np.maximum(weight, 1e-3), np.float32)


def _spread(values: NDArray[np.floating]) -> float:
    return float(values.std()) if values.size else float("nan")


def _at_lag(field: Grey, mask: Mask, axis: int, lag: int) -> float:
    """Return the correlation of the masked pixels with those ``lag`` farther along an axis."""
    lines, known = np.moveaxis(field, axis, 0), np.moveaxis(mask, axis, 0)
    both = known[lag:] & known[:-lag]
    if not both.any():
        return float("nan")
    centred = lines - field[mask].mean()
    return float(np.mean(centred[lag:][both] * centred[:-lag][both]) / np.var(field[mask]))
