"""A result: scan, labels and provenance together in one OME-Zarr folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import FileError, LabelsError
from mesophyll.io import files
from mesophyll.io.atomic import replacing
from mesophyll.io.base import Content
from mesophyll.io.judgement import check_thick
from mesophyll.volume import Volume

__all__ = ["Result", "read_result", "write_result"]


@dataclass(frozen=True)
class Result:
    """A scan, the cells found in it, and how they were found.

    Parameters
    ----------
    scan, labels
        Lazy, of one shape and spacing.
    notes
        The provenance, as it was written.
    confidence
        How sure each cell is that was told of, by its number: the probability that it is right.
    """

    scan: Volume
    labels: Volume
    notes: dict[str, Any]
    confidence: Mapping[int, float] = field(default_factory=dict)


def write_result(
    path: str | Path,
    scan: Volume,
    labels: Volume,
    notes: Mapping[str, Any],
    *,
    confidence: Sequence[float] | NDArray[np.floating] | None = None,
) -> None:
    """Write scan, labels and provenance as one OME-Zarr 0.5 folder, whole or not at all.

    The scan is a multiscale image, the labels lie beside it under ``labels/cells``, the notes are the attribute
    ``mesophyll``. Labels without a spacing of their own take the scan's. How sure the cells 1, 2, 3, ... are stands among the
    labels' properties, where viewers find it.
    """
    from mesophyll.io import ome_zarr

    _check_suffix(Path(path))
    if scan.shape != labels.shape:
        raise LabelsError(
            f"{labels.name} has the shape {labels.shape}, {scan.name} {scan.shape}",
            "labels have the shape of their scan",
            "pass the labels of this scan",
        )
    check_thick(scan.shape, scan.name)
    placed = replace(labels, spacing_um=scan.spacing_um, origin_um=scan.origin_um, name=ome_zarr.CELLS)
    image = Content(replace(scan, data=files.storable(scan, labels=False)), notes=files.plain(notes))
    with replacing(path) as partial:
        ome_zarr.write(partial, image)
        stored = replace(placed, data=files.storable(placed, labels=True))
        ome_zarr.write_labels(partial, stored, confidence=() if confidence is None else confidence)


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() != ".zarr":
        raise FileError(
            f"{path.name} is no name for a result", "a result is a .zarr folder", f"call it {path.stem}.zarr"
        )


def read_result(path: str | Path) -> Result:
    """Read what `write_result` wrote; scan and labels stay on disk until they are indexed."""
    folder = Path(path)
    if not (folder / "labels").is_dir():
        raise FileError(
            f"{folder} is no result: it holds no labels",
            "a result is an OME-Zarr folder with scan and labels",
            "pass the .zarr that was written",
        )
    from mesophyll.io import ome_zarr

    return Result(
        files.read(folder), files.read_labels(folder), files.read_notes(folder), ome_zarr.read_confidence(folder)
    )
