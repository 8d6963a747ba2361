"""The medial axis: flows lead to it, and a voxel is as near to it as its share of the way says; slow references."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial import cKDTree

from catalogue import CASES, crowd
from mesophyll.labels import UNKNOWN
from mesophyll.representations import Flows
from mesophyll.representations.geometry.medial import SLOPE, THIN, axis_nearness, medial_flow
from mesophyll.representations.geometry.paths import depths, least_depths


def volume(labels):
    return labels.reshape((1,) * (3 - labels.ndim) + labels.shape)


def slow_depths(cells):
    depth = np.zeros(cells.shape)
    for number in np.unique(cells[cells > 0]):
        inside = np.argwhere(cells == number)
        depth[tuple(inside.T)] = cKDTree(np.argwhere(cells != number)).query(inside)[0]
    return depth


def slow_flow(cells):
    """Voxel by voxel: half the difference of both neighbours' depths, or the whole to one of them at a face of the volume."""
    depth, flow = slow_depths(cells), np.zeros((3, *cells.shape))
    for here in zip(*np.nonzero(cells), strict=True):
        for axis in range(3):
            sides = []
            for step in (-1, 1):
                there = tuple(at + step * (axis == other) for other, at in enumerate(here))
                if 0 <= there[axis] < cells.shape[axis]:
                    sides.append((step, depth[there] if cells[there] == cells[here] else 0.0))
            if len(sides) == 2:
                flow[(axis, *here)] = (sides[1][1] - sides[0][1]) / 2
            elif sides:
                flow[(axis, *here)] = sides[0][0] * (sides[0][1] - depth[here])
    return flow / np.maximum(np.linalg.norm(flow, axis=0), 1)


def slow_nearness(cells):
    """Climb from each voxel, by the steepest way, until none is steep; of equally steep ways take the one that ends higher."""
    depth = slow_depths(cells)

    def top(here):
        ways = []
        for step in itertools.product((-1, 0, 1), repeat=3):
            there = tuple(at + by for at, by in zip(here, step, strict=True))
            within = all(0 <= at < n for at, n in zip(there, cells.shape, strict=True))
            if any(step) and within and cells[there] == cells[here]:
                ways.append(((depth[there] - depth[here]) / np.linalg.norm(step), there))
        steepest = max(slope for slope, _ in ways)
        if steepest < SLOPE:
            return depth[here]
        return max(top(there) for slope, there in ways if slope > steepest - 1e-4)

    near = np.zeros(cells.shape)
    for here in zip(*np.nonzero(cells), strict=True):
        near[here] = (depth[here] - 0.5) / (max(top(here), THIN) - 0.5)
    return near


CELLS = {
    "crowd in 2D": volume(crowd(2, side=40)),
    "crowd in 3D": crowd(3, side=16),
    "arms": volume(CASES["lobed_cell"](2)),
}


@pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS)
def test_flow_is_the_gradient_of_depth(cells):
    np.testing.assert_allclose(medial_flow(cells, 0), slow_flow(cells), atol=1e-5)


@pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS)
def test_nearness_is_the_share_of_the_way_up_to_the_axis(cells):
    np.testing.assert_allclose(axis_nearness(cells, depths(cells)), slow_nearness(cells), atol=1e-4)


def tube(shape=(11, 11, 20)):
    """A tube of 7 voxels' width through the whole volume."""
    cells = np.zeros(shape, np.int32)
    cells[2:9, 2:9] = 1
    return cells


def test_flow_leads_across_a_tube_to_its_axis_and_not_along_it():
    flow = medial_flow(tube(), 1)
    assert not flow[2].any()
    assert not flow[:, 5, 5].any()
    assert flow[0, 2:9, 5, 10].tolist() == flow[1, 5, 2:9, 10].tolist() == [1, 1, 1, 0, -1, -1, -1]


def test_flow_parts_at_a_wall_between_cells_and_nowhere_within():
    flow = Flows(target="skeleton").encode(CASES["touching_pair"](3))
    along = np.diff(flow[3, 18, 18, 8:30])
    assert along[10] == 2  # between the last voxel of the one and the first of the other
    assert np.delete(along, 10).max() <= 0


@pytest.mark.parametrize("ndim", [2, 3])
def test_flow_is_never_longer_than_one(ndim):
    assert np.linalg.norm(medial_flow(volume(crowd(ndim, side=40)), 0), axis=0).max() < 1 + 1e-6


def test_every_arm_has_an_axis_on_which_nearness_is_one():
    cells = volume(CASES["lobed_cell"](2))
    near = axis_nearness(cells, depths(cells))
    assert (near[0, 19, 8:13] == 1).all()
    assert (near[0, 19, 27:32] == 1).all()
    assert near[0, 17, 8:13].max() < 0.3
    assert near.max() == 1
    assert not near[cells == 0].any()


def test_in_cells_too_thin_for_it_nothing_is_near_so_axes_of_touching_cells_stay_apart():
    cells = np.zeros((12, 20, 20), np.int32)
    for layer in range(4):
        cells[2 * layer + 2 : 2 * layer + 4, 2:18, 2:18] = layer + 1
    assert axis_nearness(cells, depths(cells)).max() < 0.3


def test_depth_is_least_depth_where_unknown_voxels_are_as_near_as_the_surface():
    labels = np.zeros((1, 9, 20), np.int32)
    labels[0, 2:7, 2:] = 1
    labels[0, :, 15:] = UNKNOWN
    marked = least_depths(labels, depths(np.maximum(labels, 0)))
    assert marked[0, 4].tolist() == [*[False] * 12, *[True] * 3, *[False] * 5]
    assert not least_depths(np.maximum(labels, 0), depths(np.maximum(labels, 0))).any()
