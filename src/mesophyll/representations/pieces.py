"""Cells and their connected pieces, as volumes (Z, Y, X); an image is a volume of one layer."""

from __future__ import annotations

import cc3d
import numpy as np

from mesophyll.labels import Labels

__all__ = ["as_volume", "pieces"]


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
