"""From a tissue map as somebody made it to codes of `mesophyll.tissues` in the place of the whole scan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll import io
from mesophyll.annotation.conversion import Choice, convert
from mesophyll.annotation.places import place
from mesophyll.annotation.statement import NOTHING_STATED, Statement
from mesophyll.labels import UNKNOWN, check

__all__ = ["OWN", "read_tissue"]

OWN = "mesophyll"
"""The convention that is taken where none is named: the codes of this package."""


def read_tissue(
    path: str | Path,
    shape: tuple[int, ...],
    statement: Statement = NOTHING_STATED,
    preset: str = OWN,
    choice: Choice | None = None,
) -> NDArray[Any]:
    """Read a tissue map, of the whole scan or of some slices or a part of it.

    Parameters
    ----------
    path
        An image in any readable format.
    shape
        The scan's, (Y, X) or (Z, Y, X).
    statement
        Its slices are those that are labelled, nobody knows the others; by default all are. Its unlabelled value is what
        nobody knows; by default no value is, for 0 is a tissue.
    preset, choice
        The convention of its grey values and what that leaves open, as in `convert`.

    Returns
    -------
    codes
        Shape of the scan. uint8 where all is known; else int16 with -1.

    Raises
    ------
    FileError, LabelsError, SettingsError
        Where it cannot be read, does not fit the scan, or holds a value that the convention lacks.
    """
    statement.check(shape, "the scan")
    name = Path(path).name
    drawn = place(check(io.read(path).read(), name), shape, statement, name)
    labelled = drawn.reached & _labelled(drawn.values, statement)
    codes = convert(np.where(labelled, drawn.values, UNKNOWN), preset, choice)
    return codes if (codes == UNKNOWN).any() else codes.astype(np.uint8)


def _labelled(values: NDArray[np.int32], statement: Statement) -> NDArray[np.bool_]:
    named = np.zeros(values.shape, bool)
    named[statement.named(values.ndim)] = True
    return named if statement.unlabelled is None else named & (values != statement.unlabelled)
