"""Scores against hand-worked cases, against a slow reference in plain Python, and against scikit-image."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage import metrics

from mesophyll import tissues
from mesophyll.errors import LabelsError
from mesophyll.evaluation import THRESHOLDS, match
from mesophyll.evaluation import base as table


def row(*runs: tuple[int, int]) -> NDArray[np.int32]:
    """Lay cells along one row of voxels: (number, voxels) each."""
    return np.concatenate([np.full(voxels, number, dtype=np.int32) for number, voxels in runs])[None]


def figures(labels: NDArray[Any], truth: NDArray[Any], **extra: Any) -> dict[str, Any]:
    return match(labels, truth, **extra).to_dict()


def many_cells(seed: int, side: int = 40) -> NDArray[np.int32]:
    """Boxes of random places and sizes, the later over the earlier."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side, side), dtype=np.int32)
    for number in range(1, 60):
        corner, size = rng.integers(0, side - 4, 3), rng.integers(4, 14, 3)
        labels[tuple(slice(low, low + length) for low, length in zip(corner, size, strict=True))] = number
    return labels


def shifted(truth: NDArray[np.int32]) -> NDArray[np.int32]:
    """A plausible result: everything moved by a voxel, two cells merged, one cut, one lost."""
    labels = np.roll(truth, 1, axis=1)
    labels[labels == 7] = 8
    labels[:, :, 20:][labels[:, :, 20:] == 30] = 99
    labels[labels == 41] = 0
    return labels


# ---- a slow reference: dense, plain Python, every matching tried --------------------------------------------------


def slow_ious(labels: NDArray[Any], truth: NDArray[Any]) -> list[list[float]]:
    known = truth != -1
    cells = sorted({int(n) for n in labels[known] if n > 0})
    true_cells = sorted({int(n) for n in truth[known] if n > 0})
    return [
        [
            float(np.sum((labels == a) & (truth == b)) / np.sum(((labels == a) | (truth == b)) & known))
            for b in true_cells
        ]
        for a in cells
    ], len(true_cells)


def slow_matching(ious: list[list[float]], truths: int, threshold: float) -> tuple[int, float]:
    """Try every way to give predictions to true cells; return the most pairs and their largest IoU sum."""
    best = (0, 0.0)
    for choice in itertools.product(range(-1, truths), repeat=len(ious)):
        taken = [column for column in choice if column >= 0]
        pairs = [ious[r][c] for r, c in enumerate(choice) if c >= 0]
        if len(set(taken)) == len(taken) and all(iou >= threshold for iou in pairs):
            best = max(best, (len(pairs), sum(pairs)))
    return best


def slow_report_map(ious: list[list[float]], truths: int) -> float:
    if not ious or not truths:
        return float(not ious and not truths)
    points = []
    for threshold in THRESHOLDS:
        columns = [[line[c] for line in ious] for c in range(truths)]
        found = sum(any(iou > threshold for iou in column) for column in columns)
        missed = sum(not any(iou > threshold for iou in column) for column in columns)
        wrong = sum(not any(iou > threshold for iou in line) for line in ious)
        points.append((found / (found + missed), found / (found + wrong) if found else 0.0))
    points.sort()
    area = points[0][0] * points[0][1]
    for (left, low), (right, high) in itertools.pairwise(points):
        area += (right - left) * (low + high) / 2
    return area


small = hnp.arrays(np.int32, (3, 6), elements=st.integers(0, 4))
small_truth = hnp.arrays(np.int32, (3, 6), elements=st.integers(-1, 4))


@settings(max_examples=60, deadline=None)
@given(small, small_truth)
def test_counts_are_those_of_trying_every_matching(labels: NDArray[np.int32], truth: NDArray[np.int32]) -> None:
    ious, truths = slow_ious(labels, truth)
    scores = match(labels, truth)
    assert (scores.counts.cells, scores.counts.truth_cells) == (len(ious), truths)
    for place in (0, 1, 2, 4, 6):
        pairs, total = slow_matching(ious, truths, THRESHOLDS[place])
        assert scores.counts.tp[place] == pairs
        assert scores.counts.fp[place] == len(ious) - pairs
        assert scores.counts.fn[place] == truths - pairs
        if THRESHOLDS[place] == 0.5:
            assert scores.mean_matched_iou == pytest.approx(total / max(pairs, 1))
    assert scores.report_map == pytest.approx(slow_report_map(ious, truths))


@settings(max_examples=60, deadline=None)
@given(small, small_truth)
def test_information_and_rand_error_are_those_of_scikit_image(
    labels: NDArray[np.int32], truth: NDArray[np.int32]
) -> None:
    known = truth != -1
    scores = match(labels, truth)
    if known.any():
        splits, merges = metrics.variation_of_information(truth[known], labels[known])
        assert (scores.vi_split, scores.vi_merge) == pytest.approx((splits, merges), abs=1e-12)
    if np.any(truth > 0):
        with np.errstate(all="ignore"):
            error = metrics.adapted_rand_error(truth[known], labels[known], ignore_labels=(0,))[0]
        assert scores.arand == pytest.approx(error if np.isfinite(error) else 0.0, abs=1e-12)


def test_a_whole_volume_agrees_with_scikit_image() -> None:
    truth = many_cells(0)
    labels = shifted(truth)
    scores = match(labels, truth)
    assert (scores.vi_split, scores.vi_merge) == pytest.approx(metrics.variation_of_information(truth, labels))
    assert scores.arand == pytest.approx(metrics.adapted_rand_error(truth, labels, ignore_labels=(0,))[0])
    assert 0 < scores.arand < 1


# ---- laws ----------------------------------------------------------------------------------------------------------


def test_the_truth_itself_is_perfect() -> None:
    truth = many_cells(1)
    found = figures(truth, truth, tissue=(truth % 3).astype(np.uint8))
    for group in (found, *found["tissue"].values()):
        assert all(group[name] == dict.fromkeys(group[name], 1.0) for name in ("AP", "precision", "recall", "F1"))
        assert (group["mAP"], group["merges"], group["splits"]) == (1.0, 0.0, 0.0)
    assert [found[name] for name in ("mAP_tr155", "AJI", "mean_matched_IoU")] == [1.0, 1.0, 1.0]
    assert [found[name] for name in ("VI_split", "VI_merge", "ARAND")] == pytest.approx([0.0, 0.0, 0.0])
    assert found["mAP_interval"] == found["AP_interval"] == [1.0, 1.0]


def test_renaming_the_cells_changes_nothing() -> None:
    truth = many_cells(2)
    labels, tissue = shifted(truth), (truth % 4).astype(np.uint8)
    names = np.random.default_rng(0).permutation(200_000)[:100].astype(np.int32) + 1
    names[0] = 0
    before, after = figures(labels, truth, tissue=tissue), figures(names[labels], names[truth], tissue=tissue)
    assert flat(before) == pytest.approx(flat(after), abs=1e-12)


def flat(nested: Any) -> list[float]:
    if isinstance(nested, dict):
        return [value for key in sorted(nested) for value in flat(nested[key])]
    return [value for item in nested for value in flat(item)] if isinstance(nested, list) else [nested]


def test_what_lies_in_unknown_voxels_changes_nothing() -> None:
    truth = many_cells(3)
    truth[:, :, 25:] = -1
    labels = shifted(many_cells(3))
    other = labels.copy()
    other[:, :, 25:] = np.random.default_rng(0).integers(0, 500, other[:, :, 25:].shape)
    cropped = figures(labels[:, :, :25], truth[:, :, :25])
    assert figures(labels, truth) == figures(other, truth) == cropped


def test_unknown_voxels_of_the_prediction_are_background() -> None:
    truth, labels = row((1, 4), (0, 4)), row((1, 2), (0, 1), (-1, 5))
    assert figures(labels, truth) == figures(np.maximum(labels, 0), truth)


def test_slabs_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = many_cells(4)
    labels, tissue = shifted(truth), (truth % 3).astype(np.uint8)
    whole = figures(labels, truth, tissue=tissue)
    monkeypatch.setattr(table, "_SLAB_VOX", 1700)
    assert figures(labels, truth, tissue=tissue) == whole


def test_the_arrays_of_the_caller_stay_as_they_are() -> None:
    truth = row((1, 4), (-1, 4))
    labels = row((2, 4), (-1, 4))
    truth.flags.writeable = labels.flags.writeable = False
    assert match(labels, truth).counts.tp[0] == 1


# ---- worked by hand ------------------------------------------------------------------------------------------------


def test_an_iou_on_the_threshold_counts_for_ap_and_not_for_the_report() -> None:
    truth, labels = row((1, 10)), row((1, 3), (0, 7))  # IoU 0.3
    found = figures(labels, truth)
    assert [found["AP"][t] for t in ("0.1", "0.2", "0.3", "0.4")] == [1, 1, 1, 0]
    assert found["mAP"] == pytest.approx(3 / 9)
    assert match(labels, truth).report_map == pytest.approx(0.5)  # (1, 1) at 0.1 and 0.2, (0, 0) from 0.3: a triangle


def test_a_duplicate_is_a_false_positive_for_ap_and_nothing_for_the_report() -> None:
    truth = row((1, 10), (2, 10))
    labels = row((1, 6), (2, 4), (3, 10))  # IoU 0.6 and 0.4 with cell 1, 1.0 with cell 2
    found = figures(labels, truth)
    assert found["AP"]["0.3"] == pytest.approx(2 / 3)
    assert found["precision"]["0.3"] == pytest.approx(2 / 3)
    assert found["recall"]["0.3"] == 1.0
    # The report: t < 0.4 recall 1, precision 1; 0.4 and 0.5: the piece of 0.4 is false: precision 2/3, recall 1;
    # from 0.6: one found of two, two pieces false: recall 1/2, precision 1/3.
    assert found["mAP_tr155"] == pytest.approx(0.5 * 1 / 3 + 0.5 * (1 / 3 + 2 / 3) / 2)


def test_one_prediction_over_two_cells_finds_both_for_the_report_and_one_for_ap() -> None:
    truth, labels = row((1, 10), (2, 10)), row((5, 20))  # IoU 0.5 with each
    found = figures(labels, truth)
    assert found["AP"]["0.4"] == found["AP"]["0.5"] == pytest.approx(1 / 2)
    assert found["AP"]["0.6"] == 0
    assert found["mAP_tr155"] == pytest.approx(1 / 2)  # (1, 1) up to 0.4, (0, 0) from 0.5


def test_two_halves_count_once_at_half() -> None:
    truth, labels = row((1, 10)), row((1, 5), (2, 5))
    found = match(labels, truth).counts
    place = THRESHOLDS.index(0.5)
    assert (found.tp[place], found.fp[place], found.fn[place]) == (1, 1, 0)
    assert found.f1["0.5"] == pytest.approx(2 / 3)


def test_below_half_more_pairs_come_before_a_better_one() -> None:
    # Prediction 1 suits cell 1 (0.6) and cell 2 (0.25); prediction 2 suits only cell 1 (0.25).
    truth = row((1, 16), (2, 4))
    labels = row((2, 4), (1, 16))
    ious, _ = slow_ious(labels, truth)
    assert ious == [[0.6, 0.25], [0.25, 0.0]]
    found = match(labels, truth).counts
    assert found.tp[THRESHOLDS.index(0.2)] == 2
    assert found.tp[THRESHOLDS.index(0.3)] == 1


def test_the_aggregated_jaccard_index_by_hand() -> None:
    truth = row((1, 10), (2, 10), (3, 4))
    labels = row((1, 6), (2, 4), (3, 8), (0, 6))
    # Cell 1 takes 1: 6 of 10. Cell 2 takes 3: 8 of 10. Cell 3 has none: 0 of 4. Nobody took 2: 4 more.
    assert match(labels, truth).aji == pytest.approx(14 / 28)


def test_the_aggregated_jaccard_index_takes_the_best_iou_and_not_the_most_voxels() -> None:
    truth, labels = row((1, 10), (0, 20)), row((1, 4), (0, 1), (2, 25))  # IoU 4 of 10, and 5 of 30
    assert match(labels, truth).aji == pytest.approx(4 / (10 + 25))


def test_information_is_in_bits() -> None:
    truth, halves = row((1, 8)), row((1, 4), (2, 4))
    assert (match(halves, truth).vi_split, match(halves, truth).vi_merge) == pytest.approx((1.0, 0.0))
    assert (match(truth, halves).vi_split, match(truth, halves).vi_merge) == pytest.approx((0.0, 1.0))


def test_the_rand_error_by_hand() -> None:
    # One cell of 4 in two halves: 2 x 2 of the 12 couples are kept, precision 1, recall 1/3.
    assert match(row((1, 2), (2, 2), (3, 4)), row((1, 4), (0, 4))).arand == pytest.approx(1 - 2 * 4 / (4 + 12))


def test_merges_and_splits_are_counted_for_each_hundred_true_cells() -> None:
    truth = row((1, 10), (2, 10), (3, 20), (4, 20))
    labels = row((1, 15), (0, 5), (2, 10), (3, 10), (4, 18), (5, 1), (0, 1))
    found = figures(labels, truth)
    assert found["merges"] == 25.0  # 1 covers cell 1 and half of cell 2
    assert found["splits"] == 25.0  # cell 3; what is left of cell 4 beside prediction 4 is a crumb
    labels[0, 14] = 0  # now one voxel less than half of cell 2
    assert figures(labels, truth)["merges"] == 0.0


def test_a_piece_that_lies_mostly_elsewhere_splits_nothing() -> None:
    truth, labels = row((1, 10), (0, 10)), row((1, 6), (2, 9), (0, 5))
    assert match(labels, truth).counts.split == 0


def test_a_piece_of_a_tenth_splits_and_less_does_not() -> None:
    truth = row((1, 20))
    assert match(row((1, 18), (2, 2)), truth).counts.split == 1
    assert match(row((1, 19), (2, 1)), truth).counts.split == 0


def test_counts_of_two_leaves_add_up_to_those_of_both_side_by_side() -> None:
    truth, labels = row((1, 10), (2, 10), (3, 20), (4, 20)), row((1, 15), (0, 5), (2, 10), (3, 10), (4, 19), (0, 1))
    other, found = row((5, 10), (6, 7), (0, 3)), row((5, 4), (6, 6), (7, 7), (8, 3))
    both = match(
        np.concatenate([labels, np.where(found > 0, found + 10, 0)], axis=-1), np.concatenate([truth, other], axis=-1)
    )
    assert match(labels, truth).counts + match(found, other).counts == both.counts


# ---- tissues -------------------------------------------------------------------------------------------------------


def test_a_cell_belongs_to_the_tissue_of_most_of_its_voxels() -> None:
    truth = row((1, 10), (2, 10), (0, 10), (3, 5))
    labels = row((4, 10), (5, 4), (0, 6), (6, 10), (3, 5))
    tissue = row((tissues.PALISADE, 12), (tissues.SPONGY, 8), (tissues.AIRSPACE, 10), (42, 5)).astype(np.uint8)
    found = figures(labels, truth, tissue=tissue)["tissue"]
    assert list(found) == ["palisade", "spongy", "airspace", "42"]
    # Prediction 5 lies half in palisade, half in spongy: the smaller code. It covers 0.4 of cell 2, which is spongy.
    assert (found["palisade"]["truth_cells"], found["palisade"]["cells"]) == (1, 2)
    assert (found["spongy"]["truth_cells"], found["spongy"]["cells"]) == (1, 0)
    assert found["palisade"]["AP"]["0.5"] == pytest.approx(1 / 2)
    assert found["spongy"]["recall"]["0.4"] == 1.0
    assert found["spongy"]["recall"]["0.5"] == 0.0
    assert (found["airspace"]["truth_cells"], found["airspace"]["precision"]["0.1"]) == (0, 0.0)
    assert found["42"]["mAP"] == 1.0


def test_hits_and_misses_follow_the_true_cell_and_inventions_the_prediction() -> None:
    truth = row((1, 10), (0, 10))
    labels = row((0, 4), (1, 6), (0, 2), (2, 8))
    tissue = row((1, 4), (2, 16)).astype(np.uint8)
    found = match(labels, np.where(truth == 1, 1, 0), tissue=np.where(truth == 1, 3, tissue)).tissue
    assert (found["palisade"].tp[4], found["palisade"].fp[4], found["palisade"].fn[4]) == (1, 0, 0)
    assert (found["lower epidermis"].tp[4], found["lower epidermis"].fp[4], found["lower epidermis"].fn[4]) == (0, 1, 0)


# ---- intervals -----------------------------------------------------------------------------------------------------


def test_the_interval_is_the_binomial_one_where_cells_are_found_or_not() -> None:
    cells = np.arange(1, 101, dtype=np.int32).repeat(4)[None]
    labels = np.where(cells <= 80, cells, 0)  # AP 0.8 of 100 cells: sd 0.04
    low, high = match(labels, cells).ap_interval
    assert low == pytest.approx(0.8 - 1.96 * 0.04, abs=0.012)
    assert high == pytest.approx(0.8 + 1.96 * 0.04, abs=0.012)


def test_intervals_hold_the_score_and_repeat() -> None:
    truth = many_cells(5)
    labels = shifted(truth)
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - the global generator is looked at, not used
    first, second = match(labels, truth), match(labels, truth)
    assert first == second
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002 - as above
    for value, (low, high) in (
        (first.counts.mean_ap, first.mean_ap_interval),
        (first.counts.ap["0.5"], first.ap_interval),
    ):
        assert low < value < high


# ---- edges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "truth", "ratio"), [((0, 4), (0, 4), 1.0), ((1, 4), (0, 4), 0.0), ((0, 4), (1, 4), 0.0)]
)
def test_where_one_side_has_no_cells_ratios_are_zero_and_where_both_have_none_one(
    labels: tuple[int, int], truth: tuple[int, int], ratio: float
) -> None:
    found = figures(row(labels), row(truth))
    assert [found[name] for name in ("mAP", "mAP_tr155", "AJI")] == [ratio] * 3
    assert found["F1"] == found["precision"] == found["recall"] == dict.fromkeys(map(str, THRESHOLDS), ratio)
    assert found["AP_interval"] == found["mAP_interval"] == [ratio, ratio]
    assert (found["mean_matched_IoU"], found["merges"], found["splits"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("truth", [np.full((2, 3), -1, dtype=np.int32), np.zeros((0, 3), dtype=np.int32)])
def test_nothing_known_is_nothing_wrong(truth: NDArray[np.int32]) -> None:
    found = figures(np.ones(truth.shape, dtype=np.int32), truth)
    assert (found["mAP"], found["VI_split"], found["VI_merge"], found["ARAND"]) == (1.0, 0.0, 0.0, 0.0)
    assert found["cells"] == 0


def test_scores_are_plain_json_with_the_promised_keys() -> None:
    truth = many_cells(6)
    found = figures(shifted(truth), truth, tissue=(truth % 3).astype(np.uint8))
    assert json.loads(json.dumps(found)) == found
    shared = {"AP", "mAP", "precision", "recall", "F1", "cells", "truth_cells", "merges", "splits"}
    whole = {"mAP_tr155", "AJI", "VI_split", "VI_merge", "ARAND", "mean_matched_IoU", "mAP_interval", "AP_interval"}
    assert set(found) == shared | whole | {"tissue"}
    assert all(set(part) == shared for part in found["tissue"].values())
    assert list(found["AP"]) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]
    assert "tissue" not in figures(truth, truth)


def test_the_table_has_a_row_for_all_and_one_for_each_tissue() -> None:
    truth = many_cells(7)
    scores = match(shifted(truth), truth, tissue=np.full(truth.shape, tissues.SPONGY, dtype=np.uint8))
    whole, spongy = scores.table()
    assert (whole.pop("tissue"), spongy.pop("tissue")) == ("all", "spongy")
    assert whole == spongy
    assert whole["AP@0.5"] == scores.to_dict()["AP"]["0.5"]


def test_another_shape_is_an_error_that_names_both() -> None:
    with pytest.raises(
        LabelsError, match=r"labels of shape \(2, 3\) and truth of shape \(3, 2\); .*voxel by voxel; crop"
    ):
        match(np.zeros((2, 3), dtype=np.int32), np.zeros((3, 2), dtype=np.int32))


def test_a_tissue_map_of_another_shape_is_an_error() -> None:
    labels = np.zeros((2, 3), dtype=np.int32)
    with pytest.raises(LabelsError, match=r"tissue of shape \(1, 3\) and truth of shape \(2, 3\)"):
        match(labels, labels, tissue=np.zeros((1, 3), dtype=np.uint8))


def test_a_scan_in_place_of_labels_is_an_error() -> None:
    with pytest.raises(LabelsError, match="labels holds fractions or NaN"):
        match(np.full((2, 3), 0.5), np.zeros((2, 3), dtype=np.int32))
