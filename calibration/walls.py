"""How high the walls between touching cells stand out, measured where no one knows the cells.

The lines are looked for with long narrow filters in all directions: a second derivative across, as wide as a wall, and a
Gaussian along, as walls go straight on for longer than noise does. A line is where the answer is greatest across it. From
each tissue the strongest lines are taken until they make up one length for each area, the same in every section. What the
same search finds among *dark* lines is the null control: noise has as many dark lines as bright ones.
"""

from __future__ import annotations

from typing import NamedTuple

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from calibration.section import Grey, Mask, Section, signed_distance_um
from mesophyll import tissues

__all__ = ["Ridges", "contrast", "ridges", "walls"]

Figures = dict[str, float]

ACROSS_UM, ALONG_UM = 0.55, 2.0
"""The filter's sigmas: across, a ridge whose half-width is 0.65 µm; along, what a wall bends little over."""

DIRECTIONS = 12

FLANK_UM = 1.6
"""How far from a line's middle the ground is read, on both sides."""

ASIDE_UM = 2.0
"""How near a stronger line of the other kind makes a line give way."""

CLEAR_UM = 3.0
"""How far from air and surround lines must lie, as edges have rims of their own."""

LEAST_UM = 4.0
"""The shortest line."""

LENGTH_PER_AREA = 0.03
"""How much line is taken from each tissue, µm for each µm²: cells 12 µm wide have walls of about 0.17."""

TISSUES = {
    "mesophyll": (tissues.PALISADE, tissues.SPONGY),
    "epidermis": (tissues.UPPER_EPIDERMIS, tissues.LOWER_EPIDERMIS),
    "sheath": (tissues.BUNDLE_SHEATH,),
}


class Ridges(NamedTuple):
    """How much each pixel looks like the middle of a bright line, and of a dark one; shapes (2, Y, X).

    The strength has no unit but that of grey; the angle (rad) is that of the line's normal, from y towards x.
    """

    strength: NDArray[np.float32]
    angle: NDArray[np.float32]


def walls(section: Section) -> Figures:
    """Measure each tissue's walls and their null control in both reconstructions, in grey values."""
    clear = signed_distance_um(section) > CLEAR_UM
    clear &= edt.edt(section.leaf) * section.spacing_um > CLEAR_UM
    found: Figures = {}
    for name, scan in section.scans.items():
        answer = ridges(scan, section.spacing_um)
        for tissue, codes in TISSUES.items():
            where = clear & np.isin(section.tissue, codes)
            found[f"{tissue}, {name}"] = contrast(scan, answer, where, section.spacing_um)
            found[f"{tissue}, {name}, null"] = contrast(scan, answer, where, section.spacing_um, dark=True)
    return found


def ridges(scan: Grey, spacing_um: float) -> Ridges:
    """Filter a scan, shape (Y, X), in all directions and keep the strongest bright and the strongest dark answer."""
    margin = int(4 * ALONG_UM / spacing_um)
    size = [fft.next_fast_len(length + 2 * margin, real=True) for length in scan.shape]
    padded = np.pad(
        scan, [(margin, full - length - margin) for full, length in zip(size, scan.shape, strict=True)], mode="reflect"
    )
    waves = fft.rfft2(padded.astype(np.float32))
    v = 2 * np.pi * np.fft.fftfreq(size[0], spacing_um)[:, None]
    u = 2 * np.pi * np.fft.rfftfreq(size[1], spacing_um)[None, :]
    strength = np.full((2, *scan.shape), -np.inf, np.float32)
    angle = np.zeros((2, *scan.shape), np.float32)
    inner = tuple(slice(margin, margin + length) for length in scan.shape)
    for turn in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
        across, along = np.cos(turn) * v + np.sin(turn) * u, np.cos(turn) * u - np.sin(turn) * v
        window = np.exp(-0.5 * ((across * ACROSS_UM) ** 2 + (along * ALONG_UM) ** 2)) * (across * ACROSS_UM) ** 2
        answer = fft.irfft2(waves * window.astype(np.float32), size)[inner]
        for dark, each in enumerate((answer, -answer)):
            better = each > strength[dark]
            strength[dark][better] = each[better]
            angle[dark][better] = turn
    return Ridges(strength, angle)


def contrast(scan: Grey, answer: Ridges, where: Mask, spacing_um: float, *, dark: bool = False) -> float:
    """Return how far the strongest bright (or dark) lines within ``where`` stand out of the ground, on average.

    A line gives way to a stronger one of the other kind beside it: a wall has a dark line on either side, a dark gap two
    bright ones, and those are no lines of their own.
    """
    own, other = answer.strength[int(dark)], answer.strength[int(not dark)]
    beside = ndimage.maximum_filter(other, size=2 * round(ASIDE_UM / spacing_um) + 1)
    places, normals = _chosen(own, answer.angle[int(dark)], where, where & (own >= beside), spacing_um)
    if not places.size:
        return float("nan")
    flank = normals * FLANK_UM / spacing_um
    ground = [ndimage.map_coordinates(scan, places + side * flank, order=1, mode="nearest") for side in (-1, 1)]
    height = float(np.mean(scan[tuple(places)] - np.mean(ground, axis=0)))
    return -height if dark else height


def _chosen(
    strength: NDArray[np.float32], angle: NDArray[np.float32], where: Mask, free: Mask, spacing_um: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the ``free`` pixels of the strongest lines: places and unit normals, both of shape (2, pixels)."""
    places, normals, own = _crests(strength, angle, free)
    kept = _strongest(_numbers(places, where.shape), own, spacing_um, LENGTH_PER_AREA * where.sum() * spacing_um)
    return places[:, kept], normals[:, kept]


def _crests(
    strength: NDArray[np.float32], angle: NDArray[np.float32], where: Mask
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float32]]:
    """Return the pixels whose answer is greatest across their line: places (2, n), unit normals (2, n), answers (n,)."""
    places = np.stack(np.nonzero(where))
    turn = angle[where].astype(float)
    normals = np.stack([np.cos(turn), np.sin(turn)])
    own = strength[where]
    low, high = (
        ndimage.map_coordinates(strength, places + side * normals, order=1, mode="nearest") for side in (-1, 1)
    )
    crest = (own > 0) & (own >= low) & (own > high)
    return places[:, crest], normals[:, crest], own[crest]


def _numbers(places: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Number the connected lines from 1 and return the number of each pixel."""
    drawn = np.zeros(shape, bool)
    drawn[tuple(places)] = True
    numbered, _ = ndimage.label(drawn, np.ones((3, 3)))
    return np.asarray(numbered[tuple(places)], dtype=np.int64)


def _strongest(number: NDArray[np.int64], own: NDArray[np.float32], spacing_um: float, pixels: float) -> Mask:
    """Choose the lines of greatest mean answer, none shorter than `LEAST_UM`, until they hold so many pixels."""
    count = np.bincount(number, minlength=1)
    mean = np.bincount(number, own, minlength=1) / np.maximum(count, 1)
    mean[count * spacing_um < LEAST_UM] = -np.inf
    order = np.argsort(-mean, kind="stable")
    before = np.cumsum(count[order]) - count[order]
    chosen = np.zeros(len(count), bool)
    chosen[order[(before < pixels) & np.isfinite(mean[order])]] = True
    return np.asarray(chosen[number])
