"""Labels as a person made them, in the place of the whole scan: what is known, and what nobody has said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import UNKNOWN, Labels

__all__ = ["Annotation", "Drawing", "share", "these_slices"]


@dataclass(frozen=True)
class Drawing:
    """What somebody drew, brought into the place of the scan, before it is said what an empty voxel means.

    Parameters
    ----------
    values
        Shape of the scan, int32; what was drawn, 0 where nothing was.
    reached
        Shape of the scan, bool: the voxels that the file could have drawn on, the others lie outside of it.
    source
        What it was read from, in words: ``"4 ROIs of RoiSet.zip"``.
    """

    values: NDArray[np.int32]
    reached: NDArray[np.bool_]
    source: str


@dataclass(frozen=True)
class Annotation:
    """Partial labels of a scan.

    Parameters
    ----------
    labels
        Shape of the scan, (Y, X) or (Z, Y, X), int32: > 0 cells, 0 known to be no cell, -1 where nobody knows.
    source
        What they were read from, in words.
    meaning
        What a voxel without a cell means, in words.
    """

    labels: Labels
    source: str
    meaning: str

    @property
    def cells(self) -> int:
        """How many there are."""
        return len(np.unique(self.labels[self.labels > 0]))

    def told(self) -> list[str]:
        """Say in words what was understood, a line for each thing."""
        known, cells = share(self.labels != UNKNOWN), share(self.labels > 0)
        background = share(self.labels == 0)
        return [
            f"{self.cells} cells from {self.source}",
            self.meaning,
            f"{known} of the voxels are known: {cells} cells, {background} background; all others are unknown (-1)",
        ]


def share(mask: NDArray[np.bool_]) -> str:
    """Return the share of true voxels in per cent, never 0 where there is one."""
    part = float(mask.mean()) if mask.size else 0.0
    return f"{100 * part:.1f} %" if part == 0 or part >= 0.001 else f"{100 * part:.1g} %"


def these_slices(numbers: Sequence[int], axis: int, ndim: int) -> str:
    """Name slices as people count them: ``"slices 5, 9 and 12 along Z"``."""
    names = [str(number) for number in numbers]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"slice{'s' * (len(names) > 1)} {listed} along {'ZYX'[-ndim:][axis]}"
