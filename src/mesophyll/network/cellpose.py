"""The network of Cellpose 1 to 3: a residual U-Net for images, told by a style vector what kind of image it sees.

After Stringer et al., Nature Methods 18 (2021): units of normalisation, ReLU and convolution; four resolutions; skips by
summation; and the *style*, the mean of the deepest features over the whole tile, brought to length 1 and added, through a
linear map, to every step of the way up. Written so that the weights of Cellpose's own files fit in (`mesophyll.cellpose`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from mesophyll.errors import ModelError
from mesophyll.network.base import Architecture, Built
from mesophyll.tiling import Tiling

__all__ = ["CPNet", "CellposeNetwork"]

_KERNELS = (32, 64, 128, 256)


@dataclass(frozen=True)
class CellposeNetwork(Architecture):
    """What a `CPNet` is made from. It has no dial: kernels and depth are those of the files that can be imported.

    Parameters
    ----------
    ndim
        Always 2.
    inputs
        Channels of an image. Those that an image lacks are zeros, as the second one of a grey image is in Cellpose.
    outputs
        3: the flow along Y and X, and the logit of being inside a cell.
    """

    ndim: Literal[2] = 2
    inputs: int = 2
    outputs: int = 3

    tiling: ClassVar[Tiling] = "cellpose"

    @property
    def stride(self) -> int:
        """The side of an input must be a multiple of this."""
        return int(2 ** (len(_KERNELS) - 1))

    def reads(self, channels: int) -> bool:
        """Tell whether it takes images of so many channels: fewer than its own will do."""
        return 1 <= channels <= self.inputs

    def build(self) -> CPNet:
        """Return the network with fresh weights from torch's global generator."""
        return CPNet(self)


class CPNet(Built):
    """Image (B, C, Y, X) to flow along Y, flow along X and logit (B, 3, Y, X); sides are multiples of 8."""

    def __init__(self, network: CellposeNetwork) -> None:
        super().__init__()
        self.network = network
        inputs = [network.inputs, *_KERNELS[:-1]]
        self.down = nn.ModuleList(map(_Down, inputs, _KERNELS))
        self.up = nn.ModuleList(map(_Up, [*_KERNELS[1:], _KERNELS[-1]], _KERNELS))
        self.output = _unit(_KERNELS[0], network.outputs, 1)

    def forward(self, image_BCS: torch.Tensor) -> torch.Tensor:
        """Return the raw output, the flow five voxels long."""
        features, skips = _filled(image_BCS, self.network.inputs), []
        for level, down in enumerate(self.down):
            features = down(features if level == 0 else functional.max_pool2d(features, 2))
            skips.append(features)
        style = functional.normalize(features.float().mean(dim=(2, 3)), eps=1e-20)
        for level in reversed(range(len(skips))):
            if level < len(skips) - 1:
                features = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = self.up[level](features, skips[level], style)
        output: torch.Tensor = self.output(features)
        return output


def _filled(image_BCS: torch.Tensor, inputs: int) -> torch.Tensor:
    """Add channels of zeros up to the number that the network reads."""
    lacking = inputs - image_BCS.shape[1]
    if lacking < 0:
        raise ModelError(
            f"the image has {image_BCS.shape[1]} channels",
            f"the network reads {inputs}: grey, and for what is not there zeros",
            "pass one channel of it",
        )
    return functional.pad(image_BCS, (0, 0, 0, 0, 0, lacking)) if lacking else image_BCS


def _unit(inputs: int, outputs: int, side: int) -> nn.Sequential:
    """Normalisation, ReLU, convolution - in this order."""
    return nn.Sequential(
        nn.BatchNorm2d(inputs), nn.ReLU(inplace=False), nn.Conv2d(inputs, outputs, side, padding=side // 2)
    )


def _carry(inputs: int, outputs: int) -> nn.Sequential:
    """What is carried around two units: normalised, mixed voxel by voxel."""
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 1))


class _Down(nn.Module):
    """Four units; the input is carried around the first two, and their sum around the others."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.units = nn.ModuleList(_unit(inputs if place == 0 else outputs, outputs, 3) for place in range(4))
        self.carry = _carry(inputs, outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = self.carry(features) + self.units[1](self.units[0](features))
        result: torch.Tensor = features + self.units[3](self.units[2](features))
        return result


class _Styled(nn.Module):
    """A unit to whose input the style is added, alike at all voxels."""

    def __init__(self, kernels: int) -> None:
        super().__init__()
        self.conv = _unit(kernels, kernels, 3)
        self.style = nn.Linear(_KERNELS[-1], kernels)

    def forward(self, features: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.conv(features + self.style(style)[..., None, None])
        return result


class _Up(nn.Module):
    """A plain unit, to which the skip is added, and three styled ones; carried around as in `_Down`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.units = nn.ModuleList([_unit(inputs, outputs, 3), *(_Styled(outputs) for _ in range(3))])
        self.carry = _carry(inputs, outputs)

    def forward(self, features: torch.Tensor, skip: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        features = self.carry(features) + self.units[1](self.units[0](features) + skip, style)
        result: torch.Tensor = features + self.units[3](self.units[2](features, style), style)
        return result
