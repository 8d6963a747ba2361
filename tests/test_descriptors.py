"""Descriptors say what cells are like, voxel by voxel, and find none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from catalogue import crowd, touching_pair
from complaint import complaint
from mesophyll.errors import SettingsError
from mesophyll.labels import UNKNOWN
from mesophyll.representations import Affinities, Descriptors, Flows, Heads, from_table, to_table

NEAR = Descriptors(spacing_um=1.0, window_um=2.0)


def slow(method, labels, here):
    """Size, middle, spread and lean of the cell at a voxel, from the voxels of its window one by one."""
    deviation, reach = method.window_um / method.spacing_um, method.reach
    ways = np.indices((2 * reach + 1,) * labels.ndim).reshape(labels.ndim, -1).T - reach
    weights = np.exp(-(ways**2).sum(axis=1) / (2 * deviation**2))
    there = ways + here
    within = ((there >= 0) & (there < labels.shape)).all(axis=1)
    same = np.zeros(len(ways), bool)
    same[within] = labels[tuple(there[within].T)] == labels[tuple(here)]
    share, seen = weights / weights.sum(), ways[same] / deviation
    weights = share[same] / share[same].sum()
    middle = weights @ seen
    covariance = (weights[:, None] * (seen - middle)).T @ (seen - middle)
    spread = np.diag(covariance)
    one, other = np.triu_indices(labels.ndim, 1)
    return np.concatenate(
        [[share[same].sum()], middle, spread, covariance[one, other] / np.sqrt(spread[one] * spread[other])]
    )


@pytest.mark.parametrize("ndim", [2, 3])
def test_every_channel_is_what_the_window_shows(ndim):
    labels = crowd(ndim, side=24)
    target = NEAR.encode(labels)
    places = np.argwhere(labels > 0)
    for here in places[np.random.default_rng(0).choice(len(places), 40)]:
        np.testing.assert_allclose(target[(slice(None), *here)], slow(NEAR, labels, here), atol=1e-4)


def test_a_layer_of_voxels_leans_nowhere():
    labels = np.zeros((9, 9), np.int32)
    labels[4, 1:8] = 1
    target = NEAR.encode(labels)
    assert np.abs(target[3, 4, 1:8]).max() < 1e-6  # no spread across it
    assert not target[5].any()
    assert target[4, 4, 4] > 0.5
    assert np.isfinite(target).all()


def test_where_much_of_the_window_is_unknown_the_shape_is():
    labels = touching_pair(2)
    labels[:, 28:] = UNKNOWN
    known = np.isfinite(NEAR.encode(labels))
    assert known.all(axis=0).tolist() == known.any(axis=0).tolist()
    assert known[0, 20].tolist() == [
        place < 25 for place in range(40)
    ]  # at 24, 0.03 of the window is unknown; at 25, 0.09
    assert known[0, :5, :28].all()  # that outside is outside, is known
    output = torch.zeros((1, 6, 40, 40), requires_grad=True)
    target = torch.from_numpy(NEAR.encode(labels))[None]
    NEAR.loss(output, target, torch.ones((1, 40, 40), dtype=torch.bool)).backward()
    moved = output.grad[0].any(dim=0).numpy()
    assert np.array_equal(moved, known[0] & (labels > 0))


def test_a_section_tells_nothing_of_them():
    labels = touching_pair(3)
    told = NEAR.forget(NEAR.encode(labels), labels == 2)
    assert np.isnan(told[:, labels == 2]).all()
    assert np.array_equal(told[:, labels != 2], NEAR.encode(labels)[:, labels != 2])


def test_a_section_speaks_of_the_channels_of_its_own_axes():
    axes = [(0,), *((axis,) for axis in range(3)), *((axis, axis) for axis in range(3)), (0, 1), (0, 2), (1, 2)]
    assert [axes[channel] for channel in NEAR.in_volume(1)] == [(0,), (0,), (2,), (0, 0), (2, 2), (0, 2)]


def test_windows_are_in_um():
    assert NEAR.reach == 4
    assert NEAR.at(0.5).reach == 8
    coarse, fine = NEAR.encode(touching_pair(2)), NEAR.at(0.5).encode(np.kron(touching_pair(2), np.ones((2, 2), int)))
    assert np.abs(fine[:, ::2, ::2] - coarse).max() < 0.2


def test_they_find_no_cells_and_are_no_method_of_their_own():
    complaint(
        SettingsError,
        lambda: NEAR.decode(np.zeros((6, 9, 9), np.float32)),
        "6 channels of descriptors",
        "learnt beside a method that finds cells",
        "decode_by",
    )
    complaint(SettingsError, lambda: from_table({"name": "descriptors"}), "unknown representation 'descriptors'")
    words = ["cells are to be read from descriptors", "helps another method", "add a part that finds cells"]
    complaint(SettingsError, lambda: Heads(parts=(NEAR,)), *words)
    complaint(SettingsError, lambda: Heads(parts=(Flows(), NEAR), decode_by="descriptors"), *words)
    complaint(SettingsError, lambda: Descriptors(window_um=0.1), "window_um = 0.1 at 0.65 µm", "make window_um larger")


def test_beside_them_the_first_part_that_finds_cells_is_read():
    heads = Heads(parts=(NEAR, Affinities()))
    assert heads.ceiling == Affinities().ceiling
    assert heads.reader == Affinities()
    assert from_table(to_table(heads)) == heads
