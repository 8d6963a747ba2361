"""Boxes of a volume: the unit in which everything larger than memory is worked on.

A task carries a `Block` - an address, no array. It reads ``block.read`` (with its halo), computes, and keeps
``block.write``. All functions are written for any number of axes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Block", "Region", "grid", "grow", "intersect", "relative", "shape_of", "slabs"]

Region = tuple[slice, ...]
"""One slice for each axis, with non-negative start and stop and no step."""


@dataclass(frozen=True)
class Block:
    """A box that is computed on its own.

    Parameters
    ----------
    index
        Its place in the grid, counted in raster order from 0.
    write
        The voxels that it answers for. The write regions of a grid tile the volume.
    read
        The voxels that it looks at: ``write`` and its halo, cut at the volume's faces.
    """

    index: int
    write: Region
    read: Region

    @property
    def inner(self) -> Region:
        """The write region, seen from the corner of the read region."""
        return relative(self.write, self.read)


def grid(shape: Sequence[int], size: int, halo: int) -> list[Block]:
    """Tile a volume with blocks of at most ``size`` voxels a side, evenly spread.

    An axis is cut into the fewest parts that respect ``size``, all of nearly one length: no thin rest remains.
    """
    spans_by_axis = [_spans(length, size) for length in shape]
    writes = itertools.product(*spans_by_axis)
    return [Block(index, write, grow(write, halo, shape)) for index, write in enumerate(writes)]


def _spans(length: int, size: int) -> list[slice]:
    parts = -(-length // size)
    edges = [part * length // parts for part in range(parts + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]


def grow(region: Region, halo: int, shape: Sequence[int]) -> Region:
    """Widen a region by ``halo`` voxels on every side, within the volume."""
    return tuple(
        slice(max(axis.start - halo, 0), min(axis.stop + halo, length))
        for axis, length in zip(region, shape, strict=True)
    )


def intersect(first: Region, second: Region) -> Region | None:
    """Return the voxels common to two regions, or None where there are none."""
    common = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
    return common if all(axis.start < axis.stop for axis in common) else None


def relative(region: Region, frame: Region) -> Region:
    """Express a region in the coordinates of a frame that holds it."""
    return tuple(
        slice(axis.start - origin.start, axis.stop - origin.start) for axis, origin in zip(region, frame, strict=True)
    )


def shape_of(region: Region) -> tuple[int, ...]:
    """Return the number of voxels along each axis."""
    return tuple(axis.stop - axis.start for axis in region)


def slabs(shape: Sequence[int], voxels: int) -> Iterator[slice]:
    """Yield the slabs of an array across its first axis, one after another: of so many voxels, or of one layer."""
    depth = max(voxels // max(math.prod(shape[1:]), 1), 1)
    for start in range(0, shape[0], depth):
        yield slice(start, min(start + depth, shape[0]))
