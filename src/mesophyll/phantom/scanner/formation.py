"""From density to grey values: the edges of both reconstructions, as they were measured.

Everything is an isotropic filter of one density (cells 1, air 0). The constants were fitted to grey-value profiles across
the edges of a real leaf slice (0.1625 µm, 8 bit).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region
from mesophyll.phantom.scanner.chance import Field
from mesophyll.phantom.scanner.noise import blur, reach
from mesophyll.phantom.scanner.optics import Bits, Look
from mesophyll.volume import Spacing

__all__ = ["edges", "edges_reach", "to_grey"]

# Least squares over two profiles of the same slice, one across hand-drawn outlines (17 points, which lie 0.3 µm inside the edge
# and wander about it), one from the half-way of Paganin on (16 points, see the calibration page; 0.5 to 0.6 µm sharper):
# gridrec(d) = 104 + 12 P(d/s) + 113 (P(d/s) - P(d/t)), P the normal distribution function, s = 0.56, t = 1.23 µm, rms 1.9 and
# 1.7 grey values; Paganin(d) = 46 + 73 P(d/r), r = 0.62 µm.
GRIDREC_AIR, GRIDREC_STEP = 104.0, 12.0
FRINGE, FRINGE_NEAR_UM, FRINGE_FAR_UM = 113.0, 0.56, 1.23
PAGANIN_AIR, PAGANIN_STEP, PAGANIN_EDGE_UM = 46.0, 73.0, 0.62


def edges_reach(spacing_um: Spacing, look: Look) -> tuple[int, int, int]:
    """Return how many voxels away `edges` looks, along each axis."""
    return reach(FRINGE_FAR_UM * look.blur, spacing_um)


def edges(density: Field, spacing_um: Spacing, look: Look, keep: Region) -> tuple[Field, Field]:
    """Return both reconstructions without walls and noise: contrast scales about the grey of cells.

    Parameters
    ----------
    density
        Shape (Z, Y, X): 1 as dense as cells, 0 air.
    spacing_um
        The voxel's edge lengths.
    look
        The scan's contrast, brightness and blur.
    keep
        The region of it that is wanted.
    """
    gridrec = blur(density, FRINGE_NEAR_UM * look.blur, spacing_um, keep)
    gridrec *= np.float32(GRIDREC_STEP + FRINGE)
    gridrec -= np.float32(FRINGE) * blur(density, FRINGE_FAR_UM * look.blur, spacing_um, keep)
    gridrec -= np.float32(GRIDREC_STEP)
    gridrec *= np.float32(look.contrast)
    gridrec += np.float32(GRIDREC_AIR + GRIDREC_STEP + look.brightness)
    paganin = blur(density, PAGANIN_EDGE_UM * look.blur, spacing_um, keep)
    paganin -= 1
    paganin *= np.float32(PAGANIN_STEP * look.contrast)
    paganin += np.float32(PAGANIN_AIR + PAGANIN_STEP + look.brightness)
    return gridrec, paganin


def to_grey(image: Field, unseen: NDArray[np.bool_] | None, bits: Bits) -> NDArray[Any]:
    """Round to whole grey values, written over the image where they are float: 0 to 255, or finer ones up to 65535."""
    if bits == 16:
        image *= np.float32(257)
    np.rint(image, out=image)
    np.clip(image, 0, 2**bits - 1, out=image)
    grey: NDArray[Any] = image.astype(np.uint8 if bits == 8 else np.uint16)
    if unseen is not None:
        grey[unseen] = 0
    return grey
