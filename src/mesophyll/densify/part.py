"""One tissue from the user's cells to dense ones: cut, calibrate, cut again around what is given, merge, sieve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.densify.calibration import calibrated
from mesophyll.densify.contacts import find
from mesophyll.densify.fragments import cut
from mesophyll.densify.given import Given
from mesophyll.densify.merging import Merged, merge
from mesophyll.densify.rule import Rule, rule_for
from mesophyll.densify.sieve import confidences
from mesophyll.densify.walls import ridges
from mesophyll.labels import Labels
from mesophyll.volume import Spacing

__all__ = ["Part", "fill", "merged_cells"]


@dataclass(frozen=True)
class Part:
    """One tissue in a box around it.

    Parameters
    ----------
    tissue
        Its code.
    mask
        Where it is, without the user's cells of other tissues.
    scans
        One or more reconstructions.
    from_air
        The distance of each voxel from what is no cell, in voxels.
    given
        The user's cells of this tissue.
    """

    tissue: int
    mask: NDArray[np.bool_]
    scans: list[NDArray[Any]]
    from_air: NDArray[np.float32]
    given: Given


def fill(part: Part, spacing_um: Spacing) -> tuple[Labels, NDArray[np.float32]]:
    """Return the cells of a tissue and the confidence of each voxel.

    Returns
    -------
    cells
        int32: the user's traced cells, grown, under their numbers; added ones as -1, -2, -3, ...; 0 elsewhere, also where the
        user's whole cells are.
    confidence
        float32, of the added and the grown; 0 elsewhere.
    """
    if not (part.mask & (part.given.whole == 0)).any():
        return np.zeros(part.mask.shape, np.int32), np.zeros(part.mask.shape, np.float32)
    found, merged, rule = merged_cells(part, spacing_um)
    confidence = confidences(found, merged, rule, part.tissue)
    numbers = np.zeros(len(merged.root), np.int32)
    present = np.unique(found[found > 0])
    numbers[present] = -np.arange(1, len(present) + 1)
    numbers[merged.cells > 0] = merged.cells[merged.cells > 0]
    return numbers[found], np.where(found > 0, confidence[found], 0).astype(np.float32)


def merged_cells(part: Part, spacing_um: Spacing) -> tuple[Labels, Merged, Rule]:
    """Return the cells of a tissue by the fragment that stands for each, how they came about, and by which rule."""
    given = part.given
    wall = ridges(part.scans, part.mask, part.from_air)
    rule = rule_for(part.tissue, given.sizes_vox(), spacing_um)
    if given.whole.any() or given.traced.any():
        rule = calibrated(rule, cut(part.mask, wall, spacing_um), given)
    fragments = cut(part.mask & (given.whole == 0), wall, spacing_um, given.traced)
    merged = merge(find(fragments), rule, fragments.cells)
    return merged.root[fragments.labels].astype(np.int32), merged, rule
