"""Outlines of cells in an image as elliptic Fourier descriptors, and the pixels inside such an outline.

Kuhl and Giardina, Computer Graphics and Image Processing 18 (1982): along an outline both coordinates are periodic, so each is
a sum of harmonics. Descriptors are (order, axis, part): harmonics 1 .. order, axes y and x, parts cosine and sine; in pixels.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from mesophyll.labels import Labels

__all__ = ["describe", "fill", "mirror_signs", "outlines"]


def describe(cells: Labels, count: int, order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Describe the outer outlines of the cells 1 .. count of an image, each of one piece.

    Returns
    -------
    middles
        The mean position along each outline, (y, x), shape (count + 1, 2); row 0 is unused.
    descriptors
        Shape (count + 1, order, 2, 2).
    """
    middles, descriptors = np.zeros((count + 1, 2)), np.zeros((count + 1, order, 2, 2))
    for cell, box in enumerate(ndimage.find_objects(cells), start=1):
        first = [span.start for span in box]
        middles[cell], descriptors[cell] = _describe(_outline(cells[box] == cell) + first, order)
    return middles, descriptors


def outlines(middles: NDArray[np.float64], descriptors: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """Return so many points (y, x) along each outline, shape (n, points, 2)."""
    angle = 2 * np.pi * np.arange(points) / points
    turns = np.arange(1, descriptors.shape[1] + 1)[:, None] * angle
    waves = np.stack([np.cos(turns), np.sin(turns)])
    around: NDArray[np.float64] = np.einsum("nkap,pkt->nta", descriptors, waves)
    return middles[:, None] + around


def mirror_signs(order: int, axis: int) -> NDArray[np.float32]:
    """Return by what each descriptor is multiplied when the image is mirrored along an axis, shape (order, 2, 2).

    The mirrored outline runs the other way round, so sines change their sign, and the axis its own. Mirrored along x, its start
    lies half a turn away, which changes the sign of every odd harmonic.
    """
    signs = np.ones((order, 2, 2), np.float32)
    signs[:, :, 1] *= -1
    signs[:, axis] *= -1
    if axis == 1:
        signs[::2] *= -1
    return signs


def fill(polygons: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the pixels whose middles lie in polygons (n, points, 2) as `decoding.suppression.Draw` does.

    Where a polygon crosses itself, what it goes round twice is outside. ``shape`` is the image's, (Y, X).
    """
    last = np.array(shape) - 1
    low, high = (np.clip(edge, 0, last) for edge in (polygons.min(axis=1), polygons.max(axis=1)))
    most = int((np.floor(high) - np.ceil(low) + 1).clip(min=0).prod(axis=1).sum())
    ends, pixels = np.empty(len(polygons), np.int64), np.empty(most, np.int32)
    found = _fill(ends, pixels, polygons, shape)
    return ends, pixels[:found]


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the outer outline of a piece half way between its pixels and those around, (y, x), the first point again last."""
    lines = find_contours(np.pad(mask, 1).astype(np.float32), 0.5, fully_connected="high")
    line: NDArray[np.float64] = max(lines, key=lambda each: abs(_area(each))) - 1
    return line if _area(line) > 0 else line[::-1]


def _area(line: NDArray[np.float64]) -> float:
    """Return the area inside a closed line, negative where it runs from y to x."""
    y, x = line.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def _describe(line: NDArray[np.float64], order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean position along a closed line, (2,), and its descriptors, (order, 2, 2).

    An outline has no first point, but harmonics have a phase. It is chosen so that the circle in the first harmonic, the part
    that turns with the outline, starts on the x axis: unlike the long axis of an ellipse, a circle is never in doubt.
    """
    step = np.diff(line, axis=0)
    length = np.hypot(*step.T)
    along = np.concatenate([[0.0], np.cumsum(length)])
    total = along[-1]
    middle = ((line[:-1] + line[1:]) / 2 * length[:, None]).sum(axis=0) / total
    turns = np.arange(1, order + 1)
    wave = np.exp(-2j * np.pi * turns[:, None] * along / total)
    waves = np.diff(wave, axis=1) @ (step / length[:, None]) * (total / (2 * np.pi**2 * turns**2))[:, None]
    circle = waves[0, 1] + 1j * waves[0, 0]
    waves *= (np.conj(circle) / max(abs(circle), 1e-12)) ** turns[:, None]
    return middle, np.stack([waves.real, -waves.imag], axis=2)


@numba.njit(cache=True, nogil=True)
def _fill(ends: Any, pixels: Any, polygons: Any, shape: Any) -> Any:
    found = 0
    crossings = np.empty(polygons.shape[1])
    for place in range(len(polygons)):
        polygon = polygons[place]
        first, last = max(np.ceil(polygon[:, 0].min()), 0), min(np.floor(polygon[:, 0].max()), shape[0] - 1)
        for y in range(int(first), int(last) + 1):
            met = _crossings(crossings, polygon, y)
            for pair in range(0, met - 1, 2):
                start, stop = max(np.ceil(crossings[pair]), 0), min(np.floor(crossings[pair + 1]), shape[1] - 1)
                for x in range(int(start), int(stop) + 1):
                    pixels[found] = y * shape[1] + x
                    found += 1
        ends[place] = found
    return found


@numba.njit(cache=True, nogil=True)
def _crossings(crossings: Any, polygon: Any, y: Any) -> Any:
    """Fill in where a polygon crosses a row, in order; return how often it does."""
    met = 0
    for point in range(len(polygon)):
        (y0, x0), (y1, x1) = polygon[point - 1], polygon[point]
        if (y0 <= y) != (y1 <= y):
            crossings[met] = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
            met += 1
    crossings[:met].sort()
    return met
