"""Flows that part tell walls: sinks along an axis become one cell, those of two cells never do."""

from __future__ import annotations

import numpy as np
import pytest

from catalogue import CASES
from laws import found
from mesophyll.labels import same_partition
from mesophyll.representations import Flows
from mesophyll.representations.decoding.following import follow
from mesophyll.representations.decoding.gathering import gather
from mesophyll.representations.linking.parting import flow_oneness, joined

METHOD = Flows(target="skeleton")


def test_oneness_is_a_half_where_the_flow_parts_by_what_is_asked():
    flow = np.zeros((3, 2, 2, 5), np.float32)
    flow[2, ..., :] = [1, 1, -1, 1, 0.5]
    assert flow_oneness(flow)[2, 0, 0].tolist() == [1, 2, 0, 1.25, 1]  # the last has no next
    assert flow_oneness(flow, parting=2)[2, 0, 0, 2] == 0.5
    assert (flow_oneness(flow)[:2] == 1).all()


def test_fragments_are_joined_by_the_mean_over_the_face_that_they_share():
    fragments = np.zeros((1, 6, 12), np.int32)
    fragments[..., :4], fragments[..., 4:8], fragments[..., 8:] = 1, 2, 3
    oneness = np.ones((3, 1, 6, 12), np.float32)
    oneness[2, 0, :, 3] = [0, 0, 1, 1, 1, 1]
    oneness[2, 0, :, 7] = [0, 0, 0, 0, 1, 1]
    assert joined(fragments, oneness)[0, 0].tolist() == [*[1] * 8, *[2] * 4]
    assert not joined(np.zeros_like(fragments), oneness).any()


def fragments_of(labels, noise=0.0):
    """What is gathered before it is joined, with the oneness it is joined by."""
    output = METHOD.encode(labels)
    flow = output[1:] + np.random.default_rng(0).normal(0, noise, output[1:].shape).astype(np.float32)
    inside, oneness = output[0] > 0.5, flow_oneness(flow)
    return gather(follow(flow, inside, 5), inside, 5, 1, oneness), output, flow


def test_a_long_cell_arrives_in_many_places_and_is_one():
    tube = np.zeros((16, 16, 60), np.int32)
    for width, start in zip((5, 8, 5, 9, 6, 10), range(4, 58, 9), strict=True):  # with a waist between any two
        tube[8 - width // 2 : 8 + width // 2, 8 - width // 2 : 8 + width // 2, start : start + 9] = 1
    pieces, output, _ = fragments_of(tube)
    assert pieces.max() > 2
    assert np.array_equal(METHOD.decode(output), tube)


def bundle(width, length=40):
    """Nine long cells, side by side."""
    labels = np.zeros((3 * width + 4, 3 * width + 4, length + 4), np.int32)
    for number, (z, y) in enumerate(np.ndindex(3, 3), start=1):
        labels[width * z + 2 :, width * y + 2 :, 2:-2] = number
    labels[-2:], labels[:, -2:] = 0, 0
    return labels


def test_noise_breaks_cells_into_fragments_and_they_come_back():
    truth = bundle(width=8)
    pieces, output, flow = fragments_of(truth, noise=0.3)
    assert pieces.max() > 1.3 * truth.max()
    output[1:] = flow
    assert found(METHOD.decode(output), truth) == 1


def test_sinks_of_thin_cells_touch_but_are_not_one():
    output = METHOD.encode(bundle(width=3))
    inside = output[0] > 0.5
    assert gather(follow(output[1:], inside, 5), inside, 5, 1).max() == 1  # without a look at the flow
    assert same_partition(METHOD.decode(output), bundle(width=3))


@pytest.mark.parametrize("parting", [0.3, 0.5, 1.0])
def test_what_parts_more_than_is_asked_stays_apart(parting):
    pair = CASES["touching_pair"](3)
    output = METHOD.encode(pair)
    output[3] *= 0.4  # parts by 0.8 now
    cells = Flows(target="skeleton", parting=parting).decode(output).max()
    assert cells == (1 if parting > 0.8 else 2)
