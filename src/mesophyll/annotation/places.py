"""Bring labels into the place of the scan: whole volumes, parts at an offset, single slices and stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.annotation.base import Drawing
from mesophyll.annotation.statement import Statement
from mesophyll.errors import LabelsError

__all__ = ["place"]

Shape = tuple[int, ...]


def place(values: NDArray[np.int32], shape: Shape, statement: Statement, name: str) -> Drawing:
    """Put labels where they belong in a scan.

    Parameters
    ----------
    values
        int32. Of the scan's shape; or of a part of it, with the statement's offset; or one plane for each slice that the
        statement names, in their order (a single one may be 2D).
    shape
        The scan's, (Y, X) or (Z, Y, X).
    statement
        What is said about the labels.
    name
        What errors call them.

    Raises
    ------
    LabelsError
        Where they do not fit; it names the likely reason.
    """
    planes = None if statement.offset is not None else statement.planes(values.shape, shape)
    if statement.offset is not None:
        region: tuple[Any, ...] = _box(values.shape, shape, statement.offset, name)
    elif values.shape == shape:
        region = (slice(None),) * len(shape)
    elif planes is not None:
        region = planes
    else:
        raise _misfit(values.shape, shape, name)
    whole, reached = np.zeros(shape, np.int32), np.zeros(shape, bool)
    whole[region] = values if planes is None else values.reshape(whole[region].shape)
    reached[region] = True
    return Drawing(whole, reached, name)


def _box(part: Shape, shape: Shape, offset: tuple[int, ...], name: str) -> tuple[slice, ...]:
    if len(part) != len(shape):
        raise _misfit(part, shape, name)
    ends = [start + length for start, length in zip(offset, part, strict=True)]
    if min(offset) < 0 or any(end > length for end, length in zip(ends, shape, strict=True)):
        raise LabelsError(
            f"{name} of the shape {told(part)} at the offset {' '.join(map(str, offset))} reaches out of the scan",
            f"the scan has the shape {told(shape)}",
            "the offset is how many voxels of the scan lie before the labels, in the order of the axes",
        )
    return tuple(slice(start, end) for start, end in zip(offset, ends, strict=True))


def _misfit(part: Shape, shape: Shape, name: str) -> LabelsError:
    return LabelsError(
        f"{name} has the shape {told(part)}, the scan {told(shape)}",
        "labels have the shape of their scan",
        _likely(part, shape),
    )


def _likely(part: Shape, shape: Shape) -> str:
    """Return what is most likely to be done about labels of another shape."""
    if len(part) == len(shape) and sorted(part) == sorted(shape):
        return "their axes seem to be in another order: save them as (Z, Y, X), as the scan is"
    if len(part) == len(shape) - 1 and _within(part, shape):
        return "are they one slice? name it, counted from 1: --slices 12, and --axis where it is not one along Z"
    if len(part) != len(shape):
        return "pass the labels of this scan"
    ratios = {round(length / other, 2) for length, other in zip(shape, part, strict=True)}
    if len(ratios) == 1 and ratios & {0.25, 0.5, 2.0, 4.0}:
        return f"they seem to be of a scan with voxels {max(ratios):g} times as long: resample one of them"
    if all(length <= other for length, other in zip(part, shape, strict=True)):
        return "are they a part of it? say where it begins: --offset Z Y X; a stack of labelled slices? --slices 5,9,12"
    return "pass the labels of this scan, or resample them"


def _within(plane: Shape, shape: Shape) -> bool:
    return any(plane == shape[:axis] + shape[axis + 1 :] for axis in range(len(shape)))


def told(shape: Sequence[int]) -> str:
    """Write a shape as people do."""
    return " x ".join(map(str, shape))
