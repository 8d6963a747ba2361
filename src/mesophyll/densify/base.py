"""What comes out: dense labels, and how far to trust each voxel of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region
from mesophyll.errors import LabelsError, SettingsError
from mesophyll.labels import UNKNOWN, Labels

__all__ = ["CELL_TISSUES", "Dense", "trusted", "with_rim"]

CELL_TISSUES = (1, 2, 3, 4, 5, 6)
"""The codes of `mesophyll.tissues` that are made of cells: all but background and airspace."""


@dataclass(frozen=True)
class Dense:
    """Dense labels.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X), int32: the user's cells as they were, voxel by voxel, and added ones with higher numbers; 0 where
        no cell is, -1 where the tissue is not known.
    confidence
        The same shape, float32 from 0 to 1, one value for each added cell; 1 on the user's cells and where the tissue map
        says that there is no cell, 0 where nothing is known. It ranks cells, and is no probability.
    added
        How many cells were added.
    """

    labels: Labels
    confidence: NDArray[np.float32]
    added: int


def trusted(labels: Labels, confidence: NDArray[Any], least: float) -> Labels:
    """Return labels to learn from: a copy with -1 where the confidence is less than ``least``, from 0 to 1.

    Raises
    ------
    SettingsError
        On a bound that is no share.
    LabelsError
        Where the shapes differ.
    """
    if not 0 <= least <= 1:
        raise SettingsError(f"a trust of {least:g}", "confidence runs from 0 to 1", "choose a number between them")
    if labels.shape != confidence.shape:
        raise LabelsError(
            f"labels have the shape {labels.shape}, their confidence {confidence.shape}",
            "each voxel has its confidence",
            "pass what was written together",
        )
    return np.where(confidence < least, UNKNOWN, labels).astype(np.int32)


def with_rim(box: Region, shape: tuple[int, ...]) -> Region:
    """Return a box with the voxels around it, which tell where a tissue ends from where the volume does."""
    return tuple(
        slice(max(axis.start - 1, 0), min(axis.stop + 1, length)) for axis, length in zip(box, shape, strict=True)
    )
