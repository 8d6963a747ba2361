"""Cells and their connected pieces, as volumes (Z, Y, X); an image is a volume of one layer."""

from __future__ import annotations

import cc3d
import numpy as np

from mesophyll.labels import Labels

__all__ = ["as_volume", "largest_pieces", "pieces"]


def as_volume(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape (Z, Y, X) of what has the shape S."""
    return (1,) * (3 - len(shape)) + tuple(shape)


def pieces(labels_S: Labels) -> tuple[Labels, int]:
    """Number the pieces of all cells 1, 2, 3, ..., shape (Z, Y, X), and count them; voxels hang together by corners, too.

    In a patch, a long cell may show as several pieces; each of them is encoded as a cell.
    """
    inside = np.ascontiguousarray(np.maximum(labels_S, 0))  # of another layout, all loops would be compiled anew
    volume = inside.reshape(as_volume(labels_S.shape))
    cells, count = cc3d.connected_components(volume, connectivity=26, return_N=True)
    return cells.reshape(volume.shape).astype(np.int32), int(count)


def largest_pieces(labels: Labels) -> Labels:
    """Keep the largest piece (by faces) of each cell; the other pieces become 0."""
    found, count = cc3d.connected_components(labels, connectivity=6, return_N=True)
    if count == 0:
        return labels
    sizes = np.bincount(found.ravel(), minlength=count + 1)
    owner = np.zeros(count + 1, np.int64)
    owner[found.ravel()] = labels.ravel()
    order = np.argsort(sizes, kind="stable")
    best = np.zeros(int(owner.max()) + 1, np.int64)
    best[owner[order]] = order  # the largest piece of an owner comes last and stays
    keep = np.isin(np.arange(count + 1), best[1:])
    keep[0] = False
    return np.where(keep[found], labels, 0).astype(np.int32)
