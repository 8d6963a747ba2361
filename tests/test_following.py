"""Following a flow is Euler's method, only faster: NumPy, torch and a slow reference find the same cells."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from catalogue import CASES, crowd
from mesophyll import evaluation
from mesophyll.representations import Flows
from mesophyll.representations.decoding.following import follow, follow_tensor, sample
from mesophyll.representations.decoding.gathering import gather, grow_into

PASSES = 8


def slow_follow(flow, inside, steps):
    """Euler's method, a step at a time, with SciPy's interpolation between the voxels inside."""
    weight = inside.astype(float)
    start = np.argwhere(inside).T.astype(float)
    last = np.reshape(inside.shape, (3, 1)) - 1
    place = start.copy()
    for _ in range(steps):
        near = ndimage.map_coordinates(weight, place, order=1, mode="nearest")
        total = np.where(near > 1e-6, near, np.inf)
        place += [ndimage.map_coordinates(axis * weight, place, order=1, mode="nearest") / total for axis in flow]
        place = np.clip(place, 0, last)
    moved = np.zeros(flow.shape, np.float32)
    moved[:, inside] = place - start
    return moved


def field(ndim, noise):
    """The flow of a crowd as a volume, blurred noise upon it: (flow, inside, truth)."""
    truth = crowd(ndim, side=64 if ndim == 2 else 22, spacing=11 if ndim == 2 else 9)
    target = Flows().encode(truth)
    if noise:
        rng = np.random.default_rng(0)
        blurred = [ndimage.gaussian_filter(rng.normal(size=truth.shape), 1) for _ in range(ndim)]
        target[1:] += noise * np.array(blurred) / np.std(blurred)
    inside = (truth > 0).reshape((1,) * (3 - ndim) + truth.shape)
    flow = np.zeros((3, *inside.shape), np.float32)
    flow[-ndim:] = target[1:].reshape(ndim, *inside.shape)
    return np.clip(flow, -1, 1), inside, truth


def cells(moved, inside):
    return gather(moved, inside, 5, 20)


def average_precision(labels, truth):
    return evaluation.match(labels.reshape(truth.shape), truth).to_dict()["AP"]["0.5"]


FIELDS = [
    (2, 0.0),
    (2, 0.4),
    pytest.param((3, 0.0), marks=pytest.mark.slow),
    pytest.param((3, 0.4), marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=FIELDS, ids=str)
def followed(request):
    """The ends of a field by the three ways."""
    flow, inside, truth = field(*request.param)
    slow = slow_follow(flow, inside, 2**PASSES)
    tensor = follow_tensor(torch.from_numpy(flow), torch.from_numpy(inside), PASSES).numpy()
    return follow(flow, inside, PASSES), tensor, slow, inside, truth


def test_scaling_and_squaring_finds_the_cells_that_euler_finds(followed):
    fast, _, slow, inside, truth = followed
    by_euler = cells(slow, inside).reshape(truth.shape)
    assert by_euler.max() >= 0.8 * len(np.unique(truth[truth > 0]))
    assert average_precision(cells(fast, inside), by_euler) >= 0.99


def test_numpy_and_torch_agree_to_a_hundredth_of_a_voxel(followed):
    fast, tensor, _, inside, truth = followed
    apart = np.abs(fast - tensor).max(axis=0)[inside]
    assert np.quantile(apart, 0.99) < 0.01
    assert average_precision(cells(tensor, inside), cells(fast, inside).reshape(truth.shape)) >= 0.99


def test_every_way_ends_within_the_volume(followed):
    fast, tensor, _, inside, _ = followed
    ends = np.indices(inside.shape) + np.stack([fast, tensor])
    assert ends.min() >= 0
    assert (ends.max(axis=(0, 2, 3, 4)) <= np.array(inside.shape) - 1).all()
    assert not fast[:, ~inside].any()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_gpu_finds_the_same_cells(ndim):
    flow, inside, truth = field(ndim, 0.4)
    moved = follow_tensor(torch.from_numpy(flow).cuda(), torch.from_numpy(inside).cuda(), PASSES).cpu().numpy()
    expected = cells(follow(flow, inside, PASSES), inside).reshape(truth.shape)
    assert average_precision(cells(moved, inside), expected) >= 0.99


@pytest.mark.parametrize("way", ["numpy", "torch"])
@pytest.mark.parametrize("passes", [0, 1, 3])
def test_a_steady_flow_carries_twice_as_far_with_every_pass(way, passes):
    flow = np.zeros((3, 4, 5, 40), np.float32)
    flow[2] = 0.75
    inside = np.ones(flow.shape[1:], bool)
    if way == "numpy":
        moved = follow(flow, inside, passes)
    else:
        moved = follow_tensor(torch.from_numpy(flow), torch.from_numpy(inside), passes).numpy()
    free = np.arange(40) < 40 - 2 * 0.75 * 2**passes
    np.testing.assert_allclose(moved[2][..., free], 0.75 * 2**passes, atol=1e-4)
    assert (np.arange(40) + moved[2]).max() <= 39 + 0.75 * (passes == 0)
    assert not moved[:2].any()


def test_what_lies_outside_the_cells_does_not_hold_a_voxel_back():
    """Between a row that moves and rows that are no cell's, the flow is that of the row; far from it there is none."""
    flow, inside = np.full((3, 1, 12, 30), -5, np.float32), np.zeros((1, 12, 30), bool)
    inside[:, 5] = True
    flow[2, :, 5] = np.arange(30)
    assert sample(flow, inside, 0.0, 5.4, 10.25)[2] == pytest.approx(10.25)
    assert sample(flow, inside, 0.0, 4.1, 10.25)[2] == pytest.approx(10.25)
    assert sample(flow, inside, 0.0, 7.5, 10.25) == (0, 0, 0)


def test_fields_and_masks_given_stay_as_they_are():
    flow, inside, _ = field(2, 0.4)
    kept = flow.copy()
    moved = follow(flow, inside, 3)
    assert np.array_equal(flow, kept)
    assert not np.shares_memory(moved, flow)
    tensor = torch.from_numpy(kept)
    follow_tensor(tensor, torch.from_numpy(inside.copy()), 3)
    assert np.array_equal(tensor.numpy(), flow)


@pytest.mark.parametrize("ndim", [2, 3])
def test_an_array_and_a_tensor_are_decoded_alike(ndim):
    method, truth = Flows(), crowd(ndim, side=24)
    output = method.encode(truth)
    found = method.decode(torch.from_numpy(output))
    assert found.dtype == np.int32
    assert average_precision(found, method.decode(output)) >= 0.99


@pytest.mark.slow
def test_decoding_leaves_torch_the_threads_that_it_had():
    """Asked in a process of its own: Numba sets them only when its loops first start."""
    code = """
import numpy, torch
torch.set_num_threads(3)
from mesophyll.representations import Flows
Flows().decode(numpy.ones((3, 8, 8), numpy.float32))
print(torch.get_num_threads())
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "3"


@pytest.mark.parametrize("shape", [(24, 24, 1), (1, 24, 24), (24, 1, 24), (24, 1), (3, 3)])
def test_thin_volumes_are_encoded_and_decoded_in_their_own_shape(shape):
    truth = np.zeros(shape, np.int32)
    truth[tuple(slice(min(2, length - 1), min(14, length)) for length in shape)] = 4
    method = Flows(min_size_vox=1, min_arrivals=1)
    assert np.array_equal(method.decode(method.encode(truth)), (truth > 0).astype(np.int32))


def test_the_layout_in_memory_does_not_matter():
    truth = crowd(3, side=24)
    method = Flows()
    target = method.encode(truth)
    turned = method.encode(truth.transpose(2, 0, 1)[::-1])
    copied = method.encode(np.ascontiguousarray(truth.transpose(2, 0, 1)[::-1]))
    assert np.array_equal(turned, copied)
    assert np.array_equal(method.decode(np.asfortranarray(target)), method.decode(target))


# ------------------------------------------------------------------------------------------------------------ gathering


def towards(goals, shape):
    """A displacement that carries each voxel to one place: ``goals`` is (mask, place) pairs."""
    moved, inside = np.zeros((3, *shape), np.float32), np.zeros(shape, bool)
    for mask, place in goals:
        inside |= mask
        moved[:, mask] = (np.reshape(place, (3, 1, 1, 1)) - np.indices(shape))[:, mask]
    return moved, inside


def box(shape, *spans):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


def test_voxels_that_arrive_together_are_a_cell():
    shape = (6, 6, 20)
    first, second = box(shape, (1, 5), (1, 5), (1, 9)), box(shape, (1, 5), (1, 5), (9, 18))
    moved, inside = towards([(first, (3, 3, 5)), (second, (3, 3, 13))], shape)
    assert np.array_equal(gather(moved, inside, 5, 1), first + 2 * second.astype(np.int32))


def test_sinks_that_touch_are_one_and_small_cells_are_dropped():
    shape = (6, 6, 20)
    first, second = box(shape, (1, 5), (1, 5), (1, 9)), box(shape, (1, 5), (1, 5), (9, 18))
    moved, inside = towards([(first, (3, 3, 8)), (second, (3, 3, 9))], shape)
    assert gather(moved, inside, 5, 1).max() == 1
    moved, inside = towards([(first, (3, 3, 5)), (second, (3, 3, 14))], shape)
    found = gather(moved, inside, 5, int(first.sum()) + 1)
    assert np.array_equal(found, second.astype(np.int32))


def test_a_sink_needs_its_arrivals():
    shape = (1, 6, 20)
    few = box(shape, (0, 1), (1, 3), (1, 3))
    moved, inside = towards([(few, (0, 2, 2))], shape)
    assert gather(moved, inside, 4, 1).max() == 1
    assert gather(moved, inside, 5, 1).max() == 0


def test_a_piece_cut_off_joins_the_cell_around_it():
    shape = (1, 12, 24)
    left, right = box(shape, (0, 1), (1, 11), (1, 12)), box(shape, (0, 1), (1, 11), (12, 23))
    astray = box(shape, (0, 1), (4, 6), (4, 6))
    moved, inside = towards([(left & ~astray, (0, 5, 9)), (right | astray, (0, 5, 16))], shape)
    assert np.array_equal(gather(moved, inside, 5, 1), left + 2 * right.astype(np.int32))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_growing_goes_a_layer_at_a_time_by_faces(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 8, 3))
    inside = rng.random(shape) < 0.7
    labels = np.where(inside & (rng.random(shape) < 0.1), rng.integers(1, 4, shape), 0).astype(np.int32)
    kept = labels.copy()
    grown = grow_into(labels, inside)
    assert np.array_equal(labels, kept)
    assert np.array_equal(grown[labels > 0], labels[labels > 0])
    reach = {number: _rounds(labels == number, inside) for number in np.unique(labels[labels > 0])}
    nearest = np.min([*reach.values(), np.full(shape, np.inf)], axis=0)
    assert np.array_equal(grown > 0, np.isfinite(nearest))
    for number, rounds in reach.items():  # a voxel goes to a cell that comes there first
        assert (rounds == nearest)[grown == number].all()


def _rounds(start, inside):
    """How many layers a cell would need to reach each voxel, on its own."""
    rounds, reached = np.where(start, 0.0, np.inf), start
    for layer in range(1, inside.size):
        wider = ndimage.binary_dilation(reached, ndimage.generate_binary_structure(3, 1)) & (inside | start)
        if np.array_equal(wider, reached):
            break
        rounds[wider & ~reached] = layer
        reached = wider
    return rounds


@pytest.mark.parametrize("name", CASES)
def test_cells_found_are_of_one_piece_and_numbered_without_gaps(name):
    found = Flows().decode(Flows().encode(CASES[name](3)))
    assert sorted(np.unique(found[found > 0])) == list(range(1, found.max() + 1))
    assert all(ndimage.label(found == number)[1] == 1 for number in range(1, found.max() + 1))
