"""Sections of a volume as pictures: where they lie, and what they show.

A section of a volume is a picture in its own right: what it cuts into pieces are cells of their own there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels, known_layers, labelled_slices, split_pieces
from mesophyll.volume import LazyArray, Volume

__all__ = ["Cut", "cuts", "labelled", "sections"]


@dataclass(frozen=True)
class Cut:
    """A section: which axis it lies across, and at which voxel."""

    axis: int
    place: int

    def of(self, array: LazyArray) -> NDArray[Any]:
        """Return the section of an array (Z, Y, X), of which nothing else is read."""
        region: tuple[slice, ...] = tuple(
            slice(self.place, self.place + 1) if axis == self.axis else slice(0, length)
            for axis, length in enumerate(array.shape)
        )
        return np.ascontiguousarray(np.asarray(array[region]).squeeze(self.axis))

    def flat(self, volume: Volume) -> Volume:
        """Return the section of a volume, as an image with its own edge lengths."""
        spacing_um = tuple(step for axis, step in enumerate(volume.known_spacing_um) if axis != self.axis)
        return replace(volume, data=self.of(volume.data), spacing_um=spacing_um, origin_um=(0.0, 0.0))


def cuts(shape: Sequence[int], count: int) -> list[Cut]:
    """Spread sections over a volume: across Z, Y and X in turn, evenly along each."""
    many = [len(range(axis, count, 3)) for axis in range(3)]
    return [
        Cut(axis, round((place + 1) * shape[axis] / (many[axis] + 1)))
        for axis in range(3)
        for place in range(many[axis])
    ]


def labelled(labels: LazyArray) -> list[Cut]:
    """Return the slices that somebody labelled, where the labels are those of single slices of a volume; none otherwise."""
    if len(labels.shape) != 3:
        return []
    axis, places = labelled_slices(known_layers(labels.shape, lambda region: labels[region])) or (0, ())
    return [Cut(axis, place) for place in places]


def sections(labels: LazyArray, where: Sequence[Cut]) -> list[Labels]:
    """Cut labels of a volume; every connected piece of a cell in a section is a cell there."""
    return [split_pieces(cut.of(labels)) for cut in where]
