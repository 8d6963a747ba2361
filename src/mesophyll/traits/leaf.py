"""A leaf as a whole, by tissue and by depth: area, thickness, air, the surface that cells show to it, how many cells.

One tidy table: a row for each trait of each thing that has it. `TRAITS` says what a trait means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mesophyll.errors import LabelsError, SettingsError
from mesophyll.progress import Progress, silent
from mesophyll.tissues import (
    AIRSPACE,
    BACKGROUND,
    LOWER_EPIDERMIS,
    PALISADE,
    SPONGY,
    TISSUES,
    UNKNOWN_CODE,
    UPPER_EPIDERMIS,
)
from mesophyll.traits.base import slabs
from mesophyll.traits.columns import Column
from mesophyll.traits.connected import largest_share
from mesophyll.traits.faces import Faces, find_faces
from mesophyll.traits.measuring import measure
from mesophyll.volume import LazyArray, Spacing, check_spacing

__all__ = ["LAYERS", "TRAITS", "measure_leaf"]

LAYERS = 10
"""So many layers of equal thickness the leaf is cut into."""

_MESOPHYLL = (PALISADE, SPONGY)
_NO_LEAF = (BACKGROUND, UNKNOWN_CODE)
_VOXELS = "voxels of the tissue map"

TRAITS: dict[str, Column] = {
    "area_mm2": Column("mm²", "the leaf's area in its own plane: its volume over its mean thickness", _VOXELS),
    "thickness_um": Column("µm", "mean distance from face to face, straight through the leaf", "faces"),
    "thickness_sd_um": Column("µm", "standard deviation of that over the leaf", "faces"),
    "upper_epidermis_um": Column("µm", "mean thickness of the upper epidermis, gaps included", _VOXELS),
    "lower_epidermis_um": Column("µm", "mean thickness of the lower epidermis, gaps included", _VOXELS),
    "mesophyll_um": Column("µm", "mean thickness of all that lies between the epidermes", _VOXELS),
    "porosity": Column("", "air over air, palisade and spongy cells together; of a layer, over all in it", _VOXELS),
    "connected_air": Column("", "share of the airspace that is one piece, by faces of voxels", _VOXELS),
    "exposed_per_area": Column(
        "µm²/µm²", "S_m: surface of palisade and spongy cells that faces air, over the leaf's area", "cells"
    ),
    "exposed_per_volume": Column(
        "1/µm", "the same surface over the volume of air, palisade and spongy cells together", "cells"
    ),
    "all_exposed_per_area": Column("µm²/µm²", "surface of all cells that faces air, over the leaf's area", "cells"),
    "volume_share": Column("", "of the leaf's volume", _VOXELS),
    "cells": Column("", "number of cells; those that the scan's edge cuts count half", "cells"),
    "cells_per_mm2": Column("1/mm²", "the same for each mm² of leaf", "cells"),
    "cells_per_mm3": Column("1/mm³", "the same for each mm³ of this tissue, or of this layer", "cells"),
    "cell_volume_um3": Column("µm³", "median volume of the cells that are not cut", "cells"),
}
"""Every trait that `measure_leaf` can give."""


def measure_leaf(  # noqa: PLR0913 - what is known of the voxels
    labels: ArrayLike | LazyArray,
    tissue: LazyArray,
    spacing_um: float | tuple[float, ...],
    *,
    cells: pd.DataFrame | None = None,
    layers: int = LAYERS,
    scratch: Path | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Measure a leaf as a whole, by tissue and by depth.

    Parameters
    ----------
    labels
        Shape (Z, Y, X): 0 background, > 0 cells, -1 unknown. This array and the map may be lazy: they are read slab by slab.
    tissue
        Codes of `mesophyll.tissues`, of the same shape. Air outside the leaf is background, and no airspace.
    spacing_um
        Edge lengths of a voxel in µm, (Z, Y, X); one number for cubic voxels.
    cells
        The cells measured with this map, see `mesophyll.traits.measure`; they are measured now, if None.
    layers
        How many the leaf is cut into by depth, between its faces.
    scratch
        As of `mesophyll.traits.measure`.
    progress
        Told how many cells are measured.

    Returns
    -------
    DataFrame
        ``of`` is ``leaf``, the name of a tissue, or ``depth 0.0 to 0.1`` as a share of the thickness; ``trait`` is one of
        `TRAITS`; ``value`` and ``unit``. What nothing is known of is left out.

    Raises
    ------
    LabelsError
        Where the labels are no volume or of another shape, or the map shows not both faces of the leaf.
    SettingsError
        Where there is no layer.
    """
    axes = len(np.shape(labels))  # a lazy array is asked for its shape alone
    if axes != 3:
        raise LabelsError(
            f"labels have {axes} axes", "the area of a leaf is told by a volume", "pass one of the axes (Z, Y, X)"
        )
    if layers < 1:
        raise SettingsError(f"layers = {layers}", "a leaf has at least one", f"take {LAYERS}")
    spacing = check_spacing(spacing_um, axes)
    table = measure(labels, spacing, tissue=tissue, scratch=scratch, progress=progress) if cells is None else cells
    faces = find_faces(tissue, spacing)
    if faces is None:
        raise LabelsError(
            "the tissue map shows not both epidermes",
            "a leaf lies between its upper and its lower epidermis",
            "pass a map of a scan that holds both, with the codes of `mesophyll presets`",
        )
    leaf = _Leaf.of(tissue, spacing, faces, layers)
    rows = [("leaf", *row) for row in _whole(leaf, table, tissue)]
    rows += [(name, *row) for name in TISSUES.values() for row in _of_tissue(leaf, table, name)]
    rows += [(name, *row) for place, name in enumerate(leaf.names) for row in _of_layer(leaf, table, place)]
    told = [(of, trait, value, TRAITS[trait].unit) for of, trait, value in rows if np.isfinite(value)]
    return pd.DataFrame(told, columns=["of", "trait", "value", "unit"])


@dataclass(frozen=True)
class _Leaf:
    """What the tissue map says of a leaf.

    Parameters
    ----------
    spacing_um, faces
        As ever.
    voxels
        Of each tissue in each layer, shape (layers, 256); what lies beyond a face is counted with the layer beside it.
    """

    spacing_um: Spacing
    faces: Faces
    voxels: NDArray[np.int64]

    @classmethod
    def of(cls, tissue: LazyArray, spacing_um: Spacing, faces: Faces, layers: int) -> _Leaf:
        """Count voxels slab by slab."""
        voxels = np.zeros((layers, 256), np.int64)
        length = tissue.shape[faces.axis]
        for slab in slabs(tissue.shape):
            layer = _layer(faces.shares(slab, length), layers)
            pairs = layer * 256 + np.asarray(tissue[slab]).astype(np.int64)
            voxels += np.bincount(pairs.ravel(), minlength=voxels.size).reshape(voxels.shape)
        return cls(spacing_um, faces, voxels)

    @property
    def names(self) -> list[str]:
        """What the layers are called."""
        ends = np.linspace(0, 1, len(self.voxels) + 1)
        digits = 1 if len(self.voxels) in (1, 2, 5, 10) else 2
        return [f"depth {low:.{digits}f} to {high:.{digits}f}" for low, high in pairwise(ends)]

    @property
    def layered(self) -> NDArray[np.float64]:
        """The volume of the leaf in each layer, µm³, shape (layers,)."""
        return np.asarray(self.voxels[:, self._codes].sum(axis=1) * np.prod(self.spacing_um))

    @property
    def volume_um3(self) -> float:
        """All that is neither background nor unknown."""
        return float(self.layered.sum())

    @property
    def area_um2(self) -> float:
        """In the leaf's own plane: also where the scan's edge cuts it aslant."""
        return self.volume_um3 / self.thickness_um

    @property
    def thickness_um(self) -> float:
        """Mean over the columns that meet both faces."""
        return float(self.faces.thickness_um[self.faces.seen].mean())

    @property
    def _codes(self) -> list[int]:
        return [code for code in range(256) if code not in _NO_LEAF]

    def volume_of(self, *codes: int) -> float:
        """Return the volume of some tissues, µm³."""
        return float(self.voxels[:, list(codes)].sum() * np.prod(self.spacing_um))


def _layer(shares: NDArray[np.float64], layers: int) -> NDArray[np.int64]:
    """Return the number of the layer of each depth; what lies beyond a face belongs to the layer beside it."""
    return np.clip(np.floor(shares * layers), 0, layers - 1).astype(np.int64)


Row = tuple[str, float]


def _whole(leaf: _Leaf, cells: pd.DataFrame, tissue: LazyArray) -> Iterator[Row]:
    seen, faces = leaf.faces.seen, leaf.faces
    yield "area_mm2", leaf.area_um2 / 1e6
    yield "thickness_um", leaf.thickness_um
    yield "thickness_sd_um", float(faces.thickness_um[seen].std())
    step = leaf.spacing_um[faces.axis]
    epidermes = {
        name: float((_high(tissue, code, faces.axis) * step * faces.upright)[seen].mean())
        for name, code in (("upper_epidermis_um", UPPER_EPIDERMIS), ("lower_epidermis_um", LOWER_EPIDERMIS))
    }
    yield from epidermes.items()
    yield "mesophyll_um", leaf.thickness_um - sum(epidermes.values())
    yield "porosity", _ratio(leaf.volume_of(AIRSPACE), leaf.volume_of(AIRSPACE, *_MESOPHYLL))
    yield "connected_air", largest_share(tissue, AIRSPACE)
    exposed = _exposed(cells[cells["tissue"].isin([TISSUES[code] for code in _MESOPHYLL])])
    yield "exposed_per_area", exposed / leaf.area_um2
    yield "exposed_per_volume", _ratio(exposed, leaf.volume_of(AIRSPACE, *_MESOPHYLL))
    yield "all_exposed_per_area", _exposed(cells) / leaf.area_um2
    yield from _counted(leaf, cells)


def _of_tissue(leaf: _Leaf, cells: pd.DataFrame, name: str) -> Iterator[Row]:
    (code,) = (code for code, other in TISSUES.items() if other == name)
    volume = leaf.volume_of(code)
    if code in _NO_LEAF or not volume:
        return
    yield "volume_share", volume / leaf.volume_um3
    among = cells[cells["tissue"] == name]
    if code != AIRSPACE:
        yield from _counted(leaf, among)
        yield "cells_per_mm3", _number(among) / volume * 1e9
        yield "exposed_per_area", _exposed(among) / leaf.area_um2


def _of_layer(leaf: _Leaf, cells: pd.DataFrame, place: int) -> Iterator[Row]:
    layers = len(leaf.voxels)
    among = cells[_layer(cells["depth_share"].to_numpy(float), layers) == place]
    volume, voxels = float(leaf.layered[place]), leaf.voxels[place]
    yield "volume_share", volume / leaf.volume_um3
    yield "porosity", _ratio(voxels[AIRSPACE] * np.prod(leaf.spacing_um), volume)
    yield from _counted(leaf, among)
    yield "cells_per_mm3", _ratio(_number(among), volume / 1e9)
    yield "exposed_per_area", _exposed(among) / leaf.area_um2


def _counted(leaf: _Leaf, cells: pd.DataFrame) -> Iterator[Row]:
    yield "cells", _number(cells)
    yield "cells_per_mm2", _number(cells) / leaf.area_um2 * 1e6
    yield "cell_volume_um3", float(cells["volume_um3"][~cells["touches_border"].astype(bool)].median())


def _number(cells: pd.DataFrame) -> float:
    """Count cells; half of those that the edge cuts lie within, by their middle."""
    return float(len(cells) - 0.5 * cells["touches_border"].sum())


def _exposed(cells: pd.DataFrame) -> float:
    """Return the surface that cells show to air, µm²."""
    return float((cells["surface_um2"] * cells["air_share"]).sum())


def _high(tissue: LazyArray, code: int, axis: int) -> NDArray[np.int64]:
    """Return how many voxels of a tissue each column holds."""
    counts = [(np.asarray(tissue[slab]) == code).sum(axis=axis) for slab in slabs(tissue.shape)]
    return np.asarray(np.sum(counts, axis=0) if axis == 0 else np.concatenate(counts))


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else np.nan
