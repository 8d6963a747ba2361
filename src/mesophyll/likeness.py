"""How like a scan is to what a model learnt from: marks of its grey values, and the ranges of them that were met in training.

A mark is a number that brightness, contrast and the number of bits do not move. All are read from second differences, at the
voxels of an image and at voxels two, four and eight times as long: how large these are tells how much there is of each size,
on which side of zero the largest lie tells whether what is thin is dark or bright.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.blocks import Region
from mesophyll.image import Image

__all__ = ["COARSER", "MARKS", "Familiar", "Mark", "look_over", "measure", "unlike"]

COARSER = 1.6
"""In voxels so many times as long as those that a model learnt from, it still finds most of what it looks for."""

QUANTILES = (0.05, 0.95)
"""Between these lies what was met. A scan is the median of many pieces, and varies less than patches do."""

FEWEST = 20
"""Of fewer patches nobody knows how much they vary, and no scan is called unlike them."""

SLACK = 0.1
"""By this share of its width a range is exceeded without a word."""

PIECES = {2: 6, 3: 3}
"""An image or a volume is looked at in so many places along each axis, at most."""

DULL = 0.5
"""A piece that shows less structure than this share of the liveliest one's lies in the medium and tells nothing of the leaf."""

_SCALES = 4
_RIM = 3  # voxels at the edge of the field of view into which resampling has mixed what is black
_WHITE = 0.6745 * 6**0.5  # the median size of the second differences of white noise whose standard deviation is 1
_SAMPLE = 7  # of so many second differences one tells the median


@dataclass(frozen=True)
class Mark:
    """What a mark is, and what to do where it is lower or higher than known; nothing where that does no harm.

    ``averaged``: a scan of finer voxels than the model's is low in it by being resampled, and needs no word.
    """

    told: str
    lower: str = ""
    higher: str = ""
    averaged: bool = False


MARKS: dict[str, Mark] = {
    "polarity": Mark(
        "dark gaps against bright ones",
        lower="bright and dark seem exchanged; invert the scan if its air is brighter than its tissue",
    ),
    "noise": Mark(
        "noise", higher="average it, pass its Paganin reconstruction, or teach the model on with scans like it"
    ),
    "structure": Mark(
        "contrast of what is as large as a cell",
        lower="it shows little but noise; check that it is the right file",
    ),
    "detail": Mark(
        "detail of 2 voxels against 4",
        lower="it is blurred, or its voxels are smaller than stated; check --spacing",
        higher="it shows much that is finer than cells, or its voxels are larger than stated; check --spacing",
        averaged=True,
    ),
}
"""What is measured, by the names that a model's file uses.

``polarity``: the skew of second differences, above 0 where gaps are darker than what they part. ``noise``: the standard
deviation of white noise that would give their median size; grey values range from 0 to 1. ``structure``: their size at 8
voxels. ``detail``: their size at 2 voxels over that at 4, as a power of two.
"""


@dataclass(frozen=True)
class Familiar:
    """What a model met while it learnt.

    Parameters
    ----------
    side
        Of the patches that it learnt from, in voxels; a scan is looked at in pieces of that side.
    ranges
        Lowest and highest value of each of `MARKS`.
    coarsest
        How long the voxels of the coarsest scan that it learnt from are, as a multiple of its own.
    """

    side: int
    ranges: dict[str, tuple[float, float]]
    coarsest: float = 1.0

    @classmethod
    def of(cls, met: Sequence[Mapping[str, float]], side: int, coarsest: float = 1.0) -> Familiar:
        """Sum up the marks of patches."""
        told = {name: [marks[name] for marks in met if np.isfinite(marks[name])] for name in MARKS}
        ranges = {
            name: np.quantile(values, QUANTILES).round(3).tolist()
            for name, values in told.items()
            if len(values) >= FEWEST
        }
        return cls(side, {name: (low, high) for name, (low, high) in ranges.items()}, round(coarsest, 3))

    def joined(self, other: Familiar) -> Familiar:
        """Return what was met now and, by the model that was taught on, before."""
        ranges = {}
        for name in other.ranges | self.ranges:
            lows, highs = zip(*(one.ranges[name] for one in (self, other) if name in one.ranges), strict=True)
            ranges[name] = (min(lows), max(highs))
        return Familiar(self.side, ranges, max(self.coarsest, other.coarsest))


def measure(grey_S: NDArray[np.float32], seen_S: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """Return the marks of a piece of a prepared image; NaN where too little is seen.

    Parameters
    ----------
    grey_S
        Grey values of 2 or 3 axes, as a network reads them.
    seen_S
        Where they lie in the field of view; everywhere, if None.
    """
    bends = [_bends(*one) for one in _scales(grey_S, np.ones(grey_S.shape, bool) if seen_S is None else seen_S)]
    if any(not bend.size for bend in bends):
        return dict.fromkeys(MARKS, np.nan)
    sizes = [float(np.sqrt(np.mean(np.square(bend)))) for bend in bends]
    if min(sizes) <= 0:
        return dict.fromkeys(MARKS, np.nan)
    skews = [
        float(np.mean(np.square(bend) * bend)) / size**3 for bend, size in zip(bends[1:3], sizes[1:3], strict=True)
    ]
    noise = float(np.median(np.abs(bends[0][::_SAMPLE]))) / _WHITE
    return dict(zip(MARKS, (float(np.mean(skews)), noise, sizes[3], float(np.log2(sizes[1] / sizes[2]))), strict=True))


def _scales(
    grey: NDArray[np.float32], seen: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield an image, and what is seen of it, at its own voxels and at ever longer ones."""
    for _ in range(_SCALES):
        yield grey, seen
        pair = tuple(range(1, 2 * grey.ndim, 2))
        grey, seen = _in_pairs(grey).mean(axis=pair), np.asarray(_in_pairs(seen).all(axis=pair))


def _in_pairs(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a view in which each axis has become two: pairs, and the two of a pair; an odd last one is left out."""
    even = values[tuple(slice(length // 2 * 2) for length in values.shape)]
    return even.reshape([side for length in even.shape for side in (length // 2, 2)])


def _bends(grey: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the second differences along all axes of what is seen, in one row; above 0 where it is dark amid bright."""
    everything = bool(seen.all())
    row = []
    for axis in range(grey.ndim):
        bend = np.diff(grey, 2, axis)
        row.append(bend.ravel() if everything else bend[_three_in_a_row(seen, axis)])
    return np.concatenate(row)


def _three_in_a_row(seen: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    rows = np.moveaxis(seen, axis, 0)
    return np.moveaxis(rows[:-2] & rows[1:-1] & rows[2:], 0, axis)


def look_over(image: Image, side: int, ndim: int) -> dict[str, float]:
    """Return the marks of a scan: of each, the median over its lively pieces.

    ``side`` and ``ndim`` are those of the patches that a model learnt from: for 2, a volume is looked at in sections.
    """
    met = [measure(*_piece(image, region)) for region in _pieces(image.shape, side, ndim)]
    table = np.array([list(marks.values()) for marks in met])
    structure = table[:, list(MARKS).index("structure")]
    told = table[
        np.isfinite(structure) & (structure >= DULL * np.max(structure, initial=0, where=np.isfinite(structure)))
    ]
    return dict(zip(MARKS, np.median(told, axis=0).tolist(), strict=True)) if len(told) else {}


def _piece(image: Image, region: Region) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a piece's grey values, and what lies well within the field of view: whole areas of 0, and their rims, do not."""
    grey, black = np.squeeze(image.read(region)[0]), np.squeeze(np.asarray(image.volume.data[region]) == 0)
    if black.any():
        areas = ndimage.binary_erosion(black, border_value=1)  # black voxels here and there are noise
        black = ndimage.binary_dilation(areas, iterations=1 + _RIM)
    return grey, ~black


def _pieces(shape: Sequence[int], side: int, ndim: int) -> Iterator[Region]:
    """Spread pieces evenly: boxes of a volume, squares of an image or, for a model of images, of sections across each axis."""
    for across in range(len(shape)) if len(shape) > ndim else (None,):
        sides = [1 if axis == across else min(side, length) for axis, length in enumerate(shape)]
        along = (_spread(length, own, PIECES[len(shape)]) for length, own in zip(shape, sides, strict=True))
        yield from itertools.product(*along)


def _spread(length: int, side: int, most: int) -> list[slice]:
    count = min(length // side, most)
    starts = [((2 * place + 1) * length // count - side) // 2 for place in range(count)]
    return [slice(start, start + side) for start in starts]


def unlike(image: Image, familiar: Familiar, ndim: int) -> list[str]:
    """Say in what a scan is unlike all that a model of so many axes learnt from, by how much, and what to do about it."""
    met = look_over(image, familiar.side, ndim)
    found = []
    for name in (name for name in MARKS if name in met and name in familiar.ranges):
        mark, value, (low, high) = MARKS[name], met[name], familiar.ranges[name]
        lower = "" if mark.averaged and image.enlarged < 1 else mark.lower
        slack = SLACK * (high - low)
        remedy = lower if value < low - slack else mark.higher if value > high + slack else ""
        if remedy:
            found.append(f"{mark.told}: {value:.2f} (known: {low:.2f} to {high:.2f}); {remedy}")
    if image.enlarged > COARSER * familiar.coarsest:
        longer = image.enlarged / familiar.coarsest
        found.append(f"voxels {longer:.1f} times as long as those; thin cells are lost; scan finer, or check --spacing")
    return found
