"""Boxes and the masks in them: what each voxel says, and what is put together of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from catalogue import crowd
from complaint import complaint
from laws import found
from mesophyll.errors import SettingsError
from mesophyll.representations import Boxes
from mesophyll.representations import boxes as room
from mesophyll.representations.boxes import again, masks


def test_each_voxel_says_where_the_sides_are_and_in_which_bin_it_lies():
    truth = np.zeros((12, 12), np.int32)
    truth[2:5, 3:9] = 4  # 3 by 6
    target = Boxes().encode(truth)
    voxel = (slice(None), 4, 4)
    assert target[voxel][0] == 1
    assert target[voxel][1] == pytest.approx(np.sqrt(0.5 / 2.5 * 1.5 / 4.5))
    assert target[voxel][2:6].tolist() == [2.5, 0.5, 1.5, 4.5]  # to the sides below and above, along y and x
    assert target[voxel][6:].tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0]  # the last third along y, the first along x
    bins = target[6:].argmax(axis=0)[2:5, 3:9]
    assert bins.tolist() == [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5], [6, 6, 7, 7, 8, 8]]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("bins", [1, 3, 5])
def test_a_voxel_in_a_cell_lies_in_one_bin(ndim, bins):
    truth = np.zeros((14,) * ndim, np.int32)
    truth[(slice(2, 12),) * ndim] = 1
    method = Boxes(bins=bins)
    target = method.encode(truth)
    assert len(target) == method.channels(ndim) == 2 + 2 * ndim + bins**ndim
    assert np.array_equal(target[2 + 2 * ndim :].sum(axis=0), truth)


def slow_mask(box, said, cuts, slack):
    """The voxels that lie in their bin of a box, or no more than ``slack`` beside it."""
    held = []
    for voxel in np.ndindex(said.shape):
        if said[voxel] >= 0:
            begin, end = (box[0] + cuts[which, said[voxel]] * (box[1] - box[0]) for which in (0, 1))
            if all(begin[a] - slack <= voxel[a] <= end[a] + slack for a in range(3)):
                held.append(np.ravel_multi_index(voxel, said.shape))
    return held


@pytest.mark.parametrize("slack", [0.0, 0.5, 2.0])
def test_a_mask_is_of_the_voxels_that_lie_where_they_say(slack):
    rng = np.random.default_rng(0)
    said = rng.integers(-1, 27, (7, 9, 10))
    begin = np.indices((3, 3, 3)).reshape(3, -1).T / 3
    cuts = np.stack([begin, begin + 1 / 3])
    low = rng.uniform(-4, 9, (20, 3))
    boxes = np.stack([low, low + rng.uniform(1, 12, (20, 3))], axis=1)
    ends, voxels = masks(boxes, said, cuts, slack)
    for box, own in zip(boxes, np.split(voxels, ends[:-1]), strict=True):
        assert own.tolist() == slow_mask(box, said, cuts, slack)
    assert len(voxels) > 20


def test_a_box_is_proposed_again_by_a_voxel_of_its_cell_and_only_so():
    box = [[0, 0, 0], [4, 10, 10]]
    nearly, other = [[0, 3, 0], [4, 10, 10]], [[0, 6, 0], [4, 10, 10]]
    boxes = np.array([box, nearly, other, nearly], float)
    painted = np.zeros((4, 10, 10), np.int32)
    painted[:, :, :5] = 1
    places = np.array([[1, 1, 1], [2, 5, 4], [2, 5, 4], [2, 5, 6]])  # the last one proposes it from beside the cell
    told = again(boxes, places, np.arange(1, 4), np.array([0]), painted)
    assert told.tolist() == [True, False, False]


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_by_not_drawing_what_is_proposed_again(seed, monkeypatch):
    truth = crowd(3, side=40, seed=seed)
    method = Boxes()
    target = method.encode(truth)
    output = target + np.random.default_rng(seed).normal(0, 0.1, target.shape).astype(np.float32)
    spared = method.decode(output)
    monkeypatch.setattr(room, "ONE_BOX", 1.0)
    assert found(spared, method.decode(output), 0.9) == 1


def test_cells_whose_boxes_overlap_are_told_apart_by_their_bins():
    y, x = np.indices((44, 44))
    across = x - y
    truth = np.where((np.abs(across) < 24) & (x + y > 24) & (x + y < 62), 1 + (across > 0), 0).astype(np.int32)
    method = Boxes()
    assert found(method.decode(method.encode(truth)), truth, 0.9) == 1
    coarse = Boxes(bins=1)  # a mask is all the foreground in a box
    assert found(coarse.decode(coarse.encode(truth)), truth, 0.9) < 1


@pytest.mark.parametrize("ndim", [2, 3])
def test_boxes_that_are_read_a_voxel_too_small_lose_nothing(ndim):
    truth = np.zeros((26,) * ndim, np.int32)
    truth[(slice(4, 14),) * (ndim - 1) + (slice(2, 12),)] = 1
    truth[(slice(4, 14),) * (ndim - 1) + (slice(12, 22),)] = 2
    method = Boxes()
    output = method.encode(truth)
    output[2 : 2 + 2 * ndim] -= 1
    assert np.array_equal(method.decode(output), truth)


@pytest.mark.parametrize(
    ("settings", "cells"),
    [
        ({"threshold": 0.7}, 0),
        ({"centreness": 0.7}, 0),
        ({"min_size_vox": 1000}, 0),
        ({"slack_vox": 7.2}, 2),
        ({"slack_vox": 7.2, "overlap": 0.0}, 1),
        ({"slack_vox": 30.0}, 1),
    ],
)
def test_every_setting_of_the_decoder_is_read(settings, cells):
    truth = np.zeros((20, 30), np.int32)
    truth[5:15, 5:15], truth[5:15, 15:25] = 1, 2
    method = Boxes()
    output = method.encode(truth)
    output[:2] *= 0.6
    assert method.decode(output).max() == 2
    assert replace(method, **settings).decode(output).max() == cells


@pytest.mark.parametrize("bins", [0, 2, -3])
def test_bins_are_odd(bins):
    complaint(SettingsError, lambda: Boxes(bins=bins), f"bins = {bins}", "a bin in its middle", "take 3")


def test_boxes_of_sections_say_nothing_of_a_volume():
    words = ("Boxes has 15 channels in images and 35 in volumes", "volume_by = 'slices'")
    complaint(SettingsError, lambda: Boxes().in_volume(0), *words)
