"""A scan as a model reads it: at the model's spacing, in the model's range, with what comes beside it. Lazy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import geometric_mean

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region
from mesophyll.errors import SettingsError, VolumeError
from mesophyll.tissue_map import as_channels
from mesophyll.tissues import TissueInput
from mesophyll.volume import LazyArray, Volume, resample

__all__ = ["Image", "Intensity"]

_SAMPLE_VOXELS = 2_000_000


@dataclass(frozen=True)
class Intensity:
    """How grey values are brought to one range: these percentiles of the scan become 0 and 1.

    Voxels of exactly 0 lie outside a scanner's field of view and are not counted, unless ``zeros`` says so. What lies far
    outside the range (a crystal among cells) is clipped to ``clip``; None clips nothing, as Cellpose does.
    """

    low: float = 1.0
    high: float = 99.0
    clip: tuple[float, float] | None = (-1.0, 2.0)
    zeros: bool = False

    def __post_init__(self) -> None:
        clips = self.clip is None or self.clip[0] < self.clip[1]
        if not (0 <= self.low < self.high <= 100 and clips):
            raise SettingsError(
                f"low = {self.low}, high = {self.high}, clip = {self.clip}",
                "percentiles lie between 0 and 100, and low is less than high; so it is with the range clipped to",
                "correct the intensity",
            )

    def measure(self, volume: Volume) -> tuple[float, float]:
        """Return the grey values of the two percentiles, from an even sample of the scan."""
        step = max(round((np.prod(volume.shape) / _SAMPLE_VOXELS) ** (1 / volume.ndim)), 1)
        sample = np.asarray(volume.data[(slice(None, None, step),) * volume.ndim]).astype(np.float32)
        _check_finite(sample, volume.name)
        seen = sample if self.zeros else sample[sample != 0]
        low, high = np.percentile(seen, [self.low, self.high]) if seen.size else (0.0, 0.0)
        if low >= high:
            raise VolumeError(
                f"{volume.name} has the grey value {low:g} nearly everywhere",
                "cells can only be seen where grey values differ",
                "check that the right file was exported, and that it is no mask",
            )
        return float(low), float(high)


@dataclass(frozen=True)
class Image:
    """A scan as a model reads it: at the model's spacing, in the model's range. Lazy.

    Grey values are the first channels, one for each reconstruction; the tissue map comes after them.

    Parameters
    ----------
    volume
        The scan at the model's spacing.
    low, high, clip
        Grey values that become 0 and 1, and the range to which what lies beyond is clipped.
    tissue
        Codes of `mesophyll.tissues`, shape as the scan, where the model reads them.
    tissue_input
        How it reads them.
    second
        Another reconstruction of the same scan, where the model reads two.
    enlarged
        The side of a cube (or square) as large as a voxel of the scan's own, as a multiple of the model's.
    """

    volume: Volume
    low: float
    high: float
    clip: tuple[float, float] | None
    tissue: LazyArray | None = None
    tissue_input: TissueInput = "none"
    second: Image | None = None
    enlarged: float = 1.0

    @classmethod
    def of(cls, volume: Volume, spacing_um: float, intensity: Intensity) -> Image:
        """Look at a scan at cubic voxels of ``spacing_um``."""
        seen = resample(volume, (spacing_um,) * volume.ndim)
        enlarged = geometric_mean(volume.known_spacing_um) / spacing_um
        return cls(seen, *intensity.measure(volume), intensity.clip, enlarged=enlarged)

    def with_second(self, second: Volume, intensity: Intensity) -> Image:
        """Return the image with another reconstruction of the same scan as a second channel, brought to a range of its own."""
        seen = resample(second, self.volume.known_spacing_um)
        return replace(self, second=Image(seen, *intensity.measure(second), intensity.clip))

    def beside(self, tissue: Volume, how: TissueInput) -> Image:
        """Return the image with the tissue map of the same scan as further channels."""
        codes = resample(tissue, self.volume.known_spacing_um, labels=True)
        return replace(self, tissue=codes.data, tissue_input=how)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis, at the model's spacing."""
        return self.volume.shape

    @property
    def scans(self) -> int:
        """The number of channels that hold grey values."""
        return 1 if self.second is None else 2

    def read(self, region: Region) -> NDArray[np.float32]:
        """Return a region, shape (C, *S), float32."""
        channels = [self._grey(region), *([self.second.read(region)] if self.second else [])]
        if self.tissue is not None:
            channels.append(as_channels(np.asarray(self.tissue[region]), self.tissue_input))
        return channels[0] if len(channels) == 1 else np.concatenate(channels)

    def _grey(self, region: Region) -> NDArray[np.float32]:
        grey = np.asarray(self.volume.data[region]).astype(np.float32)
        _check_finite(grey, self.volume.name)
        seen: NDArray[np.float32] = ((grey - self.low) / (self.high - self.low))[None]
        return seen if self.clip is None else np.clip(seen, *self.clip)


def _check_finite(grey: NDArray[np.float32], name: str) -> None:
    bad = grey.size - int(np.isfinite(grey).sum())
    if bad:
        raise VolumeError(
            f"{name} holds {bad} voxels of NaN or infinity",
            "grey values are finite numbers",
            "replace them, for example by 0",
        )
