"""Turn the ends of a flow into cells: where many voxels arrive lies one cell.

Volumes (Z, Y, X); a 2D image is a volume of one layer.
"""

from __future__ import annotations

from typing import Any

import cc3d
import numba
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels, remove_small, sequential
from mesophyll.representations.geometry.neighbours import faces
from mesophyll.representations.geometry.pieces import largest_pieces
from mesophyll.representations.linking.joining import likely_pieces

__all__ = ["gather", "grow_into", "settle"]


def gather(
    moved: NDArray[np.float32],
    inside: NDArray[np.bool_],
    min_arrivals: int,
    min_size_vox: int,
    oneness: NDArray[np.float32] | None = None,
) -> Labels:
    """Group voxels by where they arrive.

    Parameters
    ----------
    moved
        Displacement of each voxel, shape (3, Z, Y, X), in voxels.
    inside
        The voxels that belong to cells, shape (Z, Y, X).
    min_arrivals
        A sink is where at least so many voxels arrive in a box of 3 voxels' side; sinks that touch are one.
    min_size_vox
        Smaller cells are dropped. So are voxels cut off from their cell: they join the cell around them.
    oneness
        How likely each voxel and the next one along each axis are one cell, shape (3, Z, Y, X): sinks that touch are one
        only where that is above 1/2.
    """
    arrivals: NDArray[np.int32] = _arrivals(moved, inside)
    many = _box_sum(arrivals) >= min_arrivals
    if oneness is None:
        sinks = cc3d.connected_components(many, connectivity=26).astype(np.int32)
    else:
        sinks = likely_pieces(many, oneness)
    labels = _labels_at_ends(moved, inside, sinks)
    return settle(labels, inside, min_size_vox)


def settle(labels: Labels, inside: NDArray[np.bool_], min_size_vox: int) -> Labels:
    """Return cells of one piece that fill the voxels inside as far as they reach, and no others, numbered 1, 2, 3, ...

    Of each cell the largest piece inside is kept. What it loses, and what nobody claimed, goes to the cell around it. Then
    cells smaller than ``min_size_vox`` are dropped.
    """
    own = largest_pieces(np.where(inside, labels, 0).astype(np.int32))
    return sequential(remove_small(grow_into(own, inside), min_size_vox))


def grow_into(labels: Labels, inside: NDArray[np.bool_]) -> Labels:
    """Let cells grow, a layer of face neighbours at a time, into the voxels inside that they reach; a copy is returned."""
    grown: Labels = _grow(labels, inside)
    return grown


@numba.njit(cache=True)
def _arrivals(moved: Any, inside: Any) -> Any:
    arrivals = np.zeros(inside.shape, np.int32)
    for z in range(inside.shape[0]):
        for y in range(inside.shape[1]):
            for x in range(inside.shape[2]):
                if inside[z, y, x]:
                    arrivals[_end(moved, z, y, x)] += 1
    return arrivals


@numba.njit(cache=True, inline="always")
def _end(moved: Any, z: Any, y: Any, x: Any) -> Any:
    return (int(z + moved[0, z, y, x] + 0.5), int(y + moved[1, z, y, x] + 0.5), int(x + moved[2, z, y, x] + 0.5))


@numba.njit(cache=True, parallel=True)
def _labels_at_ends(moved: Any, inside: Any, sinks: Any) -> Any:
    labels = np.zeros(inside.shape, np.int32)
    for z in numba.prange(inside.shape[0]):
        for y in range(inside.shape[1]):
            for x in range(inside.shape[2]):
                if inside[z, y, x]:
                    labels[z, y, x] = sinks[_end(moved, z, y, x)]
    return labels


def _box_sum(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sum over a box of 3 voxels' side around each voxel."""
    for axis in range(counts.ndim):
        padded = np.pad(counts, [(1, 1) if other == axis else (0, 0) for other in range(counts.ndim)])
        parts = [padded[(slice(None),) * axis + (slice(start, start + counts.shape[axis]),)] for start in range(3)]
        counts = parts[0] + parts[1] + parts[2]
    return counts


@numba.njit(cache=True)
def _grow(labels: Any, inside: Any) -> Any:
    grown = labels.copy()
    flat, free = grown.ravel(), inside.ravel()
    queue = np.empty(labels.size, np.int32)
    tail = 0
    for voxel in range(flat.size):
        if flat[voxel] > 0:
            queue[tail] = voxel
            tail += 1
    head = 0
    while head < tail:  # first in, first out: a layer at a time
        here = queue[head]
        head += 1
        for there, exists in faces(here, labels.shape):
            if exists and free[there] and flat[there] == 0:
                flat[there] = flat[here]
                queue[tail] = there
                tail += 1
    return grown
