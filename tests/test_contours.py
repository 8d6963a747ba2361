"""Outlines as harmonics and back, pixels inside them, and images only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.path import Path as Polygon
from skimage.measure import find_contours

from catalogue import CASES, crowd
from complaint import complaint
from laws import found
from mesophyll.errors import SettingsError
from mesophyll.inference import SegmentationPlan, segment_volume
from mesophyll.model import Model
from mesophyll.network import Network
from mesophyll.representations import Contours, Flows, Heads
from mesophyll.representations.geometry.fourier import describe, fill, mirror_signs, outlines
from mesophyll.training import TrainingPlan, train
from mesophyll.volume import Volume


def disc(side=41, radius=12.0, middle=(20.0, 18.0)):
    y, x = np.indices((side, side))
    return ((y - middle[0]) ** 2 + (x - middle[1]) ** 2 < radius**2).astype(np.int32)


# --------------------------------------------------------------------------------------------------------------- harmonics


def test_a_disc_is_its_first_harmonic():
    middles, descriptors = describe(disc(), 1, 4)
    np.testing.assert_allclose(middles[1], [20, 18], atol=1e-6)
    first, higher = descriptors[1, 0], descriptors[1, 1:]
    np.testing.assert_allclose(first, [[0, 12], [12, 0]], atol=0.3)  # y = 12 sin t, x = 12 cos t
    assert np.abs(higher).max() < 0.3


def slow_descriptors(mask, order):
    """Walk along the outline at a steady pace, sample it densely, and let FFT find the harmonics."""
    line = max(find_contours(np.pad(mask, 1) * 1.0, 0.5, fully_connected="high"), key=len) - 1
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0, along[-1], 2**14, endpoint=False)
    y, x = (np.interp(at, along, line[:, axis]) for axis in (0, 1))
    waves = np.fft.fft(x + 1j * y) / len(at)
    if abs(waves[-1]) > abs(waves[1]):  # it ran the other way
        waves = np.fft.fft((x + 1j * y)[::-1]) / len(at)
    turns = np.arange(1, order + 1)
    phase = np.conj(waves[1]) / abs(waves[1])
    there, back = waves[turns] * phase**turns, waves[-turns] * np.conj(phase) ** turns
    cosine, sine = there + back, 1j * (there - back)
    descriptors = np.stack([[cosine.imag, sine.imag], [cosine.real, sine.real]])  # (axis, part, order)
    return np.array([y.mean(), x.mean()]), descriptors.transpose(2, 0, 1)


def test_descriptors_are_those_that_fft_finds():
    cells = crowd(2, side=64)
    middles, descriptors = describe(cells, int(cells.max()), 6)
    for cell in range(1, int(cells.max()) + 1):
        middle, expected = slow_descriptors(cells == cell, 6)
        np.testing.assert_allclose(middles[cell], middle, atol=0.02)
        np.testing.assert_allclose(descriptors[cell], expected, atol=0.02)


def test_many_harmonics_give_the_outline_back():
    cells = crowd(2, side=64)
    middles, descriptors = describe(cells, int(cells.max()), 40)
    polygons = outlines(middles[1:], descriptors[1:], 400)
    ends, pixels = fill(polygons, cells.shape)
    drawn = np.zeros(cells.size, np.int32)
    for number, own in enumerate(np.split(pixels, ends[:-1]), start=1):
        drawn[own] = number
    assert (drawn.reshape(cells.shape) == cells).mean() > 0.999


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_outline_has_the_signs_that_are_told(axis):
    cells = crowd(2, side=48)
    count = int(cells.max())
    _, descriptors = describe(cells, count, 5)
    _, mirrored = describe(np.ascontiguousarray(np.flip(cells, axis)), count, 5)
    np.testing.assert_allclose(mirrored, descriptors * mirror_signs(5, axis), atol=1e-9)


def test_a_hole_is_no_outline():
    ring = disc() - disc(radius=6.0)
    assert np.array_equal(describe(ring, 1, 3)[1], describe(disc(), 1, 3)[1])


def test_pixels_in_polygons_are_those_whose_middle_is_inside():
    rng = np.random.default_rng(0)
    shape, angle = (40, 50), np.sort(rng.uniform(0, 2 * np.pi, (30, 24)), axis=1)
    radius, middle = rng.uniform(0, 14, (30, 24)), rng.uniform(-5, 50, (30, 1, 2))
    polygons = middle + radius[..., None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    ends, pixels = fill(polygons, shape)
    grid = np.indices(shape).reshape(2, -1).T
    for polygon, own in zip(polygons, np.split(pixels, ends[:-1]), strict=True):
        expected = np.flatnonzero(Polygon([*polygon, polygon[0]]).contains_points(grid))
        assert np.array_equal(np.sort(own), expected)


def test_a_polygon_outside_the_image_has_no_pixels():
    square = np.array([[0.0, 0.0], [0.0, 5.0], [5.0, 5.0], [5.0, 0.0]])
    ends, pixels = fill(np.stack([square - 20, square, square + 100]), (10, 10))
    assert ends.tolist() == [0, len(pixels), len(pixels)]
    assert len(pixels) > 0


# ---------------------------------------------------------------------------------------------------------------- decoding


def test_more_harmonics_hold_more_of_a_lobed_cell():
    truth = CASES["lobed_cell"](2)
    share = []
    for order in (1, 3, 6, 12):
        method = Contours(order=order, refine=False)
        labels = method.decode(method.encode(truth)) > 0
        share.append((labels & (truth > 0)).sum() / (labels | (truth > 0)).sum())
    assert share == sorted(share)
    assert share[0] < 0.6
    assert share[-1] > 0.95


def test_refined_by_the_foreground_an_outline_needs_not_be_exact():
    truth = CASES["lobed_cell"](2)
    method = Contours(order=3)
    output = method.encode(truth)
    assert np.array_equal(method.decode(output), truth)
    rough = replace(method, refine=False).decode(output)
    assert (rough > 0).any()
    assert found(rough, truth) == 0


@pytest.mark.parametrize(
    ("setting", "value", "cells"),
    [("threshold", 0.7, 0), ("score", 0.7, 0), ("overlap", 0.01, 1), ("min_size_vox", 1000, 0)],
)
def test_every_setting_of_the_decoder_is_read(setting, value, cells):
    truth = disc(middle=(20.0, 12.0), radius=9.0) + 2 * disc(middle=(20.0, 30.0), radius=9.0)
    method = Contours()
    output = method.encode(truth)
    output[:2] *= 0.6
    output[4:] *= 1.1
    assert method.decode(output).max() == 2
    assert replace(method, **{setting: value}).decode(output).max() == cells


# ------------------------------------------------------------------------------------------------------------ images alone


WORDS = ("Contours in volumes", "it is made for images only", "correct ndim", "volume_by = 'slices'")


@pytest.mark.parametrize(
    "ask", [lambda: Contours().channels(3), lambda: Contours().encode(np.zeros((4, 4, 4), np.int32))]
)
def test_a_volume_has_no_contours(ask):
    complaint(SettingsError, ask, *WORDS)


def test_a_plan_for_volumes_is_refused_before_anything_is_read(tmp_path):
    plan = TrainingPlan(ndim=3, representation={"name": "contours"})
    complaint(SettingsError, lambda: train([], tmp_path / "model", plan), *WORDS)
    assert not list(tmp_path.iterdir())


def test_heads_have_the_axes_of_all_their_parts():
    heads = Heads(parts=(Flows(), Contours()))
    assert heads.axes == (2,)
    complaint(SettingsError, lambda: heads.channels(3), *WORDS)
    assert Heads().axes == (2, 3)


def test_a_volume_is_gone_through_slice_by_slice(tmp_path):
    network = Network(2, 1, Contours().channels(2), "small", 2)
    model = Model("outlines", network.build().eval(), Contours(), 1.0, card={})
    volume = Volume(np.random.default_rng(0).integers(0, 255, (16, 16, 16), np.uint8), (1.0, 1.0, 1.0))
    planes, slices = (SegmentationPlan(volume_by=by, device="cpu") for by in ("planes", "slices"))
    complaint(SettingsError, lambda: segment_volume(volume, model, scratch=tmp_path, plan=planes), *WORDS)
    assert segment_volume(volume, model, scratch=tmp_path, plan=slices).labels.shape == volume.shape


def test_an_outline_has_a_harmonic():
    complaint(SettingsError, lambda: Contours(order=0), "order = 0", "one harmonic at least", "take 6")
