"""However an image is cut, it is covered, and its tiles add up to it."""

from __future__ import annotations

import itertools
from typing import get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesophyll.blocks import shape_of
from mesophyll.inference import SegmentationPlan
from mesophyll.tiling import TILINGS, Tiling, cellpose, even, tiles


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 400), st.integers(1, 80), st.integers(0, 40))
def test_even_spans_are_few_and_add_up_to_one(length, side, overlap):
    side = max(side, 2 * overlap, 1)
    spans = even(length, side, overlap)
    total = np.zeros(length)
    for start, stop, ramp in spans:
        assert 0 <= start < stop <= length
        assert stop - start == len(ramp) <= side
        assert (ramp > 0).all()
        total[start:stop] += ramp
    np.testing.assert_allclose(total, 1, atol=1e-5)
    for first, second in itertools.pairwise(spans):
        assert second.start > first.start
        assert first.stop - second.start >= overlap
    assert len(spans) == max(-(-(length - overlap) // (side - overlap)), 1)


def test_a_tile_fades_out_before_its_border():
    first, second = even(100, 60, 20)
    assert first.stop - second.start == 20
    assert np.allclose(first.ramp[:40], 1)
    assert (np.diff(first.ramp[39:]) < 0).all()
    assert first.ramp[-1] < 0.06


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 900))
def test_cellposes_spans_are_224_wide_and_reach_8_voxels_beyond(length):
    spans, total = cellpose(length), np.zeros(length)
    wide = spans[-1].stop - spans[0].start
    assert wide % 16 == 0
    assert 8 <= -spans[0].start <= 16
    assert 8 <= spans[-1].stop - length <= 16
    assert {span.stop - span.start for span in spans} == {min(wide, 224)}
    assert len(spans) == (1 if wide <= 224 else -(-6 * wide // (5 * 224)))
    for start, stop, ramp in spans:
        total[max(start, 0) : min(stop, length)] += ramp
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_cellposes_spans_fade_along_a_sigmoid():
    """Worked out by hand for 240 voxels: 256 with margins, two spans from -8 and from 24 on."""
    first, second = cellpose(240)
    assert [(span.start, span.stop) for span in (first, second)] == [(-8, 216), (24, 248)]

    def rise(start, voxel):
        return 1 / (1 + np.exp((abs(voxel - start - 111.5) - 92) / 7.5))

    for voxel in (30, 100, 190, 215):
        weights = rise(-8, voxel), rise(24, voxel)
        assert first.ramp[voxel] == pytest.approx(weights[0] / sum(weights), rel=1e-5)
        assert second.ramp[voxel - 24] == pytest.approx(weights[1] / sum(weights), rel=1e-5)


def test_a_plan_can_name_every_way():
    asked = get_args(get_type_hints(SegmentationPlan)["tiling"])
    assert set(get_args(Tiling)) == set(TILINGS) == set(asked) - {"auto"}


@pytest.mark.parametrize("way", TILINGS)
@pytest.mark.parametrize("shape", [(60, 250), (20, 30, 240)])
def test_tiles_add_up_to_the_image(way, shape):
    image = np.random.default_rng(0).normal(size=shape)
    again = np.zeros(shape)
    for tile in tiles(shape, way, 64, 8):
        seen = np.pad(image[tile.write], tile.margins)
        part = seen[tile.inner]
        assert part.shape == shape_of(tile.write) == tuple(map(len, tile.ramps))
        for axis, ramp in enumerate(tile.ramps):
            part = part * ramp.reshape([-1 if other == axis else 1 for other in range(len(shape))])
        again[tile.write] += part
    np.testing.assert_allclose(again, image, atol=1e-5)
