"""From tissue to grey values: one scan in both reconstructions, as a synchrotron delivers them.

Everything is an isotropic filter of one density (cells 1, air 0), plus the walls' ridges, plus texture, shading and
noise. The constants were fitted to grey-value profiles across the edges of a real leaf slice (0.1625 µm, 8 bit).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.ranges import draw
from mesophyll.phantom.scanner.medium import dark_corner, surround
from mesophyll.phantom.scanner.noise import Field, blur, grain, haze, smooth
from mesophyll.phantom.scanner.optics import Optics
from mesophyll.phantom.scanner.walls import sheets
from mesophyll.volume import Spacing

__all__ = ["image"]

# Least squares over 17 points from -3.3 to +4.9 µm: gridrec(d) = 104 + 12 P(d/s) + 152 (P(d/s) - P(d/t)), P the normal
# distribution function, s = 0.63, t = 1.17 µm, rms 1.6 grey values; Paganin(d) = 46 + 73 P(d/r), where r = 0.78 µm is
# the measured rise from 10 to 90 % over 2 µm. In both the hand-drawn outline lay 0.3 µm inside the edge; here it is on it.
GRIDREC_AIR, GRIDREC_STEP = 104.0, 12.0
FRINGE, FRINGE_NEAR_UM, FRINGE_FAR_UM = 152.0, 0.63, 1.17
PAGANIN_AIR, PAGANIN_STEP, PAGANIN_EDGE_UM = 46.0, 73.0, 0.78

RIDGE_PAGANIN = 0.78
"""A wall's ridge in Paganin, as a share of the one in gridrec."""

GRAIN_UM = 0.182
"""The reach of the detector's noise: its correlation at 1, 2, 3 pixels of 0.1625 µm is 0.82, 0.45, 0.17."""

GRAIN_GRIDREC, GRAIN_PAGANIN = 5.2, 0.46
TEXTURE_GRIDREC, TEXTURE_PAGANIN = 1.5, 1.6
SHADING = 8.0
STREAKS_GRIDREC, STREAKS_PAGANIN = 1.0, 0.8


@dataclass(frozen=True)
class _Look:
    """What one scan draws from the ranges of the same names in `Optics`."""

    contrast: float
    brightness: float
    blur: float
    noise: float
    shading: float
    texture: float
    streaks: float

    @classmethod
    def random(cls, rng: np.random.Generator, optics: Optics) -> _Look:
        return cls(**{each.name: draw(rng, getattr(optics, each.name)) for each in fields(cls)})


def image(
    labels: Labels,
    tissue: NDArray[np.uint8],
    spacing_um: Spacing,
    rng: np.random.Generator,
    optics: Optics | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Scan a labelled volume.

    Parameters
    ----------
    labels
        Shape (Z, Y, X), > 0 cells.
    tissue
        Shape (Z, Y, X), codes of `mesophyll.tissues`; background becomes the medium around the leaf.
    spacing_um
        The voxel's edge lengths (Z, Y, X).
    rng
        Draws noise and everything that differs from scan to scan.
    optics
        The ranges it draws from; those of a good scan by default.

    Returns
    -------
    gridrec, paganin
        Shape (Z, Y, X), uint8.
    """
    optics = optics or Optics()
    of_look, of_medium, of_walls, of_texture, of_shading, of_noise = rng.spawn(6)
    look = _Look.random(of_look, optics)
    outside = tissue == tissues.BACKGROUND
    density = (labels > 0).astype(np.float32)
    surround(of_medium, density, outside, spacing_um, optics)
    unseen = dark_corner(of_medium, outside, spacing_um, optics)

    gridrec, paganin = _edges(density, spacing_um, look)
    seen = {code: share * (1 - optics.hidden) for code, share in optics.walls_seen.items()}
    bodies = np.where(outside & (density > 0), labels.max() + 1, labels)  # a dense medium has a face like a cell
    ridges = sheets(bodies, tissue, spacing_um, seen, int(of_walls.integers(2**62)))
    gridrec += np.float32(look.contrast) * ridges
    paganin += np.float32(look.contrast * RIDGE_PAGANIN) * ridges
    _add_texture(of_texture, gridrec, paganin, density, spacing_um, look)
    _add_shading(of_shading, gridrec, paganin, outside, spacing_um, look)
    gridrec += GRAIN_GRIDREC * look.noise * grain(of_noise, labels.shape, GRAIN_UM, spacing_um)
    paganin += GRAIN_PAGANIN * look.noise * grain(of_noise, labels.shape, GRAIN_UM, spacing_um)
    return _to_grey(gridrec, unseen), _to_grey(paganin, unseen)


def _edges(density: Field, spacing_um: Spacing, look: _Look) -> tuple[Field, Field]:
    """Return both reconstructions without walls and noise: contrast scales about the grey of cells."""
    near = blur(density, FRINGE_NEAR_UM * look.blur, spacing_um)
    far = blur(density, FRINGE_FAR_UM * look.blur, spacing_um)
    gridrec = GRIDREC_STEP * (near - 1) + FRINGE * (near - far)
    gridrec *= look.contrast
    gridrec += GRIDREC_AIR + GRIDREC_STEP + look.brightness
    paganin = blur(density, PAGANIN_EDGE_UM * look.blur, spacing_um)
    paganin -= 1
    paganin *= PAGANIN_STEP * look.contrast
    paganin += PAGANIN_AIR + PAGANIN_STEP + look.brightness
    return gridrec, paganin


def _add_texture(
    rng: np.random.Generator, gridrec: Field, paganin: Field, density: Field, spacing_um: Spacing, look: _Look
) -> None:
    """Add what the inside of cells looks like: faint grain of about a µm, the same in both reconstructions."""
    texture = smooth(rng, density.shape, (0.8, 0.8, 0.8), spacing_um)
    texture *= density
    texture *= np.float32(look.contrast * look.texture)
    gridrec += TEXTURE_GRIDREC * texture
    paganin += TEXTURE_PAGANIN * texture


def _add_shading(
    rng: np.random.Generator,
    gridrec: Field,
    paganin: Field,
    outside: NDArray[np.bool_],
    spacing_um: Spacing,
    look: _Look,
) -> None:
    """Add slow shading (mostly Paganin) and streaks along the leaf, strongest at its faces."""
    shape = gridrec.shape
    shading = smooth(rng, shape, (30.0, 14.0, 30.0), spacing_um)
    layered = smooth(rng, shape, (12.0, 4.0, 70.0), spacing_um)
    streaks = smooth(rng, shape, (1.0, 0.6, 45.0), spacing_um)
    near = haze(outside.astype(np.float32), 8.0, spacing_um)
    near *= 4 * (1 - near)  # 1 at the faces, 0 far from them
    shading *= 0.5 + 0.3 * near
    shading += (0.25 + 0.55 * near) * layered
    streaks *= np.float32(look.streaks) * (0.4 + 0.9 * near)
    paganin += np.float32(SHADING * look.shading) * shading + STREAKS_PAGANIN * streaks
    gridrec += np.float32(0.15 * SHADING * look.shading) * shading + STREAKS_GRIDREC * streaks


def _to_grey(image: Field, unseen: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    grey = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if unseen is not None:
        grey[unseen] = 0
    return grey
