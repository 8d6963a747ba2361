"""Whether two reconstructions show the same voxels: how far one is shifted against the other, and how alike they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from mesophyll.blocks import Region
from mesophyll.errors import VolumeError
from mesophyll.volume import Volume

__all__ = ["Alignment", "aligned", "check_aligned"]

_SIDE = {2: 512, 3: 128}
"""Voxels along each axis of the middle piece that is compared."""

_LEAST = 0.1
"""Edges of one leaf in two reconstructions correlate far better than this, those of two leaves worse."""

_BLUR_VOX = 1.0


@dataclass(frozen=True)
class Alignment:
    """How two scans lie on each other.

    Parameters
    ----------
    shift_vox
        So many voxels along each axis lies what the second shows behind what the first shows.
    correlation
        Of their edges, once the second is shifted back: 1 where they are the same.
    """

    shift_vox: tuple[int, ...]
    correlation: float


def aligned(first: Volume, second: Volume) -> Alignment:
    """Compare the edges in the middle of two scans of one shape: the highest peak of their cross-correlation.

    Reconstructions differ in what is bright, but not in where something begins, so it is the gradients' magnitude that is
    compared. Shifts of up to a quarter of the piece (at most 32 voxels in 3D, 128 in 2D) are looked for.
    """
    middle = tuple(
        slice((length - side) // 2, (length + side) // 2)
        for length in first.shape
        for side in [min(length, _SIDE[first.ndim])]
    )
    spectra = [fft.rfftn(_edges(scan, middle)) for scan in (first, second)]
    shape = tuple(axis.stop - axis.start for axis in middle)
    correlation: NDArray[Any] = fft.irfftn(np.conj(spectra[0]) * spectra[1], shape)
    reach = [max(length // 4, 1) for length in shape]
    near = np.roll(correlation, reach, range(first.ndim))[tuple(slice(0, 2 * far + 1) for far in reach)]
    peak = np.unravel_index(near.argmax(), near.shape)
    shift = tuple(int(place) - far for place, far in zip(peak, reach, strict=True))
    return Alignment(shift, float(near[peak]))


def _edges(scan: Volume, region: Region) -> NDArray[np.float32]:
    """Return the gradient's magnitude, faded out towards the faces, of mean 0 and length 1."""
    grey = np.asarray(scan.data[region], dtype=np.float32)
    edges = ndimage.gaussian_gradient_magnitude(grey, _BLUR_VOX)
    for axis, length in enumerate(edges.shape):
        edges = edges - edges.mean()
        edges = edges * np.hanning(length + 2)[1:-1].reshape(
            [-1 if other == axis else 1 for other in range(edges.ndim)]
        )
    length = float(np.linalg.norm(edges))
    return np.asarray(edges / (length or 1.0), dtype=np.float32)


def check_aligned(first: Volume, second: Volume) -> Volume:
    """Return the second scan in the place of the first, if it shows the same voxels.

    Raises
    ------
    VolumeError
        Where shapes or voxel sizes differ, where one is shifted by a voxel or more, and where they show different things.
    """
    if second.shape != first.shape:
        raise VolumeError(
            f"{second.name} has the shape {second.shape}, {first.name} {first.shape}",
            "two reconstructions of one scan show the same voxels",
            "crop them alike",
        )
    stated = second.spacing_um or first.known_spacing_um
    if not np.allclose(stated, first.known_spacing_um, rtol=1e-3):
        raise VolumeError(
            f"{second.name} has voxels of {stated} µm, {first.name} of {first.known_spacing_um} µm",
            "two reconstructions of one scan show the same voxels",
            "correct the voxel size of one of them",
        )
    found = aligned(first, second)
    if found.correlation < _LEAST:
        raise VolumeError(
            f"the edges of {second.name} and {first.name} correlate by {found.correlation:.2f}",
            f"two reconstructions of one scan do so by {_LEAST:g} at least",
            "pass two of the same scan",
        )
    if any(found.shift_vox):
        raise VolumeError(
            f"{second.name} is shifted by {' '.join(map(str, found.shift_vox))} voxels against {first.name}",
            "two reconstructions of one scan show the same voxels",
            "shift it back, or crop both alike",
        )
    return replace(second, spacing_um=first.spacing_um)
