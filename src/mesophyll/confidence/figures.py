"""What speaks for a cell, or against it: figures of each cell, from what the network says of its voxels.

None of them knows any method by name: what a network says is compared with what it would say were the cells right, which is
what their representation encodes.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Block, Region, grid, grow
from mesophyll.labels import UNKNOWN, Labels
from mesophyll.logistic import Floats
from mesophyll.progress import Progress, silent, track
from mesophyll.representations import Representation

__all__ = ["EVIDENCE", "evidence"]

EVIDENCE = ("doubt", "disagreement", "spread", "contact", "border", "size", "surface")
"""The figures, in the order of their columns.

doubt
    How far channel 0, of most methods the foreground, is from what it would be.
disagreement, spread
    How far the other channels are from what they would be: mean over the voxels of the cell, and standard deviation.
contact, border
    Shares of the cell's faces: those with other cells, those with the edge of the volume.
size
    Logarithm of the number of voxels.
surface
    Logarithm of the number of faces, less that of a compact cell of as many voxels.
"""

_BLOCK = 128
"""Side of the pieces that are looked at; with their halo, and some channels, they fit into the memory of a laptop."""


def evidence(
    representation: Representation, outputs: NDArray[np.floating], labels: Labels, *, progress: Progress = silent
) -> Floats:
    """Return the figures of each cell, a row each, of cells numbered 1 .. n.

    Parameters
    ----------
    representation
        What the outputs mean.
    outputs
        Shape (C, *S), activated; may lie in a file.
    labels
        Shape S, the cells that were read from them: 0, 1, ..., n; may lie in a file.
    progress
        Told how far it is.

    Returns
    -------
    NDArray
        float64, shape (n, `EVIDENCE`).
    """
    blocks = grid(labels.shape, _BLOCK, representation.halo)
    count = 1 + max(int(labels[block.write].max(initial=0)) for block in blocks)
    voxels = np.zeros((4, count))
    faces = np.zeros((3, count))
    for block in track(blocks, "weighing evidence", progress):
        voxels += _agreement(representation, outputs, labels, block, count)
        faces += _faces(labels, block.write, count)
    return _figures(voxels[:, 1:], faces[:, 1:], labels.ndim)


def _figures(voxels: Floats, faces: Floats, ndim: int) -> Floats:
    """Put sums over voxels and faces into figures."""
    size, doubt, apart, squares = voxels
    met, others, edge = faces
    mean = apart / size
    spread = np.sqrt(np.maximum(squares / size - mean**2, 0))
    surface = np.log(met) - (ndim - 1) / ndim * np.log(size)
    return np.stack([doubt / size, mean, spread, others / met, edge / met, np.log(size), surface], axis=1)


def _agreement(
    representation: Representation, outputs: NDArray[np.floating], labels: Labels, block: Block, count: int
) -> Floats:
    """Return for each cell its voxels in a block, and the sums over them of how far what is said is from what should be."""
    seen = np.asarray(labels[block.read])
    inside = seen[block.inner] > 0
    if not inside.any():
        return np.zeros((4, count))
    should = representation.encode(seen)[(slice(None), *block.inner)][:, inside]
    said = np.asarray(outputs[(slice(None), *block.write)], np.float32)[:, inside]
    apart = np.nan_to_num(np.abs(said - should))  # of what the cells do not tell, none is wrong
    rest = apart[1:].mean(axis=0) if len(apart) > 1 else apart[0]
    cells = seen[block.inner][inside]
    return np.stack([np.bincount(cells, part, count) for part in (np.ones(len(cells)), apart[0], rest, rest**2)])


def _faces(labels: Labels, region: Region, count: int) -> Floats:
    """Return for each cell the faces that its voxels in a region have: all, with other cells, with the volume's edge."""
    framed = _framed(labels, region)
    own = framed[(slice(1, -1),) * labels.ndim]
    total = np.zeros((3, count))
    for axis, step in itertools.product(range(labels.ndim), (-1, 1)):
        beyond = np.roll(framed, step, axis)[(slice(1, -1),) * labels.ndim]
        met = (own > 0) & (beyond != own)
        cells, other = own[met], beyond[met]
        for row, counted in enumerate((cells, cells[other > 0], cells[other == UNKNOWN])):
            total[row] += np.bincount(counted, minlength=count)
    return total


def _framed(labels: Labels, region: Region) -> Labels:
    """Return the cells of a region and of one voxel around it; -1 beyond the volume."""
    around = grow(region, 1, labels.shape)
    lacking = [
        (1 - (own.start - seen.start), 1 - (seen.stop - own.stop)) for own, seen in zip(region, around, strict=True)
    ]
    return np.pad(np.asarray(labels[around]), lacking, constant_values=UNKNOWN)
