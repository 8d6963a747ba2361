"""Sections of a volume, for models that know images only.

They are read slab by slab: a section across the last axis touches every page of a file, and so do its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region

__all__ = ["Seen", "Slab", "Still", "slabs"]

_MOST_SECTIONS = 16
_MOST_VOXELS = 2**24  # of a slab, unless one section alone has more


class Seen(Protocol):
    """What a network looks at: an image, or a section of one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis."""

    def read(self, region: Region, /) -> NDArray[np.float32]:
        """Return a region, shape (C, *S), float32."""


@dataclass(frozen=True)
class Still:
    """An image in memory, shape (C, *S)."""

    image_CS: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis."""
        return self.image_CS.shape[1:]

    def read(self, region: Region) -> NDArray[np.float32]:
        """Return a region, shape (C, *S)."""
        return self.image_CS[(slice(None), *region)]


@dataclass(frozen=True)
class Slab:
    """A few neighbouring sections across one axis (0, 1, 2 for Z, Y, X) of a volume: an address, no array."""

    across: int
    region: Region

    def sections(self, volume: Seen) -> Iterator[tuple[tuple[Any, ...], Still]]:
        """Read the slab and yield each section with its place in it, an index for arrays of shape (C, Z, Y, X)."""
        read = volume.read(self.region)
        for place in range(read.shape[1 + self.across]):
            index = (slice(None),) * (1 + self.across) + (place,)
            yield index, Still(np.ascontiguousarray(read[index]))


def slabs(shape: tuple[int, ...], across: int) -> list[Slab]:
    """Cut a volume into slabs across an axis."""
    length, section = shape[across], int(np.prod(shape)) // shape[across]
    thick = max(min(_MOST_SECTIONS, _MOST_VOXELS // section), 1)
    whole = [slice(0, side) for side in shape]
    pieces = (slice(start, min(start + thick, length)) for start in range(0, length, thick))
    return [Slab(across, (*whole[:across], piece, *whole[across + 1 :])) for piece in pieces]
