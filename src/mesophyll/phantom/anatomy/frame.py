"""Where a leaf lies in its volume: the four smooth faces between which everything else grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mesophyll.phantom.anatomy.description import Blade, Epidermis
from mesophyll.phantom.anatomy.fields import Waves
from mesophyll.phantom.anatomy.venation import Rib
from mesophyll.phantom.grid import Floats
from mesophyll.phantom.ranges import draw

__all__ = ["Frame", "lay"]

MEDIUM_UM = 4.0
"""What is seen at least of the medium on either side of a leaf, where the volume is high enough."""

MARGIN_UM = 25.0
"""How far beyond the volume the mesophyll is still laid out, so that the cells at its border have neighbours."""


@dataclass(frozen=True)
class Frame:
    """The faces of a leaf as heights y (µm) above places (z, x); y grows from the upper to the lower side.

    Parameters
    ----------
    extent_um
        The volume's edge lengths (Z, Y, X).
    face
        The upper face.
    thickness
        From face to face.
    upper_um, lower_um
        The thickness of the two epidermes.
    typical_um
        The thickness of the mesophyll at which the lengths of a description hold.
    ribs
        What stands out of the lower face.
    """

    extent_um: tuple[float, float, float]
    face: Waves
    thickness: Waves
    upper_um: float
    lower_um: float
    typical_um: float
    ribs: tuple[Rib, ...] = ()

    def upper_outer(self, z: ArrayLike, x: ArrayLike) -> Floats:
        """Return the upper face of the leaf."""
        return self.face(z, x)

    def upper_inner(self, z: ArrayLike, x: ArrayLike) -> Floats:
        """Return where the upper epidermis ends and the mesophyll begins."""
        return self.face(z, x) + self.upper_um

    def lower_inner(self, z: ArrayLike, x: ArrayLike) -> Floats:
        """Return where the mesophyll ends and the lower epidermis begins."""
        return self.lower_outer(z, x) - self.lower_um

    def lower_outer(self, z: ArrayLike, x: ArrayLike) -> Floats:
        """Return the lower face of the leaf."""
        return np.asarray(self.face(z, x) + self.thickness(z, x) + sum(rib(z, x) for rib in self.ribs))

    @property
    def mesophyll_um(self) -> float:
        """The thickness of the mesophyll, on average."""
        return float(self.thickness.mean - self.upper_um - self.lower_um)

    @property
    def fullness(self) -> float:
        """How thick the mesophyll is, as a share of what is typical; at most 1."""
        return float(min(self.mesophyll_um / self.typical_um, 1.0))


def lay(
    rng: np.random.Generator,
    blade: Blade,
    epidermis: Epidermis,
    extent_um: tuple[float, float, float],
    ribs: tuple[Rib, ...] = (),
) -> Frame:
    """Draw a leaf's faces and fit them into the volume.

    A leaf too thick for the volume is made thinner, down to ``blade.thinnest_um``; below that the view cuts it.
    """
    deep, high, wide = extent_um
    tilt = np.tan(np.radians([draw(rng, blade.tilt_deg), draw(rng, blade.tilt_deg)]))
    relief = min(draw(rng, blade.relief_um), 0.02 * high)
    wanted = draw(rng, blade.thickness_um)
    shape = Waves.random(rng, relief, (90.0, 260.0))
    uneven = Waves.random(rng, 0.4 * relief, (90.0, 260.0))
    shares = rng.uniform(0, 1, 3)
    arch, swing = _arch(rng, blade, extent_um)

    swing += 2 * relief + (abs(tilt[0]) * deep + abs(tilt[1]) * wide) / 2
    ridge = max((rib.height for rib in ribs), default=0.0)
    room = high - 2 * (swing + MEDIUM_UM) - ridge
    thickness = max(min(wanted, room), blade.thinnest_um)
    scale = min(thickness / blade.typical_um, 1.1)
    spare = max(room - thickness, 0.0)
    start = (high - ridge - thickness) / 2 + (shares[0] - 0.5) * 0.8 * spare
    middle = start - tilt[0] * deep / 2 - tilt[1] * wide / 2
    face = arch + Waves(middle, tilt, shape.amplitudes, shape.vectors, shape.phases)
    depth = Waves(thickness, np.zeros(2), uneven.amplitudes, uneven.vectors, uneven.phases)
    low, high = epidermis.thickness_um
    upper, lower = (scale * (low + (high - low) * share) for share in shares[1:])
    return Frame(extent_um, face, depth, upper, lower, blade.typical_um - low - high, ribs)


def _arch(rng: np.random.Generator, blade: Blade, extent_um: tuple[float, float, float]) -> tuple[Waves, float]:
    """Draw how a leaf arches, lower where the volume is low, and how far that takes its face up or down at most."""
    deep, high, wide = extent_um
    arch = Waves.random(rng, draw(rng, blade.arch_um), (500.0, 1500.0), 3)
    heights = arch(*np.meshgrid(np.linspace(0, deep, 9), np.linspace(0, wide, 9)))
    swing = float(np.ptp(heights)) / 2
    scale = min(0.08 * high / max(swing, 1e-6), 1.0)
    middle = -scale * float(heights.max() + heights.min()) / 2
    return Waves(middle, np.zeros(2), scale * arch.amplitudes, arch.vectors, arch.phases), scale * swing
