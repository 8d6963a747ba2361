"""The one interface: what the numbers that a network learns say about cells, or about tissues.

A method is a value - a frozen dataclass that holds everything about itself: how labels become targets, what it costs
to be wrong, and how outputs become labels again. `tests/test_laws.py` holds the laws that every representation keeps.

Shapes are written as suffixes: B batch, C channels, S the spatial axes (Y, X) or (Z, Y, X).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.errors import SettingsError
from mesophyll.labels import Labels, Subject

if TYPE_CHECKING:
    from mesophyll.representations.choosing import Fragments

__all__ = ["SHARES", "SIZES_VOX", "SPACING_UM", "Representation", "as_array", "tunable"]

SPACING_UM = 0.65
"""The edge length of a voxel in µm, where nothing else is said: it shows walls, and a leaf fits into memory."""

SHARES = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Values worth trying where an even chance is 1/2."""

SIZES_VOX = (0, 20, 50, 100, 200, 400, 800)
"""Values worth trying for the smallest cell."""

T = TypeVar("T")


def tunable(default: T, *, among: tuple[T, ...], only: Mapping[str, Any] | None = None) -> T:
    """Return the default of a field that `Representation.decode` alone reads, and that `mesophyll.tune` may set.

    Parameters
    ----------
    default
        One of ``among``.
    among
        The values worth trying, in their order.
    only
        Values of other fields, by name, without which it does not matter.
    """
    return field(default=default, metadata={"among": among, "only": only or {}})


def as_array(output: NDArray[np.float32] | torch.Tensor) -> NDArray[np.float32]:
    """Return an output, or what was made of one, as an array in the processor's memory."""
    return output.cpu().numpy() if isinstance(output, torch.Tensor) else output


@dataclass(frozen=True)
class Representation(ABC):
    """What a network learns, and how labels are read back from it.

    Parameters
    ----------
    halo
        How many voxels of context `encode` may look at: the target of a voxel does not change with what lies farther
        away, as long as no cell is longer than the halo. Longer cells are encoded as the pieces that the halo shows.
    """

    halo: int = 32

    subject: ClassVar[Subject] = "cells"
    """What labels are to it. Those of ``tissue`` are codes: learnt from ``tissue.*`` of examples, never renumbered, cut into
    pieces or stitched, since each voxel is decoded on its own; background is a class among the others."""

    @property
    def learns_tissue(self) -> bool:
        """Whether it learns the tissue map as well as cells, see `encode_beside`."""
        return False

    @property
    def reach(self) -> int:
        """How many voxels apart, along an axis, two may be of which one channel speaks; most channels speak of one voxel."""
        return 0

    def at(self, spacing_um: float) -> Representation:  # noqa: ARG002 - voxels are all that most know
        """Return the same for a model of other voxels, in which lengths in µm are other numbers of voxels."""
        return self

    @property
    def reader(self) -> Representation:
        """The representation by which cells are read: itself, unless it is made of several."""
        return self

    def with_reader(self, reader: Representation) -> Representation:
        """Return the same, in which another one of its kind takes the place of `reader`."""
        return reader

    @property
    def decoding(self) -> Mapping[str, tuple[Any, ...]]:
        """The settings that `decode` alone reads, each with the values that are worth trying; see `tunable`."""
        return {
            one.name: one.metadata["among"]
            for one in fields(self)
            if "among" in one.metadata
            and all(getattr(self, name) == value for name, value in one.metadata["only"].items())
        }

    @property
    def axes(self) -> tuple[int, ...]:
        """How many spatial axes it can have: 2 where it is made for images, 3 for volumes; most are made for both."""
        return (2, 3)

    def check_axes(self, ndim: int) -> None:
        """Raise a `SettingsError` where it is not made for so many axes, as its `channels` does, too."""
        if ndim not in self.axes:
            kinds = {2: "images", 3: "volumes"}
            raise SettingsError(
                f"{type(self).__name__} in {kinds[ndim]}",
                f"it is made for {' and '.join(kinds[each] for each in self.axes)} only",
                "correct ndim, or let a model of images go through a volume slice by slice: volume_by = 'slices'",
            )

    @abstractmethod
    def channels(self, ndim: int) -> int:
        """Return the number of channels for 2 or 3 spatial axes, one of `axes`."""

    @property
    @abstractmethod
    def ceiling(self) -> float:
        """The best score that the method can ever reach, from a perfect output.

        Of cells, the share of a crowd found at IoU 0.8; of tissues, the least Dice of a class.
        """

    @abstractmethod
    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Turn labels into the target, shape (C, *S), float32; zero outside cells, but for a class of its own."""

    def encode_beside(self, labels_S: Labels, tissue_S: Labels) -> NDArray[np.float32]:  # noqa: ARG002 - most learn no tissue
        """Turn cells, and the tissue map of the same voxels as labels, into the target; it differs where `learns_tissue`."""
        return self.encode(labels_S)

    @abstractmethod
    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return the cost of a raw output, a scalar; voxels where ``known_BS`` (bool) is false weigh nothing."""

    @abstractmethod
    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Bring a raw output to the scale of `encode`."""

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return a target in which what a section of a cell does not tell is not known (NaN), where ``sections_S`` is true.

        That a voxel lies in a cell, a section tells; where the middle of the cell lies, how deep the voxel and how far away the
        surface, it does not. So all is forgotten but channel 0, the foreground; a method that says other things says which.
        """
        forgotten = target_CS.copy()
        forgotten[1:, sections_S] = np.nan
        return forgotten

    @abstractmethod
    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Return what an activated output is when space is mirrored along some of the axes S, numbered from 0.

        Channels that point somewhere point the other way then. `encode` of mirrored labels is the mirrored `encode`; less than
        `reach` from the array's faces, what a mirrored output does not tell is NaN.
        """

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Return, for each channel of a section across an axis of a volume, the channel of the volume that it speaks of.

        Channels that point nowhere are the same in both, and this is right for them; who has others says which.
        """
        if self.channels(2) != self.channels(3):
            raise SettingsError(
                f"{type(self).__name__} has {self.channels(2)} channels in images and {self.channels(3)} in volumes",
                f"a section across axis {across} does not tell which of them it speaks of",
                "go through the volume slice by slice: volume_by = 'slices'",
            )
        return tuple(range(self.channels(2)))

    @abstractmethod
    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Turn an activated output into labels, shape S, int32; a tensor is worked on where it lies.

        Cells are numbered 1, 2, 3, ...; tissues keep their codes.
        """

    def fragments(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Fragments:  # noqa: ARG002 - most have none
        """Return an activated output as fragments of cells, among which a chooser chooses; most methods have none."""
        raise SettingsError(
            f"{type(self).__name__} has no fragments to choose cells among",
            "that is learnt of flows alone",
            "learn no chooser for this model",
        )
