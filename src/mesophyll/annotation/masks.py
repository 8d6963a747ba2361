"""Cells isolated one by one: a folder with a mask of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesophyll import io
from mesophyll.annotation.base import Drawing
from mesophyll.annotation.places import place
from mesophyll.annotation.statement import Statement
from mesophyll.annotation.union import Union
from mesophyll.errors import LabelsError
from mesophyll.labels import check

__all__ = ["draw", "mask_files"]


def mask_files(folder: Path, ndim: int) -> list[Path]:
    """Return the masks of a folder, one for each cell, in the order of their names; none where it holds slices.

    A folder of files with as many axes as the scan holds masks; one of files with fewer axes holds the slices of a volume.
    """
    files = sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and path.suffix.lower() in io.FORMATS
    )
    return files if files and io.read_labels(files[0]).ndim == ndim else []


def draw(files: list[Path], shape: tuple[int, ...], statement: Statement) -> Drawing:
    """Put masks together: cell 1 from the first file, 2 from the second, ...

    Parameters
    ----------
    files
        Each holds 0, and one other number where the cell is.
    shape
        The scan's, (Y, X) or (Z, Y, X).
    statement
        Where the masks lie in the scan.

    Raises
    ------
    LabelsError
        On a mask that is empty, holds several numbers or does not fit, and where two overlap.
    """
    cells = Union(shape)
    reached = np.zeros(shape, bool)
    for path in files:
        drawn = place(_mask(path), shape, statement, path.name)
        cells.add(..., drawn.values > 0, path.name)
        reached |= drawn.reached
    return Drawing(cells.labels, reached, f"the {len(files)} masks of {files[0].parent.name}")


def _mask(path: Path) -> NDArray[np.int32]:
    values = check(io.read_labels(path).read(), path.name)
    numbers = np.unique(values[values != 0])
    if len(numbers) != 1:
        raise LabelsError(
            f"{path.name} holds {len(numbers) or 'no'} numbers besides 0",
            "in a folder of cells, each file is the mask of one: 0, and one other number",
            "several cells in one file? pass that file itself" if len(numbers) else "remove the file",
        )
    mask: NDArray[np.int32] = (values != 0).astype(np.int32)
    return mask
