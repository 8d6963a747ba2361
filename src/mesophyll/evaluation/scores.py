"""What a comparison says: counts of cells, the ratios made of them, and the table that is printed or saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import add
from typing import Any

from mesophyll.evaluation.base import THRESHOLDS, Integers
from mesophyll.evaluation.fates import Fates

__all__ = ["Counts", "Scores"]

_SHOWN = "0.5"


@dataclass(frozen=True)
class Counts:
    """The cells of the whole, or of one tissue.

    A ratio of nothing to nothing is 1 where there were neither true nor predicted cells, and 0 otherwise.

    Parameters
    ----------
    cells, truth_cells
        Predicted and true cells.
    tp, fp, fn
        True positives, false positives, false negatives at each of the nine thresholds.
    merging, split
        Predictions that merge true cells; true cells that are split.
    """

    cells: int
    truth_cells: int
    tp: tuple[int, ...]
    fp: tuple[int, ...]
    fn: tuple[int, ...]
    merging: int
    split: int

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of the cells of both."""
        return Counts(
            cells=self.cells + other.cells,
            truth_cells=self.truth_cells + other.truth_cells,
            tp=tuple(map(add, self.tp, other.tp)),
            fp=tuple(map(add, self.fp, other.fp)),
            fn=tuple(map(add, self.fn, other.fn)),
            merging=self.merging + other.merging,
            split=self.split + other.split,
        )

    @property
    def ap(self) -> dict[str, float]:
        """Average precision by threshold, TP / (TP + FP + FN), as Cellpose and StarDist say it."""
        return self._ratios(1, 1, 1)

    @property
    def mean_ap(self) -> float:
        """The mean of `ap` over the thresholds 0.1 to 0.9."""
        return sum(self.ap.values()) / len(THRESHOLDS)

    @property
    def precision(self) -> dict[str, float]:
        """The share of predictions that found a cell, by threshold."""
        return self._ratios(1, 1, 0)

    @property
    def recall(self) -> dict[str, float]:
        """The share of true cells that were found, by threshold."""
        return self._ratios(1, 0, 1)

    @property
    def f1(self) -> dict[str, float]:
        """The harmonic mean of precision and recall, by threshold."""
        return self._ratios(2, 1, 1)

    @property
    def merges(self) -> float:
        """Merging predictions for each 100 true cells."""
        return 100.0 * self.merging / max(self.truth_cells, 1)

    @property
    def splits(self) -> float:
        """Split cells for each 100 true cells."""
        return 100.0 * self.split / max(self.truth_cells, 1)

    def _ratios(self, hit: int, false: int, missed: int) -> dict[str, float]:
        """Return hit TP / (hit TP + false FP + missed FN) for each threshold."""
        empty = float(not self.cells and not self.truth_cells)
        wholes = [hit * tp + false * fp + missed * fn for tp, fp, fn in zip(self.tp, self.fp, self.fn, strict=True)]
        return {
            str(threshold): hit * tp / whole if whole else empty
            for threshold, tp, whole in zip(THRESHOLDS, self.tp, wholes, strict=True)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "AP": self.ap,
            "mAP": self.mean_ap,
            "precision": self.precision,
            "recall": self.recall,
            "F1": self.f1,
            "cells": self.cells,
            "truth_cells": self.truth_cells,
            "merges": self.merges,
            "splits": self.splits,
        }


@dataclass(frozen=True)
class Scores:
    """How well labels agree with the truth.

    Parameters
    ----------
    counts
        All cells together.
    report_map
        ``mAP_tr155``: the area under precision over recall, as the technical report PRIP-TR-155 defines it.
    aji
        Aggregated Jaccard index.
    vi_split, vi_merge
        Variation of information in bits, H(labels | truth) and H(truth | labels).
    arand
        Adapted Rand error, the truth's background ignored.
    mean_matched_iou
        Mean IoU of the pairs matched at 0.5; 0 where there are none.
    mean_ap_interval, ap_interval
        95 % intervals, over cells, of the mean AP and of the AP at 0.5.
    fates
        What became of each true cell.
    tissue
        The cells of each tissue, by name; empty without a tissue map.
    truth_tissue
        The tissue of each true cell, in the order of ``fates.cells``: codes of `mesophyll.tissues`, or zeros without a map.
    """

    counts: Counts
    report_map: float
    aji: float
    vi_split: float
    vi_merge: float
    arand: float
    mean_matched_iou: float
    mean_ap_interval: tuple[float, float]
    ap_interval: tuple[float, float]
    fates: Fates = field(repr=False, compare=False)
    tissue: Mapping[str, Counts]
    truth_tissue: Integers = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON; ``tissue`` only where a map was given."""
        whole = {
            **self.counts.to_dict(),
            "mAP_tr155": self.report_map,
            "AJI": self.aji,
            "VI_split": self.vi_split,
            "VI_merge": self.vi_merge,
            "ARAND": self.arand,
            "mean_matched_IoU": self.mean_matched_iou,
            "mAP_interval": list(self.mean_ap_interval),
            "AP_interval": list(self.ap_interval),
        }
        parts = {name: counts.to_dict() for name, counts in self.tissue.items()}
        return {**whole, "tissue": parts} if parts else whole

    def table(self) -> list[dict[str, str | int | float]]:
        """Return rows to print: all cells, then each tissue; ratios at IoU 0.5 but for the mean AP."""
        groups = {"all": self.counts, **self.tissue}
        return [
            {
                "tissue": name,
                "truth_cells": counts.truth_cells,
                "cells": counts.cells,
                "mAP": counts.mean_ap,
                f"AP@{_SHOWN}": counts.ap[_SHOWN],
                f"precision@{_SHOWN}": counts.precision[_SHOWN],
                f"recall@{_SHOWN}": counts.recall[_SHOWN],
                f"F1@{_SHOWN}": counts.f1[_SHOWN],
                "merges": counts.merges,
                "splits": counts.splits,
            }
            for name, counts in groups.items()
        ]
