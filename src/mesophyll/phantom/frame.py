"""Where a leaf lies in its volume: the four smooth faces between which everything else grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mesophyll.phantom.description import Anatomy
from mesophyll.phantom.fields import Floats, Waves, draw

__all__ = ["Frame", "lay"]

MEDIUM_UM = 4.0
"""What is seen at least of the medium on either side of a leaf, where the volume is high enough."""

GRAPE_UM = 143.0
"""The thickness at which the other lengths were measured: epidermis and palisade are thinner in a thinner leaf."""


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
    """

    extent_um: tuple[float, float, float]
    face: Waves
    thickness: Waves
    upper_um: float
    lower_um: float

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
        return self.face(z, x) + self.thickness(z, x)

    @property
    def mesophyll_um(self) -> float:
        """The thickness of the mesophyll, on average."""
        return self.thickness.mean - self.upper_um - self.lower_um


def lay(rng: np.random.Generator, anatomy: Anatomy, extent_um: tuple[float, float, float]) -> Frame:
    """Draw a leaf's faces and fit them into the volume.

    A leaf too thick for the volume is made thinner, down to ``anatomy.thinnest_um``; below that the view cuts it.
    """
    deep, high, wide = extent_um
    tilt = np.tan(np.radians([draw(rng, anatomy.tilt_deg), draw(rng, anatomy.tilt_deg)]))
    relief = min(draw(rng, anatomy.relief_um), 0.02 * high)
    wanted = draw(rng, anatomy.thickness_um)
    shape = Waves.random(rng, relief, (90.0, 260.0))
    uneven = Waves.random(rng, 0.4 * relief, (90.0, 260.0))
    shares = rng.uniform(0, 1, 3)

    swing = 2 * relief + (abs(tilt[0]) * deep + abs(tilt[1]) * wide) / 2
    room = high - 2 * (swing + MEDIUM_UM)
    thickness = max(min(wanted, room), anatomy.thinnest_um)
    scale = min(thickness / GRAPE_UM, 1.1)
    spare = max(room - thickness, 0.0)
    start = (high - thickness) / 2 + (shares[0] - 0.5) * 0.8 * spare
    middle = start - tilt[0] * deep / 2 - tilt[1] * wide / 2
    face = Waves(middle, tilt, shape.amplitudes, shape.vectors, shape.phases)
    depth = Waves(thickness, np.zeros(2), uneven.amplitudes, uneven.vectors, uneven.phases)
    low, span = anatomy.epidermis_um[0], anatomy.epidermis_um[1] - anatomy.epidermis_um[0]
    return Frame(extent_um, face, depth, scale * (low + span * shares[1]), scale * (low + span * shares[2]))
