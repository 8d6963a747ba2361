"""Boundaries, centroids and distances lie where they are said to, are learnt in balance, and are flooded from their seeds."""

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
from mesophyll.representations import Boundaries
from mesophyll.settings import from_dict

INTERIOR, CENTROID, DISTANCE = (Boundaries(variant=variant) for variant in ("interior", "centroid", "distance"))
ALL = pytest.mark.parametrize("method", [INTERIOR, CENTROID, DISTANCE], ids=lambda method: method.variant)


def box(side=20, low=4, high=16):
    labels = np.zeros((side, side), np.int32)
    labels[low:high, low:high] = 1
    return labels


# ----------------------------------------------------------------------------------------------------------------- targets


@ALL
@pytest.mark.parametrize(("width_um", "layers"), [(0.1, 1), (0.65, 1), (1.3, 2), (1.95, 3)])
def test_a_boundary_lies_within_the_cell_and_is_as_wide_as_is_asked(method, width_um, layers):
    boundary = replace(method, width_um=width_um).encode(box())[1]
    assert boundary[10].tolist() == [*[0] * 4, *[1] * layers, *[0] * (12 - 2 * layers), *[1] * layers, *[0] * 4]


@ALL
def test_lengths_are_other_numbers_of_voxels_in_other_voxels(method):
    half = method.at(method.spacing_um / 2)
    assert half.width_um == method.width_um
    assert half.encode(box())[1].sum() > 1.7 * method.encode(box())[1].sum()


def test_touching_cells_have_a_boundary_each():
    boundary = INTERIOR.encode(CASES["touching_pair"](2))[1]
    assert boundary[15].nonzero()[0].tolist() == [8, 18, 19, 29]


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_centroid_is_a_ball_in_the_middle(ndim):
    labels = np.zeros((19,) * ndim, np.int32)
    labels[(slice(3, 16),) * ndim] = 1
    ball = replace(CENTROID, radius_um=2 * 0.65).encode(labels)[2]
    from_middle = np.square(np.indices(labels.shape) - 9).sum(axis=0)
    assert np.array_equal(ball > 0, from_middle <= 4)


def test_the_centroid_of_a_bent_cell_lies_in_it():
    bent = np.zeros((30, 30), np.int32)
    bent[4:26, 4:10] = bent[20:26, 4:26] = 1
    ball = CENTROID.encode(bent)[2]
    assert ball.any()
    assert (bent[ball > 0] == 1).all()


def test_distance_rises_with_depth_and_levels_off():
    distance = DISTANCE.encode(box(40, 4, 36))[2]
    depths_um = 0.65 * np.minimum(np.arange(1, 33), np.arange(32, 0, -1))
    np.testing.assert_allclose(distance[20, 4:36], np.tanh(depths_um / 5.2), rtol=1e-5)
    assert not distance[20, :4].any()


@ALL
def test_where_a_surface_may_be_as_near_as_an_unknown_voxel_is_not_known(method):
    labels = np.zeros((1, 9, 24), np.int32)
    labels[0, 1:8, 2:] = 1
    labels[0, :, 18:] = UNKNOWN
    target = replace(method, width_um=1.3).encode(labels)
    assert np.isnan(target[1, 0, 4]).nonzero()[0].tolist() == [16, 17]
    assert target[1, 0, 4, 13:16].tolist() == [0, 0, 0]
    if method.variant == "distance":
        assert np.isnan(target[2, 0, 4]).nonzero()[0].tolist() == [14, 15, 16, 17]
    output = torch.zeros(1, *target.shape, requires_grad=True)
    method.loss(output, torch.from_numpy(target)[None], torch.from_numpy(labels != UNKNOWN)[None]).backward()
    assert torch.isfinite(output.grad).all()
    assert not output.grad[0][torch.from_numpy(np.isnan(target))].any()


# -------------------------------------------------------------------------------------------------------------------- loss


def slow_balanced(output, target):
    """The mean over yes and the mean over no, halved."""
    likely = 1 / (1 + np.exp(-output.astype(float)))
    return (-np.log(likely[target == 1]).mean() - np.log(1 - likely[target == 0]).mean()) / 2


@ALL
def test_the_loss_asks_all_of_the_foreground_and_the_rest_within_cells(method):
    truth = crowd(2, side=32)
    target = method.encode(truth)
    output = np.random.default_rng(0).normal(size=target.shape).astype(np.float32)
    expected = slow_balanced(output[0], target[0]) + slow_balanced(output[1][truth > 0], target[1][truth > 0])
    if method.variant == "centroid":
        expected += slow_balanced(output[2][truth > 0], target[2][truth > 0])
    if method.variant == "distance":
        error = 1 / (1 + np.exp(-output[2])) - target[2]
        expected += method.beta * np.square(error[truth > 0]).mean()
    known = torch.ones((1, *truth.shape), dtype=torch.bool)
    loss = method.loss(torch.from_numpy(output)[None], torch.from_numpy(target)[None], known)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_where_there_is_but_one_answer_it_counts_alone():
    target, known = torch.zeros(1, 2, 6, 6), torch.ones((1, 6, 6), dtype=torch.bool)
    loss = INTERIOR.loss(torch.zeros(1, 2, 6, 6), target, known)
    assert float(loss) == pytest.approx(np.log(2))  # of the foreground; there is no cell to ask about


# ---------------------------------------------------------------------------------------------------------------- decoding


@ALL
@pytest.mark.parametrize("ndim", [2, 3])
def test_an_array_and_a_tensor_are_decoded_alike(method, ndim):
    output = method.encode(crowd(ndim, side=24))
    assert np.array_equal(method.decode(torch.from_numpy(output)), method.decode(output))


@pytest.mark.parametrize(("method", "pieces"), [(INTERIOR, 2), (CENTROID, 1), (DISTANCE, 2)], ids=["in", "ce", "di"])
def test_a_cell_with_a_neck_is_as_many_as_it_has_seeds(method, pieces):
    """Which is what their ceiling is about."""
    assert method.decode(method.encode(CASES["bridge"](3))).max() == pieces


def test_only_what_is_deep_is_a_seed_of_distance():
    waist = np.zeros((30, 44), np.int32)
    waist[5:25, 4:20] = waist[12:18, 20:24] = waist[5:25, 24:40] = 1
    deep = replace(DISTANCE, seed_depth_um=2.6)
    assert deep.decode(deep.encode(waist)).max() == 2
    assert DISTANCE.decode(DISTANCE.encode(waist)).max() == 1


def test_small_seeds_are_none_and_small_cells_are_dropped():
    output = INTERIOR.encode(CASES["touching_pair"](2))
    output[1, 9:29, 20:29] = 1
    output[1, 15, 22:25] = 0  # of the second cell three voxels are left as a seed
    assert INTERIOR.decode(output).max() == 1
    assert replace(INTERIOR, min_seed_vox=3).decode(output).max() == 2
    assert replace(INTERIOR, min_size_vox=10_000).decode(output).max() == 0


def test_a_cell_that_is_all_boundary_is_kept_where_it_touches_none():
    thin = np.zeros((20, 40), np.int32)
    thin[9:11, 5:35] = 1
    for method in (INTERIOR, DISTANCE):
        assert same_partition(method.decode(method.encode(thin)), thin)


def noisy(output, spread=0.2):
    return output + np.random.default_rng(0).normal(0, spread, output.shape).astype(np.float32)


@pytest.mark.parametrize(("method", "spread"), [(CENTROID, 0.4), (DISTANCE, 0.1)], ids=["ce", "di"])
def test_seeds_are_those_of_the_smoothed_middle(method, spread):
    """With only the middle to go by, for the boundary is not seen anywhere, and with voxels that err, each on its own."""
    truth = np.zeros((24, 24, 50), np.int32)
    for number in range(3):
        truth[2:22, 2:22, 1 + 16 * number : 17 + 16 * number] = number + 1
    output = noisy(method.encode(truth), spread)
    output[0], output[1] = truth > 0, 0
    assert found(method.decode(output), truth, 0.5) == 1
    assert found(replace(method, smoothing_vox=0.0).decode(output), truth, 0.5) < 1


def test_a_hole_by_an_edge_does_not_join_two_cells():
    truth = np.zeros((12, 12, 24), np.int32)
    truth[1:11, 1:11, 2:12], truth[1:11, 1:11, 12:22] = 1, 2
    output = INTERIOR.encode(truth)
    output[1, 5, 5, 11] = output[1, 5, 6, 12] = 0
    assert INTERIOR.decode(output).max() == 2
    output[1, 5, 6, 11] = 0
    assert INTERIOR.decode(output).max() == 1  # by a face it does


@ALL
def test_a_weak_boundary_is_flooded_last(method):
    """The network is unsure of the boundary's place, not of its being there."""
    truth = crowd(2, side=48)
    output = method.encode(truth)
    output[1] *= 0.6
    assert found(method.decode(output), truth) >= 0.95


# ---------------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize("name", ["spacing_um", "width_um", "radius_um", "scale_um", "seed_depth_um"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_lengths_are_above_zero(name, value):
    complaint(SettingsError, lambda: Boundaries(**{name: value}), f"{name} = {value}", "is above 0", f"correct {name}")


def test_a_variant_that_nobody_knows_is_refused():
    complaint(SettingsError, lambda: from_dict(Boundaries, {"variant": "contour"}), "variant", "interior")
