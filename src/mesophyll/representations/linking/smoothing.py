"""Smoothing that stops at the surface of cells."""

from __future__ import annotations

import numpy as np
from bioimage_cpp.filters import gaussian_smoothing
from numpy.typing import NDArray

__all__ = ["smoothed_within"]


def smoothed_within(
    channels_CS: NDArray[np.float32], inside: NDArray[np.bool_], deviation_vox: float
) -> NDArray[np.float32]:
    """Return channels smoothed by a Gaussian that sees only what lies inside; 0 outside."""
    if deviation_vox == 0:
        return channels_CS * inside
    weight = gaussian_smoothing(inside.astype(np.float32), deviation_vox)
    smooth = np.stack([gaussian_smoothing(channel * inside, deviation_vox) for channel in channels_CS])
    return np.asarray(np.divide(smooth, weight, out=np.zeros_like(smooth), where=inside))
