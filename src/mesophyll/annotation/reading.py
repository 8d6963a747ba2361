"""From whatever a person has drawn to an `Annotation` of the scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesophyll import io
from mesophyll.annotation import masks, rois
from mesophyll.annotation.base import Annotation, Drawing, these_slices
from mesophyll.annotation.places import place
from mesophyll.annotation.statement import NOTHING_STATED, Statement
from mesophyll.errors import LabelsError
from mesophyll.labels import UNKNOWN, check

__all__ = ["known_background", "read"]


def read(path: str | Path, shape: tuple[int, ...], statement: Statement = NOTHING_STATED) -> Annotation:
    """Read partial labels of a scan.

    Parameters
    ----------
    path
        A label image in any readable format (also a napari label layer saved as ``.npy``, ``.tif`` or ``.zarr``), the ROIs of
        ImageJ (``.zip``, ``.roi``), a folder with a mask of each cell, or a folder of slices.
    shape
        The scan's, (Y, X) or (Z, Y, X).
    statement
        What is said about them: which slices are complete, where they lie, which value means that nobody knows.

    Raises
    ------
    FileError, LabelsError, SettingsError
        Where they cannot be read, do not fit the scan, or contradict themselves.
    """
    statement.check(shape, "the scan")
    drawing = _draw(Path(path), shape, statement)
    if not (drawing.values > 0).any():
        raise LabelsError(
            f"{Path(path).name} holds no cell", "cells are numbers above 0", "is it the file that was drawn in?"
        )
    background, meaning = known_background(drawing, statement)
    labels = np.where(background | (drawing.values != 0), drawing.values, UNKNOWN).astype(np.int32)
    return Annotation(labels, drawing.source, meaning)


def _draw(path: Path, shape: tuple[int, ...], statement: Statement) -> Drawing:
    if path.suffix.lower() in rois.SUFFIXES and path.is_file():
        return rois.draw(path, shape, statement)
    files = masks.mask_files(path, len(shape)) if path.is_dir() and not _is_zarr(path) else []
    if files:
        return masks.draw(files, shape, statement)
    values = io.read_labels(path).read()
    return place(_unlabelled(check(values, path.name), statement.unlabelled), shape, statement, path.name)


def _is_zarr(path: Path) -> bool:
    return path.suffix == ".zarr" or any((path / mark).exists() for mark in ("zarr.json", ".zgroup", ".zarray"))


def _unlabelled(values: NDArray[np.int32], unlabelled: int | None) -> NDArray[np.int32]:
    """Return the values with -1 for the one that means that nobody knows."""
    return (
        values if unlabelled in (None, 0, UNKNOWN) else np.where(values == unlabelled, UNKNOWN, values).astype(np.int32)
    )


def known_background(drawing: Drawing, statement: Statement) -> tuple[NDArray[np.bool_], str]:
    """Tell where a voxel of 0 is known to be no cell, and say so in words.

    On the slices that are complete, where any are named; everywhere in the file, where something other than 0 stands for
    what nobody knows; else nowhere.
    """
    marked = statement.unlabelled not in (None, 0) or bool((drawing.values == UNKNOWN).any())
    if isinstance(statement.slices, tuple):
        ndim = drawing.values.ndim
        complete = np.zeros(drawing.values.shape, bool)
        complete[statement.named(ndim)] = True
        named = these_slices(statement.slices, statement.axis, ndim)
        return complete & drawing.reached, f"complete: {named}, counted from 1; 0 in them is background"
    if statement.slices == "all":
        return drawing.reached, "all slices are complete: 0 is background"
    if marked:
        value = UNKNOWN if statement.unlabelled is None else statement.unlabelled
        return drawing.reached, f"0 is background, {value} is what nobody knows"
    return np.zeros_like(drawing.reached), "only these cells are known: 0 says nothing"
