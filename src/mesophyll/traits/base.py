"""The cells of a labelling, ready to be measured: numbered 1 .. n, each with its box and its voxels.

Whatever is as large as the scan is read slab by slab across its first axis, so that nothing but the numbered cells needs
room; and these may lie in a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastremap
import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll import blocks
from mesophyll.blocks import Region
from mesophyll.labels import UNKNOWN, Labels, check
from mesophyll.scratch import check_room, mapped
from mesophyll.tissues import AIRSPACE
from mesophyll.volume import LazyArray, Spacing

__all__ = ["AIR", "OTHER", "SLAB_VOX", "Cells", "find_cells", "slabs"]

SLAB_VOX = 2**24
"""How many voxels are read at once."""

AIR, OTHER = 0, -1
"""What is not a cell: air, and what is neither (unknown voxels, a vein, the medium around the leaf)."""


@dataclass(frozen=True)
class Cells:
    """A labelling as the measurements see it. A 2D image is a volume of one layer.

    Parameters
    ----------
    volume
        Shape (Z, Y, X): 1 .. n cells, `AIR` or `OTHER`.
    spacing_um
        Edge lengths of a voxel; 1 along the layer of a 2D image.
    ndim
        The axes that count, 2 or 3: the last ones.
    numbers
        Shape (n,): what the caller calls the cells, rising.
    voxels
        Shape (n,): their sizes.
    centres_vox
        Shape (n, ndim): their mean positions.
    boxes
        The smallest region of ``volume`` that holds each.
    """

    volume: Labels
    spacing_um: Spacing
    ndim: int
    numbers: NDArray[np.int32]
    voxels: NDArray[np.int64]
    centres_vox: NDArray[np.float64]
    boxes: list[Region]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def centres_um(self) -> NDArray[np.float64]:
        """Their mean positions in µm, shape (n, ndim); the first voxel's centre is 0."""
        return np.asarray(self.centres_vox * np.array(self.spacing_um[3 - self.ndim :]))

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Which cells reach the edge of the volume, shape (n,): the scan may show only a part of them."""
        lengths = self.volume.shape
        return np.array(
            [
                any(box[axis].start == 0 or box[axis].stop == lengths[axis] for axis in range(3 - self.ndim, 3))
                for box in self.boxes
            ],
            dtype=bool,
        )


def slabs(shape: Sequence[int]) -> Iterator[slice]:
    """Yield the slabs in which a volume or an image is read: `SLAB_VOX` each, or one layer."""
    return blocks.slabs(shape, SLAB_VOX)


def find_cells(
    labels: LazyArray, spacing_um: Spacing, tissue: LazyArray | None = None, scratch: Path | None = None
) -> Cells:
    """Number the cells and find their boxes; with a tissue map only its airspace is air, without one all background.

    The numbered volume lies in a file of the folder ``scratch``, or in memory, if that is None.
    """
    shape = tuple(labels.shape)
    met = [fastremap.unique(check(labels[slab])) for slab in slabs(shape)]
    numbers = np.unique(np.concatenate(met)) if met else np.zeros(0, np.int32)
    numbers = numbers[numbers > 0].astype(np.int32)
    volume = _room(shape, scratch)
    table = {UNKNOWN: OTHER, 0: AIR} | {int(number): new for new, number in enumerate(numbers, start=1)}
    flat, found = (1,) * (3 - len(shape)) + shape, _Found.of(len(numbers))
    for slab in slabs(shape):
        part = fastremap.remap(check(labels[slab]), table, preserve_missing_labels=True)
        if tissue is not None:
            part[(part == AIR) & (np.asarray(tissue[slab]) != AIRSPACE)] = OTHER
        volume[slab] = part
        found.add(part.reshape((1,) * (3 - len(shape)) + part.shape), slab.start, 3 - len(shape))
    return Cells(
        volume=volume.reshape(flat),
        spacing_um=(1.0,) * (3 - len(shape)) + spacing_um,
        ndim=len(shape),
        numbers=numbers,
        voxels=found.voxels[1:],
        centres_vox=found.sums[1:, 3 - len(shape) :] / found.voxels[1:, None],
        boxes=found.boxes,
    )


def _room(shape: tuple[int, ...], scratch: Path | None) -> Labels:
    if scratch is None or not math.prod(shape):
        return np.empty(shape, np.int32)
    check_room(scratch, 4 * math.prod(shape))
    return mapped(scratch / "cells.npy", shape, np.int32)


@dataclass(frozen=True)
class _Found:
    """What is known so far of cells 1 .. n; row 0 is nobody's.

    Parameters
    ----------
    voxels, sums, low, high
        How many voxels each has, the sum of their places, and the first and the last place along each axis: (n + 1,),
        and (n + 1, 3).
    """

    voxels: NDArray[np.int64]
    sums: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @classmethod
    def of(cls, count: int) -> _Found:
        """Know nothing yet of so many cells."""
        nowhere = np.iinfo(np.int64).max
        return cls(
            np.zeros(count + 1, np.int64),
            np.zeros((count + 1, 3)),
            np.full((count + 1, 3), nowhere, np.int64),
            np.full((count + 1, 3), -1, np.int64),
        )

    def add(self, part: Labels, start: int, axis: int) -> None:
        """Look at a slab, (Z, Y, X), that begins so far along an axis."""
        corner = np.zeros(3, np.int64)
        corner[axis] = start
        _look(np.ascontiguousarray(part), corner, self.voxels, self.sums, (self.low, self.high))

    @property
    def boxes(self) -> list[Region]:
        """The smallest region that holds each cell."""
        return [
            tuple(slice(int(start), int(stop) + 1) for start, stop in zip(low, high, strict=True))
            for low, high in zip(self.low[1:], self.high[1:], strict=True)
        ]


@numba.njit(cache=True, nogil=True)
def _look(part: Any, corner: Any, voxels: Any, sums: Any, ends: Any) -> None:
    low, high = ends
    at = np.empty(3, np.int64)
    for z in range(part.shape[0]):
        for y in range(part.shape[1]):
            for x in range(part.shape[2]):
                cell = part[z, y, x]
                if cell > 0:
                    voxels[cell] += 1
                    at[0], at[1], at[2] = corner[0] + z, corner[1] + y, corner[2] + x
                    for axis in range(3):
                        sums[cell, axis] += at[axis]
                        low[cell, axis] = min(low[cell, axis], at[axis])
                        high[cell, axis] = max(high[cell, axis], at[axis])
