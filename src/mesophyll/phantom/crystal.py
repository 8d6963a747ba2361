"""A crystal of calcium oxalate: where it lies in a leaf, as its anatomy says it and a scanner sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Crystal"]


@dataclass(frozen=True)
class Crystal:
    """One crystal.

    Parameters
    ----------
    place_um
        Its middle (z, y, x), from the volume's corner.
    radius_um
        Of the ball that holds it.
    kind
        A star of points, or a bundle of needles.
    seed
        Draws its points and its rays.
    """

    place_um: tuple[float, float, float]
    radius_um: float
    kind: Literal["druse", "raphides"]
    seed: int
