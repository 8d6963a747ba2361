"""The parts of a synthetic leaf: each says the same of a voxel whatever box it is asked for in."""

from __future__ import annotations

import numpy as np
import pytest

from mesophyll.blocks import grid as blocks_of
from mesophyll.phantom import KINDS, anatomy
from mesophyll.phantom.anatomy.bodies import Body, Pressed
from mesophyll.phantom.anatomy.fields import scatter
from mesophyll.phantom.anatomy.pieces import Ledger
from mesophyll.phantom.grid import Grid

SHAPE, SPACING = (56, 150, 60), (0.8, 0.9, 0.7)
EXTENT = tuple(float(count * step) for count, step in zip(SHAPE, SPACING, strict=True))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tidy(labels: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Enter a volume in blocks; return each voxel's number and each number's owner."""
    pieces = np.zeros_like(labels)
    ledger = Ledger(pieces, 1.0)
    regions = [block.write for block in blocks_of(labels.shape, side, 0)]
    for region in regions:
        ledger.enter(region, np.ascontiguousarray(labels[region]))
    number, owner = ledger.settle(regions)
    return number[pieces], owner


FAST = {"grape", "grass", "fruit"}


@pytest.fixture(
    scope="module", params=[kind if kind in FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def leaf(request) -> anatomy.Leaf:
    return anatomy.grow(rng(4), KINDS[request.param].anatomy, EXTENT)


def test_a_box_of_a_leaf_is_what_the_whole_has_there(leaf):
    whole = leaf.number(Grid(SHAPE, SPACING))
    draws = rng(1)
    for _ in range(6):
        start = tuple(int(draws.integers(count)) for count in SHAPE)
        shape = tuple(int(draws.integers(1, count - first + 1)) for count, first in zip(SHAPE, start, strict=True))
        box = leaf.number(Grid(shape, SPACING, start))
        cut = tuple(slice(first, first + count) for first, count in zip(start, shape, strict=True))
        for name in ("numbers", "inside", "free"):
            np.testing.assert_array_equal(getattr(box, name), getattr(whole, name)[cut])


def test_every_number_has_a_tissue_and_nobody_claims_twice(leaf):
    found = leaf.number(Grid(SHAPE, SPACING))
    assert found.numbers.max() < len(leaf.tissue_of)
    assert found.numbers.min() == 0
    assert not np.any(found.free & (found.numbers > 0))
    assert not np.any(~found.inside & (found.numbers > 0))


def test_the_blocks_in_which_a_leaf_is_put_on_its_grid_leave_no_trace(leaf):
    results = []
    for side in (200, 41):
        labels, tissue = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.uint8)
        cells = anatomy.rasterise(leaf, labels, tissue, SPACING, side=side)
        assert cells == labels.max()
        results.append((labels, tissue))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_scattered_points_keep_their_distance():
    points = scatter(rng(), [0, 0, 0], [60, 60, 60], 10.0)
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1) + 1e9 * np.eye(len(points))
    assert 6.0 < np.median(apart.min(axis=1)) < 11.0
    assert apart.min() > 2.0


def test_bodies_meet_in_a_flat_face_and_are_round_elsewhere():
    centres = np.array([[10.0, 10.0, 8.0], [10.0, 10.0, 14.0]])
    cells = [Body(4, np.array([[*centre, 5.0, *centre, 5.0]])) for centre in centres]
    free = np.ones((40, 40, 44), bool)
    free[:, :6] = False
    owner, distance = Pressed(cells, np.zeros((16, 16, 16), np.float32)).distance(
        free, Grid(free.shape, (0.5, 0.5, 0.5))
    )
    places = (np.indices(free.shape).reshape(3, -1).T + 0.5) * 0.5
    exact = np.linalg.norm(places[:, None] - centres, axis=-1).T.reshape(2, *free.shape) - 5.0
    near = free & (exact.min(axis=0) < 2.5)
    np.testing.assert_allclose(distance[near], exact.min(axis=0)[near], atol=1e-5)
    np.testing.assert_array_equal(owner[near], exact.argmin(axis=0)[near])
    assert np.all(owner[~free] == -1)


@pytest.mark.parametrize("side", [30, 4])
def test_a_cell_in_two_pieces_becomes_two_cells_and_crumbs_go_to_what_they_touch_most(side):
    labels = np.zeros((6, 6, 30), np.int32)
    labels[:, :, :8] = 1
    labels[:, :, 8:16] = 2
    labels[:, :, 20:28] = 1  # a second piece of the first cell
    labels[2, 2, 15] = 3  # a crumb in the second cell
    labels[2, 2, 18] = 2  # a crumb in the air
    before = labels.copy()
    tidied, owner = tidy(labels, side)
    assert tidied[0, 0, 0] != tidied[0, 0, 25]
    assert (tidied > 0).sum() == 6 * 6 * 24
    assert len(np.unique(tidied[:, :, 8:16])) == 1
    assert owner[tidied[0, 0, [0, 8, 25]]].tolist() == [1, 2, 1]
    assert sorted(np.unique(tidied)) == [0, 1, 2, 3]
    np.testing.assert_array_equal(labels, before)
