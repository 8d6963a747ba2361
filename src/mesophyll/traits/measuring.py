"""What each cell is like: one row a cell, from its voxels, its surface, its hull and its place in the leaf."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastremap
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mesophyll.errors import LabelsError
from mesophyll.progress import Progress, silent
from mesophyll.tissues import BUNDLE_SHEATH, LOWER_EPIDERMIS, UPPER_EPIDERMIS, VEIN, name_of
from mesophyll.traits.base import Cells, find_cells, slabs
from mesophyll.traits.columns import COLUMNS
from mesophyll.traits.faces import Faces, find_faces
from mesophyll.traits.hull import hulls
from mesophyll.traits.neighbours import neighbours
from mesophyll.traits.surface import ON_AIR, ON_OTHER, surfaces
from mesophyll.volume import LazyArray, check_spacing

__all__ = ["measure"]

Columns = dict[str, NDArray[Any]]

_KINDS = range(3)
_OTHERS, _EPIDERMAL, _VASCULAR = _KINDS
_GROUPS = {UPPER_EPIDERMIS: _EPIDERMAL, LOWER_EPIDERMIS: _EPIDERMAL, BUNDLE_SHEATH: _VASCULAR, VEIN: _VASCULAR}
_SHARES = {"epidermis_share": _EPIDERMAL, "vein_share": _VASCULAR}
"""Which cells' surface towards which others is told on its own."""


def measure(  # noqa: PLR0913 - what is known of the voxels
    labels: ArrayLike | LazyArray,
    spacing_um: float | Sequence[float],
    *,
    scan: LazyArray | None = None,
    tissue: LazyArray | None = None,
    confidence: Mapping[int, float] | None = None,
    scratch: Path | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Measure every cell.

    Parameters
    ----------
    labels
        Shape (Y, X) or (Z, Y, X): 0 background, > 0 cells, -1 unknown. This array and the others may be lazy: they are read
        slab by slab.
    spacing_um
        Edge lengths of a voxel in µm, in the order of the axes; one number for cubic voxels.
    scan
        Grey values of the same shape, for ``mean_grey``.
    tissue
        Codes of `mesophyll.tissues`, of the same shape, for ``tissue``. With it only airspace counts as air; without
        it all background does.
    confidence
        How sure each cell is, by its number, for ``confidence``; NaN where it is not told.
    scratch
        A folder in which the cells lie meanwhile, four bytes a voxel, so that they may be larger than memory; without one they
        are held in memory.
    progress
        Told how many cells are measured.

    Returns
    -------
    DataFrame
        One row a cell, sorted by label; the columns are those of `COLUMNS`, in that order. Without cells it has no
        rows and the same columns.

    Raises
    ------
    LabelsError
        Where the labels are no labelling, or the other arrays have another shape.
    VolumeError
        Where the spacing is not one positive number for each axis.
    FileError
        Where the disk of ``scratch`` has no room.
    """
    array: LazyArray = labels if hasattr(labels, "shape") else np.asarray(labels)  # type: ignore[assignment]
    shape = tuple(array.shape)
    _check_shapes(shape, {"scan": scan, "tissue": tissue})
    cells = find_cells(array, check_spacing(spacing_um, len(shape)), tissue, scratch)
    measured: Columns = {"label": cells.numbers, "voxels": cells.voxels, "touches_border": cells.cut}
    hull, long_axes = hulls(cells, progress)
    codes = None if tissue is None else _tissues(cells, tissue)
    measured |= _positions(cells) | _shapes(cells, hull, codes) | {"neighbours": neighbours(cells)}
    if tissue is not None and codes is not None:
        measured["tissue"] = np.array([name_of(int(code)) for code in codes], dtype=object)
        measured |= _in_the_leaf(cells, long_axes, find_faces(tissue, cells.spacing_um[3 - cells.ndim :]))
    if confidence:
        measured["confidence"] = np.array([confidence.get(int(number), np.nan) for number in cells.numbers])
    if scan is not None:
        measured["mean_grey"] = _sums(cells, scan) / cells.voxels
    return pd.DataFrame({name: measured[name] for name in COLUMNS if name in measured})


def _check_shapes(shape: tuple[int, ...], others: dict[str, LazyArray | None]) -> None:
    if len(shape) not in (2, 3):
        raise LabelsError(
            f"labels have {len(shape)} axes of lengths {shape}",
            "cells have the axes (Y, X) or (Z, Y, X)",
            "pass one volume",
        )
    for name, array in others.items():
        if array is not None and tuple(array.shape) != shape:
            raise LabelsError(
                f"{name} of shape {array.shape} and labels of shape {shape}",
                "a cell is measured voxel by voxel in both",
                "crop or resample them to one grid",
            )


def _positions(cells: Cells) -> Columns:
    return {f"centroid_{axis}_um": cells.centres_um[:, place] for place, axis in enumerate("zyx"[3 - cells.ndim :])}


def _in_the_leaf(cells: Cells, long_axes: NDArray[np.float64], faces: Faces | None) -> Columns:
    """Return where a cell lies between the leaf's faces, and how it stands; nothing where these are not known."""
    if faces is None:
        return {}
    depth, share = faces.depth(cells.centres_um)
    along = np.abs(np.einsum("ni,ni->n", long_axes, faces.through(cells.centres_um)))
    return {"depth_um": depth, "depth_share": share, "lean_deg": np.degrees(np.arccos(np.minimum(along, 1.0)))}


def _shapes(cells: Cells, measured: NDArray[np.float64], codes: NDArray[Any] | None) -> Columns:
    """Return everything that is made of a cell's size, its surface and its hull."""
    size = cells.voxels * np.prod(cells.spacing_um)
    groups = [_OTHERS if codes is None else _GROUPS.get(int(codes[place]), _OTHERS) for place in range(len(cells))]
    facing = surfaces(cells, np.array(groups, np.int64), len(_KINDS))
    length, width, hull = measured.T
    surface = facing.sum(axis=1)
    surface_or_nan = np.where(surface > 0, surface, np.nan)  # a cell that fills the volume shows no surface
    shapes = {
        "length_um": length,
        "width_um": width,
        "solidity": np.minimum(size / hull, 1.0),
        "air_share": facing[:, ON_AIR] / surface_or_nan,
        "cell_share": facing[:, ON_OTHER + 1 :].sum(axis=1) / surface_or_nan,
    }
    if codes is not None:
        shapes |= {name: facing[:, ON_OTHER + 1 + group] / surface_or_nan for name, group in _SHARES.items()}
    named = _named_2d if cells.ndim == 2 else _named_3d
    return shapes | named(size, surface, surface_or_nan)


def _named_3d(volume: NDArray[Any], surface: NDArray[Any], surface_or_nan: NDArray[Any]) -> Columns:
    return {
        "volume_um3": volume,
        "surface_um2": surface,
        "equivalent_diameter_um": np.cbrt(6 * volume / np.pi),
        "sphericity": np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / surface_or_nan,
    }


def _named_2d(area: NDArray[Any], perimeter: NDArray[Any], perimeter_or_nan: NDArray[Any]) -> Columns:
    return {
        "area_um2": area,
        "perimeter_um": perimeter,
        "equivalent_diameter_um": np.sqrt(4 * area / np.pi),
        "circularity": 4 * np.pi * area / perimeter_or_nan**2,
    }


def _tissues(cells: Cells, tissue: LazyArray) -> NDArray[Any]:
    """Return the code of the tissue in which most of each cell lies, shape (n,)."""
    parts = list(slabs(tissue.shape))
    codes = np.unique(np.concatenate([fastremap.unique(np.asarray(tissue[part])) for part in parts] or [np.zeros(0)]))
    voxels = np.zeros((len(cells) + 1, len(codes)), np.int64)
    for numbers, values in zip(_numbers(cells, parts), (np.asarray(tissue[part]) for part in parts), strict=True):
        place = numbers * len(codes) + np.searchsorted(codes, values.ravel())
        voxels += np.bincount(place, minlength=voxels.size).reshape(voxels.shape)
    most = np.argmax(voxels[1:], axis=1) if len(cells) else np.zeros(0, dtype=int)
    return np.asarray(codes[most])


def _sums(cells: Cells, values: LazyArray) -> NDArray[np.float64]:
    """Return the sum of values over each cell's voxels, shape (n,)."""
    sums, parts = np.zeros(len(cells) + 1), list(slabs(values.shape))
    for numbers, part in zip(_numbers(cells, parts), parts, strict=True):
        sums += np.bincount(numbers, weights=np.asarray(values[part]).ravel(), minlength=len(sums))
    return sums[1:]


def _numbers(cells: Cells, parts: Sequence[slice]) -> Iterator[NDArray[np.int64]]:
    """Yield the number of each voxel's cell, 0 where there is none, slab by slab in a row."""
    volume = cells.volume if cells.ndim == 3 else cells.volume[0]
    return (np.maximum(volume[part], 0).ravel().astype(np.int64) for part in parts)
