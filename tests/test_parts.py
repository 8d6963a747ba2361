"""The parts of a synthetic leaf, looked at one by one: stomata open it, idioblasts hold crystals, veins branch."""

from __future__ import annotations

import functools
from dataclasses import replace

import cc3d
import numpy as np
import pytest
from scipy import ndimage

from mesophyll import tissues
from mesophyll.phantom import anatomy
from mesophyll.phantom.anatomy import venation
from mesophyll.phantom.anatomy.description import Anatomy, Blade, Epidermis, Idioblasts, Stomata, Veins
from mesophyll.phantom.anatomy.epidermis import Skin
from mesophyll.phantom.anatomy.frame import lay
from mesophyll.phantom.anatomy.idioblasts import Ovals
from mesophyll.phantom.anatomy.leaf import Numbered
from mesophyll.phantom.anatomy.stomata import Pores
from mesophyll.phantom.anatomy.veins import Vein
from mesophyll.phantom.grid import Grid

SHAPE, STEP = (120, 170, 120), 0.9
EXTENT = tuple(count * STEP for count in SHAPE)
WHOLE = Grid(SHAPE, (STEP,) * 3)

DICOT = Anatomy(
    blade=Blade(thickness_um=(130.0, 130.0)),
    epidermis=Epidermis(width_um=(26.0, 26.0), jigsaw_um=(4.0, 4.0), lobe_um=(8.0, 8.0)),
    veins=Veins(distance_um=80.0, branches=(1.0, 1.0), endings=0.2, extended=0.5, core_radius_um=(7.0, 9.0)),
    stomata=Stomata(upper_per_mm2=(600.0, 600.0), lower_per_mm2=(600.0, 600.0), cavity_um=(8.0, 9.0)),
    idioblasts=Idioblasts(per_mm3=(20_000.0, 20_000.0), width_um=(18.0, 22.0), crystal=(0.75, 0.75)),
)
GRASS = replace(
    DICOT,
    epidermis=Epidermis(width_um=(13.0, 13.0), elongation=(5.0, 5.0), bulliform=(0.4, 0.4)),
    veins=Veins(distance_um=110.0, turn_deg=(0.0, 0.0), spread_deg=1.0, kranz=1.0, core_radius_um=(5.0, 6.0)),
    stomata=replace(DICOT.stomata, aligned=True),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def of(leaf: anatomy.Leaf, kind: type) -> list:
    """The parts of a kind, each with the number of its first cell."""
    pieces = [*leaf.skins, *leaf.parts]
    firsts = 1 + np.cumsum([0, *(len(piece.tissue) for piece in pieces)])
    return [(piece, int(first)) for piece, first in zip(pieces, firsts, strict=False) if isinstance(piece, kind)]


@functools.cache
def grown(name: str) -> anatomy.Leaf:
    return anatomy.grow(rng(3), DICOT if name == "dicot" else GRASS, EXTENT)


@functools.cache
def numbered(name: str) -> Numbered:
    return grown(name).number(WHOLE)


@pytest.fixture(params=["dicot", "grass"])
def leaf(request) -> anatomy.Leaf:
    return grown(request.param)


@pytest.fixture
def whole(request) -> Numbered:
    return numbered(request.node.callspec.params["leaf"])


@pytest.fixture
def dicot() -> anatomy.Leaf:
    return grown("dicot")


@pytest.fixture
def grass() -> anatomy.Leaf:
    return grown("grass")


def stomata_in_view(leaf: anatomy.Leaf) -> list[tuple[Pores, int, int]]:
    """Every stoma that lies in the volume with its cavity: its skin's pores, its index, its first cell."""
    return [
        (pores, index, first + pores.cells_each * index)
        for pores, first in of(leaf, Pores)
        for index, place in enumerate(pores.places)
        if np.all((place > 22) & (place < np.array(EXTENT)[[0, 2]] - 22))
    ]


# --- stomata ---------------------------------------------------------------------------------------------------------


def cavity(pores: Pores, index: int) -> tuple[int, int, int]:
    """The voxel in the middle of a stoma's cavity."""
    z, x = pores.places[index]
    face = pores.frame.lower_outer(z, x) if pores.lower else pores.frame.upper_outer(z, x)
    deep = pores.build.skin + 0.5 * pores.build.cavity * pores.sizes[index]
    y = face - deep if pores.lower else face + deep
    return tuple(int(at / STEP) for at in (z, float(y), x))


def reached(empty: np.ndarray, pores: Pores, index: int) -> bool:
    """Whether the outside and the cavity are one, seen in the skin's depth only."""
    k, j, i = cavity(pores, index)
    near = (
        np.s_[k - 20 : k + 21, : j + 1, i - 20 : i + 21]
        if not pores.lower
        else np.s_[k - 20 : k + 21, j:, i - 20 : i + 21]
    )
    pieces, _ = ndimage.label(empty[near])
    return bool(pieces[20, -1 if not pores.lower else 0, 20] == pieces[0, 0 if not pores.lower else -1, 0] > 0)


def test_a_slit_leads_from_outside_to_a_cavity_and_nothing_else_does(leaf, whole):
    seen = stomata_in_view(leaf)
    assert len(seen) >= 2
    closed = whole.numbers.copy()
    for pores, first in of(leaf, Pores):
        z, x = WHOLE.plane
        face = pores.frame.lower_outer(z, x) if pores.lower else pores.frame.upper_outer(z, x)
        guarded = np.abs(WHOLE.centres(1)[None, :, None] - face[:, None]) < 0.8 * pores.build.skin
        outline = pores.around(z, x)[0] < 1.5
        closed[guarded & outline[:, None]] = first
    for pores, index, _ in seen:
        assert reached(whole.numbers == 0, pores, index)
        assert not reached(closed == 0, pores, index)


def test_guard_cells_come_in_pairs_each_of_one_piece_that_touch_at_both_ends(leaf, whole):
    for _, _, first in stomata_in_view(leaf):
        pair = [whole.numbers == first, whole.numbers == first + 1]
        sizes = [cell.sum() * STEP**3 for cell in pair]
        assert min(sizes) > 120
        assert max(sizes) < 1.5 * min(sizes)
        for cell in pair:
            pieces = np.bincount(cc3d.connected_components(cell, connectivity=6).ravel())[1:]
            assert pieces.max() > 0.97 * pieces.sum()
        contact = ndimage.binary_dilation(pair[0]) & pair[1]
        assert ndimage.label(contact, np.ones((3, 3, 3)))[1] == 2


def test_stomata_keep_their_distance_from_each_other_and_from_veins(leaf):
    for pores, _ in of(leaf, Pores):
        apart = np.linalg.norm(pores.places[:, None] - pores.places, axis=-1) + 1e9 * np.eye(len(pores.places))
        assert apart.min() > 2 * pores.build.cavity
        middles = np.column_stack([pores.places[:, 0], np.zeros(len(pores.places)), pores.places[:, 1]])
        face = pores.frame.lower_outer if pores.lower else pores.frame.upper_outer
        middles[:, 1] = face(*pores.places.T) + (-1 if pores.lower else 1) * (
            pores.build.skin + 0.5 * pores.build.cavity
        )
        assert min(vein.distance(middles).min() for vein, _ in of(leaf, Vein)) > pores.build.cavity


def test_stomata_of_grasses_lie_along_z_in_rows_with_two_more_cells_each(grass):
    for pores, _ in of(grass, Pores):
        assert len(pores.tissue) == 4 * len(pores.places)
        assert np.abs(pores.angles).max() < 0.3
        rows = (pores.places[:, 1] - pores.places[0, 1]) / 55.0
        assert np.abs(rows - np.round(rows)).max() < 0.2


def test_as_many_stomata_open_as_the_description_says():
    extent = (900.0, 150.0, 900.0)
    few = Anatomy(veins=Veins(distance_um=1e6, branches=(0.0, 0.0)), stomata=Stomata(lower_per_mm2=(120.0, 120.0)))
    frame = lay(rng(), few.blade, few.epidermis, extent)
    pores = anatomy.stomata.grow(rng(1), few.stomata, frame, [], lower=True)
    within = np.all((pores.places > 0) & (pores.places < 900), axis=1).sum() / 0.81
    assert within == pytest.approx(120, abs=35)
    assert not len(anatomy.stomata.grow(rng(1), few.stomata, frame, [], lower=False).places)


# --- idioblasts ------------------------------------------------------------------------------------------------------


def test_crystals_lie_inside_their_idioblasts(dicot):
    (ovals, first), *_ = of(dicot, Ovals)
    assert dicot.crystals == ovals.crystals
    assert len(ovals.crystals) >= 5
    numbers = numbered("dicot").numbers
    places = np.stack(np.meshgrid(*(WHOLE.centres(axis) for axis in range(3)), indexing="ij"), axis=-1)
    seen = 0
    for index, crystal in enumerate(ovals.crystals):
        ball = np.sum((places - crystal.place_um) ** 2, axis=-1) < crystal.radius_um**2
        seen += bool(ball.any())
        assert np.all(numbers[ball] == first + index)
    assert seen >= 3
    assert {crystal.kind for crystal in ovals.crystals} <= {"druse", "raphides"}


def test_an_idioblast_is_of_the_layer_that_it_lies_in(dicot):
    (ovals, _), *_ = of(dicot, Ovals)
    depth = ovals.middles[:, 1] - dicot.skins[0].frame.upper_inner(ovals.middles[:, 0], ovals.middles[:, 2])
    above = ovals.tissue == tissues.PALISADE
    assert above.any()
    assert (~above).any()
    assert depth[above].max() < depth[~above].min() + 1e-9


# --- veins -----------------------------------------------------------------------------------------------------------


def test_a_vein_that_bridges_a_lane_touches_both_that_it_joins(dicot):
    veins = of(dicot, Vein)
    main = [vein for vein, _ in veins if not vein.course.branch]
    bridges = [vein for vein, _ in veins if vein.course.branch]
    assert len(bridges) >= 4
    joined = []
    for bridge in bridges:
        ends = bridge.course.at(np.array(bridge.course.span))
        along = np.array(bridge.course.span)
        points = np.column_stack([ends[:, 0], bridge.axis(along, *ends.T), ends[:, 1]])
        joined.append(np.min([vein.distance(points) for vein in main], axis=0) < 0)
    assert np.all(np.array(joined)[:, 0])
    assert np.any(np.array(joined)[:, 1])
    numbers = numbered("dicot").numbers
    owner = np.zeros(int(numbers.max()) + 1, int)
    for index, (vein, first) in enumerate(veins, start=1):
        owner[first : first + len(vein.tissue)] = index
    owned = owner[numbers]
    for index, (vein, _) in enumerate(veins, start=1):
        if vein.course.branch and np.sum(owned == index) > 3000:
            around = np.unique(owned[ndimage.binary_dilation(owned == index)])
            assert len(set(around) - {0, index}) >= 1


@pytest.mark.parametrize("turn", [0.0, 90.0, 35.0])
def test_veins_are_as_many_as_there_is_room_across_them(turn):
    veins = Veins(distance_um=100.0, turn_deg=(turn, turn), spread_deg=0.0)
    courses = [course for course in venation.lay(rng(1), veins, (900.0, 150.0, 300.0)) if not course.branch]
    z, x = (part.ravel() for part in np.meshgrid(np.linspace(0, 900, 200), np.linspace(0, 300, 100)))
    met = sum(bool(np.abs(course.follow(z, x)[1]).min() < 4) for course in courses)
    radians = np.radians(turn)
    assert met == pytest.approx((abs(np.cos(radians)) * 300 + abs(np.sin(radians)) * 900) / 100, abs=1.5)


def test_a_large_vein_stands_out_of_the_lower_face():
    veins = Veins(distance_um=150.0, extended=1.0, rib_um=(12.0, 12.0), turn_deg=(0.0, 0.0), spread_deg=0.0)
    courses = venation.lay(rng(2), veins, EXTENT)
    ribs = venation.ribs(rng(3), veins, courses)
    flat, ribbed = (lay(rng(4), Blade(), Epidermis(), (100.0, 200.0, 300.0), own) for own in ((), ribs))
    thick = [
        frame.lower_outer(50.0, np.arange(300.0)) - frame.upper_outer(50.0, np.arange(300.0))
        for frame in (flat, ribbed)
    ]
    crest = np.min([np.abs(rib.course.follow(50.0, np.arange(300.0))[1]) for rib in ribs], axis=0)
    more = thick[1] - thick[0]
    assert more[crest < 2].mean() - more[crest > 70].mean() > 5


# --- skins -----------------------------------------------------------------------------------------------------------


def seen_from_above(jigsaw_um: float) -> np.ndarray:
    """The cells of an upper skin, shape (Z, X)."""
    own = replace(DICOT.epidermis, jigsaw_um=(jigsaw_um, jigsaw_um))
    frame = lay(rng(1), DICOT.blade, own, EXTENT)
    pores = anatomy.stomata.grow(rng(2), DICOT.stomata, frame, [], lower=False)
    skin = anatomy.epidermis.grow(rng(3), own, frame, pores, [])
    return skin.cells(*Grid((240, 1, 240), (0.45,) * 3).plane)[0]


def test_lobes_of_pavement_cells_interlock():
    lengths = [
        sum(np.sum(np.diff(cells, axis=axis) != 0) for axis in range(2)) for cells in map(seen_from_above, (0.0, 5.0))
    ]
    assert lengths[1] > 1.2 * lengths[0]


def test_lobes_cut_no_cell_in_two():
    cells = seen_from_above(5.0) + 1
    pieces = cc3d.connected_components(cells[None].astype(np.int32), connectivity=6)[0]
    largest = [np.bincount(pieces[cells == number]).max() for number in np.unique(cells)]
    assert np.sum(largest) > 0.995 * cells.size


def test_cells_of_grasses_are_long_and_lie_in_files(grass):
    cells = grass.skins[1].cells(*Grid((400, 1, 200), (1.0,) * 3, (-150, 0, -50)).plane)[0]
    boxes = ndimage.find_objects(cells + 1)
    sizes = np.array([[axis.stop - axis.start for axis in box] for box in boxes if box])
    assert np.median(sizes[:, 0]) > 3 * np.median(sizes[:, 1])


def test_bulliform_cells_reach_deep_in_the_middle_between_veins(grass):
    upper, lower = grass.skins
    courses = [vein.course for vein, _ in of(grass, Vein)]
    middle = np.abs(venation.lane(courses, *upper.seeds.T) - 0.5)
    deep = upper.inward > 12
    assert deep.any()
    assert middle[deep].max() < 0.2
    assert not np.any(lower.inward > 12)


def test_a_skin_is_whole_but_for_its_stomata(leaf, whole):
    for skin, first in of(leaf, Skin):
        z, x = WHOLE.plane
        face = skin.frame.lower_outer(z, x) - 4 if skin.lower else skin.frame.upper_outer(z, x) + 4
        row = np.clip((face / STEP).astype(int), 0, SHAPE[1] - 1)
        met = np.take_along_axis(whole.numbers, row[:, None], axis=1)[:, 0]
        own = (met >= first) & (met < first + len(skin.tissue))
        assert np.all(own[skin.pores.around(z, x)[0] > 2])


# --- the blade -------------------------------------------------------------------------------------------------------


def test_a_wide_leaf_arches_and_stays_in_its_volume():
    blade = Blade(arch_um=(40.0, 40.0), tilt_deg=(0.0, 0.0), relief_um=(0.0, 0.0))
    for seed in range(8):
        frame = lay(rng(seed), blade, Epidermis(), (800.0, 300.0, 800.0))
        plane = np.meshgrid(np.linspace(0, 800, 50), np.linspace(0, 800, 50))
        assert np.ptp(frame.upper_outer(*plane)) > 10
        assert frame.upper_outer(*plane).min() > 0
        assert frame.lower_outer(*plane).max() < 300


# --- all of them -----------------------------------------------------------------------------------------------------


def test_a_box_of_a_leaf_full_of_parts_is_what_the_whole_has_there(leaf, whole):
    for start, shape in (((40, 0, 37), (33, 170, 51)), ((0, 90, 60), (120, 80, 17)), ((61, 20, 0), (9, 60, 120))):
        cut = tuple(slice(first, first + count) for first, count in zip(start, shape, strict=True))
        box = leaf.number(Grid(shape, WHOLE.spacing_um, start))
        for name in ("numbers", "inside", "free"):
            np.testing.assert_array_equal(getattr(box, name), getattr(whole, name)[cut])
