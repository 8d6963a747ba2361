"""The mesophyll: two ways of making cells, and kinds of leaves that keep what their descriptions say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mesophyll import tissues
from mesophyll.phantom import KINDS, anatomy
from mesophyll.phantom.anatomy import mesophyll, palisade, spongy
from mesophyll.phantom.anatomy.bodies import Body
from mesophyll.phantom.anatomy.contacts import pairs
from mesophyll.phantom.anatomy.description import Blade, Epidermis, Palisade, Spongy
from mesophyll.phantom.anatomy.frame import Frame, lay
from mesophyll.phantom.anatomy.junctions import Opening, Parted
from mesophyll.phantom.anatomy.pieces import CRUMB_UM3
from mesophyll.phantom.anatomy.seeds import KEPT, Seeds, bins, rank
from mesophyll.phantom.grid import Grid

EXTENT = (60.0, 170.0, 60.0)
FLAT = np.zeros((16, 16, 16), np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def frame(extent: tuple[float, float, float] = EXTENT) -> Frame:
    return lay(rng(1), Blade(), Epidermis(), extent)


def ball(place: tuple[float, ...], tissue: int = tissues.SPONGY, radius: float = 1.0) -> Body:
    return Body(tissue, np.array([[*place, radius, *place, radius]]))


def far_from_skins() -> Frame:
    thick = Blade(thickness_um=(4000.0, 4000.0), thinnest_um=4000.0, typical_um=4000.0)
    return lay(rng(1), thick, Epidermis(), (40.0, 40.0, 40.0))


def parted(places: list[tuple[float, ...]], opening: Opening, tissue: int = tissues.SPONGY) -> tuple[np.ndarray, ...]:
    """Owner and distance in a cube of 40 µm."""
    grid = Grid((40, 40, 40), (1.0, 1.0, 1.0))
    maker = Parted([ball(place, tissue) for place in places], FLAT, far_from_skins(), opening)
    return maker.distance(np.ones(grid.shape, bool), grid)


# --- tissue that came apart at its junctions ---------------------------------------------------------------------------


def test_listed_seeds_tell_the_same_nearest_cells_as_all_seeds():
    draws = rng(2)
    places = np.column_stack([draws.uniform(0, 90, (400, 3)), draws.uniform(0, 4, 400)])
    cell = draws.integers(0, 150, 400).astype(np.int32)
    seeds = Seeds(places, cell)
    box = bins(np.full(3, 20.0), np.full(3, 70.0))
    listed = seeds.near(box, np.ones(int(np.prod(box.shape)), bool))
    nearest = (np.empty(KEPT), np.empty(KEPT, np.int32))
    for at in draws.uniform(20, 70, (300, 3)):
        rank(places, cell, listed, tuple(at), nearest)
        apart = np.linalg.norm(places[:, :3] - at, axis=1) - places[:, 3]
        best = np.full(150, np.inf)
        np.minimum.at(best, cell, apart)
        order = np.argsort(best)[:KEPT]
        np.testing.assert_allclose(nearest[0], best[order])
        np.testing.assert_array_equal(nearest[1], order)


def test_air_opens_where_three_cells_meet_and_a_face_stays_closed():
    places = [(20.0, 13.0, 20.0), (20.0, 23.0, 14.2), (20.0, 23.0, 25.8), (90.0, 20.0, 20.0)]
    owner, distance = parted(places, Opening(lobed=0.0))
    assert sorted(np.unique(owner[15:25])) == [0, 1, 2]
    junction = distance[20, 19, 19:21]
    face = distance[20, 32, 19:21]  # between the second and the third, far from the first
    assert np.all(junction > -3)
    assert np.all(face < -6)
    pore = distance[20] > -6
    assert 3 < pore.sum() < 60
    assert pore[20, 20]


def test_between_two_cells_there_is_no_junction():
    _, distance = parted([(20.0, 20.0, 12.0), (20.0, 20.0, 28.0)], Opening())
    assert distance.max() < -100


def test_the_more_lobed_the_less_a_pore_follows_the_faces():
    places = [(20.0, 13.0, 20.0), (20.0, 23.0, 14.2), (20.0, 23.0, 25.8), (90.0, 20.0, 20.0)]
    reach = []
    for lobed in (0.0, 1.0):
        _, distance = parted(places, Opening(lobed=lobed))
        level = np.quantile(distance[20, 10:30, 10:30], 0.9)  # one tenth of air
        reach.append(np.sum(distance[20, 20:, 19] > level))
    assert reach[1] < reach[0]


def test_openings_grow_with_depth_as_said():
    """At the upper skin, at the columns' end and far below it: 0.2, 0.6 and 1 times what they are without columns."""
    grid = Grid((20, 340, 20), (0.5, 0.5, 0.5))
    free = np.ones(grid.shape, bool)
    cells = [ball(tuple(place)) for place in rng(5).uniform(0, (20, 170, 20), (60, 3))]
    even, uneven = (
        Parted(cells, FLAT, frame((10.0, 170.0, 10.0)), opening).distance(free, grid)[1]
        for opening in (Opening(), Opening(top=0.2, columns=0.6, knee=0.4))
    )
    z, x = grid.plane
    upper = frame((10.0, 170.0, 10.0)).upper_inner(z, x)[:, None, :]
    depth = (grid.centres(1)[None, :, None] - upper) / (
        frame((10.0, 170.0, 10.0)).lower_inner(z, x)[:, None, :] - upper
    )
    for low, high, share in ((0.0, 0.01, 0.2), (0.395, 0.405, 0.6), (0.55, 0.9, 1.0)):
        here = (depth > low) & (depth < high) & (even < -0.1)
        np.testing.assert_allclose(even[here] / uneven[here], share, atol=0.03)


def test_neighbours_that_lost_each_other_open_wider():
    places = list(map(tuple, rng(3).uniform(0, 40, (30, 3))))
    joined, lost = (parted(places, Opening(links=links))[1] for links in (1.0, 0.0))
    assert np.all(lost >= joined)
    assert np.mean(lost - joined) > 0.25


def test_a_thin_column_tears_from_its_neighbour_and_a_thick_one_does_not():
    grid = Grid((40, 40, 40), (1.0, 1.0, 1.0))
    shown = []
    for radius in (7.5, 4.0):
        columns = [ball((z, 20.0, x), tissues.PALISADE, radius) for z, x in ((20, 12), (20, 28), (36, 20), (4, 20))]
        _, distance = Parted(columns, FLAT, far_from_skins(), Opening()).distance(np.ones(grid.shape, bool), grid)
        shown.append(distance[20, 20, 20])
    assert shown[0] < -3
    assert shown[1] > -1.5


# --- the description's words -----------------------------------------------------------------------------------------


def test_without_a_share_there_is_no_palisade_and_the_sponge_reaches_both_skins():
    assert palisade.grow(rng(), Palisade(), frame(), 0.0) == []
    for cells in (
        spongy.grow(rng(), Spongy(), frame(), 0.0, []),
        spongy.cluster(rng(), Spongy(), frame(), 0.0),
    ):
        depth = np.array([body.middle[1] for body in cells])
        z, x = np.array([body.middle[[0, 2]] for body in cells]).T
        assert (depth - frame().upper_inner(z, x)).min() < 10
        assert (frame().lower_inner(z, x) - depth).min() < 10


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_layers_of_columns_stand_on_each_other(layers):
    columns = palisade.grow(rng(), Palisade(layers=(layers, layers), missing=(0.0, 0.0)), frame(), 0.6)
    tops = np.array([column.cones[0, 5] - column.cones[0, 7] for column in columns])
    z, x = np.array([column.middle[[0, 2]] for column in columns]).T
    height = 0.6 * frame().mesophyll_um / layers
    found = np.round((tops - frame().upper_inner(z, x)) / height)
    assert set(found) == set(range(layers))


def test_arms_of_columns_meet_between_them():
    plain, armed = (palisade.grow(rng(), Palisade(arms=(arms, arms)), frame(), 0.5) for arms in (0, 3))
    assert {len(column.cones) for column in plain} == {2}
    assert np.median([len(column.cones) for column in armed]) > 2 + 3 * 3
    tips = np.concatenate([column.cones[2:, 4:7] for column in armed])
    apart = np.linalg.norm(tips[:, None] - tips[None], axis=-1) + 99 * np.eye(len(tips))
    assert np.quantile(apart.min(axis=1), 0.9) < 8


def test_in_a_honeycomb_cells_lie_in_layers_and_reach_along_them():
    free, flat = (spongy.grow(rng(), Spongy(paradermal=(share, share)), frame(), 0.0, []) for share in (0.0, 0.95))
    steep = []
    for cells in (free, flat):
        ways = np.concatenate([body.cones[1:, 4:7] - body.cones[1:, :3] for body in cells])
        ways = ways[np.linalg.norm(ways, axis=1) > 3]
        steep.append(np.mean(np.abs(ways[:, 1]) > 0.6 * np.linalg.norm(ways, axis=1)))
    assert steep[1] < 0.6 * steep[0]


def test_a_cell_of_grown_tissue_has_about_as_many_lobes_as_said():
    cells = spongy.cluster(rng(), Spongy(lobes=(4.0, 4.0)), frame(), 0.0)
    assert 2.5 < np.mean([len(cell.cones) for cell in cells]) < 5.5


def test_neighbours_are_told_once_and_none_is_far():
    points = rng().uniform(0, 50, (60, 3))
    both = pairs(points, 12.0)
    assert len(both) > 60
    assert len(np.unique(both, axis=0)) == len(both)
    assert np.all(both[:, 0] < both[:, 1])
    assert np.linalg.norm(points[both[:, 0]] - points[both[:, 1]], axis=1).max() < 12.0
    assert len(pairs(points[:3], 99.0)) == 0


# --- the kinds -------------------------------------------------------------------------------------------------------


def grown(kind: str, share: float, shape: tuple[int, int, int], seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Labels and tissue of a kind in voxels of 1 µm, made by one of the two makers."""
    described = replace(KINDS[kind].anatomy, grown=share)
    leaf = anatomy.grow(rng(seed), described, tuple(float(count) for count in shape))
    assert isinstance(leaf.parts[-1], mesophyll.Mesophyll)
    labels, tissue = np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
    anatomy.rasterise(leaf, labels, tissue, (1.0, 1.0, 1.0), side=256)
    return labels, tissue


BOTH = [(kind, share) for kind in sorted(KINDS) for share in (0.0, 1.0)]
EITHER = {(kind, float(index % 2)) for index, kind in enumerate(sorted(KINDS))}


@pytest.mark.parametrize(
    ("kind", "share"), [pytest.param(*each, marks=[] if each in EITHER else pytest.mark.slow) for each in BOTH]
)
def test_a_kind_keeps_its_porosity_and_its_cells_touch(kind, share):
    labels, tissue = grown(kind, share, (40, 150, 48))
    cells = np.isin(tissue, [tissues.PALISADE, tissues.SPONGY])
    air = tissue == tissues.AIRSPACE
    low, high = KINDS[kind].anatomy.porosity
    assert low - 0.03 < air.sum() / (air.sum() + cells.sum()) < high + 0.05  # cavities of stomata are air as well
    assert np.bincount(labels.ravel())[1:].min() >= CRUMB_UM3
    assert 0.15 < touching(labels, cells) < 0.97
    assert np.any(tissue == tissues.PALISADE) == (KINDS[kind].anatomy.palisade.share[1] > 0)


def touching(labels: np.ndarray, cells: np.ndarray) -> float:
    """The share of cells' faces that have another cell on the other side."""
    total = both = 0
    for axis in range(3):
        first, second = (labels.take(range(low, labels.shape[axis] - 1 + low), axis) for low in (0, 1))
        owned, other = (cells.take(range(low, labels.shape[axis] - 1 + low), axis) for low in (0, 1))
        face = (first != second) & (owned | other)
        total += face.sum()
        both += (face & (first > 0) & (second > 0)).sum()
    return float(both / total)


def test_grown_columns_have_less_air_under_the_skin_than_further_down():
    _, tissue = grown("grape", 1.0, (48, 160, 96))
    rows = np.nonzero(tissue == tissues.PALISADE)[1]
    shares = []
    for row in np.percentile(rows, [20, 80]).astype(int):
        counts = np.bincount(tissue[:, row].ravel(), minlength=8)
        shares.append(counts[tissues.AIRSPACE] / (counts[tissues.AIRSPACE] + counts[tissues.PALISADE]))
    assert shares[0] < 0.2
    assert shares[1] > shares[0] + 0.04


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_fruit_fills_its_volume_with_cells_of_one_kind(share):
    labels, tissue = grown("fruit", share, (80, 80, 80))
    assert set(np.unique(tissue)) == {tissues.SPONGY, tissues.AIRSPACE}
    assert labels.max() * 8 >= 40  # in 160 µm


def test_a_description_says_how_many_leaves_are_grown():
    makers = [
        type(mesophyll.grow([*rng(seed).spawn(3)], replace(KINDS["fruit"].anatomy, grown=0.5), frame(), list)).__name__
        for seed in range(12)
    ]
    assert set(makers) == {"Parted", "Pressed"}


@pytest.mark.parametrize("kind", ["arm", "grass"])
def test_a_box_of_grown_tissue_is_what_the_whole_has_there(kind):
    spacing, shape = (0.8, 0.9, 0.7), (40, 140, 50)
    extent = tuple(count * step for count, step in zip(shape, spacing, strict=True))
    leaf = anatomy.grow(rng(4), replace(KINDS[kind].anatomy, grown=1.0), extent)
    whole = leaf.number(Grid(shape, spacing)).numbers
    for start, size in (((3, 40, 7), (20, 33, 40)), ((17, 90, 0), (5, 41, 50))):
        box = leaf.number(Grid(size, spacing, start)).numbers
        cut = tuple(slice(first, first + count) for first, count in zip(start, size, strict=True))
        np.testing.assert_array_equal(box, whole[cut])
