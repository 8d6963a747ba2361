"""Putting a leaf on the voxels of its volume, block by block: which cell, and which tissue, is at each voxel."""

from __future__ import annotations

import numpy as np

from mesophyll import tissues
from mesophyll.blocks import Region, grid, shape_of
from mesophyll.phantom.anatomy.leaf import Leaf
from mesophyll.phantom.anatomy.pieces import Ledger
from mesophyll.phantom.grid import Grid
from mesophyll.progress import Progress, silent, track
from mesophyll.volume import Spacing, WritableArray

__all__ = ["rasterise"]


def rasterise(
    leaf: Leaf,
    labels: WritableArray,
    tissue: WritableArray,
    spacing_um: Spacing,
    *,
    side: int,
    progress: Progress = silent,
) -> int:
    """Write a leaf into two arrays, which may be larger than memory; the result does not depend on ``side``.

    Parameters
    ----------
    leaf
        The leaf.
    labels
        Shape (Z, Y, X), int32: becomes 0 where no cell is, and 1, 2, 3, ... in cells, each of one piece.
    tissue
        Shape (Z, Y, X), uint8: becomes codes of `mesophyll.tissues`.
    spacing_um
        The voxel's edge lengths.
    side
        Voxels along each axis of a block.
    progress
        Told after each block.

    Returns
    -------
    The number of cells.
    """
    blocks = grid(labels.shape, side, 0)
    ledger = Ledger(labels, float(np.prod(spacing_um)))
    for block in track(blocks, "growing cells", progress):
        found = leaf.number(_box(block.write, spacing_um))
        ledger.enter(block.write, found.numbers)
        tissue[block.write] = np.where(found.inside, tissues.AIRSPACE, tissues.BACKGROUND).astype(np.uint8)
    number, owner = ledger.settle([block.write for block in blocks])
    tissue_of = leaf.tissue_of[owner]
    for block in track(blocks, "numbering cells", progress):
        cells = number[labels[block.write]]
        labels[block.write] = cells
        tissue[block.write] = np.where(cells > 0, tissue_of[cells], tissue[block.write])
    return len(owner) - 1


def _box(region: Region, spacing_um: Spacing) -> Grid:
    deep, high, wide = shape_of(region)
    return Grid((deep, high, wide), spacing_um, (region[0].start, region[1].start, region[2].start))
