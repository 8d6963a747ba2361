"""A scan knows where its voxels lie, and is seen at another voxel size without being read as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from complaint import complaint
from mesophyll.errors import VolumeError
from mesophyll.volume import Resampled, Volume, check_spacing, resample


class Watched:
    """A lazy array that remembers how many voxels were read from it."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.voxels = array, array.shape, array.dtype, 0

    def __getitem__(self, region):
        self.voxels += self.array[region].size
        return self.array[region]


def slow_linear(array, shape):
    """Low-pass, then SciPy's interpolation at the centres of the new voxels."""
    ratios = [old / new for old, new in zip(array.shape, shape, strict=True)]
    sigmas = [0.5 * np.sqrt(max(ratio**2 - 1, 0)) for ratio in ratios]
    smooth = ndimage.gaussian_filter(array.astype(float), sigmas, mode="nearest")
    places = [(np.arange(new) + 0.5) * ratio - 0.5 for new, ratio in zip(shape, ratios, strict=True)]
    return ndimage.map_coordinates(smooth, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")


@st.composite
def resampled(draw):
    """An array, a new shape, and a region of it."""
    ndim = draw(st.integers(2, 3))
    old = draw(st.tuples(*[st.integers(1, 17)] * ndim))
    new = draw(st.tuples(*[st.integers(1, 23)] * ndim))
    starts = [draw(st.integers(0, length - 1)) for length in new]
    stops = [draw(st.integers(start + 1, length)) for start, length in zip(starts, new, strict=True)]
    array = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 250, old).astype(np.uint8)
    return array, new, tuple(map(slice, starts, stops))


# ------------------------------------------------------------------------------------------------------- resampling


@settings(max_examples=30, deadline=None)
@given(resampled(), st.booleans())
def test_a_region_read_on_its_own_is_that_region_of_the_whole(case, labels):
    array, shape, region = case
    view = Resampled(array, shape, labels=labels)
    whole = view[(slice(None),) * array.ndim]
    assert whole.shape == shape
    assert whole.dtype == view.dtype == (np.uint8 if labels else np.float32)
    np.testing.assert_allclose(view[region], whole[region], rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(view[region[0]], view[(region[0], *(slice(None),) * (array.ndim - 1))])


@settings(max_examples=20, deadline=None)
@given(resampled())
def test_grey_values_are_those_of_a_low_pass_and_linear_interpolation(case):
    array, shape, _ = case
    whole = Resampled(array, shape)[(slice(None),) * array.ndim]
    np.testing.assert_allclose(whole, slow_linear(array, shape), rtol=1e-4, atol=0.02)


@settings(max_examples=20, deadline=None)
@given(resampled())
def test_labels_take_what_weighs_most_in_a_linear_interpolation(case):
    array, shape, region = case
    labels = array.astype(np.int32) % 4 - 1
    places = [
        np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        for new, old in zip(shape, labels.shape, strict=True)
    ]
    grid = np.meshgrid(*places, indexing="ij")
    votes = np.array([ndimage.map_coordinates((labels == number) * 1.0, grid, order=1) for number in range(-1, 3)])
    found = Resampled(labels, shape, labels=True)[region]
    cast = np.take_along_axis(votes[(slice(None), *region)], found[None] + 1, axis=0)[0]
    np.testing.assert_allclose(cast, votes.max(axis=0)[region], atol=1e-4)


def test_the_outline_of_a_ball_stays_smooth_at_finer_voxels():
    distance = np.linalg.norm(np.indices((16, 16, 16)) - 7.5, axis=0)
    fine = np.linalg.norm(np.indices((64, 64, 64)) - 31.5, axis=0) / 4
    found = Resampled((distance < 6).astype(np.int32), (64, 64, 64), labels=True)[(slice(None),) * 3]
    blocks = (distance < 6).repeat(4, 0).repeat(4, 1).repeat(4, 2)
    assert (found != (fine < 6)).sum() < 0.7 * (blocks != (fine < 6)).sum()


def test_labels_of_a_region_hold_no_new_numbers():
    labels = np.random.default_rng(0).choice([-1, 0, 7, 70000], (9, 11)).astype(np.int32)
    found = Resampled(labels, (25, 30), labels=True)[(slice(3, 20), slice(0, 30))]
    assert set(np.unique(found)) <= {-1, 0, 7, 70000}


def test_a_coarse_view_averages_noise():
    noise = np.random.default_rng(0).normal(100, 10, (64, 64, 64)).astype(np.float32)
    coarse = Resampled(noise, (16, 16, 16))[(slice(None),) * 3]
    taken = noise[1::4, 1::4, 1::4]
    assert coarse.mean() == pytest.approx(100, abs=0.2)
    assert coarse.std() < 0.2 * taken.std()


def test_a_finer_view_of_a_ramp_is_the_same_ramp():
    ramp = np.arange(12, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    fine = Resampled(ramp, (48, 3))[(slice(None), slice(None))]
    places = (np.arange(48) + 0.5) / 4 - 0.5
    np.testing.assert_allclose(fine[:, 0], np.clip(places, 0, 11), atol=1e-5)


def test_only_what_a_region_needs_is_read():
    source = Watched(np.zeros((200, 200, 200), np.uint8))
    view = Resampled(source, (100, 100, 100))
    assert source.voxels == 0
    assert view[(slice(40, 50),) * 3].shape == (10, 10, 10)
    assert source.voxels <= 34**3


def test_a_view_can_be_thinned_and_a_region_of_it_be_empty():
    view = Resampled(np.random.default_rng(0).random((20, 20)), (13, 13))
    whole = view[(slice(None),) * 2]
    np.testing.assert_allclose(view[(slice(None, None, 3), slice(1, None, 2))], whole[::3, 1::2], rtol=1e-5)
    assert view[(slice(3, 3), slice(0, 2))].shape == (0, 2)


def test_the_array_behind_a_view_stays_as_it_is():
    array = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    kept = array.copy()
    array.flags.writeable = False
    Resampled(array, (4, 20))[(slice(None),) * 2]
    assert np.array_equal(array, kept)


def test_a_volume_at_another_spacing_covers_the_same_length():
    scan = Volume(np.zeros((20, 30, 40), np.uint8), (1.0, 0.5, 0.25), name="leaf.tif")
    seen = resample(scan, (0.65,) * 3)
    assert seen.shape == (31, 23, 15)
    np.testing.assert_allclose(np.multiply(seen.shape, seen.spacing_um), np.multiply(scan.shape, scan.spacing_um))
    np.testing.assert_allclose(seen.spacing_um, 0.65, rtol=0.03)
    assert seen.name == "leaf.tif"


def test_a_volume_that_would_not_change_is_itself():
    scan = Volume(np.zeros((20, 30)), (0.66, 0.65))
    assert resample(scan, (0.65, 0.65)) is scan


def test_a_very_coarse_view_still_has_a_voxel():
    assert resample(Volume(np.zeros((20, 30)), (1, 1)), (100, 100)).shape == (1, 1)


# ----------------------------------------------------------------------------------------------------- a place in space


def test_a_crop_keeps_its_place_in_space():
    scan = Volume(np.arange(60).reshape(3, 4, 5), (2, 0.5, 0.25), (10, 0, -1), name="leaf.tif")
    piece = scan.crop((slice(1, 3), slice(2, 4), slice(4, 5)))
    assert piece.origin_um == (12, 1, 0)
    assert np.array_equal(piece.read(), scan.read()[1:3, 2:4, 4:5])
    again = piece.crop((slice(1, 2), slice(0, 1), slice(0, 1)))
    assert again.origin_um == (14, 1, 0)
    assert again.spacing_um == scan.spacing_um


def test_a_crop_of_a_scan_without_spacing_stays_without():
    piece = Volume(np.zeros((3, 4))).crop((slice(1, 2), slice(0, 4)))
    assert piece.spacing_um is None
    assert piece.origin_um == (0, 0)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4, 5)])
def test_a_scan_has_two_or_three_axes(shape):
    complaint(VolumeError, lambda: Volume(np.zeros(shape), name="a.tif"), "a.tif", f"{len(shape)} axes", "(Z, Y, X)")


def test_sizes_in_micrometres_need_a_voxel_size():
    scan = Volume(np.zeros((4, 4)), name="a.tif")
    for action in (lambda: scan.known_spacing_um, lambda: resample(scan, (1, 1))):
        complaint(VolumeError, action, "a.tif holds no voxel size", "--spacing Z Y X")


@pytest.mark.parametrize(
    "spacing", [0, -1, float("nan"), float("inf"), (1, 2), (1, 2, 3, 4), (1, 1, 0), (), np.float32(-2)]
)
def test_a_voxel_size_is_one_positive_number_for_each_axis(spacing):
    complaint(VolumeError, lambda: check_spacing(spacing, 3), "3 axes", "positive", "--spacing 0.65")


def test_a_scan_is_not_made_with_a_voxel_size_that_cannot_be():
    complaint(VolumeError, lambda: Volume(np.zeros((4, 4, 4)), (1, 1)), "the voxel size 1 1 µm cannot be")


@pytest.mark.parametrize("spacing", [2, 2.0, np.float32(2), np.int64(2), (2, 2, 2), [2.0, 2, 2], np.full(3, 2.0)])
def test_one_number_stands_for_all_axes(spacing):
    found = check_spacing(spacing, 3)
    assert found == (2.0, 2.0, 2.0)
    assert all(type(step) is float for step in found)
