"""Putting a leaf on a grid: which cell, and which tissue, is at each voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom.anatomy import bodies, epidermis, veins
from mesophyll.phantom.anatomy.fields import Floats, centres
from mesophyll.phantom.anatomy.growth import Leaf
from mesophyll.phantom.anatomy.pieces import tidy
from mesophyll.volume import Spacing

__all__ = ["rasterise"]


def rasterise(leaf: Leaf, shape: tuple[int, int, int], spacing_um: Spacing) -> tuple[Labels, NDArray[np.uint8]]:
    """Put a leaf on a grid.

    Returns
    -------
    labels
        Shape (Z, Y, X): cells numbered 1, 2, 3, ..., each of one piece.
    tissue
        Shape (Z, Y, X): codes of `mesophyll.tissues`.
    """
    labels = np.zeros(shape, dtype=np.int32)
    step = np.asarray(spacing_um)
    z = centres(shape[0], step[0])[:, None]
    x = centres(shape[2], step[2])[None, :]

    tissue_of, inside = _skins(leaf, labels, z, x, step)
    free = inside & (labels == 0)
    for each in leaf.veins:
        course = veins.on_grid(each, leaf.frame, z, x)
        veins.carve(labels, free, course, each.section, step, len(tissue_of))
        tissue_of = np.append(tissue_of, each.tissue_of)
        free &= labels == 0
    tissue_of = np.append(tissue_of, _cells(leaf, labels, free, spacing_um, len(tissue_of)))

    labels, tissue_of = tidy(labels, tissue_of, float(np.prod(spacing_um)))
    tissue = tissue_of[labels]
    tissue[inside & (labels == 0)] = tissues.AIRSPACE
    return labels, tissue


def _skins(
    leaf: Leaf, labels: Labels, z: Floats, x: Floats, step: Floats
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Number the voxels of both epidermes; return the numbers' tissues, and which voxels lie within the leaf."""
    frame = leaf.frame
    maps = [epidermis.on_grid(skin, z, x) for skin in leaf.skins]
    top = frame.upper_outer(z, x) - maps[0].outward_um
    bottom = frame.lower_outer(z, x) + maps[1].outward_um
    first_lower = 1 + len(leaf.skins[0].seeds)
    inner = frame.upper_inner(z, x) + maps[0].inward_um
    epidermis.fill(labels, top, inner, maps[0].cell + 1, maps[0].slant, step)
    inner = frame.lower_inner(z, x) - maps[1].inward_um
    epidermis.fill(labels, bottom, inner, maps[1].cell + first_lower, maps[1].slant, step)
    y = centres(labels.shape[1], step[1])[None, :, None]
    inside = (y >= top[:, None, :]) & (y < bottom[:, None, :])
    counts = [1] + [len(skin.seeds) for skin in leaf.skins]
    codes = np.array([tissues.BACKGROUND, tissues.UPPER_EPIDERMIS, tissues.LOWER_EPIDERMIS], dtype=np.uint8)
    return np.repeat(codes, counts), inside


def _cells(leaf: Leaf, labels: Labels, free: NDArray[np.bool_], spacing_um: Spacing, first: int) -> NDArray[np.uint8]:
    """Number the voxels of the mesophyll's cells, swollen or shrunk together until the air's share is as drawn."""
    owner, distance = bodies.press(leaf.cells, free, spacing_um, leaf.bumps)
    if free.any():
        level = np.quantile(distance[free][::7], 1 - leaf.porosity)  # every seventh voxel is enough for a share
        held = free & (owner >= 0) & (distance < np.clip(level, -1.5, bodies.REACH_UM - 0.2))
        labels[held] = owner[held] + first
    return np.array([body.tissue for body in leaf.cells], dtype=np.uint8)
