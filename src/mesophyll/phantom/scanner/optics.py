"""How a scanner may show a leaf: shares, and multiples of what was measured on a grape leaf at 0.1625 µm (synchrotron)."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesophyll import tissues
from mesophyll.phantom.ranges import NONE, ONE, Range

__all__ = ["PLAIN", "Optics"]


def _walls_seen() -> dict[int, float]:
    return {
        tissues.BACKGROUND: 0.7,
        tissues.UPPER_EPIDERMIS: 0.95,
        tissues.LOWER_EPIDERMIS: 0.95,
        tissues.PALISADE: 0.85,
        tissues.SPONGY: 0.25,
        tissues.BUNDLE_SHEATH: 0.95,
        tissues.VEIN: 0.95,
    }


@dataclass(frozen=True)
class Optics:
    """How a scanner shows a leaf, in both reconstructions.

    Parameters
    ----------
    walls_seen
        Tissue code: the share of its walls that leave a ridge. A contact of two tissues takes the lower share; that
        of background counts where a leaf's face touches a medium as dense as cells.
    hidden
        The share of those walls that is hidden all the same.
    noise
        Noise, as a multiple of the measured one.
    contrast, brightness
        Multiplies the differences of grey; moves all grey values.
    blur
        Widens the edges.
    shading, texture, streaks
        Slow variation, the grain inside cells, and streaks along the leaf, as multiples of the measured ones.
    medium_is_air
        How likely the leaf hangs in air and not in a medium as grey as tissue.
    drops
        How many bubbles (or droplets, in air) lie on the leaf, at most, for each 10,000 µm² of face.
    dark_corner
        How likely a corner lies outside the field of view.
    """

    walls_seen: dict[int, float] = field(default_factory=_walls_seen)
    hidden: float = 0.0
    noise: Range = (0.7, 1.5)
    contrast: Range = (0.85, 1.15)
    brightness: Range = (-10.0, 10.0)
    blur: Range = (0.9, 1.25)
    shading: Range = (0.5, 1.6)
    texture: Range = (0.5, 1.2)
    streaks: Range = (0.0, 1.5)
    medium_is_air: float = 0.25
    drops: float = 2.0
    dark_corner: float = 0.15


PLAIN = Optics(
    noise=NONE,
    contrast=ONE,
    brightness=NONE,
    blur=ONE,
    shading=NONE,
    texture=NONE,
    streaks=NONE,
    medium_is_air=1.0,
    drops=0.0,
    dark_corner=0.0,
)
"""Nothing but edges and walls: the measured grey values, air around the leaf, nothing that varies or disturbs."""
