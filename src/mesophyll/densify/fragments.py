"""Cut a tissue into more pieces than it has cells: each cell is some of them."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from mesophyll.densify.walls import masked_blur
from mesophyll.labels import Labels
from mesophyll.volume import Spacing

__all__ = ["Fragments", "cut", "distance"]

_SMOOTH = 0.5
"""Standard deviation, in voxels, that takes the steps out of the distance and the grain out of the ridges."""

_WALL = 0.5
"""Voxels of depth that a ridge of one standard deviation counts as."""

_RISE = 0.15
"""Voxels that a peak must rise above the way to a higher one to be a fragment of its own."""

_STEPS = 50
"""Levels in a voxel: the search for peaks wants whole numbers."""


@dataclass(frozen=True)
class Fragments:
    """A tissue in pieces.

    Parameters
    ----------
    labels
        int32, 1, 2, 3, ...; the first ones are the traced cells with what they have flooded.
    depth
        float32, the distance from the tissue's surface, in voxels, smoothed.
    ridges
        As from `walls.ridges`.
    cells
        For each fragment, from 0 on, the traced cell that it belongs to; 0 for none.
    """

    labels: Labels
    depth: NDArray[np.float32]
    ridges: NDArray[np.float32]
    cells: NDArray[np.int64]


def distance(mask: NDArray[np.bool_], spacing_um: Spacing) -> NDArray[np.float32]:
    """Return the distance from what is not in the mask, in voxels of the mean edge length; the volume's edge is none."""
    scale = float(np.prod(spacing_um)) ** (1 / len(spacing_um))
    found = edt.edt(np.ascontiguousarray(mask), anisotropy=tuple(step / scale for step in spacing_um))
    return np.minimum(np.asarray(found, np.float32), np.float32(max(mask.shape)))


def cut(
    mask: NDArray[np.bool_], ridges: NDArray[np.float32], spacing_um: Spacing, traced: Labels | None = None
) -> Fragments:
    """Cut a tissue where it is narrow and where walls show; traced cells flood from where they are.

    Parameters
    ----------
    mask
        The tissue, without the user's whole cells; (Y, X) or (Z, Y, X).
    ridges
        As from `walls.ridges`.
    spacing_um
        The voxel's edge lengths.
    traced
        The user's traced cells, 0 elsewhere.
    """
    depth = masked_blur(distance(mask, spacing_um), mask, _SMOOTH)
    height = np.where(mask, depth - _WALL * masked_blur(ridges, mask, _SMOOTH), 0)
    height = np.where(mask, height - height.min() + 1, 0)
    levels = np.round(height * _STEPS).astype(np.int32)
    peaks = (h_maxima(levels, round(_RISE * _STEPS)) > 0) & mask
    given = np.zeros(mask.shape, np.int32) if traced is None else np.where(mask, traced, 0)
    names = np.union1d(0, given)
    markers = np.searchsorted(names, given).astype(np.int32)
    markers = np.where(given == 0, _numbered(peaks & (given == 0), len(names)), markers)
    markers = np.where(mask, _none_left_out(markers, mask), 0)
    labels = watershed(-height, markers, mask=mask).astype(np.int32)
    cells = np.zeros(int(markers.max()) + 1, np.int64)
    cells[: len(names)] = names
    return Fragments(labels, depth, ridges, cells)


def _numbered(mask: NDArray[np.bool_], start: int) -> Labels:
    """Number the connected pieces of a mask from ``start`` on."""
    pieces = cc3d.connected_components(mask, connectivity=8 if mask.ndim == 2 else 26).astype(np.int32)
    return np.where(pieces > 0, pieces + (start - 1), 0).astype(np.int32)


def _none_left_out(markers: Labels, mask: NDArray[np.bool_]) -> Labels:
    """Return markers of which every connected piece of the mask has one: a flat piece has no peak."""
    pieces = cc3d.connected_components(mask, connectivity=4 if mask.ndim == 2 else 6)
    reached = np.unique(pieces[markers > 0])
    return np.where(np.isin(pieces, np.append(reached, 0)), markers, _numbered_after(pieces, reached, markers)).astype(
        np.int32
    )


def _numbered_after(pieces: NDArray[np.integer], reached: NDArray[np.integer], markers: Labels) -> Labels:
    """Number the pieces that no marker reached, after the markers."""
    left = np.setdiff1d(pieces, np.append(reached, 0))
    return (np.searchsorted(left, pieces) + 1 + int(markers.max())).astype(np.int32)
