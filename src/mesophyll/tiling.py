"""How an image is cut into tiles that pass through a network, and with what weights they are put together again.

Every way answers for one axis at a time: the spans that cover it, each with a ramp; at every voxel the ramps of all spans add
up to one. A tile is one span of every axis, and its weight is the product of their ramps, so tiles add up to one, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region, relative

__all__ = ["TILINGS", "Span", "Tile", "Tiling", "cellpose", "even", "tiles"]

Tiling = Literal["even", "cellpose"]

_SIDE, _MARGIN, _MULTIPLE = 224, 8, 16  # Cellpose's tiles; an image is widened by the margin, to a multiple
_SPREAD = 1.2  # so much more than the image's length do the tiles of an axis cover
_SLOPE, _SHOULDER = 7.5, 20.0  # its ramps: half weight so far from a tile's border


class Span(NamedTuple):
    """A piece of an axis: from where to where (beyond the axis, too), and the weights of its voxels within the axis."""

    start: int
    stop: int
    ramp: NDArray[np.float32]


@dataclass(frozen=True)
class Tile:
    """A piece of an image.

    Parameters
    ----------
    write
        The voxels of the image that it answers for.
    margins
        For each axis, how many voxels it reaches beyond the image at the beginning and at the end.
    ramps
        The weights of the voxels of ``write`` along each axis.
    """

    write: Region
    margins: tuple[tuple[int, int], ...]
    ramps: tuple[NDArray[np.float32], ...]

    @property
    def inner(self) -> Region:
        """The voxels of the image, seen from the tile's corner."""
        corner = tuple(
            slice(axis.start - before, axis.stop) for axis, (before, _) in zip(self.write, self.margins, strict=True)
        )
        return relative(self.write, corner)


def even(length: int, side: int, overlap: int) -> list[Span]:
    """Cut an axis into the fewest spans, as short as these can be, with linear ramps over their overlaps."""
    count = max(-(-(length - overlap) // (side - overlap)), 1)
    side = -(-(length + (count - 1) * overlap) // count)
    starts = [round(place * (length - side) / max(count - 1, 1)) for place in range(count)]
    places = np.arange(length)
    rises = [np.clip(np.minimum(places - start + 1, start + side - places), 0, overlap + 1) for start in starts]
    return _shared(length, side, starts, rises)


def cellpose(length: int, _side: int = 0, _overlap: int = 0) -> list[Span]:
    """Cut an axis as Cellpose 1 to 3 do, whatever side and overlap are asked for.

    The axis is widened by 8 voxels at each end and to a multiple of 16; what is beyond the image is zeros. Spans of 224 voxels
    (or the whole, if it is shorter) begin at ``ceil(1.2 L / 224)`` places spread evenly, and fade out along a sigmoid.
    """
    lacking = -length % _MULTIPLE
    before = _MARGIN + lacking // 2
    wide = length + 2 * _MARGIN + lacking
    side = min(_SIDE, wide)
    count = 1 if wide <= _SIDE else int(np.ceil(_SPREAD * wide / _SIDE))
    starts = [int(start) - before for start in np.linspace(0, wide - side, count)]
    places = np.arange(length)
    middles = [start + (side - 1) / 2 for start in starts]
    rises = [
        np.where(
            (places >= start) & (places < start + side),
            1 / (1 + np.exp((np.abs(places - middle) - (_SIDE / 2 - _SHOULDER)) / _SLOPE)),
            0,
        )
        for start, middle in zip(starts, middles, strict=True)
    ]
    return _shared(length, side, starts, rises)


def _shared(length: int, side: int, starts: list[int], rises: list[NDArray[np.float64]]) -> list[Span]:
    """Bring the weights of spans to a sum of one at every voxel of the axis."""
    total = np.sum(rises, axis=0)
    return [
        Span(start, start + side, (rise / total)[max(start, 0) : min(start + side, length)].astype(np.float32))
        for start, rise in zip(starts, rises, strict=True)
    ]


TILINGS: dict[Tiling, Callable[[int, int, int], list[Span]]] = {"even": even, "cellpose": cellpose}
"""Every way by its name: (length of the axis, greatest side, least overlap) to its spans."""


def tiles(shape: tuple[int, ...], way: Tiling, side: int, overlap: int) -> Iterator[Tile]:
    """Yield the tiles of an image of a shape, in raster order."""
    for spans in itertools.product(*(TILINGS[way](length, side, overlap) for length in shape)):
        sizes = list(zip(spans, shape, strict=True))
        yield Tile(
            tuple(slice(max(span.start, 0), min(span.stop, length)) for span, length in sizes),
            tuple((max(-span.start, 0), max(span.stop - length, 0)) for span, length in sizes),
            tuple(span.ramp for span in spans),
        )
