"""Shape patches: what voxels say of those around them, and what all of them together say; compared with slow references."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from catalogue import crowd
from complaint import complaint
from laws import found
from mesophyll.errors import SettingsError
from mesophyll.labels import UNKNOWN
from mesophyll.representations import Patches
from mesophyll.representations.decoding.covering import cover, share_out
from mesophyll.representations.geometry.lattices import around, nearest_points
from mesophyll.representations.linking.consensus import consensus, scores
from mesophyll.representations.linking.merging import PARTITIONS

COARSE = Patches(step_um=2.0, spacing_um=1.0, steps=1)


# ------------------------------------------------------------------------------------------------------------ targets


def test_lengths_are_in_um_and_points_lie_on_a_lattice_and_beside_the_voxel():
    assert COARSE.offsets(2) == [(-2, 0), (-1, 0), (0, -2), (0, -1), (0, 1), (0, 2), (1, 0), (2, 0)]
    assert COARSE.at(0.5).offsets(2) == [(-4, 0), (-1, 0), (0, -4), (0, -1), (0, 1), (0, 4), (1, 0), (4, 0)]
    assert (COARSE.reach, COARSE.at(0.5).reach, replace(COARSE, steps=3).reach) == (2, 4, 6)
    assert (-2, 2) in replace(COARSE, steps=2).offsets(2)  # a ball of two steps holds the diagonal
    assert (-4, 2) not in replace(COARSE, steps=2).offsets(2)
    assert [Patches().channels(ndim) for ndim in (2, 3)] == [1 + 4 + 12, 1 + 6 + 32]


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_patch_says_of_each_point_whether_it_is_of_the_voxels_cell(ndim):
    labels = np.random.default_rng(0).integers(-1, 3, (6,) * ndim).astype(np.int32)
    target = COARSE.encode(labels)
    for here in np.ndindex(labels.shape):
        assert target[(0, *here)] == (labels[here] > 0) or labels[here] == UNKNOWN
        for channel, offset in enumerate(COARSE.offsets(ndim), start=1):
            there = tuple(at + step for at, step in zip(here, offset, strict=True))
            one, other = labels[here], labels[there] if all(0 <= at < 6 for at in there) else 0
            if one == UNKNOWN or (one > 0 and other == UNKNOWN):
                assert np.isnan(target[(channel, *here)])
            else:
                assert target[(channel, *here)] == (one == other > 0)


def test_a_section_speaks_of_the_points_of_a_volume_that_lie_within_it():
    method = Patches()
    for across in range(3):
        of_section, of_volume = [(0,) * 2, *method.offsets(2)], [(0,) * 3, *method.offsets(3)]
        for way, channel in zip(of_section, method.in_volume(across), strict=True):
            assert of_volume[channel] == (*way[:across], 0, *way[across:])


# ------------------------------------------------------------------------------------------------------------- points


@pytest.mark.parametrize(
    ("ndim", "steps", "stride"), [(2, 1, 2), (2, 2, 3), (3, 2, 1), (3, 2, 3), (3, 2, 4), (3, 3, 2)]
)
def test_points_come_in_opposite_pairs_around_the_voxel_itself(ndim, steps, stride):
    points = around(ndim, steps, stride)
    assert np.array_equal(points, -points[::-1])
    assert not points[len(points) // 2].any()
    for point in points:
        on_lattice = not (point % stride).any() and np.square(point // stride).sum() <= steps**2
        assert on_lattice or np.abs(point).sum() == 1


@pytest.mark.parametrize(("ndim", "stride"), [(2, 1), (2, 2), (2, 3), (3, 3), (3, 4)])
def test_the_nearest_point_stands_for_a_voxel(ndim, stride):
    points = np.pad(around(ndim, 2, stride), [(0, 0), (3 - ndim, 0)])
    window = nearest_points(points, stride)
    assert window.shape == (1,) * (3 - ndim) + (2 * (2 * stride + stride // 2) + 1,) * ndim
    numbers = {tuple(point): number for number, point in enumerate(points.tolist())}
    for place in np.ndindex(window.shape):
        way = [at - side // 2 for at, side in zip(place, window.shape, strict=True)]
        near = [
            min(range(-3 * stride, 4 * stride, stride), key=lambda at, on=on: (abs(at - on), abs(at))) for on in way
        ]
        assert window[place] == numbers.get(tuple(way), numbers.get(tuple(near), -1))


# ---------------------------------------------------------------------------------------------------------- consensus


def scene(ndim, seed=0):
    """Patches that say anything, of voxels some of which are of no cell."""
    rng = np.random.default_rng(seed)
    points = np.pad(around(ndim, 1, 2), [(0, 0), (3 - ndim, 0)])
    shape = (1,) * (3 - ndim) + (6, 7, 8)[-ndim:]
    inside = rng.random(shape) < 0.8
    held = rng.random((len(points), *shape)).astype(np.float32)
    held[len(points) // 2] = 1
    return points, inside, held * inside


def moved(here, way, shape):
    there = tuple(int(at + step) for at, step in zip(here, way, strict=True))
    return there if all(0 <= at < side for at, side in zip(there, shape, strict=True)) else None


def slow_consensus(held, points, one, other):
    """The sum over all patches of what they hold of both voxels, over that of what they hold of either."""
    both = either = 0.0
    for middle in np.ndindex(held.shape[1:]):
        said = [
            held[(number, *middle)]
            for end in (one, other)
            for number, point in enumerate(points)
            if moved(middle, point, held.shape[1:]) == end
        ]
        if len(said) == 2:
            both, either = both + min(said), either + max(said)
    return both / either if either else 0.0


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_consensus_is_the_share_of_patches_that_hold_both_of_those_that_hold_either(ndim):
    points, _, held = scene(ndim)
    likely = consensus(held, points)
    middle = len(points) // 2
    assert likely.shape == (middle, *held.shape[1:])
    for here in np.random.default_rng(1).permutation(np.argwhere(held[middle] >= 0))[:20]:
        for number, way in enumerate(points[middle + 1 :]):
            there = moved(here, way, held.shape[1:])
            if there is not None:
                assert likely[(number, *here)] == pytest.approx(slow_consensus(held, points, tuple(here), there))


def between(likely, points, here, there):
    """What the consensus says of two voxels, whichever comes first."""
    behind = points[len(points) // 2 + 1 :]
    for one, other in ((here, there), (there, here)):
        which = np.flatnonzero((np.array(one) + behind == other).all(axis=1))
        if len(which):
            return likely[(which[0], *one)]
    raise AssertionError("no point leads from one to the other")


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_patch_is_scored_by_what_it_holds_with_the_others_less_what_it_says_against_them(ndim):
    points, inside, held = scene(ndim)
    likely = consensus(held, points)
    agreed = scores(held, likely, points)
    for here in np.ndindex(inside.shape):
        true = 0.0
        for number, point in enumerate(points):
            there = moved(here, point, inside.shape)
            if point.any() and inside[here] and there is not None and inside[there]:
                one, all_said = held[(number, *here)], between(likely, points, here, there)
                true += min(one, all_said) - abs(one - all_said)
        assert agreed[here] == pytest.approx(true, abs=1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_target_agrees_with_itself(ndim):
    truth = crowd(ndim, side=24)
    method = Patches()
    points = np.pad(around(ndim, 2, 3), [(0, 0), (3 - ndim, 0)])
    held = np.insert(method.encode(truth)[1:], len(points) // 2, truth > 0, axis=0)
    volume = held.reshape(len(points), *(1,) * (3 - ndim), *truth.shape)
    likely = consensus(volume, points)
    assert set(np.unique(likely)) == {0, 1}
    others = held.sum(axis=0) - (truth > 0)
    np.testing.assert_allclose(scores(volume, likely, points).reshape(truth.shape), others)


# ----------------------------------------------------------------------------------------------------------- covering


def slow_cover(score, inside, likely, points, window):
    """As `cover`, patch by patch and voxel by voxel."""
    picked, count, middle = np.zeros(inside.shape, int), 0, len(points) // 2
    faces = points[np.abs(points).sum(axis=1) == 1]
    for flat in sorted(np.flatnonzero(inside), key=lambda voxel: -score.ravel()[voxel]):
        here = tuple(int(at) for at in np.unravel_index(flat, inside.shape))
        if picked[here]:
            continue
        count += 1
        picked[here] = count
        waiting = [here]
        while waiting:
            at = waiting.pop()
            for way in faces:
                to = moved(at, way, inside.shape)
                if to is None or not inside[to] or picked[to] or between(likely, points, at, to) <= 0.5:
                    continue
                place = moved(np.array(to) - here, np.array(window.shape) // 2, window.shape)
                point = window[place] if place is not None else -1
                stands = moved(here, points[point], inside.shape) if point >= 0 else None
                if stands is None or not inside[stands]:
                    continue
                if point == middle or between(likely, points, here, stands) > 0.5:
                    picked[to] = count
                    waiting.append(to)
    return picked


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_patches_are_picked_from_the_best_on_until_they_cover_all(ndim, seed):
    points, inside, held = scene(ndim, seed)
    held = np.sqrt(held)  # most hold most: patches grow
    likely = consensus(held, points)
    window = nearest_points(points, 2)
    score = scores(held, likely, points)
    picked = cover(score, inside, likely, points, window)
    assert np.array_equal(picked > 0, inside)
    assert 1 < picked.max() < inside.sum() / 2
    assert np.array_equal(picked, slow_cover(score, inside, likely, points, window))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_voxel_goes_to_the_patch_that_most_speaks_for(ndim):
    points, inside, held = scene(ndim)
    likely = consensus(held, points)
    picked = np.random.default_rng(2).integers(1, 4, inside.shape).astype(np.int32) * inside
    shared = share_out(picked, likely, points)
    for here in np.ndindex(inside.shape):
        votes = np.zeros(4)
        for point in points:
            there = moved(here, point, inside.shape)
            if point.any() and inside[here] and there is not None and inside[there]:
                votes[picked[there]] += between(likely, points, here, there) - 0.5
        assert shared[here] == (votes.argmax() if votes.max() > 0 else picked[here])
    assert (shared != picked).any()


# ----------------------------------------------------------------------------------------------------------- decoding


def wrong(method, labels, share, seed=0):
    """A target of which a share of all that is said of the points is the opposite."""
    output = method.encode(labels)
    lies = np.random.default_rng(seed).random(output[1:].shape) < share
    output[1:] = np.where(lies, 1 - output[1:], output[1:])
    return output


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("decoder", PARTITIONS)
def test_who_is_wrong_is_outvoted(decoder, ndim):
    method = Patches(decoder=decoder)
    truth = crowd(ndim, side=48)
    assert found(method.decode(wrong(method, truth, 0.1)), truth) >= 0.95


@pytest.mark.parametrize(
    ("settings", "cells"),
    [
        ({}, 2),
        ({"threshold": 0.7}, 0),
        ({"min_size_vox": 300}, 0),
        ({"oneness": 0.05}, 1),
    ],
)
def test_settings_of_the_decoder_are_read(settings, cells):
    truth = np.zeros((20, 30), np.int32)
    truth[5:15, 5:15], truth[5:15, 15:25] = 1, 2
    output = Patches().encode(truth)
    output[0] *= 0.6
    output[1:] = 0.1 + 0.8 * output[1:]
    assert replace(Patches(), **settings).decode(output).max() == cells


def test_each_round_mends_what_patches_hold_across_a_wall():
    truth = crowd(3, side=40)
    output = wrong(Patches(), truth, 0.25)
    shares = [found(Patches(rounds=rounds, decoder="linkage").decode(output), truth, 0.9) for rounds in (0, 1, 2)]
    assert shares[0] < shares[1] <= shares[2]


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("name", ["spacing_um", "steps"])
def test_numbers_that_are_not_above_0_are_refused(name):
    complaint(SettingsError, lambda: Patches(**{name: 0}), f"{name} = 0", f"{name} is above 0", f"correct {name}")


@pytest.mark.parametrize("step_um", [0.0, 0.3, float("nan")])
def test_a_lattice_finer_than_the_voxels_is_refused(step_um):
    words = (f"step_um = {step_um} at 0.65 µm a voxel", "a step leads to another voxel", "make step_um longer")
    complaint(SettingsError, lambda: Patches(step_um=step_um), *words)
