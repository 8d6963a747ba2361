"""Cells outlined in ImageJ: the ROI Manager's ``RoiSet.zip``, or a single ``.roi``; each ROI is a cell.

ImageJ draws along the corners of pixels, counted from the image's upper left corner, so a pixel belongs to an outline that
holds its centre. Slices are counted from 1; the slice is the one that the ROI was drawn on.

Source: ImageJ's `RoiDecoder <https://imagej.net/ij/developer/source/ij/io/RoiDecoder.java.html>`_, read through roifile.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from mesophyll.annotation.base import Drawing, these_slices
from mesophyll.annotation.statement import Statement
from mesophyll.annotation.union import Union
from mesophyll.errors import FileError, LabelsError

__all__ = ["SUFFIXES", "draw"]

SUFFIXES = (".zip", ".roi")

_OUTLINES = ("POLYGON", "FREEHAND", "TRACED")
"""What encloses an area and was traced; others name a place or a measure, and no cell."""

_CALLED = {
    "RECT": "a rectangle",
    "OVAL": "an oval",
    "LINE": "a line",
    "FREELINE": "a line",
    "POLYLINE": "a line",
    "ANGLE": "an angle",
    "POINT": "a point",
    "NOROI": "nothing",
}


def draw(path: Path, shape: tuple[int, ...], statement: Statement) -> Drawing:
    """Draw the ROIs of a file into the place of the scan, numbered 1, 2, 3, ... in the file's order.

    Parameters
    ----------
    path
        A ``.zip`` or ``.roi`` file.
    shape
        The scan's, (Y, X) or (Z, Y, X).
    statement
        Its axis is the one along which the slices were drawn on. Where ROIs name no slice, its single slice is meant.

    Raises
    ------
    FileError
        Where the file cannot be read, or holds no ROI.
    LabelsError
        On a ROI that encloses nothing, is no traced outline, names no slice or one past the end, or overlaps another one.
    """
    found = _read(path)
    cells, slices = Union(shape), set()
    for roi, name in found:
        outlines = _outlines(roi, name, path.name)
        at = _slice(roi, name, shape, statement) if len(shape) == 3 else None
        region: Any = (slice(None),) * statement.axis + (at,) if at is not None else ...
        plane = shape if at is None else shape[: statement.axis] + shape[statement.axis + 1 :]
        cells.add(region, _filled(outlines, (plane[0], plane[1]), name), f"the ROI {name}")
        slices |= set() if at is None else {at + 1}
    on = f", on {these_slices(sorted(slices), statement.axis, len(shape))}, counted from 1" if slices else ""
    return Drawing(cells.labels, np.ones(shape, bool), f"{path.name}{on}")


def _read(path: Path) -> list[tuple[Any, str]]:
    """Return the ROIs of a file, each with its name."""
    import roifile

    try:
        found = roifile.roiread(path)
    except Exception as error:  # a damaged file can break a foreign library in any way
        raise FileError(
            f"{path.name} cannot be read as ImageJ ROIs ({' '.join(str(error).split())[:100] or type(error).__name__})",
            "it is a .roi, or a .zip of the ROI Manager",
            "save it again: More > Save in the ROI Manager",
        ) from error
    rois = found if isinstance(found, list) else [found]
    if not rois:
        raise FileError(f"{path.name} holds no ROI", "each ROI is a cell", "save the ROI Manager's list again")
    return [(roi, roi.name or str(number)) for number, roi in enumerate(rois, start=1)]


def _outlines(roi: Any, name: str, file: str) -> list[NDArray[Any]]:
    """Return the closed lines around a ROI's area as arrays (points, 2) of x and y."""
    kind = roi.roitype.name
    if kind not in _OUTLINES and not roi.composite:
        raise LabelsError(
            f"the ROI {name} of {file} is {_CALLED.get(kind, 'of an unknown type')}",
            "a cell is traced as polygon, freehand or wand selection",
            "trace the cell, or delete this ROI and save the others",
        )
    lines = [np.asarray(line, float) for line in roi.coordinates(multi=True)]
    if not any(len(line) >= 3 for line in lines):
        raise _empty(name)
    return lines


def _empty(name: str) -> LabelsError:
    return LabelsError(
        f"the ROI {name} encloses no pixel of the scan",
        "each ROI is a cell",
        "was it drawn on another image? trace it again or delete it",
    )


def _filled(outlines: Iterable[NDArray[Any]], plane: tuple[int, int], name: str) -> NDArray[np.bool_]:
    """Return the pixels whose centres are enclosed; of several lines the inner ones are holes."""
    mask = np.zeros(plane, bool)
    for line in outlines:
        mask ^= polygon2mask(plane, line[:, ::-1] - 0.5)
    if not mask.any():
        raise _empty(name)
    return mask


def _slice(roi: Any, name: str, shape: tuple[int, ...], statement: Statement) -> int:
    """Return the slice on which a ROI was drawn, counted from 0."""
    position, count = roi.z_position or roi.position, shape[statement.axis]
    if not position and isinstance(statement.slices, tuple) and len(statement.slices) == 1:
        position = statement.slices[0]
    if not position:
        raise LabelsError(
            f"the ROI {name} names no slice",
            "a cell of a volume is traced on one of its slices",
            "name the slice, counted from 1 (--slices 12), where all were traced on one; else trace them on the stack",
        )
    if position > count:
        raise LabelsError(
            f"the ROI {name} was traced on slice {position}",
            f"the scan has {count} slices along {'ZYX'[statement.axis]}, counted from 1",
            "pass the scan that was traced, or the axis of its slices (--axis)",
        )
    return int(position) - 1
