"""One synthetic leaf from one seed: its cells, its tissues, and two scans of it; and scans of cells from elsewhere."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import SettingsError
from mesophyll.phantom import anatomy
from mesophyll.phantom.grid import Grid
from mesophyll.phantom.kinds import DEFAULT_KIND, describe
from mesophyll.phantom.scanner import Faces, Optics, Scan, prepare
from mesophyll.progress import Progress, silent
from mesophyll.scratch import check_room, mapped
from mesophyll.volume import Spacing, Volume, check_spacing

__all__ = ["Phantom", "make", "render"]

LEAST_VOX = 16
"""The least number of voxels along an axis."""

SPACING_UM = (0.1, 3.0)
"""The finest and the coarsest voxels: finer ones show nothing more, in coarser ones cells are gone."""

SIDE = 256
"""Voxels along each axis of the blocks in which a leaf is made; they leave no trace in it."""


SCRATCH_BYTES = 18
"""What a voxel takes on disk for a while: labels, tissue and two scans, as arrays and once more as results."""


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
        uint8 (or uint16), the two reconstructions of its scan.
    spacing_um
        The voxel's edge lengths (Z, Y, X).
    kind, seed
        What it was made from.
    cells
        How many there are.
    """

    labels: NDArray[np.int32]
    tissue: NDArray[np.uint8]
    gridrec: NDArray[Any]
    paganin: NDArray[Any]
    spacing_um: Spacing
    kind: str
    seed: int
    cells: int

    def volumes(self) -> dict[str, Volume]:
        """Return gridrec, paganin, labels and tissue as volumes, by name."""
        names = ("gridrec", "paganin", "labels", "tissue")
        return {name: Volume(getattr(self, name), self.spacing_um, name=name) for name in names}


def make(
    seed: int = 0,
    *,
    shape: tuple[int, int, int] = (256, 256, 256),
    spacing_um: float | Sequence[float] = 0.65,
    kind: str = DEFAULT_KIND,
    scratch: Path | None = None,
    progress: Progress = silent,
) -> Phantom:
    """Make a synthetic leaf.

    The same arguments always give the same leaf. The same seed with other voxels, in a volume of the same size in µm,
    gives the same leaf seen otherwise.

    Parameters
    ----------
    seed
        Any whole number from 0 on.
    shape
        The number of voxels (Z, Y, X). In a volume lower than the leaf is thick, the leaf is made thinner.
    spacing_um
        The voxel's edge lengths (Z, Y, X), or one for all.
    kind
        One of `KINDS`, or a TOML file that says in what a leaf differs from one.
    scratch
        A folder for the arrays, which are then memory maps and may be larger than memory; they are as they would be in it.
    progress
        Told after each block.

    Raises
    ------
    SettingsError
        On an unknown kind, a negative seed, fewer than 16 voxels along an axis, voxels not within 0.1 to 3 µm, a volume
        smaller than a cell.
    """
    description = describe(kind)
    spacing = _check_voxels(spacing_um)
    volume = Grid(_check_shape(shape), spacing)
    of_anatomy, of_scanner = np.random.default_rng(_check_seed(seed)).spawn(2)
    deep, high, wide = (round(count * step, 6) for count, step in zip(volume.shape, spacing, strict=True))
    if min(deep, high, wide) < description.anatomy.narrowest_um:
        raise SettingsError(
            f"a volume of {deep:g} x {high:g} x {wide:g} µm",
            f"cells of {description.anatomy.narrowest_um:g} µm and more would be larger than the volume",
            "pass a larger shape, or larger voxels",
        )
    leaf = anatomy.grow(of_anatomy, description.anatomy, (deep, high, wide))
    if scratch is not None:
        check_room(scratch, math.prod(volume.shape) * SCRATCH_BYTES)
    labels, tissue = _array("labels", volume, np.int32, scratch), _array("tissue", volume, np.uint8, scratch)
    cells = anatomy.rasterise(leaf, labels, tissue, spacing, side=SIDE, progress=progress)
    scan = Scan.draw(of_scanner, description.optics, volume, Faces.find(tissue, volume), leaf.crystals)
    gridrec, paganin = (_array(name, volume, scan.dtype, scratch) for name in ("gridrec", "paganin"))
    scan.write(labels, tissue, (gridrec, paganin), progress=progress)
    return Phantom(labels, tissue, gridrec, paganin, spacing, kind, operator.index(seed), cells)


def render(
    labels: Volume,
    tissue: Volume | None = None,
    *,
    seed: int = 0,
    optics: Optics | None = None,
    scratch: Path | None = None,
    progress: Progress = silent,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scan any labelled volume, such as a segmentation of a real leaf, as `make` scans its own.

    Parameters
    ----------
    labels, tissue, optics
        As `scanner.prepare` takes them; they may be lazy, and labels must state their voxels.
    seed
        Draws what differs from scan to scan.
    scratch, progress
        As in `make`.

    Returns
    -------
    gridrec, paganin
        Shape (Z, Y, X), uint8 or uint16.
    """
    codes = None if tissue is None else tissue.data
    rng = np.random.default_rng(_check_seed(seed))
    scan = prepare(labels.data, codes, labels.known_spacing_um, rng, optics)
    gridrec, paganin = (_array(name, scan.volume, scan.dtype, scratch) for name in ("gridrec", "paganin"))
    scan.write(labels.data, codes, (gridrec, paganin), progress=progress)
    return gridrec, paganin


def _array(name: str, volume: Grid, dtype: Any, scratch: Path | None) -> NDArray[Any]:
    if scratch is None:
        return np.zeros(volume.shape, dtype)
    return mapped(scratch / f"{name}.npy", volume.shape, dtype)


def _check_seed(seed: int) -> int:
    if operator.index(seed) < 0:
        raise SettingsError(f"seed = {seed}", "a seed is a whole number from 0 on", "choose another seed")
    return operator.index(seed)


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
