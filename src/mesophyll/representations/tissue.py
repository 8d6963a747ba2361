"""Tissues as classes: one channel each, of which the largest wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mesophyll.labels import Labels, Subject
from mesophyll.representations.base import Representation, as_array
from mesophyll.tissues import TISSUES

__all__ = ["Tissue"]


@dataclass(frozen=True)
class Tissue(Representation):
    """How likely each tissue is at a voxel, background and airspace among them.

    Parameters
    ----------
    overlap
        Weight of the overlap (Dice) beside the cross-entropy: thin and rare tissues count as much as large ones there.
    """

    halo: int = 0
    overlap: float = 1.0

    subject: ClassVar[Subject] = "tissue"

    def channels(self, ndim: int) -> int:  # noqa: ARG002 - tissues point nowhere
        """One for each code of `mesophyll.tissues`, for images and volumes alike."""
        return len(TISSUES)

    @property
    def ceiling(self) -> float:
        """Nothing is lost: each voxel says its own tissue."""
        return 1.0

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return 1 in the channel of each voxel's tissue and 0 in the others, shape (8, *S); unknown voxels are 0 in all."""
        return np.stack([labels_S == code for code in TISSUES]).astype(np.float32)

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy, plus one minus the mean Dice of the classes that occur, both where known."""
        known = known_BS[:, None]
        target = torch.where(known, target_BCS, 0)  # not a product: what is not known may be NaN
        output = output_BCS.float()
        surprise = -(functional.log_softmax(output, dim=1) * target).sum() / known_BS.sum().clamp(min=1)
        said = torch.where(known, torch.softmax(output, dim=1), 0)
        each = [0, *range(2, output.ndim)]  # all axes but the channels
        size = target.sum(each)
        dice = 2 * (said * target).sum(each) / (said.sum(each) + size).clamp(min=1)
        occurs = size > 0
        missed = torch.where(occurs, 1 - dice, 0).sum() / occurs.sum().clamp(min=1)
        return surprise + self.overlap * missed

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Shares that add up to one: softmax."""
        return torch.softmax(output_BCS, dim=1)

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:  # noqa: ARG002
        """Forget nothing: a section tells the tissue of its voxels as well as a volume does."""
        return target_CS

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """No channel points anywhere: flip them."""
        return np.flip(output_CS, tuple(1 + axis for axis in axes))

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Return the code of the largest channel, the lowest code among equals."""
        return np.asarray(as_array(output_CS.argmax(0)), dtype=np.int32)
