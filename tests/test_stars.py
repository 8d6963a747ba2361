"""Rays, where they end, and what lies in the stars that they span: compared with slow references."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from catalogue import crowd
from complaint import complaint
from laws import found
from mesophyll.errors import SettingsError
from mesophyll.representations import Stars
from mesophyll.representations.geometry.rays import SHORTEST, cast, directions, mirror_rays, star

# ------------------------------------------------------------------------------------------------------------------- rays


@pytest.mark.parametrize(("ndim", "count", "farthest"), [(2, 32, 6), (2, 64, 3), (3, 32, 30), (3, 64, 21), (3, 96, 17)])
def test_rays_are_spread_over_all_directions(ndim, count, farthest):
    """No direction is farther from a ray than so many degrees; of a plain Fibonacci lattice of 64 it is 20."""
    rays = directions(ndim, count)
    assert len(rays) == count
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1)
    anywhere = np.random.default_rng(0).normal(size=(5000, 3)) * ([0, 1, 1] if ndim == 2 else 1)
    anywhere /= np.linalg.norm(anywhere, axis=1, keepdims=True)
    nearest = np.degrees(np.arccos(np.clip((anywhere @ rays.T).max(axis=1), -1, 1)))
    assert nearest.max() < farthest
    np.testing.assert_allclose(rays.mean(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("ndim", [2, 3])
def test_each_ray_has_a_mirror_image_to_which_it_gives_what_it_says(ndim):
    rays = directions(ndim, 32)
    for axes in ((0,), (ndim - 1,), tuple(range(ndim))):
        signs = np.ones(3)
        signs[[3 - ndim + axis for axis in axes]] = -1
        said = rays.astype(np.float32).reshape(32, 3, *(1,) * (ndim - 1))  # each ray says where it leads
        assert np.array_equal(mirror_rays(said, axes).reshape(32, 3), (rays * signs).astype(np.float32))


def slow_cast(cells, rays, longest, step=0.01):
    """Go along each ray by small steps, and ask each time in which voxel one is."""
    along = np.zeros((len(rays), *cells.shape))
    padded = np.pad(cells, 1)
    for voxel in np.argwhere(cells > 0):
        for ray, direction in enumerate(rays):
            far = np.arange(0, longest, step)
            where = np.clip(np.rint(voxel + far[:, None] * direction).astype(int) + 1, 0, np.array(padded.shape) - 1)
            out = padded[tuple(where.T)] != cells[tuple(voxel)]
            along[(ray, *voxel)] = far[out.argmax()] if out.any() else longest
    return along


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_ray_ends_where_its_cell_does(ndim):
    side = 16 if ndim == 2 else 9
    cells = crowd(ndim, side=side, spacing=6).reshape((1,) * (3 - ndim) + (side,) * ndim)
    rays = np.random.default_rng(0).normal(size=(16, 3)) * ([0, 1, 1] if ndim == 2 else 1)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    along = np.full((16, *cells.shape), np.nan, np.float32)
    cast(along, cells, rays, 5)
    slow = slow_cast(cells, rays, 5)
    assert (along[:, cells == 0] == 0).all()
    assert (along <= slow + 1e-5).all()
    assert (along >= slow - 0.011).mean() > 0.99  # a step of the slow way may miss the corner of a voxel


def test_rays_are_cut_and_end_at_the_faces_of_the_volume():
    cells, rays = np.ones((1, 41, 41), np.int32), directions(2, 32)
    along = np.empty((32, *cells.shape), np.float32)
    cast(along, cells, rays, 30)
    middle = along[:, 0, 20, 20]
    np.testing.assert_allclose(middle, 20.5 / np.abs(rays).max(axis=1), rtol=1e-6)
    cast(along, cells, rays, 7)
    assert (along[:, 0, 20, 20] == 7).all()
    assert along[:, 0, 0, 0].min() == pytest.approx(0.5 / np.abs(rays).max())


# ------------------------------------------------------------------------------------------------------------------ stars


def slow_star(middle, lengths, body, shape):
    """A voxel is in a star if it is in one of the simplices that the middle spans with the sides."""
    offsets = np.indices(shape).reshape(3, -1).T - middle
    tips = np.concatenate([np.clip(lengths, SHORTEST, body.longest)[:, None] * body.rays, [[1, 0, 0]]])
    inside = np.zeros(len(offsets), bool)
    for corners in body.corners:
        shares = np.linalg.solve(tips[corners].T, offsets.T)
        inside |= (shares > -1e-9).all(axis=0) & (shares.sum(axis=0) <= 1 + 1e-9)
    return np.flatnonzero(inside)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_star_holds_the_voxels_of_its_simplices(ndim):
    rng = np.random.default_rng(0)
    shape = (1, 30, 40) if ndim == 2 else (18, 20, 22)
    body = star(ndim, 32, 9)
    middles = np.stack([rng.integers(0, length, 30) for length in shape], axis=1)
    lengths = rng.uniform(0, 11, (30, 32)).astype(np.float32)
    ends, voxels = body.draw(middles, lengths, shape)
    for middle, own, drawn in zip(middles, lengths, np.split(voxels, ends[:-1]), strict=True):
        assert np.array_equal(np.sort(drawn), slow_star(middle, own, body, shape))
    assert ends[-1] == len(voxels)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_ball_is_a_star(ndim):
    far = np.sqrt(((np.indices((31,) * ndim) - 15.0) ** 2).sum(axis=0)).reshape((1,) * (3 - ndim) + (31,) * ndim)
    _, voxels = star(ndim, 64, 20).draw(np.argwhere(far == 0), np.full((1, 64), 12, np.float32), far.shape)
    drawn = np.zeros(far.size, bool)
    drawn[voxels] = True
    assert not drawn[far.ravel() > 12].any()  # sides are chords
    assert drawn[far.ravel() < 12 * np.cos(np.radians(30))].all()


# ---------------------------------------------------------------------------------------------------------------- decoding


def of_two(ndim):
    """Two blocks that touch."""
    truth = np.zeros((24,) * ndim, np.int32)
    truth[(slice(6, 16),) * (ndim - 1) + (slice(2, 12),)] = 1
    truth[(slice(6, 16),) * (ndim - 1) + (slice(12, 22),)] = 2
    return truth


@pytest.mark.parametrize("ndim", [2, 3])
def test_foreground_that_no_star_holds_goes_to_the_star_that_reaches_it(ndim):
    method, truth = Stars(rays=32), of_two(ndim)
    output = method.encode(truth)
    output[2:] *= 0.7
    assert found(method.decode(output), truth, 0.9) == 1


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_a_star_holds_beyond_the_foreground_is_dropped(ndim):
    method, truth = Stars(rays=32), of_two(ndim)
    output = method.encode(truth)
    output[2:] += 1
    labels = method.decode(output)
    assert labels.max() == 2
    assert np.array_equal(labels > 0, truth > 0)


def test_foreground_without_a_star_is_no_cell():
    method, truth = Stars(rays=32), of_two(2)
    output = method.encode(truth)
    output[0, 20:, :6] = 1
    assert not method.decode(output)[20:, :6].any()
    assert method.decode(output).max() == 2


@pytest.mark.parametrize("setting", ["threshold", "probability", "overlap", "min_size_vox"])
def test_every_setting_of_the_decoder_is_read(setting):
    method, truth = Stars(rays=32), of_two(2)
    output = method.encode(truth)
    output[:2] *= 0.6
    output[2:] += 1
    changed = {"threshold": (0.7, 0), "probability": (0.7, 0), "overlap": (0.01, 1), "min_size_vox": (1000, 0)}
    value, cells = changed[setting]
    assert method.decode(output).max() == 2
    assert replace(method, **{setting: value}).decode(output).max() == cells


def test_of_equally_deep_voxels_the_one_that_sees_most_proposes_the_star():
    """A bar four wide is as deep all along; seen from its end, too little of it would be seen."""
    truth = np.zeros((20, 60), np.int32)
    truth[8:12, 10:50] = 1
    method = Stars()
    assert np.array_equal(method.decode(method.encode(truth)), truth)


@pytest.mark.slow
def test_128_voxels_cubed_are_decoded_in_less_than_five_seconds():
    method, truth = Stars(), crowd(3, side=128)
    method.decode(method.encode(truth[:24, :24, :24]))  # the loops are compiled
    output = method.encode(truth)
    start = time.process_time()
    labels = method.decode(output)
    assert time.process_time() - start < 5
    assert found(labels, truth) == 1


# ------------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("rays", [0, 4, 12, -8])
def test_rays_come_in_mirrored_sets(rays):
    complaint(SettingsError, lambda: Stars(rays=rays), f"rays = {rays}", "a multiple of 8", "take 32")


def test_rays_of_sections_say_nothing_of_a_volume():
    complaint(SettingsError, lambda: Stars().in_volume(1), "sections across axis 1", "not those of volumes", "'slices'")


def test_rays_need_a_halo():
    complaint(SettingsError, lambda: Stars(halo=0), "halo = 0", "cut at the halo", "take 32")
    assert Stars(halo=1).encode(of_two(2))[2:].max() == 1
