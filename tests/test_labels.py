"""Every function on labels does what a slow and plain one does, in any memory layout, and changes nothing it is given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from complaint import complaint
from mesophyll.errors import LabelsError
from mesophyll.labels import (
    UNKNOWN,
    check,
    known_layers,
    labelled_slices,
    outlines,
    remove_small,
    same_partition,
    seen_in_section,
    sequential,
    split_pieces,
)

few = settings(max_examples=60, deadline=None)
labellings = arrays.arrays(
    np.int32,
    arrays.array_shapes(min_dims=2, max_dims=3, max_side=6),
    elements=st.sampled_from([-1, 0, 0, 1, 2, 9, 2**31 - 1]),
)


def layouts(labels):
    """The same labels, laid out otherwise in memory."""
    return [np.asfortranarray(labels), labels[::-1].copy()[::-1], np.repeat(labels, 2, axis=0)[::2]]


def slow_sequential(labels):
    table = {-1: -1, 0: 0}
    for new, old in enumerate(sorted(set(labels[labels > 0].tolist())), start=1):
        table[old] = new
    return np.array([table[number] for number in labels.ravel().tolist()]).reshape(labels.shape)


def slow_remove_small(labels, size):
    kept = labels.copy()
    for number in set(labels[labels > 0].tolist()):
        if (labels == number).sum() < size:
            kept[labels == number] = 0
    return kept


def slow_outlines(labels):
    edge = np.zeros(labels.shape, bool)
    for place in zip(*np.nonzero(labels > 0), strict=True):
        for axis in range(labels.ndim):
            for step in (-1, 1):
                other = list(place)
                other[axis] += step
                if 0 <= other[axis] < labels.shape[axis] and labels[tuple(other)] != labels[place]:
                    edge[place] = True
    return edge


def slow_split(labels):
    """Each cell on its own; the numbers are in any order."""
    pieces, count = np.where(labels == -1, -1, 0), 0
    for number in set(labels[labels > 0].tolist()):
        own, found = ndimage.label(labels == number)
        pieces[own > 0] = own[own > 0] + count
        count += found
    return pieces, count


def slow_same(first, second):
    forth, back = {}, {}
    for a, b in zip(first.ravel().tolist(), second.ravel().tolist(), strict=True):
        if (a <= 0 or b <= 0) and a != b:
            return False
        if forth.setdefault(a, b) != b or back.setdefault(b, a) != a:
            return False
    return True


@few
@given(labellings)
def test_cells_are_renumbered_in_their_order(labels):
    for each in [labels, *layouts(labels)]:
        found = sequential(each)
        assert found.dtype == np.int32
        assert np.array_equal(found, slow_sequential(labels))


@few
@given(labellings, st.integers(0, 5))
def test_small_cells_become_background(labels, size):
    for each in [labels, *layouts(labels)]:
        assert np.array_equal(remove_small(each, size), slow_remove_small(labels, size))


@few
@given(labellings)
def test_outlines_are_voxels_with_a_face_to_another_number(labels):
    for each in [labels, *layouts(labels)]:
        assert np.array_equal(outlines(each), slow_outlines(labels))


@few
@given(labellings)
def test_pieces_hang_together_by_faces(labels):
    slow, count = slow_split(labels)
    for each in [labels, *layouts(labels)]:
        found = split_pieces(each)
        assert found.dtype == np.int32
        assert slow_same(found, slow)
        assert sorted(set(found[found > 0].tolist())) == list(range(1, count + 1))


@few
@given(labellings, labellings, st.randoms(use_true_random=False))
def test_partitions_are_compared_but_for_the_numbers(first, second, random):
    numbers = list({*first.ravel().tolist()} - {-1, 0})
    names = dict(zip(numbers, random.sample(range(1, 99), len(numbers)), strict=True)) | {-1: -1, 0: 0}
    renamed = np.array([names[number] for number in first.ravel().tolist()], np.int32).reshape(first.shape)
    assert same_partition(first, renamed)
    merged = np.where(first > 0, 5, first).astype(np.int32)
    assert same_partition(first, merged) == slow_same(first, merged)
    assert same_partition(merged, first) == slow_same(first, merged)
    if first.shape == second.shape:
        assert same_partition(first, second) == slow_same(first, second)
    else:
        assert not same_partition(first, second)


@pytest.mark.parametrize("function", [sequential, split_pieces, outlines, lambda labels: remove_small(labels, 3)])
def test_labels_given_stay_as_they_are(function):
    labels = np.random.default_rng(0).integers(-1, 4, (6, 7, 8)).astype(np.int32)
    kept = labels.copy()
    labels.flags.writeable = False
    result = function(labels)
    assert result is not labels
    assert np.array_equal(labels, kept)


# ---------------------------------------------------------------------------------------------------------------- check


@pytest.mark.parametrize("dtype", ["bool", "uint8", ">i4", "int32", "uint64", "int64", "float32", "float64"])
def test_whole_numbers_of_any_type_are_labels(dtype):
    array = np.array([[0, 1], [1, 0]]).astype(dtype)
    found = check(array)
    assert found.dtype == np.int32
    assert found.dtype.isnative
    assert found.tolist() == [[0, 1], [1, 0]]
    assert check([[0.0, -1.0]]).tolist() == [[0, -1]]


def test_no_labels_at_all_are_labels():
    assert check(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array(["a"]), ["cells.tif has the type <U1", "whole numbers", "integer image"]),
        (np.array([1j]), ["complex128"]),
        (np.array([None]), ["object"]),
        (np.array([0.5, 1]), ["fractions or NaN", "is it the scan?"]),
        (np.array([np.nan]), ["fractions or NaN"]),
        (np.array([np.inf]), ["fractions or NaN"]),
        (np.array([-2, 5]), ["from -2 to 5", "-1 (unknown)", "renumber the cells from 1"]),
        (np.array([2**31]), ["from 2147483648 to 2147483648"]),
        (np.array([2**64 - 1], np.uint64), ["18446744073709551615"]),
        (np.array([3e9], np.float32), ["3000000000.0"]),
    ],
)
def test_what_is_no_labelling_is_told_why(array, words):
    complaint(LabelsError, lambda: check(array, "cells.tif"), *words)


def sliced(axis, places, thick=1):
    labels = np.full((20, 20, 20), UNKNOWN, np.int32)
    at = np.moveaxis(labels, axis, 0)
    for place in places:
        at[place : place + thick] = 0
        at[place : place + thick, 3:9, 4:15] = 5
    return labels


def slices_of(labels):
    return labelled_slices(known_layers(labels.shape, lambda region: labels[region]))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_labelled_slices_are_found_across_their_axis(axis):
    assert slices_of(sliced(axis, (3, 9))) == (axis, (3, 9))
    assert slices_of(sliced(axis, (3, 9), thick=2)) == (axis, (3, 4, 9, 10))


def test_what_is_known_everywhere_nowhere_or_in_a_block_is_no_slice():
    assert slices_of(sliced(0, (5,), thick=6)) is None
    assert slices_of(np.zeros((4, 4, 4), np.int32)) is None
    assert slices_of(np.full((4, 4, 4), UNKNOWN, np.int32)) is None


@pytest.mark.parametrize("thick", [1, 2])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cell_in_labelled_slices_is_seen_in_sections(axis, thick):
    labels = sliced(axis, (3, 9), thick)  # the same cell in both
    assert np.array_equal(seen_in_section(labels), labels > 0)


def test_a_traced_cell_and_cells_of_a_known_volume_are_whole():
    traced = np.full((20, 20, 20), UNKNOWN, np.int32)
    traced[5:12, 5:12, 5:12] = 1
    assert not seen_in_section(traced).any()
    flat = np.zeros((20, 20, 20), np.int32)
    flat[5, 5:12, 5:12] = 1  # a plate, with known background around it
    flat[19] = UNKNOWN
    assert not seen_in_section(flat).any()


def test_a_line_of_a_section_across_labelled_slices_is_a_section_too():
    labels = sliced(0, (3, 9))[:, 5]
    assert np.array_equal(seen_in_section(labels), labels > 0)
