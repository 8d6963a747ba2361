"""The leaf's build, measured on a tissue map alone: thickness, porosity, chords, local thickness, columns."""

from __future__ import annotations

from collections.abc import Iterable

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from calibration.section import Mask, Section
from mesophyll import tissues

__all__ = ["chords", "columns", "columns_known", "local_thickness", "porosity", "thickness", "thickness_map_um"]

Figures = dict[str, float]

STEPS = 20
"""The depth profile's: each 5 % of the mesophyll."""

QUANTILES = {"p10": 10, "p50": 50, "p90": 90}


def _quantiles(name: str, values: Iterable[float] | NDArray[np.floating]) -> Figures:
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    return {
        f"{name}, {short}": float(np.percentile(finite, share)) if finite.size else np.nan
        for short, share in QUANTILES.items()
    }


def thickness(section: Section) -> Figures:
    """Measure the leaf, its epidermes and its mesophyll along Y, in µm, over the columns that hold both epidermes."""
    outer, top, bottom, under = section.faces * section.spacing_um
    spans = {
        "leaf": under - outer,
        "upper epidermis": top - outer,
        "lower epidermis": under - bottom,
        "mesophyll": bottom - top,
    }
    return {key: value for name, span in spans.items() for key, value in _quantiles(f"{name}, µm", span).items()}


def porosity(section: Section) -> Figures:
    """Measure air as a share of air and mesophyll cells (veins left out): in all, in both halves, by 5 % of depth."""
    depth = section.depth
    air, cells = section.air, section.mesophyll
    step = np.minimum((np.nan_to_num(depth, nan=-1.0) * STEPS).astype(int), STEPS - 1)
    step[np.isnan(depth)] = -1
    parts = {"all": step >= 0, **{f"{name} half": half for name, half in section.halves.items()}}
    parts |= {f"depth {5 * n}-{5 * n + 5} %": step == n for n in range(STEPS)}
    return {name: _share(air & part, (air | cells) & part) for name, part in parts.items()}


def _share(some: Mask, every: Mask) -> float:
    return float(some.sum() / every.sum()) if every.any() else float("nan")


def chords(section: Section) -> Figures:
    """Measure straight runs of air and of mesophyll cells along x and y, in µm, in both halves.

    A run counts where its middle lies, and only if both its ends are met: air at a cell's outline, and not the border
    of the section nor a vein.
    """
    found: Figures = {}
    for phase, mask, ends in (
        ("air", section.air, section.leaf & ~section.air),
        ("cells", section.mesophyll, section.air | _skin(section)),
    ):
        for axis, name in ((1, "x"), (0, "y")):
            runs, middles = _runs(mask, ends, axis)
            for half, where in section.halves.items():
                own = runs[where[tuple(middles)]] * section.spacing_um
                found |= _quantiles(f"{phase} along {name}, {half} half, µm", own)
    return found


def _skin(section: Section) -> Mask:
    return np.isin(section.tissue, (tissues.UPPER_EPIDERMIS, tissues.LOWER_EPIDERMIS))


def _runs(mask: Mask, ends: Mask, axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lengths (pixels) of the runs along an axis between two ``ends``, and their middles, shape (2, runs)."""
    lines, stops = (mask, ends) if axis == 1 else (mask.T, ends.T)
    edge = np.diff(np.pad(lines.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, start = np.nonzero(edge == 1)
    _, stop = np.nonzero(edge == -1)
    closed = np.pad(stops, ((0, 0), (1, 1)))
    whole = closed[row, start] & closed[row, stop + 1]
    row, start, stop = row[whole], start[whole], stop[whole]
    middle = (start + stop - 1) // 2
    return stop - start, np.stack([row, middle] if axis == 1 else [middle, row])


def local_thickness(section: Section) -> Figures:
    """Measure the local thickness of air and of mesophyll cells in both halves, in µm: see `thickness_map_um`."""
    found: Figures = {}
    for phase, mask in (("air", section.air), ("cells", section.mesophyll)):
        window = _box(mask)
        local = np.zeros(mask.shape, np.float32)
        local[window] = thickness_map_um(mask[window], section.spacing_um)
        for half, where in section.halves.items():
            found |= _quantiles(f"{phase}, {half} half, µm", local[mask & where])
    return found


def _box(mask: Mask) -> tuple[slice, ...]:
    """Return the smallest window that holds a mask and one pixel around it."""
    return tuple(
        slice(max(int(places.min(initial=0)) - 1, 0), int(places.max(initial=0)) + 2) for places in np.nonzero(mask)
    )


def thickness_map_um(mask: Mask, spacing_um: float) -> NDArray[np.float32]:
    """Return at each pixel the diameter of the largest disc that fits into the mask and covers the pixel; 0 outside.

    Diameters rise in steps of 6 %, and not finer than a pixel.
    """
    largest = np.where(mask, np.float32(1), np.float32(0))
    inside = edt.edt(mask) - 0.5
    radius = 1.0
    while (middles := inside >= radius).any():
        largest[(edt.edt(~middles) <= radius) & mask] = 2 * radius
        radius += max(0.06 * radius, 0.5)
    return np.asarray(largest * spacing_um, dtype=np.float32)


def columns(section: Section) -> Figures:
    """Measure the palisade's columns without knowing cells, from the autocorrelation of air and cells in its half.

    The reach along an axis is the lag at which the correlation has fallen to a half, twice: the width or height of a
    typical body. The aspect is their ratio, the period the first maximum along x.
    """
    half = section.halves["palisade"]
    known = half & (section.air | section.mesophyll)
    along = {
        name: _correlation(section.air, known, axis, round(40 / section.spacing_um))
        for name, axis in (("x", 1), ("y", 0))
    }
    reach = {name: 2 * _fall(curve) * section.spacing_um for name, curve in along.items()}
    peaks, _ = signal.find_peaks(ndimage.gaussian_filter1d(along["x"], 0.5 / section.spacing_um), prominence=0.02)
    return {
        "reach along x, µm": reach["x"],
        "reach along y, µm": reach["y"],
        "aspect": reach["y"] / reach["x"],
        "period along x, µm": float(peaks[0] * section.spacing_um) if len(peaks) else np.nan,
    }


def _correlation(values: Mask, known: Mask, axis: int, lags: int) -> NDArray[np.float64]:
    """Return the correlation of the known pixels at lags 0, 1, 2, ... along an axis."""
    if not known.any():
        return np.full(1, np.nan)
    mean = values[known].mean()
    values, known = values[_box(known)], known[_box(known)]
    field = np.moveaxis(np.where(known, values - mean, 0).astype(np.float32), axis, 0)
    weight = np.moveaxis(known.astype(np.float32), axis, 0)
    count = min(lags, len(field))
    sums = np.array([np.sum(field[lag:] * field[: len(field) - lag]) for lag in range(count)])
    pairs = np.array([np.sum(weight[lag:] * weight[: len(field) - lag]) for lag in range(count)])
    curve = sums / np.maximum(pairs, 1)
    return np.asarray(curve / curve[0] if curve[0] > 0 else np.full(count, np.nan))


def _fall(curve: NDArray[np.float64]) -> float:
    """Return the lag at which a curve first falls below a half, between its points; NaN where it never does."""
    below = np.flatnonzero(curve < 0.5)
    if not len(below):
        return float("nan")
    lag = int(below[0])
    return lag - 1 + float((curve[lag - 1] - 0.5) / (curve[lag - 1] - curve[lag]))


def columns_known(section: Section) -> Figures:
    """Measure the palisade cells of a section whose cells are known: width (area / height), height, aspect.

    Only cells that the section cuts through most of their length count: those at least as high as 60 % of the highest tenth.
    """
    if section.labels is None:
        return {}
    own = np.where(section.tissue == tissues.PALISADE, section.labels, 0)
    numbers = np.arange(1, int(own.max()) + 1)
    boxes = ndimage.find_objects(own)
    areas = np.bincount(own.ravel(), minlength=len(numbers) + 1)[1:]
    height = np.array([box[0].stop - box[0].start if box else 0 for box in boxes], dtype=float)
    tall = height >= 0.6 * np.percentile(height[height > 0], 90) if height.any() else height > 0
    width = areas[tall] / height[tall]
    return {
        "cell width, µm": float(np.median(width) * section.spacing_um) if tall.any() else np.nan,
        "cell height, µm": float(np.median(height[tall]) * section.spacing_um) if tall.any() else np.nan,
        "cell aspect": float(np.median(height[tall] / width)) if tall.any() else np.nan,
    }
