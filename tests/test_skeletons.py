"""Skeletons are seeds of one cell each, fragments are as many as need be, and linkage makes cells of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from catalogue import CASES, crowd
from complaint import complaint
from laws import found
from mesophyll.errors import SettingsError
from mesophyll.labels import UNKNOWN, same_partition
from mesophyll.representations import Affinities, Skeletons
from mesophyll.representations.skeletons import _mean_of_faces

METHOD = Skeletons()


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_skeleton_is_the_last_channel_and_the_others_are_those_of_affinities(ndim):
    truth = crowd(ndim, side=24)
    target = METHOD.encode(truth)
    affinities = Affinities(long_um=METHOD.long_um, diagonal_um=())
    assert len(target) == METHOD.channels(ndim) == affinities.channels(ndim) + 1
    assert np.array_equal(target[:-1], affinities.encode(truth))
    assert 0.8 < target[-1].max() <= 1
    assert not target[-1, truth == 0].any()


def test_in_other_voxels_long_ways_are_other_numbers_of_them():
    finer = METHOD.at(METHOD.spacing_um / 2)
    assert finer.reach == 2 * METHOD.reach == 16
    assert finer.channels(3) == METHOD.channels(3) == 11


def test_a_section_of_a_volume_speaks_of_its_own_plane_and_of_skeletons():
    assert METHOD.in_volume(0) == (0, 2, 3, 5, 6, 8, 9, 10)
    assert METHOD.in_volume(2) == (0, 1, 2, 4, 5, 7, 8, 10)


def test_the_skeleton_is_not_known_where_unknown_voxels_are_as_near_as_a_surface():
    labels = CASES["unknown_border"](2)
    labels[:, 24:] = UNKNOWN
    unknown = np.isnan(METHOD.encode(labels)[-1, 15])
    assert unknown[22:24].all()
    assert not unknown[8:20].any()


def test_the_mean_affinity_of_a_voxel_is_that_of_its_faces_within_the_array():
    neighbours = np.random.default_rng(0).random((3, 4, 5, 6)).astype(np.float32)
    expected = np.zeros((4, 5, 6))
    for here in np.ndindex(4, 5, 6):
        said = []
        for axis in range(3):
            before = tuple(at - (axis == other) for other, at in enumerate(here))
            said += [neighbours[(axis, *before)]] if before[axis] >= 0 else []
            said += [neighbours[(axis, *here)]] if here[axis] + 1 < neighbours.shape[axis + 1] else []
        expected[here] = np.mean(said)
    np.testing.assert_allclose(_mean_of_faces(neighbours), expected, rtol=1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
def test_an_array_and_a_tensor_are_decoded_alike(ndim):
    output = METHOD.encode(crowd(ndim, side=24))
    assert np.array_equal(METHOD.decode(torch.from_numpy(output)), METHOD.decode(output))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_skeleton_in_pieces_still_makes_one_cell(ndim):
    truth = crowd(ndim, side=40)
    output = METHOD.encode(truth)
    output[-1, ..., ::3] = 0
    assert found(METHOD.decode(output), truth) == 1


def test_a_wall_of_which_neighbours_see_nothing_is_told_by_skeletons_and_long_ways():
    pair = CASES["touching_pair"](3)
    output = METHOD.encode(pair)
    output[1:4, pair > 0] = 1  # every two neighbours are one cell
    assert found(METHOD.decode(output), pair) == 1
    output[4:-1, pair > 0] = 1  # and so are all others
    assert METHOD.decode(output).max() == 1


def test_a_cell_without_a_seed_is_not_taken_by_its_neighbour():
    """As where a block's edge cuts it from its skeleton."""
    pair = CASES["touching_pair"](3)
    output = METHOD.encode(pair)
    output[-1, pair == 2] = 0
    assert same_partition(METHOD.decode(output), pair)


def test_fragments_are_one_cell_from_so_much_oneness_on():
    pair = CASES["touching_pair"](2)
    output = METHOD.encode(pair)
    output[1:-1, pair > 0] = np.maximum(output[1:-1, pair > 0], 0.3)
    assert METHOD.decode(output).max() == 2
    assert replace(METHOD, oneness=0.2).decode(output).max() == 1


def test_the_loss_is_that_of_affinities_and_beta_times_the_error_of_the_skeleton_within_cells():
    truth = crowd(2, side=24)
    target = torch.from_numpy(METHOD.encode(truth))[None]
    output = torch.from_numpy(np.random.default_rng(0).normal(size=target.shape).astype(np.float32))
    known = torch.ones((1, *truth.shape), dtype=torch.bool)
    affinities = Affinities(long_um=METHOD.long_um, diagonal_um=())
    error = (torch.sigmoid(output[0, -1]) - target[0, -1])[torch.from_numpy(truth > 0)].square().mean()
    expected = affinities.loss(output[:, :-1], target[:, :-1], known) + METHOD.beta * error
    assert float(METHOD.loss(output, target, known)) == pytest.approx(float(expected), rel=1e-5)


def test_long_ways_are_asked_to_be_longer_than_a_voxel_and_no_two_alike():
    complaint(SettingsError, lambda: Skeletons(long_um=(0.6,)), "long_um = (0.6,)", "another number of voxels")
    complaint(SettingsError, lambda: Skeletons(spacing_um=0), "spacing_um = 0", "is above 0")
