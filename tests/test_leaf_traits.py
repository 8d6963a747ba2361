"""Leaves that are known on paper: slabs that lean and are bent, with hairs, holes and mistakes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from complaint import complaint
from mesophyll import phantom
from mesophyll.errors import FileError, LabelsError, SettingsError
from mesophyll.tissues import (
    AIRSPACE,
    LOWER_EPIDERMIS,
    PALISADE,
    SPONGY,
    TISSUES,
    UPPER_EPIDERMIS,
)
from mesophyll.traits import TRAITS, base, measure, measure_leaf
from mesophyll.traits.connected import largest_share
from mesophyll.traits.faces import Faces, find_faces

SHAPE = (60, 90, 70)
STEP = 1.3
THICK, SKIN = 60.0, 8.0
"""From face to face, and of each epidermis, in µm."""


def places(shape: tuple[int, ...] = SHAPE, spacing: tuple[float, ...] = (STEP,) * 3) -> NDArray[np.float64]:
    """Where the voxels lie, in µm, (Z, Y, X, 3)."""
    return np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij"), -1)


def through(lean_deg: float, turn_deg: float = 30.0) -> NDArray[np.float64]:
    """The way straight through a slab whose thickness leans from Y, from its upper face to its lower one."""
    lean, turn = np.radians([lean_deg, turn_deg])
    return np.array([np.sin(lean) * np.cos(turn), np.cos(lean), np.sin(lean) * np.sin(turn)])


MIDDLE = (np.array(SHAPE) - 1) * STEP / 2


def deep(lean_deg: float, bend_um: float = 0.0) -> NDArray[np.float64]:
    """How far each voxel lies below the upper face; ``bend_um`` is by how much the middle is lower than the rim."""
    away = places() - MIDDLE
    out = np.linalg.norm(away[..., [0, 2]], axis=-1) / np.linalg.norm(MIDDLE[[0, 2]])
    return away @ through(lean_deg) + THICK / 2 + bend_um * (out**2 - 0.5)


def slab(lean_deg: float = 0.0, bend_um: float = 0.0) -> NDArray[np.uint8]:
    """Two epidermes with air between them."""
    below = deep(lean_deg, bend_um)
    codes = np.zeros(SHAPE, np.uint8)
    codes[(below >= 0) & (below < THICK)] = AIRSPACE
    codes[(below >= 0) & (below < SKIN)] = UPPER_EPIDERMIS
    codes[(below >= THICK - SKIN) & (below < THICK)] = LOWER_EPIDERMIS
    return codes


def faces_of(codes: NDArray[np.uint8], spacing: tuple[float, ...] = (STEP,) * 3) -> Faces:
    found = find_faces(codes, spacing)
    assert found is not None
    return found


# --- faces -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lean", [0.0, 10.0, 25.0])
@pytest.mark.parametrize("bend", [0.0, 12.0])
def test_a_slab_is_as_thick_as_it_is_however_it_leans_and_is_bent(lean, bend):
    faces = faces_of(slab(lean, bend))
    assert faces.axis == 1
    below = deep(lean, bend)
    steepness = np.linalg.norm(np.gradient(below, STEP), axis=0)[np.abs(below - THICK / 2) < STEP]
    assert faces.thickness_um[faces.seen].mean() == pytest.approx(THICK * (1 / steepness).mean(), abs=0.5 * STEP)
    around = MIDDLE + np.random.default_rng(0).uniform(-8, 8, (50, 3))
    straight = faces.through(around)
    assert np.linalg.norm(straight, axis=1) == pytest.approx(1)
    if bend == 0:
        assert np.degrees(np.arccos(straight @ through(lean))) == pytest.approx(0, abs=2)
        depth, share = faces.depth(around)
        assert depth == pytest.approx((around - MIDDLE) @ through(lean) + THICK / 2, abs=STEP)
        assert share == pytest.approx(depth / THICK, abs=0.02)


def test_hairs_holes_and_mistakes_move_no_face():
    clean, spoilt = slab(12), slab(12)
    rng = np.random.default_rng(1)
    for _ in range(12):
        z, x = rng.integers(4, 56), rng.integers(4, 66)
        column = spoilt[z - 2 : z + 2, :, x - 2 : x + 2]
        column[column == (UPPER_EPIDERMIS, LOWER_EPIDERMIS)[rng.integers(2)]] = AIRSPACE  # a stoma
        z, x = rng.integers(4, 56), rng.integers(4, 66)
        spoilt[z, :6, x] = UPPER_EPIDERMIS  # a hair
        spoilt[rng.integers(60), 40:48, rng.integers(70)] = UPPER_EPIDERMIS  # an island, deep in the leaf
    before, after = faces_of(clean), faces_of(spoilt)
    for one, other in ((before.upper_um, after.upper_um), (before.lower_um, after.lower_um)):
        assert np.abs(one - other).max() < 0.5 * STEP


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0)])
@pytest.mark.parametrize("flipped", [False, True])
def test_which_way_a_leaf_lies_in_the_volume_changes_nothing(order, flipped):
    codes = slab(8)
    turned = codes.transpose(order)
    axis = order.index(1)
    turned = np.flip(turned, axis) if flipped else turned
    plain, other = faces_of(codes), faces_of(turned)
    assert other.axis == axis
    share = plain.shares(slice(0, SHAPE[0]), SHAPE[1])
    expected = share.transpose(order)
    expected = np.flip(expected, axis) if flipped else expected
    found = np.concatenate([other.shares(slice(z, z + 1), turned.shape[axis]) for z in range(len(turned))])
    assert np.abs(found - expected).max() < 0.01


def test_where_an_epidermis_is_missing_there_are_no_faces():
    codes = slab()
    codes[codes == LOWER_EPIDERMIS] = AIRSPACE
    assert find_faces(codes, (STEP,) * 3) is None
    codes[30, 60, 30:34] = LOWER_EPIDERMIS  # hardly any
    assert find_faces(codes, (STEP,) * 3) is None
    assert find_faces(np.zeros((4, 4, 4), np.uint8), (STEP,) * 3) is None


def test_faces_that_would_cross_beyond_what_is_seen_keep_a_voxel_between_them():
    at = places()
    upper, lower = 20 + 0.9 * at[..., 2], 100 - 0.9 * at[..., 2]  # they meet at X = 44 µm
    codes = np.zeros(SHAPE, np.uint8)
    codes[(np.abs(at[..., 1] - upper) < 3) & (at[..., 2] < 35)] = UPPER_EPIDERMIS
    codes[(np.abs(at[..., 1] - lower) < 3) & (at[..., 2] < 35)] = LOWER_EPIDERMIS
    faces = faces_of(codes)
    assert (faces.lower_um - faces.upper_um).min() >= STEP - 1e-9


# --- where cells lie, and how they stand -----------------------------------------------------------------------------------


def with_rods(lean_deg: float) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """A slab with one rod straight through it and one along it, at a quarter and at three quarters of its depth."""
    codes, at = slab(lean_deg), places()
    upright, along = through(lean_deg), np.cross(through(lean_deg), [1.0, 0, 0])
    labels = np.zeros(SHAPE, np.int32)
    for number, (share, axis) in enumerate([(0.35, upright), (0.75, along / np.linalg.norm(along))], start=1):
        offset = at - MIDDLE - (share - 0.5) * THICK * upright
        length = offset @ axis
        labels[(np.abs(length) < 10) & (np.linalg.norm(offset - length[..., None] * axis, axis=-1) < 4)] = number
    codes[labels == 1], codes[labels == 2] = PALISADE, SPONGY
    return labels, codes


@pytest.mark.parametrize("lean", [0.0, 20.0])
def test_a_cell_is_told_how_deep_it_lies_and_how_it_stands(lean):
    labels, codes = with_rods(lean)
    table = measure(labels, STEP, tissue=codes)
    assert table["depth_um"].to_numpy() == pytest.approx([0.35 * THICK, 0.75 * THICK], abs=STEP)
    assert table["depth_share"].to_numpy() == pytest.approx([0.35, 0.75], abs=0.02)
    assert table["lean_deg"].to_numpy() == pytest.approx([0, 90], abs=4)


def test_without_both_epidermes_no_depth_is_told():
    labels, codes = with_rods(0)
    codes[codes == UPPER_EPIDERMIS] = AIRSPACE
    assert not {"depth_um", "depth_share", "lean_deg"} & set(measure(labels, STEP, tissue=codes))
    assert "depth_um" not in measure(labels, STEP)


def test_a_section_through_a_leaf_tells_it_too():
    labels, codes = with_rods(0)
    place = SHAPE[0] // 2
    table = measure(labels[place], STEP, tissue=codes[place])
    assert table["depth_share"].to_numpy() == pytest.approx([0.35, 0.75], abs=0.02)
    assert table["lean_deg"].iloc[0] == pytest.approx(0, abs=3)


# --- the leaf as a whole ---------------------------------------------------------------------------------------------------


def with_balls(lean_deg: float, radius: float = 5.0) -> tuple[NDArray[np.int32], NDArray[np.uint8], int]:
    """A slab with whole balls between its epidermes, the upper half of them palisade; and how many."""
    codes, at = slab(lean_deg), places()
    labels, number = np.zeros(SHAPE, np.int32), 0
    way = through(lean_deg)
    across = np.cross(way, [1.0, 0, 0]) / np.linalg.norm(np.cross(way, [1.0, 0, 0]))
    side = np.cross(way, across)
    for depth in (-11.0, 2.5, 16.0):
        for first in np.arange(-26.8, 27, 13.4):
            for second in np.arange(-26.8, 27, 13.4):
                centre = MIDDLE + depth * way + first * across + second * side
                ball = np.linalg.norm(at - centre, axis=-1) < radius
                if (centre - radius > STEP).all() and (centre + radius < (np.array(SHAPE) - 2) * STEP).all():
                    number += 1
                    labels[ball] = number
                    codes[ball] = PALISADE if depth < 0 else SPONGY
    return labels, codes, number


def value(table, trait: str, of: str = "leaf") -> float:
    (found,) = table[(table["of"] == of) & (table["trait"] == trait)]["value"]
    return float(found)


@pytest.mark.parametrize("lean", [0.0, 20.0])
def test_the_traits_of_a_leaf_are_those_on_paper(lean):
    labels, codes, count = with_balls(lean)
    table = measure_leaf(labels, codes, STEP)
    depth, _, width = (np.array(SHAPE) * STEP).tolist()
    cosine = np.cos(np.radians(lean))
    area = depth * width / cosine if lean == 0 else (codes > 0).sum() * STEP**3 / THICK
    radius = 5.0
    assert value(table, "thickness_um") == pytest.approx(THICK, rel=0.01)
    assert value(table, "thickness_sd_um") < 0.5
    assert value(table, "area_mm2") == pytest.approx(area / 1e6, rel=0.015)
    assert value(table, "upper_epidermis_um") == pytest.approx(SKIN, abs=0.3)
    assert value(table, "lower_epidermis_um") == pytest.approx(SKIN, abs=0.3)
    assert value(table, "mesophyll_um") == pytest.approx(THICK - 2 * SKIN, abs=0.6)
    cells, air = (labels > 0).sum(), (codes == AIRSPACE).sum()
    assert value(table, "porosity") == pytest.approx(air / (air + cells), abs=1e-6)
    assert value(table, "connected_air") == 1
    exposed = count * 4 * np.pi * radius**2
    assert value(table, "exposed_per_area") == pytest.approx(exposed / area, rel=0.04)
    assert value(table, "all_exposed_per_area") == pytest.approx(exposed / area, rel=0.04)
    assert value(table, "exposed_per_volume") == pytest.approx(exposed / ((air + cells) * STEP**3), rel=0.03)
    assert value(table, "cells") == count
    assert value(table, "cells_per_mm2") == pytest.approx(count / area * 1e6, rel=0.015)
    assert value(table, "cell_volume_um3") == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.05)


def test_tissues_and_layers_add_up_to_the_leaf():
    labels, codes, count = with_balls(10)
    table = measure_leaf(labels, codes, STEP, layers=4)
    layers = [name for name in dict.fromkeys(table["of"]) if name.startswith("depth")]
    assert layers == ["depth 0.00 to 0.25", "depth 0.25 to 0.50", "depth 0.50 to 0.75", "depth 0.75 to 1.00"]
    tissues = [name for name in dict.fromkeys(table["of"]) if name in TISSUES.values()]
    assert tissues == ["upper epidermis", "lower epidermis", "palisade", "spongy", "airspace"]
    for parts in (layers, tissues):
        assert sum(value(table, "volume_share", part) for part in parts) == pytest.approx(1)
    for parts in (layers, ["palisade", "spongy"]):
        assert sum(value(table, "cells", part) for part in parts) == count
        whole = value(table, "exposed_per_area")
        assert sum(value(table, "exposed_per_area", part) for part in parts) == pytest.approx(whole)
    assert value(table, "cells", "palisade") == value(table, "cells", "depth 0.25 to 0.50")
    assert "cells" not in set(table[table["of"] == "airspace"]["trait"])
    assert set(table["trait"]) <= set(TRAITS)
    assert all(TRAITS[row.trait].unit == row.unit for row in table.itertuples())


def test_cells_that_the_edge_cuts_count_half():
    labels, codes, _ = with_balls(0)
    half = SHAPE[0] // 2
    table = measure(labels[:half], STEP, tissue=codes[:half])
    cut = int(table["touches_border"].sum())
    assert cut > 0
    whole = measure_leaf(labels[:half], codes[:half], STEP, cells=table)
    assert value(whole, "cells") == len(table) - cut / 2


def test_air_in_two_pieces_is_told():
    labels, codes, _ = with_balls(0)
    codes[:, :, 40] = np.where(codes[:, :, 40] == AIRSPACE, SPONGY, codes[:, :, 40])
    air = codes == AIRSPACE
    assert value(measure_leaf(labels, codes, STEP), "connected_air") == pytest.approx(air[:, :, :40].sum() / air.sum())


def test_a_phantom_has_its_columns_upright_above_its_spongy_cells():
    leaf = phantom.make(3, shape=(48, 144, 48))
    table = measure(leaf.labels, leaf.spacing_um, tissue=leaf.tissue)
    middle = table.groupby("tissue")[["depth_share", "lean_deg"]].median()
    order = ["upper epidermis", "palisade", "spongy", "lower epidermis"]
    assert middle.loc[order, "depth_share"].is_monotonic_increasing
    assert middle.loc["palisade", "lean_deg"] < 20 < middle.loc["spongy", "lean_deg"]
    whole = measure_leaf(leaf.labels, leaf.tissue, leaf.spacing_um, cells=table)
    assert 0.1 < value(whole, "porosity") < 0.5
    assert 5 < value(whole, "exposed_per_area") < 30


def test_what_is_no_leaf_is_told():
    labels, codes, _ = with_balls(0)
    bare = np.where(codes == UPPER_EPIDERMIS, AIRSPACE, codes)
    complaint(
        LabelsError,
        lambda: measure_leaf(labels, bare, STEP),
        "shows not both epidermes",
        "between its upper and its lower epidermis",
        "pass a map",
    )
    complaint(LabelsError, lambda: measure_leaf(labels[0], codes[0], STEP), "2 axes", "a volume", "(Z, Y, X)")
    complaint(SettingsError, lambda: measure_leaf(labels, codes, STEP, layers=0), "layers = 0", "at least one", "take")


# --- larger than memory ----------------------------------------------------------------------------------------------------


class Lazy:
    """An array that is read region by region, and counts how much of it was held at once."""

    def __init__(self, array: NDArray[np.generic]) -> None:
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, region):
        block = self.array[region]
        self.most = max(self.most, block.size)
        return block


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slab_by_slab_comes_to_the_same(axis, monkeypatch, tmp_path):
    labels, codes, _ = with_balls(10)
    labels, codes = np.moveaxis(labels, 1, axis).copy(), np.moveaxis(codes, 1, axis).copy()
    grey = np.random.default_rng(0).random(labels.shape)
    cells = measure(labels, STEP, tissue=codes, scan=grey)
    leaf = measure_leaf(labels, codes, STEP, cells=cells)
    layer = int(np.prod(labels.shape[1:]))
    monkeypatch.setattr(base, "SLAB_VOX", 7 * layer)
    lazy = [Lazy(array) for array in (labels, codes, grey)]
    again = measure(lazy[0], STEP, tissue=lazy[1], scan=lazy[2], scratch=tmp_path)
    pd.testing.assert_frame_equal(again, cells)
    assert (tmp_path / "cells.npy").stat().st_size > 4 * labels.size
    pd.testing.assert_frame_equal(measure_leaf(lazy[0], lazy[1], STEP, cells=again), leaf)
    pd.testing.assert_frame_equal(measure_leaf(lazy[0], lazy[1], STEP, scratch=tmp_path), leaf)
    assert [array.most for array in lazy] == [7 * layer] * 3


def test_an_image_is_measured_slab_by_slab_too(monkeypatch):
    labels, codes = with_rods(0)
    labels, codes = labels[SHAPE[0] // 2], codes[SHAPE[0] // 2]
    cells = measure(labels, STEP, tissue=codes)
    monkeypatch.setattr(base, "SLAB_VOX", 1)
    pd.testing.assert_frame_equal(measure(labels, STEP, tissue=codes), cells)


def test_pieces_that_meet_in_another_slab_are_one(monkeypatch):
    codes = np.zeros((9, 5, 7), np.uint8)
    codes[1:8, 2, 1] = codes[1:8, 2, 3] = codes[7, 2, 1:4] = AIRSPACE  # two legs, joined below
    codes[0, 0, 0] = codes[3, 4, 6] = AIRSPACE
    joined = (7 + 7 + 1) / 17
    assert largest_share(codes, AIRSPACE) == pytest.approx(joined)
    monkeypatch.setattr(base, "SLAB_VOX", 1)
    assert largest_share(codes, AIRSPACE) == pytest.approx(joined)
    assert np.isnan(largest_share(codes, PALISADE))


def test_a_disk_without_room_is_told_before_anything_is_written(monkeypatch, tmp_path):
    labels, _ = with_rods(0)
    monkeypatch.setattr("mesophyll.scratch.shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    complaint(FileError, lambda: measure(labels, STEP, scratch=tmp_path), "has 0.0 GB left", "needs", "make room")
    assert not list(tmp_path.iterdir())
