"""A scan of any labelled volume, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import LabelsError
from mesophyll.phantom.grid import Grid
from mesophyll.phantom.scanner.faces import Faces
from mesophyll.phantom.scanner.optics import Optics
from mesophyll.phantom.scanner.scan import Scan
from mesophyll.volume import LazyArray, check_spacing

__all__ = ["image", "prepare"]


def prepare(
    labels: LazyArray,
    tissue: LazyArray | None,
    spacing_um: float | Sequence[float],
    rng: np.random.Generator,
    optics: Optics | None = None,
) -> Scan:
    """Draw the scan of a labelled volume, which may be larger than memory; `Scan.write` then exposes it.

    Parameters
    ----------
    labels
        Shape (Z, Y, X), > 0 cells; 0 and -1 are air, or the medium where the tissue says background.
    tissue
        Shape (Z, Y, X), codes of `mesophyll.tissues`; background becomes the medium around the leaf. None where it is not
        known: cells have the walls of mesophyll, all that is no cell is air.
    spacing_um
        The voxel's edge lengths (Z, Y, X), or one for all.
    rng
        Draws noise and everything that differs from scan to scan.
    optics
        The ranges it draws from; those of a good scan by default.

    Raises
    ------
    LabelsError
        Where labels are no whole numbers or have not three axes, or the tissue map has another shape.
    """
    _check(labels, tissue)
    deep, high, wide = labels.shape
    volume = Grid((deep, high, wide), check_spacing(spacing_um, 3))
    faces = Faces.nowhere() if tissue is None else Faces.find(tissue, volume)
    return Scan.draw(rng, optics or Optics(), volume, faces)


def image(
    labels: LazyArray,
    tissue: LazyArray | None,
    spacing_um: float | Sequence[float],
    rng: np.random.Generator,
    optics: Optics | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scan a labelled volume in memory; what is passed, and what is raised, is as in `prepare`.

    Returns
    -------
    gridrec, paganin
        Shape (Z, Y, X), uint8 or uint16.
    """
    scan = prepare(labels, tissue, spacing_um, rng, optics)
    gridrec, paganin = (np.empty(labels.shape, scan.dtype) for _ in range(2))
    scan.write(labels, tissue, (gridrec, paganin))
    return gridrec, paganin


def _check(labels: LazyArray, tissue: LazyArray | None) -> None:
    if len(labels.shape) != 3 or 0 in labels.shape or np.dtype(labels.dtype).kind not in "iu":
        raise LabelsError(
            f"labels have the shape {labels.shape} and the type {labels.dtype}",
            "a scan is made of whole numbers along three axes (Z, Y, X)",
            "pass a volume of labels; a section can be made one with labels[None]",
        )
    if tissue is not None and tissue.shape != labels.shape:
        raise LabelsError(
            f"the tissue map has the shape {tissue.shape}, labels {labels.shape}",
            "both must show the same volume",
            "pass the tissue map of these labels, or none",
        )
