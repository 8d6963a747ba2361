"""Spheres: where they lie, which voxels they hold, and how they share out the foreground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from catalogue import crowd
from complaint import complaint
from mesophyll import evaluation
from mesophyll.errors import SettingsError
from mesophyll.representations import Spheres
from mesophyll.representations import spheres as room
from mesophyll.representations.spheres import _shared, again, balls, best_ball


def some(seed, count=12, shape=(9, 14, 16)):
    """Balls anywhere, some of them outside the volume."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-4, 18, (count, 3)), rng.uniform(0.9, 7, count), shape


def apart(middle, shape):
    return np.square(np.indices(shape) - np.reshape(middle, (3, 1, 1, 1))).sum(axis=0)


@pytest.mark.parametrize("seed", range(5))
def test_a_ball_holds_the_voxels_that_are_no_farther_than_its_radius(seed):
    middles, radii, shape = some(seed)
    ends, voxels = balls(middles, radii, shape)
    for middle, radius, own in zip(middles, radii, np.split(voxels, ends[:-1]), strict=True):
        assert np.array_equal(own, np.flatnonzero(apart(middle, shape) <= radius**2))
    assert ends[-1] == len(voxels)


@pytest.mark.parametrize("seed", range(5))
def test_a_voxel_goes_to_the_ball_of_least_power(seed):
    middles, radii, shape = some(seed)
    power = np.stack([apart(middle, shape) - radius**2 for middle, radius in zip(middles, radii, strict=True)])
    expected = np.where(power.min(axis=0) < 0, power.argmin(axis=0) + 1, 0)
    assert np.array_equal(best_ball(middles, radii, shape), expected)


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_target_of_a_ball_is_its_radius_and_the_way_to_its_middle(ndim):
    truth = (np.square(np.indices((31,) * ndim) - 15).sum(axis=0) <= 10.5**2).astype(np.int32)
    target = Spheres().encode(truth)
    inside = truth > 0
    assert target[2, inside] == pytest.approx(10.5, abs=0.1)
    np.testing.assert_allclose(target[3:] * inside, (15 - np.indices(truth.shape)) * inside, atol=1e-5)
    assert target[1].argmax() == np.ravel_multi_index((15,) * ndim, truth.shape)
    assert target[1].max() == 1
    edge = (15,) * (ndim - 1) + (25,)
    assert target[(1, *edge)] == pytest.approx(np.exp(-4.5 * (10 / target[(2, *edge)]) ** 2), rel=1e-4)


def test_where_the_centroid_lies_outside_the_cell_the_nearest_voxel_is_hottest():
    """A bracket: its centroid lies between its arms."""
    truth = np.zeros((30, 30), np.int32)
    truth[5:25, 5:25] = 1
    truth[9:21, 9:] = 0
    heat = Spheres().encode(truth)[1]
    assert heat.max() == 1
    assert set(np.argwhere(heat == 1)[:, 1]) == {8}
    assert not heat[truth == 0].any()


def test_a_large_sphere_and_a_small_one_are_parted_between_them():
    """Discs of radius 12 and 6 that touch: half way between the middles would be too near the small one's."""
    y, x = np.indices((40, 50))
    truth = ((y - 20) ** 2 + (x - 15) ** 2 <= 144).astype(np.int32)
    truth[((y - 20) ** 2 + (x - 33) ** 2 <= 36) & (truth == 0)] = 2
    method = Spheres()
    labels = method.decode(method.encode(truth))
    assert labels.max() == 2
    assert (labels == truth).mean() > 0.995


@pytest.mark.parametrize(
    ("setting", "value", "cells"),
    [("threshold", 0.7, 0), ("heat", 0.7, 0), ("overlap", 0.01, 1), ("min_size_vox", 1000, 0)],
)
def test_every_setting_of_the_decoder_is_read(setting, value, cells):
    truth = np.zeros((20, 30), np.int32)
    truth[5:15, 5:15], truth[5:15, 15:25] = 1, 2
    method = Spheres()
    output = method.encode(truth)
    output[:2] *= 0.6
    assert method.decode(output).max() == 2
    assert replace(method, **{setting: value}).decode(output).max() == cells


def test_a_radius_is_not_read_beyond_the_halo():
    truth = np.zeros((20, 30), np.int32)
    truth[5:15, 5:15], truth[5:15, 15:25] = 1, 2
    output = Spheres().encode(truth)
    output[2] *= 1000
    assert Spheres().decode(output).max() == 1
    assert Spheres(halo=6).decode(output).max() == 2


def test_spheres_of_sections_say_nothing_of_a_volume():
    words = ("Spheres has 5 channels in images and 6 in volumes", "volume_by = 'slices'")
    complaint(SettingsError, lambda: Spheres().in_volume(0), *words)


@pytest.mark.parametrize("way", [0.0, 2.0, 5.0, 9.0, 14.0, 17.0])
def test_what_two_balls_share_is_what_their_voxels_do(way):
    middles, radii = np.array([[20.0, 20, 20], [20, 20, 20 + way]]), np.array([10.0, 7])
    ends, voxels = balls(middles, radii, (41, 41, 41))
    one, other = np.split(voxels, ends[:-1])
    counted = len(np.intersect1d(one, other)) / len(other)
    np.testing.assert_allclose(_shared(np.array([way]), radii[1:], radii[:1]), counted, atol=0.03)


def test_a_ball_is_proposed_again_from_within_a_cell_by_nearly_its_ball_and_only_so():
    middles = np.array([[8.0, 8, 8], [8, 8, 9], [8, 8, 11], [8, 8, 9], [8, 8, 20]])
    radii = np.array([5.0, 5, 5, 2, 5])
    painted = np.zeros((17, 17, 30), np.int32)
    painted[4:13, 4:13, 4:13] = 1
    told = again(middles, radii, np.arange(1, 5), np.array([0]), painted)
    assert told.tolist() == [True, False, True, False]
    painted[8, 8, 9] = 0  # not a voxel of that cell
    assert not again(middles, radii, np.array([1]), np.array([0]), painted).any()


@pytest.mark.parametrize("seed", [1, 2])
def test_no_cell_is_lost_by_not_drawing_what_is_proposed_again(seed, monkeypatch):
    truth = crowd(3, side=40, seed=seed)
    target = Spheres().encode(truth)
    output = target + np.random.default_rng(seed).normal(0, 0.1, target.shape).astype(np.float32)
    spared = evaluation.match(Spheres().decode(output), truth).counts.mean_ap
    monkeypatch.setattr(room, "ONE_BALL", 1.0)
    assert spared >= evaluation.match(Spheres().decode(output), truth).counts.mean_ap - 0.02
