"""How good a tissue map is: the overlap of each class, and the two mistakes that spoil traits.

A **bridge** is a piece of airspace that the map took for tissue and that joins tissue to tissue which lay apart: cells seem to
touch there, and air to end. An **island** is a piece of epidermis that the map put where no epidermis is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.blocks import grid, grow, relative
from mesophyll.errors import LabelsError
from mesophyll.evaluation.intervals import DRAWS, QUANTILES, SEED, Interval
from mesophyll.labels import UNKNOWN, Labels
from mesophyll.tissue_map import as_labels
from mesophyll.tissues import AIRSPACE, BACKGROUND, LOWER_EPIDERMIS, TISSUES, UPPER_EPIDERMIS
from mesophyll.volume import LazyArray

__all__ = ["BLOCK", "TissueScores", "compare_tissue"]

BLOCK = 32
"""Side, in voxels, of what is drawn anew for the intervals: about a cell."""

_LOOSE = 1
"""A surface that is wrong by so many voxels bridges nothing and makes no island."""

_DRAWN_AT_ONCE = 100

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TissueScores:
    """How well a tissue map agrees with the truth, where that is known.

    A class that is neither found nor true scores 1.

    Parameters
    ----------
    counts
        Voxels, shape (8, 9): true class by class found; the last column is what the map leaves unknown.
    intervals
        The 95 % interval of each class's Dice, over blocks of 32 voxels' side.
    bridges, bridged
        Pieces of airspace that the map took for tissue and that join tissue which lay apart, and their share of the airspace.
    islands, islanded
        Pieces of epidermis that lie on and beside no true one, and their share of the epidermis found.
    """

    counts: NDArray[np.int64]
    intervals: tuple[Interval, ...]
    bridges: int
    bridged: float
    islands: int
    islanded: float

    @property
    def dice(self) -> dict[str, float]:
        """Dice of each class: 2 TP / (2 TP + FP + FN)."""
        return dict(zip(TISSUES.values(), _dice(self.counts).tolist(), strict=True))

    @property
    def iou(self) -> dict[str, float]:
        """IoU of each class: TP / (TP + FP + FN), which is Dice / (2 - Dice)."""
        return {name: dice / (2 - dice) for name, dice in self.dice.items()}

    @property
    def mean_dice(self) -> float:
        """The mean over the classes that are found or true."""
        occurs = self.counts.sum(axis=1) + self.counts.sum(axis=0)[: len(TISSUES)] > 0
        return float(_dice(self.counts)[occurs].mean()) if occurs.any() else 1.0

    @property
    def air_lost(self) -> float:
        """The share of true airspace that the map took for tissue."""
        air = self.counts[AIRSPACE]
        taken = air.sum() - air[[AIRSPACE, BACKGROUND, -1]].sum()
        return float(taken / max(air.sum(), 1))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "Dice": self.mean_dice,
            "tissue": {
                name: {"Dice": dice, "Dice_interval": list(interval), "IoU": self.iou[name]}
                for (name, dice), interval in zip(self.dice.items(), self.intervals, strict=True)
            },
            "air_lost": self.air_lost,
            "bridges": self.bridges,
            "bridged": self.bridged,
            "islands": self.islands,
            "islanded": self.islanded,
        }

    def table(self) -> list[dict[str, str | int | float]]:
        """Return rows to print, one for each class."""
        true, found = self.counts.sum(axis=1), self.counts.sum(axis=0)
        return [
            {
                "tissue": name,
                "true_voxels": int(true[code]),
                "voxels": int(found[code]),
                "Dice": self.dice[name],
                "95 % interval": "{:.3f} to {:.3f}".format(*self.intervals[code]),
                "IoU": self.iou[name],
            }
            for code, name in TISSUES.items()
        ]


def compare_tissue(tissue: LazyArray, truth: LazyArray) -> TissueScores:
    """Compare a tissue map with the truth; voxels where the truth is unknown are left out.

    Parameters
    ----------
    tissue
        Codes of `mesophyll.tissues`, shape (Y, X) or (Z, Y, X); 255 where the map makes no claim.
    truth
        The same shape; 255 (or -1) where nobody knows.

    Raises
    ------
    LabelsError
        Where the shapes differ, or a number is no tissue's.
    """
    if tuple(tissue.shape) != tuple(truth.shape):
        raise LabelsError(
            f"the tissue map of shape {tuple(tissue.shape)} and the truth of shape {tuple(truth.shape)}",
            "they are compared voxel by voxel",
            "crop or resample them to one grid",
        )
    everything = (slice(None),) * len(truth.shape)
    found = as_labels(np.asarray(tissue[everything]))
    true = as_labels(np.asarray(truth[everything]), "the truth")
    blocks = np.stack([_count(found[block.write], true[block.write]) for block in grid(true.shape, BLOCK, 0)])
    bridges, bridged = _bridges(found, true)
    islands, islanded = _islands(found, true)
    return TissueScores(blocks.sum(axis=0), _intervals(blocks), bridges, bridged, islands, islanded)


def _count(found: Labels, true: Labels) -> NDArray[np.int64]:
    """Return the voxels of each true class by each class found, shape (8, 9)."""
    known, classes = true != UNKNOWN, len(TISSUES)
    said = np.where(found == UNKNOWN, classes, found)[known]
    counts = np.bincount(true[known] * (classes + 1) + said, minlength=classes * (classes + 1))
    return counts.reshape(classes, classes + 1).astype(np.int64)


def _dice(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the Dice of each class of tables (..., 8, 9)."""
    both = 2 * np.diagonal(counts, axis1=-2, axis2=-1)
    sizes = counts.sum(axis=-1) + counts.sum(axis=-2)[..., : len(TISSUES)]
    return np.where(sizes > 0, both / np.maximum(sizes, 1), 1.0)


def _intervals(blocks: NDArray[np.int64]) -> tuple[Interval, ...]:
    rng, number = np.random.default_rng(SEED), len(blocks)
    flat = blocks.reshape(number, -1)
    drawn = [
        _dice(
            (rng.multinomial(number, np.full(number, 1 / number), size=_DRAWN_AT_ONCE) @ flat).reshape(
                -1, *blocks.shape[1:]
            )
        )
        for _ in range(DRAWS // _DRAWN_AT_ONCE)
    ]
    low, high = np.quantile(np.concatenate(drawn), QUANTILES, axis=0)
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def _pieces(mask: Mask) -> tuple[NDArray[Any], int]:
    pieces, number = cc3d.connected_components(mask, connectivity=6 if mask.ndim == 3 else 4, return_N=True)
    return pieces.reshape(mask.shape), int(number)


def _bridges(found: Labels, true: Labels) -> tuple[int, float]:
    """Count the bridges; return their share of the airspace too.

    What counts of airspace lost is what lies more than a voxel from tissue, so that no wrong surface is a bridge.
    """
    air = true == AIRSPACE
    solid = ~np.isin(true, (AIRSPACE, BACKGROUND, UNKNOWN))
    taken = air & ~np.isin(found, (AIRSPACE, BACKGROUND, UNKNOWN))
    pieces, _ = _pieces(taken & ~_widened(solid, _LOOSE))
    bridges, voxels = 0, 0
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        around = grow(box, 2 * (_LOOSE + 1), true.shape)
        piece = pieces[around] == number
        near = _widened(piece, _LOOSE + 1)
        bodies, _ = _pieces(solid[around])
        touched = np.unique(bodies[near & (bodies > 0)])
        if len(touched) > 1:
            bridges, voxels = bridges + 1, voxels + int(piece[relative(box, around)].sum())
    return bridges, voxels / max(int(air.sum()), 1)


def _islands(found: Labels, true: Labels) -> tuple[int, float]:
    """Count the islands; return their share of the epidermis found."""
    skin = np.isin(found, (UPPER_EPIDERMIS, LOWER_EPIDERMIS)) & (true != UNKNOWN)
    pieces, number = _pieces(skin)
    real = _widened(np.isin(true, (UPPER_EPIDERMIS, LOWER_EPIDERMIS)), _LOOSE)
    sizes = np.bincount(pieces.ravel(), minlength=number + 1)
    apart = np.setdiff1d(np.arange(1, number + 1), pieces[real & skin])
    return len(apart), int(sizes[apart].sum()) / max(int(skin.sum()), 1)


def _widened(mask: Mask, steps: int) -> Mask:
    widened: Mask = ndimage.binary_dilation(mask, iterations=steps)
    return widened
