"""From a tissue map and a few cells to all cells: tissue by tissue, around what is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.densify.base import CELL_TISSUES, Dense, with_rim
from mesophyll.densify.fragments import distance
from mesophyll.densify.given import at_home, sort_out
from mesophyll.densify.part import Part, fill
from mesophyll.errors import LabelsError
from mesophyll.labels import UNKNOWN, Labels, check
from mesophyll.progress import Progress, silent
from mesophyll.tissues import TISSUES, UNKNOWN_CODE, name_of
from mesophyll.volume import check_spacing

__all__ = ["checked", "densify"]


def densify(
    scans: Sequence[NDArray[Any]],
    tissue: NDArray[Any],
    cells: NDArray[Any],
    spacing_um: float | Sequence[float],
    *,
    progress: Progress = silent,
) -> Dense:
    """Find the cells that the user has not given.

    Parameters
    ----------
    scans
        One or more reconstructions of one scan, grey values of the shape (Y, X) or (Z, Y, X). Walls show best in Paganin.
    tissue
        The same shape: codes of `mesophyll.tissues`, 255 or -1 where nobody knows; nothing is added there.
    cells
        The same shape: the user's cells, > 0; 0 and -1 are not given. A cell of a volume that was traced on single planes
        grows from there, one that is there in depth is whole.
    spacing_um
        The voxel's edge lengths (Z, Y, X), or one for all.
    progress
        Told after each tissue.

    Returns
    -------
    Dense
        Added cells are numbered on from the highest number that is given.

    Raises
    ------
    LabelsError
        Where shapes differ, the map holds what is no tissue's code, or no voxel of a tissue that is made of cells.
    """
    given = np.maximum(check(cells, "the cells"), 0)
    spacing = check_spacing(spacing_um, given.ndim)
    codes = checked(scans, tissue, given)
    labels = given.copy()
    confidence = ((given > 0) | ((codes != UNKNOWN) & ~np.isin(codes, CELL_TISSUES))).astype(np.float32)
    from_air = distance(np.isin(codes, CELL_TISSUES) | (given > 0), spacing)
    known, home = sort_out(given), at_home(given, codes)
    boxes = ndimage.find_objects(np.maximum(codes, 0), max(TISSUES))
    present = [code for code in CELL_TISSUES if boxes[code - 1] is not None]
    highest = int(given.max(initial=0))
    for done, code in enumerate(present, start=1):
        box = with_rim(boxes[code - 1], given.shape)
        inner = [np.ascontiguousarray(scan[box]) for scan in scans]
        mask = (codes[box] == code) & ((given[box] == 0) | (home[box] == code))
        part = Part(code, mask, inner, from_air[box], known.within(box, mask & (home[box] == code)))
        found, trust = fill(part, spacing)
        free = (found != 0) & (given[box] == 0)
        labels[box][free] = np.where(found < 0, highest - found, found)[free]
        confidence[box][free] = trust[free]
        highest = max(highest, int(labels[box].max()))
        progress(f"filling {len(present)} tissues", done, len(present))
    labels[(codes == UNKNOWN) & (labels == 0)] = UNKNOWN
    return Dense(labels, confidence, _count(labels) - _count(given))


def _count(labels: Labels) -> int:
    return len(np.unique(labels[labels > 0]))


def checked(scans: Sequence[NDArray[Any]], tissue: NDArray[Any], given: Labels) -> Labels:
    """Return the tissue map as codes, -1 where nobody knows; errors are those of `densify`."""
    for name, array in [("the tissue map", tissue), *(("the scan", scan) for scan in scans)]:
        if array.shape != given.shape:
            raise LabelsError(
                f"{name} has the shape {array.shape}, the cells {given.shape}",
                "scans, tissue map and cells show the same voxels",
                "pass those of one scan; `mesophyll annotate` places parts and slices",
            )
    codes = check(tissue, "the tissue map")
    codes = np.where(codes == UNKNOWN_CODE, UNKNOWN, codes).astype(np.int32)
    strange = np.setdiff1d(codes, [*TISSUES, UNKNOWN])
    if strange.size:
        raise LabelsError(
            f"the tissue map holds {', '.join(map(str, strange[:8]))}",
            f"its codes are {', '.join(f'{code} {name}' for code, name in TISSUES.items())}",
            "turn it into them: mesophyll annotate --tissue FILE --preset NAME; `mesophyll presets FILE` names a likely one",
        )
    if not np.isin(codes, CELL_TISSUES).any():
        raise LabelsError(
            f"the tissue map holds only {', '.join(name_of(int(code)) for code in np.unique(codes))}",
            "cells are looked for in epidermis, palisade, spongy, bundle sheath and vein",
            "label at least one of these",
        )
    return codes
