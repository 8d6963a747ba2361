"""How a leaf lies in a scan, and how it is brought into the position that a model knows.

A leaf has two faces. A network that has only seen them at right angles to one axis need not learn what a palisade looks like
from the side, and learns more of everything else in the same time. So scans are made upright before it looks: the axis that
leads through the leaf from face to face, and Y, change places. Which face is up does not matter, nor how the leaf is turned
about the way through it; and it may lean.
"""

from __future__ import annotations

from typing import Literal

from mesophyll.volume import Volume, swap

__all__ = ["AXES", "THROUGH", "Position", "Through", "upright"]

Position = Literal["any", "upright"]
"""What a model knows: leaves that lie anyhow, or upright ones."""

Through = Literal["auto", "Z", "Y", "X"]
"""Which axis leads through a leaf, where that is known."""

AXES = ("Z", "Y", "X")

THROUGH = 1
"""The axis through an upright leaf: Y."""


def upright(volume: Volume, through: int) -> Volume:
    """Return a volume in which the axis through the leaf and Y have changed places, lazily; done twice, it is undone."""
    return swap(volume, through, THROUGH)
