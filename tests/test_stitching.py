"""Cells found block by block become the cells of the whole, compared pair by pair and numbered without gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from catalogue import crowd
from mesophyll.blocks import grid, intersect, relative
from mesophyll.labels import same_partition, sequential
from mesophyll.stitching import agreements, merge, successors

few = settings(max_examples=60, deadline=None)
pairs_of_labels = st.tuples(st.integers(1, 5), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(*[arrays.arrays(np.int32, shape, elements=st.integers(-1, 3))] * 2)
)


def slow_agreements(first, second, iou):
    return {
        (a, b)
        for a in set(first[first > 0].tolist())
        for b in set(second[second > 0].tolist())
        if ((first == a) & (second == b)).sum() > iou * ((first == a) | (second == b)).sum()
    }


def slow_merge(counts, pairs):
    """Flood from each cell over the agreements."""
    cells = [(block, cell) for block, count in enumerate(counts) for cell in range(1, count + 1)]
    links = {cell: set() for cell in cells}
    for first, second, agreed in pairs:
        for a, b in np.asarray(agreed).tolist():
            links[first, a].add((second, b))
            links[second, b].add((first, a))
    group, groups = {}, 0
    for cell in cells:
        if cell in group:
            continue
        groups, front = groups + 1, [cell]
        while front:
            here = front.pop()
            if here not in group:
                group[here] = groups
                front += links[here]
    return group


def stitched(truth, size, halo, *, iou=0.5, forget=lambda index: False):
    """Cut a labelling into blocks that number their cells on their own, and put it together again."""
    blocks = grid(truth.shape, size, halo)
    found = [np.zeros_like(truth[b.read]) if forget(b.index) else sequential(truth[b.read]) for b in blocks]
    pairs = []
    for first in blocks:
        for second in blocks[first.index + 1 :]:
            if shared := intersect(first.read, second.read):
                seen = [found[b.index][relative(shared, b.read)] for b in (first, second)]
                pairs.append((first.index, second.index, agreements(*seen, iou)))
    tables = merge([int(each.max()) for each in found], pairs)
    labels = np.zeros_like(truth)
    for block, table in zip(blocks, tables, strict=True):
        labels[block.write] = table[found[block.index][block.inner]]
    return labels


@few
@given(pairs_of_labels, st.sampled_from([0.1, 0.5, 0.9]))
def test_cells_agree_by_intersection_over_union(labels, iou):
    found = agreements(*labels, iou)
    assert found.shape == (len(found), 2)
    assert len(found) == len(slow_agreements(*labels, iou))
    assert set(map(tuple, found.tolist())) == slow_agreements(*labels, iou)


def test_large_numbers_of_cells_do_not_run_into_each_other():
    first = np.array([[2**30, 1, 2**30 + 1]], np.int32)
    second = np.array([[2**31 - 1, 2, 3]], np.int32)
    assert sorted(map(tuple, agreements(first, second, 0.5).tolist())) == [
        (1, 2),
        (2**30, 2**31 - 1),
        (2**30 + 1, 3),
    ]


@st.composite
def block_counts(draw):
    counts = draw(st.lists(st.integers(0, 4), max_size=5))
    full = [place for place, count in enumerate(counts) if count]
    pairs = []
    for first in full:
        for second in full[full.index(first) + 1 :]:
            cells = st.tuples(st.integers(1, counts[first]), st.integers(1, counts[second]))
            agreed = draw(st.lists(cells, max_size=2))
            pairs.append((first, second, np.array(agreed, np.int64).reshape(-1, 2)))
    return counts, pairs


@few
@given(block_counts())
def test_cells_that_agree_even_by_others_get_one_number(case):
    counts, pairs = case
    tables, group = merge(counts, pairs), slow_merge(counts, pairs)
    assert [len(table) for table in tables] == [count + 1 for count in counts]
    assert all(table[0] == 0 and table.dtype == np.int32 for table in tables)
    given_numbers = {cell: int(tables[cell[0]][cell[1]]) for cell in group}
    assert sorted(set(given_numbers.values())) == list(range(1, len(set(group.values())) + 1))
    assert len({(given_numbers[cell], group[cell]) for cell in group}) == len(set(group.values()))


@pytest.mark.parametrize(("ndim", "size", "halo"), [(2, 16, 4), (2, 13, 0), (3, 16, 6), (3, 11, 3)])
def test_blocks_of_a_crowd_become_the_crowd(ndim, size, halo):
    truth = crowd(ndim, side=40)
    if halo:
        assert same_partition(stitched(truth, size, halo), truth)
    else:  # blocks that share no voxel have nothing to compare
        assert stitched(truth, size, halo).max() > truth.max()


def test_a_cell_that_lies_in_eight_blocks_is_one_cell():
    truth = np.zeros((24, 24, 24), np.int32)
    truth[4:20, 4:20, 4:20] = 1
    truth[:4, :4, :4] = 2
    assert len(grid(truth.shape, 12, 3)) == 8
    assert same_partition(stitched(truth, 12, 3), truth)


def test_a_block_that_found_nothing_leaves_its_neighbours_as_they_are():
    truth = crowd(2, side=40)
    labels = stitched(truth, 20, 6, forget=lambda index: index == 3)
    rest = np.ones(truth.shape, bool)
    rest[grid(truth.shape, 20, 6)[3].write] = False
    assert not labels[~rest].any()
    assert same_partition(np.where(rest, labels, 0), np.where(rest, truth, 0))


def test_nothing_anywhere_is_nothing():
    assert merge([], []) == []
    assert [table.tolist() for table in merge([0, 0], [(0, 1, np.empty((0, 2), np.int64))])] == [[0], [0]]
    assert not stitched(np.zeros((20, 20), np.int32), 10, 2).any()


def test_a_cell_does_not_agree_with_the_two_that_it_was_run_together_from():
    first = np.array([[1] * 10 + [2] * 10])
    second = np.ones((1, 20), np.int32)
    assert len(agreements(first.astype(np.int32), second, 0.5)) == 0


# ------------------------------------------------------------------------------------------------------- slice by slice


def test_a_successor_is_the_best_of_both_sides():
    """1 overlaps 1 with an IoU of 6/10 and 2 with one of 4/16; 2 overlaps nothing better, and still gets nothing."""
    first, second = np.zeros((2, 1, 20), np.int32)
    first[0, :10] = 1
    second[0, :6], second[0, 6:16] = 1, 2
    assert successors(first, second, 0.1).tolist() == [[1, 1]]
    assert successors(first, second, 0.6).tolist() == []
    assert successors(first, second, 0.59).tolist() == [[1, 1]]


def test_of_two_that_go_on_as_the_same_the_closer_one_does_and_the_other_ends():
    """1 and 2 both go on as 1; that 2 overlaps 2 a little does not make it go on there."""
    first, second = np.zeros((2, 1, 30), np.int32)
    first[0, :10], first[0, 10:18] = 1, 2
    second[0, 1:16], second[0, 16:30] = 1, 2
    assert successors(first, second, 0.05).tolist() == [[1, 1]]
    first[0, :10] = 0
    assert successors(first, second, 0.05).tolist() == [[2, 1]]


def test_two_cells_do_not_become_one_through_a_third():
    first, second = np.zeros((2, 1, 20), np.int32)
    first[0, :10], first[0, 10:20] = 1, 2
    second[0, :20] = 1
    assert successors(first, second, 0.1).tolist() == [[1, 1]]  # equals: the first


def test_slices_without_cells_have_no_successors():
    empty, full = np.zeros((4, 4), np.int32), np.ones((4, 4), np.int32)
    for first, second in ((empty, full), (full, empty), (empty, empty)):
        assert successors(first, second, 0.1).shape == (0, 2)
