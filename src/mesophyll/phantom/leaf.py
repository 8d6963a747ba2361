"""One synthetic leaf from one seed: its cells, its tissues, and two scans of it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import SettingsError
from mesophyll.labels import Labels
from mesophyll.phantom import anatomy, scanner
from mesophyll.phantom.kinds import describe
from mesophyll.volume import Spacing, check_spacing

__all__ = ["Phantom", "make"]

LEAST_VOX = 16
"""The least number of voxels along an axis."""

SPACING_UM = (0.1, 3.0)
"""The finest and the coarsest voxels: finer ones show nothing more, in coarser ones cells are gone."""


SIDE = 256
"""Voxels along each axis of the blocks in which a leaf is made."""


@dataclass(frozen=True)
class Phantom:
    """A synthetic leaf; all arrays have the shape (Z, Y, X), the leaf's upper side lies at small Y.

    Parameters
    ----------
    labels
        int32: 0 air and surround, cells numbered 1, 2, 3, ..., each of one piece.
    tissue
        uint8, codes of `mesophyll.tissues`.
    gridrec, paganin
        uint8, the two reconstructions of its scan.
    spacing_um
        The voxel's edge lengths (Z, Y, X).
    kind, seed
        What it was made from.
    """

    labels: Labels
    tissue: NDArray[np.uint8]
    gridrec: NDArray[np.uint8]
    paganin: NDArray[np.uint8]
    spacing_um: Spacing
    kind: str
    seed: int


def make(
    seed: int,
    *,
    shape: tuple[int, int, int] = (256, 256, 256),
    spacing_um: float | Sequence[float] = 0.65,
    kind: str = "grape",
) -> Phantom:
    """Make a synthetic leaf.

    The same arguments always give the same leaf. The same seed with other voxels, in a volume of the same size in µm,
    gives the same leaf seen otherwise.

    Parameters
    ----------
    seed
        Any whole number from 0 on.
    shape
        The number of voxels (Z, Y, X). A leaf is 110 to 160 µm thick; in a lower volume it is made thinner, down to
        70 µm.
    spacing_um
        The voxel's edge lengths (Z, Y, X), or one for all.
    kind
        One of `KINDS`.

    Raises
    ------
    SettingsError
        On an unknown kind, a negative seed, fewer than 16 voxels along an axis, or voxels not within 0.1 to 3 µm.
    """
    description = describe(kind)
    size = _check_shape(shape)
    spacing = _check_voxels(spacing_um)
    if operator.index(seed) < 0:
        raise SettingsError(f"seed = {seed}", "a seed is a whole number from 0 on", "choose another seed")
    of_anatomy, of_scanner = np.random.default_rng(seed).spawn(2)
    deep, high, wide = (round(count * step, 6) for count, step in zip(size, spacing, strict=True))
    leaf = anatomy.grow(of_anatomy, description.anatomy, (deep, high, wide))
    labels, tissue = np.zeros(size, np.int32), np.zeros(size, np.uint8)
    anatomy.rasterise(leaf, labels, tissue, spacing, side=SIDE)
    gridrec, paganin = scanner.image(labels, tissue, spacing, of_scanner, description.optics)
    return Phantom(labels, tissue, gridrec, paganin, spacing, kind, operator.index(seed))


def _check_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    size = tuple(operator.index(count) for count in shape)
    if len(size) != 3 or min(size) < LEAST_VOX:
        raise SettingsError(
            f"shape = {size}",
            f"a synthetic leaf has three axes (Z, Y, X) of at least {LEAST_VOX} voxels",
            "make the volume larger",
        )
    return size[0], size[1], size[2]


def _check_voxels(spacing_um: float | Sequence[float]) -> Spacing:
    spacing = check_spacing(spacing_um, 3)
    low, high = SPACING_UM
    if min(spacing) < low or max(spacing) > high:
        raise SettingsError(
            f"spacing_um = {spacing}",
            f"a synthetic leaf has voxels of {low} to {high} µm",
            "pass the voxel size in µm: Z Y X, or one number for cubic voxels",
        )
    return spacing
