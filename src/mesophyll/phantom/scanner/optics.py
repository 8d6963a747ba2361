"""How a scanner may show a leaf: shares, and multiples of what was measured on a grape leaf at 0.1625 µm (synchrotron)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np

from mesophyll import tissues
from mesophyll.errors import SettingsError
from mesophyll.phantom.ranges import NONE, ONE, Range, draw

__all__ = ["PLAIN", "Bits", "Look", "Optics"]

Bits = Literal[8, 16]


def _walls_seen() -> dict[int, float]:
    return {
        tissues.BACKGROUND: 0.7,
        tissues.UPPER_EPIDERMIS: 0.95,
        tissues.LOWER_EPIDERMIS: 0.95,
        tissues.PALISADE: 0.85,
        tissues.SPONGY: 0.25,
        tissues.BUNDLE_SHEATH: 0.8,
        tissues.VEIN: 0.35,
    }


@dataclass(frozen=True)
class Optics:
    """How a scanner shows a leaf, in both reconstructions.

    The tomographic plane is (Y, X): the sample turns about Z.

    Parameters
    ----------
    walls_seen
        Tissue code: the share of its walls that leave a ridge. A contact of two tissues takes the lower share; that
        of background counts where a leaf's face touches a medium as dense as cells.
    walls_otherwise
        That share where no tissue is known.
    hidden
        The share of those walls that is hidden all the same.
    walls
        The height of the ridges; drawn for each tissue on its own.
    noise, noise_um
        Noise, as a multiple of the measured one, and the reach of its correlation.
    contrast, brightness
        Multiplies the differences of grey; moves all grey values.
    blur
        Widens the edges.
    shading, texture, streaks
        Slow variation, the grain inside cells, and streaks along the leaf, as multiples of the measured ones.
    glow
        By how much what is near air is brighter in Paganin than what is deep in tissue, as a multiple of what was measured.
    rings, seams
        Arcs about the axis of rotation, and steps and lines where tiles of a scan were joined, in grey values.
    motion
        How far parts of a leaf moved during the scan, in µm: their edges then appear twice, bright and dark.
    crystals, stars
        The density of crystals as a multiple of that of cells, and the rays that they throw across the tomographic plane,
        in grey values.
    medium_is_air
        How likely the leaf hangs in air and not in a medium.
    medium
        The medium's density: 1 is as grey as cells, 0 as air.
    drops
        How many bubbles (or droplets, in air) lie on the leaf, at most, for each 10,000 µm² of face.
    dark_corner
        How likely a corner lies outside the field of view.
    bits
        8, or 16 for the same greys in finer steps.
    """

    walls_seen: dict[int, float] = field(default_factory=_walls_seen)
    walls_otherwise: float = 0.6
    hidden: float = 0.0
    walls: Range = (0.85, 1.2)
    noise: Range = (0.85, 1.3)
    noise_um: Range = (0.179, 0.190)
    contrast: Range = (0.85, 1.15)
    brightness: Range = (-10.0, 10.0)
    blur: Range = (0.85, 1.25)
    shading: Range = (0.5, 1.6)
    texture: Range = (0.5, 1.2)
    streaks: Range = (0.4, 1.6)
    glow: Range = (0.6, 1.2)
    rings: Range = (0.0, 1.0)
    seams: Range = (0.0, 1.0)
    motion: Range = (0.0, 1.6)
    crystals: Range = (6.0, 14.0)
    stars: Range = (4.0, 16.0)
    medium_is_air: float = 0.25
    medium: Range = (0.92, 1.14)
    drops: float = 2.0
    dark_corner: float = 0.15
    bits: Bits = 8

    def __post_init__(self) -> None:
        if self.bits not in (8, 16):
            raise SettingsError(f"bits = {self.bits}", "a scan has 8 or 16 bits", "choose one of them")

    def draw(self, rng: np.random.Generator) -> Look:
        """Draw what is the same in a whole scan."""
        return Look(**{each.name: draw(rng, getattr(self, each.name)) for each in fields(Look)})


@dataclass(frozen=True)
class Look:
    """What one scan has drawn from the ranges of the same names in `Optics`."""

    noise: float
    noise_um: float
    contrast: float
    brightness: float
    blur: float
    shading: float
    texture: float
    streaks: float
    glow: float
    rings: float
    seams: float
    motion: float
    crystals: float
    stars: float


PLAIN = Optics(
    walls=ONE,
    noise=NONE,
    contrast=ONE,
    brightness=NONE,
    blur=ONE,
    shading=NONE,
    texture=NONE,
    streaks=NONE,
    glow=NONE,
    rings=NONE,
    seams=NONE,
    motion=NONE,
    stars=NONE,
    medium_is_air=1.0,
    medium=ONE,
    drops=0.0,
    dark_corner=0.0,
)
"""Nothing but edges and walls: the measured grey values, air around the leaf, nothing that varies or disturbs."""
