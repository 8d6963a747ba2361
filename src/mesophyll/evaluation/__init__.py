"""How good a labelling is: `match` compares it with the truth, `Scores` says what came out; of a tissue map, `compare_tissue`.

Where there are neither predicted nor true cells, everything agrees: ratios are 1, errors 0. Where only one side has
cells, ratios are 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mesophyll.evaluation.base import THRESHOLDS, Overlaps, compare
from mesophyll.evaluation.fates import Fates, trace
from mesophyll.evaluation.intervals import ap_intervals
from mesophyll.evaluation.layers import Trainings
from mesophyll.evaluation.matching import Found, matches, report_map
from mesophyll.evaluation.paired import (
    Difference,
    difference,
    mean_ap,
    mean_recall,
    pooled,
    repeated_difference,
    repeated_mean_ap,
)
from mesophyll.evaluation.partition import aggregated_jaccard, merging, rand_error, split, variation_of_information
from mesophyll.evaluation.reliability import Reliability, reliability, right_ones
from mesophyll.evaluation.scores import Counts, Scores
from mesophyll.evaluation.tissue import TissueScores, compare_tissue
from mesophyll.tissues import name_of
from mesophyll.volume import LazyArray

__all__ = [
    "THRESHOLDS",
    "Counts",
    "Difference",
    "Fates",
    "Reliability",
    "Scores",
    "TissueScores",
    "Trainings",
    "compare",
    "compare_tissue",
    "difference",
    "fates",
    "match",
    "matches",
    "mean_ap",
    "mean_recall",
    "pooled",
    "reliability",
    "repeated_difference",
    "repeated_mean_ap",
    "right_ones",
]


def fates(labels: LazyArray, truth: LazyArray) -> Fates:
    """Return what became of each true cell, for `mean_ap` and `difference`; arguments and errors are those of `match`."""
    overlaps = compare(labels, truth)
    return trace(overlaps, [matches(overlaps, threshold) for threshold in THRESHOLDS])


def match(labels: LazyArray, truth: LazyArray, *, tissue: LazyArray | None = None) -> Scores:
    """Compare labels with the truth.

    Parameters
    ----------
    labels
        Shape (Y, X) or (Z, Y, X): 0 background, > 0 cells; unknown (-1) counts as background. May be lazy.
    truth
        The same shape. Voxels where it is -1 are left out of everything, also of the predictions' sizes.
    tissue
        The same shape: codes of `mesophyll.tissues`. A cell belongs to the tissue in which most of its voxels lie;
        true positives and false negatives count for the true cell's tissue, false positives for the prediction's.

    Raises
    ------
    LabelsError
        Where the shapes differ, or an array is no labelling.
    """
    overlaps = compare(labels, truth, tissue)
    found = [matches(overlaps, threshold) for threshold in THRESHOLDS]
    vi_split, vi_merge = variation_of_information(overlaps)
    traced = trace(overlaps, found)
    mean_ap_interval, ap_interval = ap_intervals(traced)
    at_half = found[THRESHOLDS.index(0.5)].iou
    return Scores(
        counts=_count(overlaps, found, *_everyone(overlaps)),
        report_map=report_map(overlaps),
        aji=aggregated_jaccard(overlaps),
        vi_split=vi_split,
        vi_merge=vi_merge,
        arand=rand_error(overlaps),
        mean_matched_iou=float(at_half.mean()) if at_half.size else 0.0,
        mean_ap_interval=mean_ap_interval,
        ap_interval=ap_interval,
        fates=traced,
        tissue={} if tissue is None else _by_tissue(overlaps, found),
        truth_tissue=overlaps.truth.tissue,
    )


Mask = NDArray[np.bool_]


def _everyone(overlaps: Overlaps) -> tuple[Mask, Mask]:
    return np.ones(len(overlaps.labels), dtype=bool), np.ones(len(overlaps.truth), dtype=bool)


def _by_tissue(overlaps: Overlaps, found: Sequence[Found]) -> dict[str, Counts]:
    codes = np.union1d(overlaps.labels.tissue, overlaps.truth.tissue)
    return {
        name_of(int(code)): _count(overlaps, found, overlaps.labels.tissue == code, overlaps.truth.tissue == code)
        for code in codes
    }


def _count(overlaps: Overlaps, found: Sequence[Found], cells: Mask, truth_cells: Mask) -> Counts:
    """Count what happened to some of the predictions and to some of the true cells."""
    tp = tuple(int(truth_cells[pairs.column].sum()) for pairs in found)
    matched = [int(cells[pairs.row].sum()) for pairs in found]
    return Counts(
        cells=int(cells.sum()),
        truth_cells=int(truth_cells.sum()),
        tp=tp,
        fp=tuple(int(cells.sum()) - number for number in matched),
        fn=tuple(int(truth_cells.sum()) - number for number in tp),
        merging=int(merging(overlaps)[cells].sum()),
        split=int(split(overlaps)[truth_cells].sum()),
    )
