"""What methods have in common that say of pairs of voxels, some way apart, whether they are of one cell."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.base import SPACING_UM, Representation
from mesophyll.representations.learning.pairs import foreground_and_pairs_loss
from mesophyll.representations.linking.pairs import foreground_and_pairs, forget_walls, in_plane

__all__ = ["Pairwise"]


@dataclass(frozen=True)
class Pairwise(Representation):
    """Foreground, and whether a voxel and those at some offsets from it are of one cell; how cells are read is another matter.

    Parameters
    ----------
    spacing_um
        The edge length of the model's voxels, by which lengths in µm become voxels; a training sets it to that of its plan.
    overlap
        Weight of the overlap (Dice), of pairs that are one cell and of pairs that are not, beside the cross-entropy.
    """

    spacing_um: float = SPACING_UM
    overlap: float = 1.0

    @abstractmethod
    def offsets(self, ndim: int) -> list[tuple[int, ...]]:
        """Return where the other voxel of each pair lies, in voxels, in the order of the channels."""

    def at(self, spacing_um: float) -> Self:
        """Return the same lengths in other voxels."""
        return replace(self, spacing_um=spacing_um)

    def channels(self, ndim: int) -> int:
        """Foreground and one for each offset."""
        return 1 + len(self.offsets(ndim))

    @property
    def ceiling(self) -> float:
        """Measured by law 1."""
        return 1.0

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground and pairs (0 or 1), shape (1 + offsets, *S).

        A pair that reaches out of the array is 0; one of a cell and an unknown voxel is NaN, as is all of an unknown voxel.
        """
        return foreground_and_pairs(labels_S, self.offsets(labels_S.ndim))

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return the loss of the foreground plus the mean of those of the pairs, see `foreground_and_pairs_loss`."""
        return foreground_and_pairs_loss(output_BCS, target_BCS, known_BS, self.overlap)

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid."""
        return torch.sigmoid(output_BCS)

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Forget that two cells are two, but for neighbours: above or below the section they may be one."""
        return forget_walls(target_CS, self.offsets(sections_S.ndim), sections_S)

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Foreground, and the pairs within the section's own plane."""
        return in_plane(self.offsets(2), self.offsets(3), across)
