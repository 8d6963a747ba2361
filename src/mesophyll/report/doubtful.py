"""The cells that a model is least sure of, each in a small picture: what a person should check first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.blocks import Region
from mesophyll.cuts import Cut
from mesophyll.labels import Labels
from mesophyll.report.slices import picture
from mesophyll.volume import Spacing, Volume

__all__ = ["Doubtful", "doubtful"]

_SHOWN = 8

_AROUND_UM = 12.0
"""So much of the scan is shown around a cell."""


@dataclass(frozen=True)
class Doubtful:
    """A cell to check.

    Parameters
    ----------
    cell, confidence
        Its number, and the probability that it is right.
    where
        Its place in the scan, in voxels.
    drawn
        SVG of the section that shows most of it, with the cell drawn on it.
    """

    cell: int
    confidence: float
    where: tuple[int, ...]
    drawn: str


def doubtful(scan: Volume, labels: Labels, spacing_um: Spacing, table: pd.DataFrame) -> list[Doubtful]:
    """Draw the least sure cells of a table with ``confidence``, the least sure first; none without."""
    if "confidence" not in table:
        return []
    least = table.dropna(subset="confidence").nsmallest(_SHOWN, "confidence", keep="first")
    boxes = ndimage.find_objects(np.maximum(labels, 0))
    return [
        Doubtful(cell, sure, *_drawn(scan, labels, spacing_um, cell, boxes[cell - 1]))
        for cell, sure in zip(least["label"].astype(int), least["confidence"].astype(float), strict=True)
    ]


def _drawn(scan: Volume, labels: Labels, spacing_um: Spacing, cell: int, box: Region) -> tuple[tuple[int, ...], str]:
    """Return the middle of what is shown of a cell, in voxels of the scan, and the picture."""
    around = tuple(
        slice(max(side.start - round(_AROUND_UM / step), 0), side.stop + round(_AROUND_UM / step))
        for side, step in zip(box, spacing_um, strict=True)
    )
    where = [(side.start + side.stop) // 2 for side in box]
    grey, inside = replace(scan, spacing_um=spacing_um).crop(around), labels[around] == cell
    if scan.ndim == 3:
        cut = _widest(inside)
        grey, inside, where[cut.axis] = cut.flat(grey), cut.of(inside), around[cut.axis].start + cut.place
    return tuple(where), picture(grey.read(), np.where(inside, cell, 0), grey.known_spacing_um, f"Cell {cell}")


def _widest(inside: NDArray[np.bool_]) -> Cut:
    """Return the section that shows most of a cell."""
    shown = [inside.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    axis = int(np.argmax([areas.max() for areas in shown]))
    return Cut(axis, int(shown[axis].argmax()))
