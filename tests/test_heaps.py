"""Cellpose's rule, step by step: voxels walk, heaps of their ends are cells, and cells that cannot be are dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from laws import found
from mesophyll.representations import Cellpose
from mesophyll.representations.decoding.heaps import from_heaps
from mesophyll.representations.decoding.walking import walk

METHOD = Cellpose()


def field(*shape, seed=0):
    """A smooth flow, and a foreground of two thirds."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.normal(size=(1, len(shape), *[4] * len(shape))).astype(np.float32))
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    flow = functional.interpolate(coarse, size=shape, mode=mode)[0].numpy()
    return flow, rng.random(shape) < 0.67


# ------------------------------------------------------------------------------------------------------------------ walks


def test_a_walk_in_an_image_is_eulers_on_the_flow_between_pixels():
    flow, inside = field(20, 24)
    step = np.where(inside, flow, 0)
    expected = []
    for start in np.argwhere(inside):
        place = start.astype(np.float32)
        for _ in range(30):
            low = place.astype(int)
            high = np.minimum(low + 1, np.array(inside.shape) - 1)
            far = place - low
            moved = sum(
                step[:, y, x] * wy * wx
                for y, wy in ((low[0], 1 - far[0]), (high[0], far[0]))
                for x, wx in ((low[1], 1 - far[1]), (high[1], far[1]))
            )
            place = np.clip(place + moved.astype(np.float32), 0, np.array(inside.shape, np.float32) - 1)
        expected.append(place.astype(int))
    volume = np.concatenate([np.zeros((1, 1, 20, 24), np.float32), flow[:, None]])
    ends = walk(volume, inside[None], 30)
    assert (ends[:, 0] == 0).all()
    assert (ends[:, 1:] == np.array(expected)).all(axis=1).mean() > 0.98  # rounding, and a flow that never rests


def test_a_walk_in_a_volume_samples_the_flow_where_cellpose_does():
    """torch's sampler, with positions divided by side - 1 but corners not aligned, and zeros beyond the faces."""
    flow, inside = field(8, 12, 16)
    sides = torch.tensor([7.0, 11.0, 15.0])
    image = torch.from_numpy(np.where(inside, flow, 0).astype(np.float32))[None].flip(1)
    places = 2 * torch.from_numpy(np.argwhere(inside)).float() / sides - 1
    for _ in range(20):
        sampled = functional.grid_sample(image, places.flip(1)[None, None, None], align_corners=False)[
            0, :, 0, 0
        ].T.flip(1)
        places = (places + 2 * sampled / sides).clamp(-1, 1)
    expected = ((places + 1) / 2 * sides).numpy().astype(int)
    assert (walk(flow, inside, 20) == expected).all(axis=1).mean() > 0.98


def every_step(flow, inside, steps):
    """The same walk without marks: each step is taken, one at a time, in the same order of the same sums of float32."""
    one, low = np.float32(1), np.float32(-0.5)
    flat = inside.shape[0] == 1
    sides = np.array(inside.shape, np.float32)
    stretch = np.ones(3, np.float32) if flat else sides / np.maximum(sides - 1, 1)
    padded = np.pad(np.where(inside, flow, 0).astype(np.float32), [(0, 0), (1, 1), (1, 1), (1, 1)])
    places = np.argwhere(inside).astype(np.float32)
    for _ in range(steps):
        at = places * stretch + (np.float32(0) if flat else low)
        corner = np.floor(at)
        far = at - corner
        z, y, x = corner.astype(int).T + 1
        moved = np.zeros_like(places)
        for cz, cy, cx in np.ndindex(2, 2, 2):
            share = far[:, 0] if cz else one - far[:, 0]
            share = share * (far[:, 1] if cy else one - far[:, 1])
            share = share * (far[:, 2] if cx else one - far[:, 2])
            moved += share[:, None] * padded[:, z + cz, y + cy, x + cx].T
        places = np.clip(places + moved, np.float32(0), sides - 1)
    return places.astype(np.int32)


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 64, 201])
@pytest.mark.parametrize("shape", [(1, 20, 24), (9, 12, 16), (1, 1, 30), (3, 2, 40)])
def test_laps_that_are_left_out_change_no_end(shape, steps):
    """Half of the flow leads to sinks, round which walks turn in circles; the other half is noise."""
    rng = np.random.default_rng(steps)
    inside = rng.random(shape) < 0.9
    place = np.indices(shape).astype(np.float32)
    to_sink = np.stack([np.round(axis / 8) * 8 + 0.3 - axis for axis in place])
    flow = to_sink / np.maximum(np.linalg.norm(to_sink, axis=0), 1e-3)
    flow[..., shape[2] // 2 :] = rng.normal(size=(3, *shape))[..., shape[2] // 2 :]
    flow = flow.astype(np.float32)
    if shape[0] == 1:
        flow[0] = 0
    assert np.array_equal(walk(flow, inside, steps), every_step(flow, inside, steps))


def test_a_flow_that_is_no_number_leads_nowhere_else():
    flow, inside = field(8, 8, 8)
    flow[:, 4, 4, 4], flow[:, 2, 2, 2] = np.nan, np.inf
    ends = walk(flow, inside, 20)
    assert ends.min() >= 0
    assert ends.max() < 8


def test_a_walk_changes_nothing_of_what_it_is_given():
    flow, inside = field(6, 6, 6)
    kept = flow.copy()
    walk(flow, inside, 5)
    assert np.array_equal(flow, kept)


# ------------------------------------------------------------------------------------------------------------------ heaps


def heaps(*piles, shape=(1, 40, 40)):
    """Inside as many voxels as all piles hold, whose ends are the piles; a pile is a place and a number."""
    ends = np.concatenate([np.tile(place, (count, 1)) for place, count in piles]).astype(np.int32)
    inside = np.zeros(shape, bool)
    inside.ravel()[: len(ends)] = True
    return ends, inside


def numbers(*piles, shape=(1, 40, 40)):
    """The cell to which each pile goes."""
    ends, inside = heaps(*piles, shape=shape)
    labels = from_heaps(ends, inside, top=10, slope=2)[inside]
    starts = np.cumsum([0, *(count for _, count in piles[:-1])])
    return [int(labels[start]) for start in starts]


@pytest.mark.parametrize("shape", [(1, 40, 40), (12, 40, 40)])
def test_a_heap_needs_more_than_ten_in_one_voxel(shape):
    assert numbers(((0, 20, 20), 11), shape=shape) == [1]
    assert numbers(((0, 20, 20), 10), shape=shape) == [0]


def test_a_heap_spreads_five_voxels_over_what_holds_more_than_two():
    row = [((0, 20, 20 + step), 3) for step in range(1, 8)]
    assert numbers(((0, 20, 20), 20), *row) == [1, 1, 1, 1, 1, 1, 0, 0]
    broken = [((0, 20, 21), 3), ((0, 20, 22), 2), ((0, 20, 23), 3)]
    assert numbers(((0, 20, 20), 20), *broken) == [1, 1, 0, 0]
    assert numbers(((0, 20, 20), 20), ((0, 21, 21), 3), ((0, 22, 20), 3)) == [1, 1, 1]  # by corners, too


def test_a_heap_spreads_along_all_three_axes():
    column = [((6 + step, 20, 20), 3) for step in range(1, 6)]
    assert numbers(((6, 20, 20), 20), *column, shape=(12, 40, 40)) == [1] * 6


def test_a_top_has_no_higher_voxel_within_two():
    assert numbers(((0, 20, 20), 20), ((0, 20, 22), 15)) == [1, 0]  # 15 is no top, and nothing leads there
    assert numbers(((0, 20, 20), 20), ((0, 20, 23), 15)) == [2, 1]


def test_where_two_heaps_meet_the_higher_one_has_it():
    between = [((0, 20, 20 + step), 3) for step in (1, 2, 3)]
    assert numbers(((0, 20, 20), 20), *between, ((0, 20, 24), 15)) == [2, 2, 2, 2, 2]
    between = [((0, 20, 20 + step), 3) for step in range(1, 8)]
    assert numbers(((0, 20, 20), 20), *between, ((0, 20, 28), 15)) == [2, 2, 2, 2, 2, 2, 1, 1, 1]


def test_heaps_at_the_edge_are_heaps():
    assert numbers(((0, 0, 0), 12), ((0, 39, 39), 13)) == [1, 2]


# --------------------------------------------------------------------------------------------------------- what is dropped


def two_discs():
    labels = np.zeros((40, 60), np.int32)
    y, x = np.indices(labels.shape)
    labels[(y - 18) ** 2 + (x - 15) ** 2 < 100] = 1
    labels[(y - 18) ** 2 + (x - 42) ** 2 < 100] = 2
    return labels


def test_a_cell_whose_flow_is_not_its_own_is_dropped_in_an_image():
    """Voxels of the second disc walk in circles before they arrive."""
    truth = two_discs()
    output = METHOD.encode(truth)
    flow = output[:2, :, 30:].copy()
    turned = np.stack([flow[0] - 2 * flow[1], flow[1] + 2 * flow[0]]) / np.sqrt(5)
    output[:2, :, 30:] = turned
    assert METHOD.decode(output).max() == 1
    assert replace(METHOD, flow_error=0).decode(output).max() == 2
    assert replace(METHOD, flow_error=2).decode(output).max() == 2


def test_a_cell_that_is_most_of_the_image_is_dropped():
    truth = two_discs()
    share = (truth == 1).mean()
    assert replace(METHOD, largest=1.01 * share).decode(METHOD.encode(truth)).max() == 2
    assert replace(METHOD, largest=0.99 * share).decode(METHOD.encode(truth)).max() == 0


def test_a_cell_of_few_voxels_is_dropped():
    truth = two_discs()
    size = int((truth == 1).sum())
    assert replace(METHOD, min_size_vox=size - 3).decode(METHOD.encode(truth)).max() == 2
    assert replace(METHOD, min_size_vox=size + 1).decode(METHOD.encode(truth)).max() == 0


@pytest.mark.parametrize("ndim", [2, 3])
def test_holes_are_filled_but_not_with_another_cell(ndim):
    far = np.sqrt(((np.indices((40,) * ndim) - 20) ** 2).sum(axis=0))
    truth = (far < 12).astype(np.int32)
    truth[far < 6] = 2
    output = METHOD.encode(truth)
    assert found(METHOD.decode(output), truth, 0.9) == 1  # in 2D, six voxels end beside the heap
    row = (20,) * (ndim - 1)
    output[(slice(None), *row, 30)] = 0  # a hole in the shell
    labels = METHOD.decode(output)
    assert labels[(*row, 30)] == labels[(*row, 29)] > 0
    assert labels.max() == 2
    assert np.array_equal(labels == labels[(*row, 20)], truth == 2)


def test_what_is_barely_foreground_is_what_the_threshold_says():
    output = METHOD.encode(two_discs())
    output[2, :, 30:] *= 0.6
    assert METHOD.decode(output).max() == 2
    assert replace(METHOD, threshold=0.7).decode(output).max() == 1
