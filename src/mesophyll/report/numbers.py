"""The key figures of a result, and how a number is written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.tissues import AIRSPACE, BACKGROUND
from mesophyll.volume import Spacing

__all__ = ["SHOWN", "Summary", "in_words", "median", "summarise", "written"]

SHOWN = ("volume_um3", "area_um2", "length_um", "sphericity", "circularity", "air_share")
"""The traits that a report shows, as far as the cells have them."""

_BY, _NOTHING = " \N{MULTIPLICATION SIGN} ", "\N{EN DASH}"


@dataclass(frozen=True)
class Summary:
    """What the labels of a scan come to.

    Parameters
    ----------
    table
        One row a cell, see `mesophyll.traits.measure`.
    shape, spacing_um
        Of the scan.
    air_share
        With a tissue map the airspace as a share of the leaf, without one what no cell fills as a share of the scan.
    has_tissue
        Whether there was a tissue map.
    middle
        The voxel in the middle of all cells; of the scan, where there are none.
    """

    table: pd.DataFrame
    shape: tuple[int, ...]
    spacing_um: Spacing
    air_share: float
    has_tissue: bool
    middle: tuple[int, ...]

    @property
    def whole(self) -> pd.DataFrame:
        """The cells that the scan's edge does not cut: only they can be measured."""
        return self.table[~self.table["touches_border"].astype(bool)]

    @property
    def traits(self) -> list[str]:
        """The traits to show, columns of the table."""
        return [name for name in SHOWN if name in self.table]

    @property
    def per_mm(self) -> float:
        """Cells in each mm³ of the scan, or in each mm² of an image."""
        size_mm = math.prod(length * step / 1000 for length, step in zip(self.shape, self.spacing_um, strict=True))
        return len(self.table) / size_mm

    @property
    def cut_share(self) -> float:
        """The share of cells that reach the scan's edge; 0 where there are no cells."""
        return 1 - len(self.whole) / max(len(self.table), 1)


def summarise(table: pd.DataFrame, labels: Labels, spacing_um: Spacing, tissue: NDArray[Any] | None) -> Summary:
    """Sum up a labelling and its table of cells."""
    air = _air_share(labels, tissue)
    return Summary(table, labels.shape, spacing_um, air, tissue is not None, _middle(table, labels.shape, spacing_um))


def _air_share(labels: Labels, tissue: NDArray[Any] | None) -> float:
    air = np.count_nonzero(labels == 0 if tissue is None else tissue == AIRSPACE)
    of = labels.size if tissue is None else np.count_nonzero(tissue != BACKGROUND)
    return air / max(of, 1)


def _middle(table: pd.DataFrame, shape: tuple[int, ...], spacing_um: Spacing) -> tuple[int, ...]:
    if not len(table):
        return tuple(length // 2 for length in shape)
    axes = "zyx"[-len(shape) :]
    means_um = [np.average(table[f"centroid_{axis}_um"], weights=table["voxels"]) for axis in axes]
    return tuple(round(float(mean) / step) for mean, step in zip(means_um, spacing_um, strict=True))


def median(values: pd.Series[Any]) -> float:
    """Return the median of the values that are there, NaN of none."""
    known = values.dropna()
    return float(known.median()) if len(known) else math.nan


def written(value: float, unit: str = "") -> str:
    """Write a number with at least three digits that count, and its unit; a dash where there is none."""
    if not math.isfinite(value):
        return _NOTHING
    digits = max(2 - math.floor(math.log10(abs(value))), 0) if value else 0
    number = f"{value:,.{min(digits, 3)}f}" if abs(value) < 1e7 else f"{value:.3g}"
    return f"{number} {unit}".strip()


def in_words(summary: Summary) -> str:
    """Say in a sentence what the report is about."""
    voxels = _BY.join(map(str, summary.shape))
    lengths = zip(summary.shape, summary.spacing_um, strict=True)
    size = _BY.join(written(length * step) for length, step in lengths)
    step = sorted(set(summary.spacing_um))
    voxel = f"{step[0]:g}" if len(step) == 1 else _BY.join(f"{edge:g}" for edge in summary.spacing_um)
    what = "an image" if len(summary.shape) == 2 else "a volume"
    return f"{len(summary.table):,} cells in {what} of {size} µm ({voxels} voxels of {voxel} µm)."
