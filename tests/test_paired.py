"""Two results on the same cells: fates, groups, and the interval of a difference."""

from __future__ import annotations

import numpy as np
import pytest

from mesophyll.errors import LabelsError
from mesophyll.evaluation import difference, fates, match, mean_ap, pooled, repeated_difference, repeated_mean_ap


def row(count, size=10):
    """Cells of ``size`` voxels, each with as much background behind it."""
    cells = np.zeros((count, 2 * size), np.int32)
    cells[:, :size] = np.arange(1, count + 1)[:, None]
    return cells.ravel()


def spoilt(truth, lost=0, halved=0, extra=0):
    """The first cells lost, the next ones with half their voxels, and a false one behind the last ones."""
    labels = truth.copy().reshape(-1, 20)
    labels[:lost] = 0
    labels[lost : lost + halved, 5:10] = 0
    if extra:
        labels[-extra:, 15:] = 1000 + np.arange(extra)[:, None]
    return labels.ravel()


def test_fates_add_up_to_the_scores():
    truth = row(40)
    labels = spoilt(truth, lost=5, halved=10, extra=3)
    mean, (low, high) = mean_ap(fates(labels, truth))
    assert mean == pytest.approx(match(labels, truth).counts.mean_ap)
    assert low < mean < high


def test_a_cell_that_is_half_found_is_a_hit_up_to_half():
    truth = row(2)
    found = fates(spoilt(truth, halved=1), truth)
    assert found.hits.tolist() == [[1] * 5 + [0] * 4, [1] * 9]
    assert found.claims.tolist() == [[1] * 5 + [2] * 4, [1] * 9]


def test_a_prediction_alone_belongs_to_the_cell_it_lies_in_most_or_to_none():
    truth = row(3, size=30)
    labels = truth.copy()
    labels[2] = 90  # a splinter within the first cell
    labels[55] = 91  # and one in the background
    assert fates(labels, truth).alone.tolist() == [0, 3]


def test_groups_of_cells_count_their_own_predictions_only():
    truth = row(20)
    found = fates(spoilt(truth, lost=10, extra=5), truth)
    first = np.arange(20) < 10
    assert mean_ap(found, first)[0] == 0
    assert mean_ap(found, ~first)[0] == 1  # what lies outside all cells is nobody's
    assert mean_ap(found)[0] == pytest.approx(10 / 25)


def test_a_result_is_not_better_than_itself():
    truth = row(30)
    found = fates(spoilt(truth, halved=9), truth)
    gain = difference(found, found)
    assert (gain.mean_ap, gain.interval) == (0, (0, 0))
    assert not gain.certain


def test_the_pair_is_told_apart_where_single_intervals_overlap():
    truth = row(60)
    worse = spoilt(truth, lost=20, halved=5)
    better = spoilt(truth, lost=20)
    first, second = fates(better, truth), fates(worse, truth)
    gain = difference(first, second)
    assert gain.mean_ap == pytest.approx(match(better, truth).counts.mean_ap - match(worse, truth).counts.mean_ap)
    assert mean_ap(first)[1][0] < mean_ap(second)[1][1]  # the intervals overlap
    assert gain.certain
    assert gain.interval[0] > 0
    back = difference(second, first)
    assert back.mean_ap == -gain.mean_ap
    assert back.certain


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Two results that find a cell by chance, equally often: 95 % of the intervals hold 0."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        truth = row(80)
        pair = [np.where(np.isin(truth, 1 + np.flatnonzero(rng.random(80) < 0.6)), truth, 0) for _ in range(2)]
        held += not difference(*(fates(labels, truth) for labels in pair)).certain
    assert 50 <= held <= 60


def test_the_best_of_many_tries_needs_more_to_be_sure():
    """Of 20 results that are as good as the first one, the best is above 0 at 95 % oftener than it should; not for 20 tries."""
    rng = np.random.default_rng(0)
    truth = row(80)
    alone, among = 0, 0
    for _ in range(20):
        first, *others = (
            fates(np.where(np.isin(truth, 1 + np.flatnonzero(rng.random(80) < 0.6)), truth, 0), truth)
            for _ in range(21)
        )
        best = max(others, key=lambda one: one.hits.sum())
        alone += difference(best, first).interval[0] > 0
        among += difference(best, first, tries=20).interval[0] > 0
    assert alone >= 4
    assert among <= 2
    wide, narrow = difference(best, first, tries=20), difference(best, first)
    assert wide.mean_ap == narrow.mean_ap
    assert wide.interval[0] < narrow.interval[0] < narrow.interval[1] < wide.interval[1]


def test_leaves_are_pooled():
    truth = row(10)
    parts = [fates(spoilt(truth, lost=lost, extra=1), truth) for lost in (0, 4)]
    both = pooled(parts)
    assert len(both.cells) == 20
    assert both.alone.tolist() == [20, 20]
    assert mean_ap(both)[0] == pytest.approx(16 / 22)


def test_without_cells_and_predictions_all_is_right():
    nothing = np.zeros(50, np.int32)
    assert mean_ap(fates(nothing, nothing)) == (1, (1, 1))


def test_other_cells_are_no_pair():
    with pytest.raises(LabelsError, match=r"judged on 3 cells, the other on 2.*same true cells.*same truth"):
        difference(fates(row(3), row(3)), fates(row(2), row(2)))


# --- trainings and leaves --------------------------------------------------------------------------------------------------


def by_chance(rng, shares, cells=80):
    """Return what trainings find: of each leaf, about that share of the cells."""
    truth = row(cells)
    return [
        [
            fates(np.where(np.isin(truth, 1 + np.flatnonzero(rng.random(cells) < share)), truth, 0), truth)
            for share in training
        ]
        for training in shares
    ]


def test_one_training_on_one_leaf_is_a_result_as_any():
    truth = row(40)
    first, second = fates(spoilt(truth, lost=9, extra=3), truth), fates(spoilt(truth, halved=9), truth)
    assert repeated_mean_ap([[first]]) == mean_ap(first)
    assert repeated_difference([[first]], [[second]]) == difference(first, second)


def test_the_score_is_the_mean_over_trainings_of_all_leaves_together():
    truth = row(10)
    parts = [fates(spoilt(truth, lost=lost, extra=1), truth) for lost in (0, 4, 2, 6)]
    trainings = [parts[:2], parts[2:]]
    expected = np.mean([mean_ap(pooled(training))[0] for training in trainings])
    assert repeated_mean_ap(trainings)[0] == pytest.approx(expected)
    among = np.arange(20) < 10  # the first leaf
    assert repeated_mean_ap(trainings, among)[0] == pytest.approx((10 / 10 + 8 / 10) / 2)


def test_leaves_and_trainings_that_differ_make_the_interval_wider():
    rng = np.random.default_rng(0)
    alike, leaves, seeds = ([[0.6] * 3] * 3, [[0.4, 0.6, 0.8]] * 3, [[0.4] * 3, [0.6] * 3, [0.8] * 3])
    widths = []
    for shares in (alike, leaves, seeds):
        _, (low, high) = repeated_mean_ap(by_chance(rng, shares))
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]
    assert widths[2] > 2 * widths[0]


def test_what_is_hard_for_both_methods_does_not_blur_their_difference():
    """Leaves that differ much, and trainings that do: the pair is still told apart, leaf by leaf and seed by seed."""
    truth = row(80)
    first, second = (
        [[fates(spoilt(truth, lost=lost + more), truth) for lost in (10, 40)] for more in seeds]
        for seeds in ((0, 10), (8, 18))
    )
    assert repeated_mean_ap(first)[1][0] < repeated_mean_ap(second)[1][1]
    gain = repeated_difference(first, second)
    assert gain.mean_ap == pytest.approx(8 / 80)
    assert gain.certain


def test_methods_that_were_taught_another_number_of_times_are_compared_too():
    rng = np.random.default_rng(1)
    three, one = by_chance(rng, [[0.9] * 2] * 3), by_chance(rng, [[0.4] * 2])
    gain = repeated_difference(three, one)
    assert gain.certain
    assert gain.mean_ap == pytest.approx(repeated_mean_ap(three)[0] - repeated_mean_ap(one)[0])


def test_the_layered_interval_holds_the_truth_where_that_of_cells_does_not():
    """Two methods that are equally good, each taught three times, no training as good as the next."""
    rng = np.random.default_rng(2)
    layered, cells = 0, 0
    for _ in range(30):
        pair = [by_chance(rng, rng.normal(0.6, 0.1, (3, 1)) * np.ones((1, 3)), cells=40) for _ in range(2)]
        layered += not repeated_difference(*pair).certain
        cells += not difference(*(pooled(trainings[0]) for trainings in pair)).certain
    assert cells <= 20
    assert layered >= 26


def test_trainings_judged_on_other_leaves_are_no_pair():
    rng = np.random.default_rng(3)
    two, three = by_chance(rng, [[0.5, 0.5]]), by_chance(rng, [[0.5, 0.5, 0.5]])
    with pytest.raises(LabelsError, match=r"judged on 160 cells, the other on 240.*judge both on the same truth"):
        repeated_difference(two, three)
