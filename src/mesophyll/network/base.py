"""What a model asks of an architecture, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from mesophyll.tiling import Tiling

__all__ = ["Architecture", "Built"]


@dataclass(frozen=True)
class Architecture(ABC):
    """What a network is made from: a value that stands in ``model.json``.

    Parameters
    ----------
    ndim
        2 or 3 spatial axes.
    inputs, outputs
        Numbers of channels.
    """

    ndim: Literal[2, 3]
    inputs: int
    outputs: int

    tiling: ClassVar[Tiling] = "even"
    """How images are cut into tiles for it, unless a plan says otherwise."""

    @property
    @abstractmethod
    def stride(self) -> int:
        """The side of an input must be a multiple of this."""

    def reads(self, channels: int) -> bool:
        """Tell whether it takes images of so many channels."""
        return channels == self.inputs

    @abstractmethod
    def build(self) -> Built:
        """Return the network with fresh weights from torch's global generator."""


class Built(nn.Module, ABC):
    """A network with weights: image (B, C, *S) to raw output (B, C, *S), before any activation."""

    network: Architecture

    @abstractmethod
    def forward(self, image_BCS: torch.Tensor) -> torch.Tensor:
        """Return the raw output; every side of S is a multiple of ``network.stride``."""
