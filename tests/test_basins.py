"""Basins: seeds grow over the lowest voxel first, over a plateau in layers, and nothing inside is lost; a slow reference."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import watershed

from mesophyll.representations.decoding.basins import basins


def slow_basins(level, seeds, inside):
    """A priority queue of Python: the lowest voxel first, of equals the one that waits longest."""
    filled = np.where(inside, seeds, 0)
    queue = [(level[here], age, here) for age, here in enumerate(map(tuple, np.argwhere(filled > 0)))]
    heapq.heapify(queue)
    age = len(queue)
    while queue:
        _, _, here = heapq.heappop(queue)
        for axis, step in ((axis, step) for axis in range(level.ndim) for step in (-1, 1)):
            there = tuple(at + step * (axis == other) for other, at in enumerate(here))
            if 0 <= there[axis] < level.shape[axis] and inside[there] and not filled[there]:
                filled[there] = filled[here]
                heapq.heappush(queue, (level[there], age, there))
                age += 1
    left, _ = ndimage.label(inside & (filled == 0))
    return np.where(left > 0, left + seeds.max(), filled)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 3]), st.sampled_from([1, 4, 256]))
def test_basins_are_those_of_a_slow_flood(seed, ndim, levels):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 9, ndim))
    level, inside = rng.integers(0, levels, shape), rng.random(shape) < 0.8
    seeds = np.where(rng.random(shape) < 0.1, rng.integers(1, 4, shape), 0).astype(np.int32)
    height = (level / 255).astype(np.float32)
    kept = height.copy(), seeds.copy()
    assert np.array_equal(basins(height, seeds, inside), slow_basins(level, seeds, inside))
    assert np.array_equal(height, kept[0])
    assert np.array_equal(seeds, kept[1])


def test_on_heights_without_plateaus_basins_are_those_of_scikit_image():
    rng = np.random.default_rng(0)
    level = rng.permutation(256).reshape(16, 16)
    seeds = np.zeros((16, 16), np.int32)
    seeds[rng.integers(0, 16, 6), rng.integers(0, 16, 6)] = np.arange(1, 7)
    found = basins((level / 255).astype(np.float32), seeds, np.ones((16, 16), bool))
    assert np.array_equal(found, watershed(level, seeds))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_plateau_is_shared_by_nearness(ndim):
    shape = (9,) * (ndim - 1) + (21,)
    seeds = np.zeros(shape, np.int32)
    seeds[(4,) * (ndim - 1) + (3,)], seeds[(4,) * (ndim - 1) + (12,)] = 1, 2
    found = basins(np.zeros(shape, np.float32), seeds, np.ones(shape, bool))
    assert (found[..., :8] == 1).all()
    assert (found[..., 8:] == 2).all()


def test_what_no_seed_reaches_is_a_basin_of_its_own_and_what_lies_outside_is_none():
    inside = np.zeros((5, 20), bool)
    inside[1:4, 1:6] = inside[1:4, 8:12] = inside[1:4, 14:19] = True
    seeds = np.zeros((5, 20), np.int32)
    seeds[2, 2], seeds[0, 10] = 1, 2
    found = basins(np.zeros((5, 20), np.float32), seeds, inside)
    assert np.unique(found[1:4, 1:6]) == 1
    assert sorted({*np.unique(found[1:4, 8:12]), *np.unique(found[1:4, 14:19])}) == [3, 4]
    assert not found[~inside].any()
    assert not basins(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.int32), np.zeros((4, 4), bool)).any()
