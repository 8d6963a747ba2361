"""Peaks, and shapes painted in their order: compared with what a few slow lines of NumPy find."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mesophyll.representations.decoding.suppression import paint, peaks, proposals


def slow_paint(shape, shapes, most):
    """The rule in sets: a later shape is dropped where an earlier one has too much of it, or of itself."""
    owned, sizes, kept = {}, {}, []
    for voxels in shapes:
        own = set(voxels)
        over = any(len(own & owned[number]) > most * min(len(own), sizes[number]) for number in owned)
        kept.append(bool(own) and not over)
        if kept[-1]:
            number = len(owned) + 1
            owned[number], sizes[number] = own.difference(*owned.values()), len(own)
    labels = np.zeros(np.prod(shape), np.int32)
    for number, own in owned.items():
        labels[list(own)] = number
    return labels.reshape(shape), kept


def drawing(shapes):
    """What draws shapes that are given as lists of flat indices."""

    def draw(some):
        drawn = [shapes[place] for place in some]
        ends = np.cumsum([len(voxels) for voxels in drawn])
        return ends.astype(np.int64), np.concatenate([np.empty(0), *drawn]).astype(np.int32)

    return draw


def boxes(seed, count, shape):
    """Boxes anywhere, some of them empty; as flat indices."""
    rng, index = np.random.default_rng(seed), np.arange(np.prod(shape)).reshape(shape)
    for _ in range(count):
        low = [rng.integers(0, length) for length in shape]
        size = rng.integers(0, 6, 3)
        yield index[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))].ravel()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.2, 0.4, 0.8, 1.0]))
def test_shapes_are_painted_and_dropped_as_sets_say(seed, most):
    shape = (5, 9, 11)
    shapes = list(boxes(seed, 40, shape))
    labels, kept = paint(shape, len(shapes), drawing(shapes), most)
    expected, expected_kept = slow_paint(shape, shapes, most)
    assert np.array_equal(labels, expected)
    assert kept.tolist() == expected_kept


def test_it_does_not_matter_where_a_batch_ends():
    shape = (20, 20, 20)
    shapes = list(boxes(3, 700, shape))
    labels, kept = paint(shape, len(shapes), drawing(shapes), 0.3)
    expected, expected_kept = slow_paint(shape, shapes, 0.3)
    assert all(0 < kept[start : start + 256].sum() < 256 for start in (0, 256, 512))
    assert np.array_equal(labels, expected)
    assert kept.tolist() == expected_kept


def test_what_is_known_to_be_dropped_is_not_drawn():
    shape, asked = (20, 20, 20), []
    shapes = list(boxes(3, 700, shape))

    def drop(some, before, painted):
        asked.append((before.tolist(), sorted(set(painted[painted > 0].tolist()))))
        return some % 3 == 1

    drawn = drawing(shapes)
    labels, kept = paint(shape, len(shapes), lambda some: drawn(some[some % 3 != 1]), 0.3, drop)
    expected, expected_kept = slow_paint(
        shape, [shape if place % 3 != 1 else [] for place, shape in enumerate(shapes)], 0.3
    )
    assert np.array_equal(labels, expected)
    assert kept.tolist() == expected_kept
    for start, (before, painted) in zip((0, 256, 512), asked, strict=True):
        assert before == np.flatnonzero(kept[:start]).tolist()
        assert set(painted) <= set(range(1, len(before) + 1))


def test_a_small_shape_inside_a_large_one_is_dropped_and_so_is_a_large_one_around_a_small_one():
    small, large = np.arange(4), np.arange(40)
    for shapes in ([small, large], [large, small]):
        assert paint((1, 1, 50), 2, drawing(shapes), 0.5)[1].tolist() == [True, False]


def test_no_shapes_are_no_labels():
    labels, kept = paint((2, 3, 4), 0, drawing([]), 0.5)
    assert labels.shape == (2, 3, 4)
    assert not labels.any()
    assert len(kept) == 0


@pytest.mark.parametrize("shape", [(1, 20, 24), (9, 10, 11)])
def test_peaks_are_what_no_neighbour_exceeds_the_highest_first(shape):
    score = np.random.default_rng(0).integers(0, 12, shape).astype(np.float32) / 10
    found = peaks(score, 0.5)
    expected = (score == ndimage.maximum_filter(score, 3, mode="nearest")) & (score > 0.5)
    assert {tuple(place) for place in found} == {tuple(place) for place in np.argwhere(expected)}
    heights = score[tuple(found.T)]
    assert (np.diff(heights) <= 0).all()
    flat = np.ravel_multi_index(tuple(found.T), shape)
    assert (np.diff(flat)[np.diff(heights) == 0] > 0).all()


def test_only_the_foreground_proposes():
    output = np.zeros((3, 10, 12), np.float32)
    output[0, 2:6] = 1
    output[1, 3, 4], output[1, 8, 8], output[1, 4, 9] = 0.9, 1.0, 0.4
    output[2, 3, 4] = 7
    for each in (output, torch.from_numpy(output)):
        proposed = proposals(each, 0.5, 0.5)
        assert proposed.places.tolist() == [[0, 3, 4]]
        assert proposed.said.tolist() == [[1, pytest.approx(0.9), 7]]
        assert np.array_equal(proposed.inside, output[:1] > 0.5)
