"""The residual U-Net of the report (section 3), for 2 or 3 spatial axes.

Residual blocks, 2x max pooling with the kernels doubling at each level, up-sampling followed by a convolution with kernels
of side 2, skips by summation, and a 1x1 convolution as the output. Batch normalisation, because it treats a voxel alike in
whatever tile it lies: tiles of any size blend without seams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from mesophyll.network.base import Architecture, Built

__all__ = ["SIZES", "Network", "ResidualUNet", "Size"]

Size = Literal["small", "medium", "large"]

SIZES: dict[Size, int] = {"small": 16, "medium": 32, "large": 64}
"""The one dial: kernels in the first block (K in the report)."""

_Conv = {2: nn.Conv2d, 3: nn.Conv3d}
_Norm = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL = {2: functional.max_pool2d, 3: functional.max_pool3d}


@dataclass(frozen=True)
class Network(Architecture):
    """What a `ResidualUNet` is made from; it stands in ``model.json``.

    Parameters
    ----------
    ndim
        2 or 3 spatial axes.
    inputs, outputs
        Numbers of channels.
    size
        The dial, see `SIZES`.
    levels
        Resolutions, the first one included: the deepest sees voxels 2**(levels - 1) times coarser.
    """

    size: Size = "small"
    levels: int = 4

    @property
    def stride(self) -> int:
        """The side of an input must be a multiple of this."""
        return int(2 ** (self.levels - 1))

    def build(self) -> ResidualUNet:
        """Return the network with fresh weights from torch's global generator."""
        return ResidualUNet(self)


class ResidualUNet(Built):
    """Image (B, C, *S) to raw output (B, C, *S); every side of S a multiple of ``network.stride``."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        kernels = [SIZES[network.size] * 2**level for level in range(network.levels)]
        inputs = [network.inputs, *kernels[:-1]]
        self.contracting = nn.ModuleList(map(_Residual, [network.ndim] * network.levels, inputs, kernels))
        coarse_to_fine = list(zip(kernels[:0:-1], kernels[-2::-1], strict=True))
        self.up = nn.ModuleList(_UpConvolution(network.ndim, coarse, fine) for coarse, fine in coarse_to_fine)
        self.expansive = nn.ModuleList(_Residual(network.ndim, fine, fine) for _, fine in coarse_to_fine)
        self.output = _Conv[network.ndim](kernels[0], network.outputs, 1)

    def forward(self, image_BCS: torch.Tensor) -> torch.Tensor:
        """Return the raw output, before any activation."""
        skips = []
        features = image_BCS
        for level, block in enumerate(self.contracting):
            features = block(features if level == 0 else _POOL[self.network.ndim](features, 2))
            skips.append(features)
        for up, block, skip in zip(self.up, self.expansive, skips[-2::-1], strict=True):
            features = block(up(features) + skip)
        output: torch.Tensor = self.output(features)
        return output


class _Residual(nn.Module):
    """Two convolutions of side 3 around which the input is carried (He et al., figure 4 of the report)."""

    def __init__(self, ndim: int, inputs: int, outputs: int) -> None:
        super().__init__()
        conv, norm = _Conv[ndim], _Norm[ndim]
        self.first = nn.Sequential(
            conv(inputs, outputs, 3, padding=1, bias=False), norm(outputs), nn.ReLU(inplace=True)
        )
        self.second = nn.Sequential(conv(outputs, outputs, 3, padding=1, bias=False), norm(outputs))
        self.carry = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.second(self.first(features)) + self.carry(features))


class _UpConvolution(nn.Module):
    """Nearest up-sampling, then a convolution of side 2 that halves the kernels."""

    def __init__(self, ndim: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.ndim = ndim
        self.convolution = _Conv[ndim](inputs, outputs, 2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        upsampled = functional.interpolate(features, scale_factor=2, mode="nearest")
        padded = functional.pad(upsampled, (0, 1) * self.ndim)  # side 2: one more voxel at the end keeps the size
        result: torch.Tensor = self.convolution(padded)
        return result
