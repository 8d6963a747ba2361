"""Ways inside cells: they stay inside, lead to the cell's point, and are about as short as ways can be."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace

import cc3d
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from catalogue import CASES, crowd, ring
from mesophyll.representations import Flows
from mesophyll.representations.geometry.diffusion import diffusion_flow
from mesophyll.representations.geometry.paths import centroids, depths, interior_points, unit_steps, waypoints

NEIGHBOURS = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]


def volume(labels):
    """Cells of one piece each, as the functions want them."""
    cells, count = cc3d.connected_components(
        np.maximum(labels, 0), connectivity=26 if labels.ndim == 3 else 8, return_N=True
    )
    return cells.astype(np.int32).reshape((1,) * (3 - labels.ndim) + labels.shape), int(count)


def ways_of(labels):
    cells, count = volume(labels)
    depth = depths(cells)
    points = interior_points(cells, count, depth)
    return cells, points, waypoints(cells, points, depth)


def u_shape(width):
    """A bent cell: the way from one arm to the other leads around."""
    cells = np.zeros((1, 40, 40), np.int32)
    cells[0, 5:35, 5 : 5 + width] = cells[0, 35 - width : 35, 5:35] = cells[0, 5:35, 35 - width : 35] = 1
    return cells[0]


def thin(seed, ndim):
    """A crooked cell three to five voxels thick, perhaps in pieces."""
    rng = np.random.default_rng(seed)
    shape = (30, 30) if ndim == 2 else (16, 16, 16)
    place, way, mask = np.array(shape) // 2, rng.integers(-1, 2, ndim), np.zeros(shape, bool)
    for _ in range(40):
        if rng.random() < 0.2:
            way = rng.integers(-1, 2, ndim)
        place = np.clip(place + way, 1, np.array(shape) - 2)
        mask[tuple(place)] = True
    structure = ndimage.generate_binary_structure(ndim, int(rng.integers(1, ndim + 1)))
    return ndimage.binary_dilation(mask, structure, int(rng.integers(1, 3))).astype(np.int32)


def astray(cells, ways):
    """Count the voxels whose straight way to their waypoint leaves the cell."""
    count = 0
    for flat in np.flatnonzero(ways >= 0):
        start = np.array(np.unravel_index(flat, cells.shape))
        goal = np.array(np.unravel_index(ways.ravel()[flat], cells.shape))
        steps = max(1, int(np.abs(goal - start).max()))
        line = (start + np.linspace(0, 1, steps + 1)[:, None] * (goal - start) + 0.5).astype(int)
        count += bool((cells[tuple(line.T)] != cells[tuple(start)]).any())
    return count


def slow_distances(cells, point):
    """Dijkstra from the cell's point over the 26 neighbours, steps as long as they are."""
    inside, far = cells == cells[tuple(point)], np.full(cells.shape, np.inf)
    far[tuple(point)] = 0
    queue = [(0.0, tuple(map(int, point)))]
    while queue:
        gone, here = heapq.heappop(queue)
        if gone > far[here]:
            continue
        for step in NEIGHBOURS:
            there = tuple(a + b for a, b in zip(here, step, strict=True))
            if all(0 <= a < n for a, n in zip(there, cells.shape, strict=True)) and inside[there]:
                total = gone + float(np.sqrt(np.dot(step, step)))
                if total < far[there] - 1e-9:
                    far[there] = total
                    heapq.heappush(queue, (total, there))
    return far


def length_along(ways, start):
    """How long the way from a voxel over its waypoints is."""
    length, here = 0.0, start
    for _ in range(1000):
        there = ways.ravel()[here]
        if there == here:
            return length
        places = [np.array(np.unravel_index(voxel, ways.shape)) for voxel in (here, there)]
        length, here = length + float(np.linalg.norm(places[0] - places[1])), there
    raise AssertionError("the way goes in circles")


# ----------------------------------------------------------------------------------------------- depth, centre and point


def test_depth_is_the_distance_to_the_nearest_voxel_outside():
    cells, _ = volume(crowd(2, side=40))
    depth = depths(cells)
    for number in range(1, 6):
        inside, outside = np.argwhere(cells == number), np.argwhere(cells != number)
        expected = cKDTree(outside).query(inside)[0]
        np.testing.assert_allclose(depth[cells == number], expected, rtol=1e-5)


def test_the_faces_of_the_volume_are_no_surface():
    cells = np.zeros((1, 9, 30), np.int32)
    cells[..., :20] = 1
    assert depths(cells)[0, 4].tolist() == [*range(20, 0, -1), *[0] * 10]
    full = depths(np.ones((3, 4, 5), np.int32))
    assert np.isfinite(full).all()
    assert (full > 0).all()


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_point_of_a_cell_is_of_its_deep_voxels_the_one_nearest_the_centroid(ndim):
    cells, count = volume(crowd(ndim, side=30))
    depth, points = depths(cells), interior_points(*volume(crowd(ndim, side=30)), depths(cells))
    for number in range(1, count + 1):
        places = np.argwhere(cells == number)
        np.testing.assert_allclose(centroids(cells, count)[number], places.mean(axis=0))
        deep = places[depth[tuple(places.T)] >= 0.7 * depth[cells == number].max()]
        far = np.linalg.norm(deep - places.mean(axis=0), axis=1)
        assert points[number].tolist() in deep.tolist()
        assert np.linalg.norm(points[number] - places.mean(axis=0)) == pytest.approx(far.min(), abs=1e-6)


# ---------------------------------------------------------------------------------------------------------------- ways


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", [name for name in CASES if name != "nothing"])
def test_a_way_stays_in_its_cell(name, ndim):
    cells, _, ways = ways_of(CASES[name](ndim))
    assert np.array_equal(ways >= 0, cells > 0)
    assert astray(cells, ways) == 0


def test_a_way_stays_in_its_cell_however_thin_that_is():
    lost = 0
    for seed in (14, 26, 40, 53):
        cells, _, ways = ways_of(thin(seed, 2 if seed % 2 else 3))
        lost += astray(cells, ways)
    assert lost == 0


@pytest.mark.parametrize("seed", range(8))
def test_every_voxel_of_a_thin_cell_finds_its_way_to_the_point(seed):
    cells, points, ways = ways_of(thin(seed, 2 + seed % 2))
    ends = {int(np.ravel_multi_index(point, cells.shape)) for point in points[1:]}
    here = np.flatnonzero(cells)
    for _ in range(cells.size):
        there = ways.ravel()[here]
        if np.array_equal(there, here):
            break
        here = there
    assert set(here.tolist()) == ends


BENT = {"U": lambda: u_shape(9), "thin U": lambda: u_shape(5), "ring": lambda: ring(2)}


def bent(name):
    """A bent cell's deep voxels, to which ways keep: their ways, and Dijkstra's distance to the point by deep voxels."""
    cells, points, ways = ways_of(BENT[name]())
    deep = (depths(cells) >= 2) & (cells == cells[tuple(points[1])])
    return deep, ways, slow_distances(deep, points[1])


@pytest.mark.parametrize("name", BENT)
def test_ways_are_about_as_short_as_dijkstras(name):
    deep, ways, shortest = bent(name)
    gone = np.array([length_along(ways, voxel) for voxel in np.flatnonzero(deep)])
    assert (gone <= 1.2 * shortest[deep] + 2).all()
    assert gone.mean() <= 1.03 * shortest[deep].mean()  # a straight line is shorter than steps to neighbours


@pytest.mark.parametrize("name", BENT)
def test_a_step_is_one_that_dijkstra_would_take(name):
    """Three voxels on, at least one less is left to go; mostly all three, whatever bends lie ahead."""
    deep, ways, shortest = bent(name)
    goals = np.array(np.unravel_index(ways[deep], ways.shape)).T
    straight = np.linalg.norm(goals - np.argwhere(deep), axis=1) >= 3
    ahead = np.rint(np.argwhere(deep) + 3 * unit_steps(ways)[:, deep].T)[straight].astype(int)
    saved = shortest[deep][straight] - shortest[tuple(ahead.T)]
    saved = saved[np.isfinite(saved)]
    assert len(saved) > 150
    assert saved.min() > 1
    assert np.quantile(saved, 0.1) > 2
    assert np.median(saved) > 2.9


def test_steps_are_one_long_but_at_the_end():
    cells, points, ways = ways_of(crowd(3, side=24))
    length = np.linalg.norm(unit_steps(ways), axis=0)
    np.testing.assert_allclose(length[cells > 0][length[cells > 0] > 0], 1, rtol=1e-5)
    assert not length[cells == 0].any()
    assert not any(length[tuple(point)] for point in points[1:])
    assert (length[cells > 0] == 0).sum() == len(points) - 1


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_cell_too_thin_to_be_deep_is_found_again(ndim, width):
    truth = np.zeros((24,) * ndim, np.int32)
    truth[(slice(10, 10 + width),) * (ndim - 1) + (slice(4, 20),)] = 1
    method = Flows(min_size_vox=5, min_arrivals=3)
    assert np.array_equal(method.decode(method.encode(truth)), truth)


@pytest.mark.parametrize("target", ["interior", "centre", "diffusion"])
def test_a_number_in_two_pieces_is_encoded_as_two_cells(target):
    truth = np.zeros((40, 60), np.int32)
    truth[10:28, 4:22] = truth[10:28, 36:54] = 7
    apart = truth.copy()
    apart[:, 30:] = np.minimum(apart[:, 30:], 1)
    method = replace(Flows(), target=target)
    assert np.array_equal(method.encode(truth), method.encode(apart))
    assert method.decode(method.encode(truth)).max() == 2


def test_a_voxel_cut_off_from_its_point_has_no_way():
    cells = np.zeros((1, 8, 20), np.int32)
    cells[0, 2:6, 2:6] = cells[0, 2:6, 12:16] = 1
    points = np.array([[0, 0, 0], [0, 4, 4]])
    ways = waypoints(cells, points, depths(cells))
    assert (ways[0, 2:6, 2:6] >= 0).all()
    assert (ways[0, :, 10:] == -1).all()
    assert not unit_steps(ways)[:, 0, :, 10:].any()


# ----------------------------------------------------------------------------------------------------------- diffusion


def slow_masks_to_flows(mask):
    """Cellpose's flow of one 2D cell: heat at the voxel nearest the centroid, each voxel the mean of its nine."""
    height, width = mask.shape
    padded = np.pad(mask, 1)
    places = np.argwhere(padded)
    centre = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]
    heat = np.zeros(padded.shape)
    for _ in range(2 * (1 + height + width)):  # a volume's one layer counts as one voxel of extent
        heat[tuple(centre)] += 1
        mean = sum(np.roll(heat, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9
        heat = np.where(padded, mean, 0)
    heat = np.log1p(heat)
    flow = np.array([np.roll(heat, -1, axis) - np.roll(heat, 1, axis) for axis in (0, 1)])
    flow /= 1e-20 + np.linalg.norm(flow, axis=0)
    return np.where(padded, flow, 0)[:, 1:-1, 1:-1]


def test_diffusion_flows_are_those_of_cellpose():
    cells, count = volume(crowd(2, side=40))
    flow = diffusion_flow(cells, count)
    assert not flow[0].any()
    for number, (_, rows, columns) in enumerate(ndimage.find_objects(cells), start=1):
        mask = cells[0, rows, columns] == number
        slow = slow_masks_to_flows(mask)
        np.testing.assert_allclose(flow[1:, 0, rows, columns][:, mask], slow[:, mask], atol=1e-4)


def test_heat_does_not_cross_from_cell_to_cell():
    alone = np.zeros((1, 20, 30), np.int32)
    alone[0, 4:16, 4:15] = 1
    both = alone.copy()
    both[0, 4:16, 15:26] = 2
    first, second = diffusion_flow(alone, 1), diffusion_flow(both, 2)
    assert np.array_equal(first[:, alone > 0], second[:, alone > 0])
