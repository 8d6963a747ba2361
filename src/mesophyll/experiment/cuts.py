"""Sections of a volume: where they lie, and what they show.

A section of a volume is a picture in its own right: what it cuts into pieces are cells of their own there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels, split_pieces
from mesophyll.volume import Spacing

__all__ = ["Cut", "cuts", "sections"]


@dataclass(frozen=True)
class Cut:
    """A section: which axis it lies across, and at which voxel."""

    axis: int
    place: int

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the section of a volume."""
        return np.ascontiguousarray(array.take(self.place, self.axis))

    def flat(self, spacing_um: Spacing) -> Spacing:
        """Return the edge lengths of its pixels."""
        return tuple(step for axis, step in enumerate(spacing_um) if axis != self.axis)


def cuts(shape: Sequence[int], count: int) -> list[Cut]:
    """Spread sections over a volume: across Z, Y and X in turn, evenly along each."""
    many = [len(range(axis, count, 3)) for axis in range(3)]
    return [
        Cut(axis, round((place + 1) * shape[axis] / (many[axis] + 1)))
        for axis in range(3)
        for place in range(many[axis])
    ]


def sections(labels: Labels, where: Sequence[Cut]) -> list[Labels]:
    """Cut labels of a volume; every connected piece of a cell in a section is a cell there."""
    return [split_pieces(cut.of(labels)) for cut in where]
