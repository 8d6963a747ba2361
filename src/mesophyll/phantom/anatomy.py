"""The leaf itself: which cell, and which tissue, is at each voxel.

All is drawn in µm, each part from a stream of its own, before the first voxel is looked at: the same seed in a volume of
the same size is the same leaf at any voxel size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom import bodies, epidermis, vein
from mesophyll.phantom.description import Anatomy
from mesophyll.phantom.fields import Floats, centres, draw
from mesophyll.phantom.frame import Frame, lay
from mesophyll.phantom.mesophyll import clear_of_veins, palisade, spongy
from mesophyll.phantom.pieces import tidy
from mesophyll.volume import Spacing

__all__ = ["Leaf", "grow", "rasterise"]


@dataclass(frozen=True)
class Leaf:
    """A leaf in µm.

    Parameters
    ----------
    frame
        Its faces.
    skins
        The upper and the lower epidermis.
    veins
        None or more.
    cells
        The palisade and the spongy cells.
    bumps
        What makes the cells' outlines uneven.
    porosity
        The share of air in the mesophyll.
    """

    frame: Frame
    skins: tuple[epidermis.Skin, epidermis.Skin]
    veins: list[vein.Vein]
    cells: list[bodies.Body]
    bumps: NDArray[np.float32]
    porosity: float


def grow(rng: np.random.Generator, anatomy: Anatomy, extent_um: tuple[float, float, float]) -> Leaf:
    """Draw a leaf for a volume of the given edge lengths (Z, Y, X)."""
    of_frame, of_upper, of_lower, of_veins, of_columns, of_spongy, of_rest = rng.spawn(7)
    frame = lay(of_frame, anatomy, extent_um)
    upper = epidermis.grow(of_upper, anatomy, frame, frame.upper_um)
    lower = epidermis.grow(of_lower, anatomy, frame, frame.lower_um)
    veins = vein.grow(of_veins, anatomy, frame)
    share = draw(of_rest, anatomy.palisade_share)
    columns = clear_of_veins(palisade(of_columns, anatomy, frame, share), veins, frame)
    sponge = clear_of_veins(spongy(of_spongy, anatomy, frame, share, columns), veins, frame)
    bumps = bodies.lumps(of_rest, 0.45)
    return Leaf(frame, (upper, lower), veins, columns + sponge, bumps, draw(of_rest, anatomy.porosity))


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
        course = vein.on_grid(each, leaf.frame, z, x)
        vein.carve(labels, free, course, each.section, step, len(tissue_of))
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
