"""The ways of scanning that the benchmark of robustness compares are what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.robustness import WAYS, Scan

GREY = np.random.default_rng(0).integers(1, 255, (4, 20, 10)).astype(np.uint8)
SCAN = Scan(GREY, (GREY > 100).astype(np.int32), (0.65, 0.65, 0.65))


def test_boxes_are_whole_numbers_of_voxels_so_that_all_ways_show_the_same_leaf():
    for way in WAYS.values():
        counts = np.divide(way.box_um, way.spacing_um)
        assert counts == pytest.approx(np.rint(counts), abs=1e-6)


def test_the_first_way_of_each_box_is_the_plain_one():
    first = {way.box_um: name for name, way in reversed(WAYS.items())}
    assert sorted(first.values()) == ["high: plain", "plain", "small: plain"]


def test_grey_values_change_and_cells_do_not_or_both_change_alike():
    for name, way in WAYS.items():
        changed = way.change(SCAN)
        same = changed.truth.shape == GREY.shape and np.array_equal(changed.truth, SCAN.truth)
        assert same == (name not in ("upside down", "on its side", "across the slices", "cut by the field"))
    turned, cut = WAYS["upside down"].change(SCAN), WAYS["cut by the field"].change(SCAN)
    assert np.array_equal(turned.grey[:, 0], GREY[:, -1])
    assert np.array_equal(turned.truth > 0, turned.grey > 100)
    for name, axes in (("on its side", (0, 2, 1)), ("across the slices", (1, 0, 2))):
        lying = WAYS[name].change(SCAN)
        assert np.array_equal(lying.grey, GREY.transpose(axes))
        assert np.array_equal(lying.truth > 0, lying.grey > 100)
    assert np.array_equal(cut.truth > 0, cut.grey > 100)
    assert 0.1 < np.mean(cut.grey == 0) < 0.6
    assert not cut.grey[:, 0, 0].any() and cut.grey[:, 10, 5].all()
    assert WAYS["inverted"].change(SCAN).grey.tolist() == (255 - GREY).tolist()
    assert WAYS["stated as 1.3 µm"].change(SCAN).spacing_um == (1.3, 1.3, 1.3)
