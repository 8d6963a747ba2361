"""A scan of any labelled volume that is in memory, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import LabelsError, SettingsError
from mesophyll.labels import Labels, check
from mesophyll.phantom.grid import Grid
from mesophyll.phantom.scanner.faces import Faces
from mesophyll.phantom.scanner.formation import Bits
from mesophyll.phantom.scanner.optics import Optics
from mesophyll.phantom.scanner.scan import Scan
from mesophyll.volume import check_spacing

__all__ = ["image"]

SIDE = 256
"""Voxels along each axis of the blocks in which a volume is exposed: what it costs in memory beyond the images."""


def image(
    labels: Labels,
    tissue: NDArray[np.uint8] | None,
    spacing_um: float | Sequence[float],
    rng: np.random.Generator,
    optics: Optics | None = None,
    *,
    bits: Bits = 8,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scan a labelled volume.

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
    bits
        8, or 16 for the same greys in finer steps.

    Returns
    -------
    gridrec, paganin
        Shape (Z, Y, X), uint8 or uint16.

    Raises
    ------
    LabelsError
        Where labels are none or have not three axes, or the tissue map has another shape.
    SettingsError
        Where ``bits`` is neither 8 nor 16.
    """
    labels = _check(labels, tissue, bits)
    volume = Grid((labels.shape[0], labels.shape[1], labels.shape[2]), check_spacing(spacing_um, 3))
    faces = Faces.nowhere() if tissue is None else Faces.find(tissue, volume)
    scan = Scan.draw(rng, optics or Optics(), volume, faces)
    gridrec, paganin = (np.empty(labels.shape, np.uint8 if bits == 8 else np.uint16) for _ in range(2))
    scan.write(labels, tissue, (gridrec, paganin), side=SIDE)
    return gridrec, paganin


def _check(labels: Labels, tissue: NDArray[np.uint8] | None, bits: int) -> Labels:
    labels = check(labels)
    if labels.ndim != 3 or labels.size == 0:
        raise LabelsError(
            f"labels have the shape {labels.shape}",
            "a scan needs three axes (Z, Y, X) of at least one voxel",
            "pass a volume; a section can be made one with labels[None]",
        )
    if tissue is not None and tissue.shape != labels.shape:
        raise LabelsError(
            f"the tissue map has the shape {tissue.shape}, labels {labels.shape}",
            "both must show the same volume",
            "pass the tissue map of these labels, or none",
        )
    if bits not in get_args(Bits):
        raise SettingsError(f"bits = {bits}", "a scan has 8 or 16 bits", "choose one of them")
    return labels
