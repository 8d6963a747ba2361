"""Where walls show: ridges of grey inside the cells, after what the nearness of air does to grey is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["masked_blur", "ridges"]

_FINE, _COARSE = 0.8, 3.0
"""Standard deviations, in voxels, between whose blurs a ridge stands out: a wall's width, and a cell's."""

_DEEP = 12
"""Voxels from air beyond which its nearness changes nothing."""

_RANGE = (-2.0, 4.0)
"""Standard deviations beyond which a ridge is taken for something else, a crystal or a crack."""


def ridges(
    scans: Sequence[NDArray[Any]], mask: NDArray[np.bool_], from_air: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how much brighter each voxel is than its surroundings in the same tissue, in standard deviations.

    Phase contrast makes grey rise and fall with the distance from air, more than any wall does; so the mean grey at each
    distance is subtracted first, and the blurs look at voxels of the mask only.

    Parameters
    ----------
    scans
        One or more reconstructions; the mean of them is returned.
    mask
        One tissue.
    from_air
        The distance of each voxel from what is no cell, in voxels.

    Returns
    -------
    ridges
        float32, 0 outside of the mask.
    """
    found = np.mean([_ridges(np.asarray(scan, np.float32), mask, from_air) for scan in scans], axis=0)
    return np.asarray(found, np.float32)


def _ridges(grey: NDArray[np.float32], mask: NDArray[np.bool_], from_air: NDArray[np.float32]) -> NDArray[np.float32]:
    layer = np.minimum(from_air, _DEEP).astype(np.int64)
    count = np.bincount(layer[mask], minlength=_DEEP + 1)
    usual = np.bincount(layer[mask], grey[mask], minlength=_DEEP + 1) / np.maximum(count, 1)
    flat = np.where(mask, grey - usual[layer], 0).astype(np.float32)
    ridge = masked_blur(flat, mask, _FINE) - masked_blur(flat, mask, _COARSE)
    inside = ridge[mask]
    spread = max(float(inside.std()), 1e-6)
    return np.where(mask, np.clip((ridge - inside.mean()) / spread, *_RANGE), 0).astype(np.float32)


def masked_blur(values: NDArray[np.float32], mask: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """Blur what lies in a mask by what lies in it; 0 outside. ``sigma`` in voxels."""
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    blurred = ndimage.gaussian_filter(np.where(mask, values, 0), sigma) / np.maximum(weight, 1e-3)
    return np.where(mask, blurred, 0).astype(np.float32)
