"""The cells that a model is least sure of, each in a small picture: what a person should check first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.blocks import Region
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
        SVG of the section through it that shows most of it, with the cell, and others beside it.
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
    axis, place = _widest(labels[box] == cell)
    reach = tuple(
        slice(max(side.start - round(_AROUND_UM / step), 0), side.stop + round(_AROUND_UM / step))
        for side, step in zip(box, spacing_um, strict=True)
    )
    where = [(side.start + side.stop) // 2 for side in box]
    if axis is None:
        grey, cells, steps = np.asarray(scan.data[reach]), labels[reach], spacing_um
    else:
        where[axis] = box[axis].start + place
        layer = tuple(
            slice(where[axis], where[axis] + 1) if other == axis else side for other, side in enumerate(reach)
        )
        grey, cells = np.asarray(scan.data[layer]).squeeze(axis), labels[layer].squeeze(axis)
        steps = spacing_um[:axis] + spacing_um[axis + 1 :]
    return tuple(where), picture(grey, np.where(cells == cell, cells, 0), steps, f"Cell {cell}")


def _widest(inside: NDArray[np.bool_]) -> tuple[int | None, int]:
    """Return the axis and the place of the section that shows most of a cell; no axis for an image."""
    if inside.ndim == 2:
        return None, 0
    shown = [inside.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    axis = int(np.argmax([areas.max() for areas in shown]))
    return axis, int(shown[axis].argmax())
