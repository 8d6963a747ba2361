"""Walks through a volume in bounded memory, for writing: plane by plane, or by boxes of whole chunks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region, slabs
from mesophyll.volume import LazyArray

__all__ = ["SLAB_VOX", "planes", "regions"]

SLAB_VOX = 2**24
"""How many voxels are held in memory at once while a volume is written."""


def planes(data: LazyArray) -> Iterator[NDArray[Any]]:
    """Yield the planes of a volume one after another, in C order; a 2D image is one plane.

    Several planes are read at once, as many as `SLAB_VOX` allows: a lazy source then works on whole blocks.
    """
    if len(data.shape) == 2:
        yield np.ascontiguousarray(data[:, :])
        return
    for slab in slabs(data.shape, SLAB_VOX):
        yield from np.ascontiguousarray(data[slab, :, :])


def regions(shape: Sequence[int], chunk: Sequence[int], size: int = SLAB_VOX) -> Iterator[Region]:
    """Yield boxes that tile a volume, each of whole chunks: one at least, and else of ``size`` voxels at most."""
    steps = list(chunk)
    for axis in reversed(range(len(shape))):  # rows grow first, so that what lies together is read together
        room = max(size // math.prod(steps), 1)
        steps[axis] *= min(room, -(-shape[axis] // steps[axis]))
    spans = [
        [slice(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(shape, steps, strict=True)
    ]
    yield from itertools.product(*spans)
