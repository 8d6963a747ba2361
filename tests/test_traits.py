"""Measurements of bodies whose volume, surface and shape are known on paper, at several voxel shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.special import ellipeinc, ellipkinc

from mesophyll import tissues
from mesophyll.errors import FileError, LabelsError, VolumeError
from mesophyll.traits import COLUMNS, base, measure, write

SPACINGS = [(1.0, 1.0, 1.0), (0.65, 0.65, 0.65), (2.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 3.0, 3.0), (1.0, 2.0, 3.0)]


def places(shape: tuple[int, ...], spacing_um: tuple[float, ...]) -> NDArray[np.float64]:
    """Where the voxels lie, seen from the middle of the volume, in µm; shape (*S, ndim)."""
    axes = [(np.arange(length) - (length - 1) / 2) * step for length, step in zip(shape, spacing_um, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def ellipsoid(
    radii_um: tuple[float, ...], spacing_um: tuple[float, ...], shift_vox: tuple[float, ...], turn: int | None = None
) -> NDArray[np.int32]:
    shape = tuple(2 * int(np.ceil(max(radii_um) / step)) + 5 for step in spacing_um)
    at = places(shape, spacing_um) - np.array(shift_vox) * np.array(spacing_um)
    if turn is not None:
        at = at @ Rotation.random(rng=turn).as_matrix()
    return (np.sum((at / np.array(radii_um)) ** 2, axis=-1) <= 1).astype(np.int32)


def ellipsoid_surface(a: float, b: float, c: float) -> float:
    """Legendre's formula, a >= b >= c, a > c."""
    angle, m = np.arccos(c / a), a * a * (b * b - c * c) / (b * b * (a * a - c * c))
    part = ellipeinc(angle, m) * np.sin(angle) ** 2 + ellipkinc(angle, m) * np.cos(angle) ** 2
    return float(2 * np.pi * c * c + 2 * np.pi * a * b / np.sin(angle) * part)


def only(table: pd.DataFrame) -> Any:
    assert len(table) == 1
    return table.iloc[0]


# ---- bodies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("shift", [(0.1, 0.1, 0.1), (0.3, -0.4, 0.2)])
def test_a_ball_has_its_surface_within_one_percent(spacing: tuple[float, ...], shift: tuple[float, ...]) -> None:
    radius = 9.0 * max(spacing)
    ball = only(measure(ellipsoid((radius,) * 3, spacing, shift), spacing))
    voxel = max(spacing)
    assert ball.volume_um3 == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.006)
    assert ball.surface_um2 == pytest.approx(4 * np.pi * radius**2, rel=0.01)
    assert ball.equivalent_diameter_um == pytest.approx(2 * radius, rel=0.002)
    assert ball.sphericity == pytest.approx(1, abs=0.01)
    assert 2 * radius - 0.2 * voxel < ball.width_um <= ball.length_um < 2 * radius + voxel
    assert 0.93 < ball.solidity <= 1
    assert (ball.air_share, ball.cell_share, ball.touches_border) == (1, 0, False)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("radii", [(24.0, 8.0, 8.0), (24.0, 16.0, 9.0), (24.0, 24.0, 8.0)])
def test_turned_ellipsoids_have_their_surface_and_length(spacing: tuple[float, ...], radii: tuple[float, ...]) -> None:
    scaled = tuple(radius * max(spacing) / 1.5 for radius in radii)
    tables = [only(measure(ellipsoid(scaled, spacing, (0.1, 0.3, 0.4), turn), spacing)) for turn in range(3)]
    whole_ratios = spacing != (1.0, 2.0, 3.0)
    surfaces = np.array([cell.surface_um2 for cell in tables]) / ellipsoid_surface(*scaled)
    assert np.all(np.abs(surfaces - 1) < (0.015 if whole_ratios else 0.035))
    for cell in tables:
        assert cell.length_um == pytest.approx(2 * scaled[0], rel=0.035)
        assert cell.width_um == pytest.approx(2 * scaled[1], abs=1.2 * max(spacing))
        assert cell.solidity > 0.88


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0)])
def test_a_box_is_as_large_and_long_as_it_is(spacing: tuple[float, ...]) -> None:
    labels = np.zeros((20, 30, 40), np.int32)
    labels[5:15, 5:25, 5:35] = 1
    box, edges = only(measure(labels, spacing)), np.array([10, 20, 30]) * spacing
    assert box.volume_um3 == np.prod(edges)
    assert box.solidity == 1
    assert box.length_um == pytest.approx(np.linalg.norm(edges), rel=0.03)
    assert [box.centroid_z_um, box.centroid_y_um, box.centroid_x_um] == pytest.approx(
        np.array([9.5, 14.5, 19.5]) * spacing
    )
    # Faces parallel to the grid are the worst case: 7 % too small, and the edges are cut a little more.
    faces = 2 * (edges[0] * edges[1] + edges[1] * edges[2] + edges[0] * edges[2])
    assert 0.85 * faces < box.surface_um2 < 0.93 * faces


def test_a_turned_box_has_its_surface() -> None:
    at = places((57, 57, 57), (1, 1, 1)) @ Rotation.from_euler("xyz", (0.4, 0.7, 0.3)).as_matrix()
    box = only(measure(np.all(np.abs(at) <= (10, 12, 16), axis=-1).astype(np.int32), 1.0))
    assert box.surface_um2 == pytest.approx(2 * (20 * 24 + 24 * 32 + 20 * 32), rel=0.03)
    assert box.length_um == pytest.approx(np.linalg.norm([20, 24, 32]), rel=0.03)


def test_the_width_of_a_rod_is_that_of_its_section_and_not_from_rim_to_rim() -> None:
    labels = np.zeros((50, 20, 20), np.int32)
    labels[4:46, 6:10, 5:14] = 1
    assert only(measure(labels, 1.0)).width_um == pytest.approx(np.hypot(4, 9), abs=1)
    assert only(measure(labels.transpose(1, 2, 0), (2.0, 1.0, 1.0))).width_um == pytest.approx(np.hypot(8, 9), abs=1.5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cylinder_has_its_volume_surface_and_solidity(axis: int) -> None:
    at = np.moveaxis(places((61, 61, 61), (1, 1, 1)) + np.array([0.2, 0.3, 0.1]), -1, 0)
    along, *across = np.roll(at, -axis, axis=0)
    labels = ((np.abs(along) <= 20.5) & (np.hypot(*across) <= 10.3)).astype(np.int32)
    cylinder = only(measure(labels, 1.0))
    assert cylinder.volume_um3 == pytest.approx(np.pi * 10.3**2 * 41, rel=0.02)
    assert cylinder.surface_um2 == pytest.approx(2 * np.pi * 10.3 * 41 + 2 * np.pi * 10.3**2, rel=0.05)
    assert cylinder.length_um == pytest.approx(np.hypot(41, 20.6), rel=0.02)
    assert cylinder.width_um == pytest.approx(20.6, abs=1)
    assert cylinder.solidity > 0.95


def test_a_lobed_body_is_less_solid_than_its_hull() -> None:
    labels = np.zeros((30, 46, 46), np.int32)
    labels[10:20, 3:43, 18:28] = labels[10:20, 18:28, 3:43] = 1  # a cross: 7 of the 17 squares of its octagon
    assert only(measure(labels, 1.0)).solidity == pytest.approx(7 / 11.5, rel=0.03)


def test_a_hollow_shows_its_inner_surface() -> None:
    at = np.linalg.norm(places((50, 50, 50), (1, 1, 1)), axis=-1)
    shell = only(measure(((at <= 20) & (at > 10)).astype(np.int32), 1.0))
    assert shell.surface_um2 == pytest.approx(4 * np.pi * (400 + 100), rel=0.01)


# ---- what a surface faces ------------------------------------------------------------------------------------------


def touching_halves(radius: float, spacing: tuple[float, ...]) -> NDArray[np.int32]:
    ball = ellipsoid((radius,) * 3, spacing, (0, 0.3, 0.2), 5)
    at = places(ball.shape, spacing) @ Rotation.from_euler("xyz", (0.5, 0.3, 0.2)).as_matrix()
    return np.where(ball > 0, np.where(at[..., 0] > 0, 7, 1000), 0).astype(np.int32)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_two_half_balls_share_a_disc(spacing: tuple[float, ...]) -> None:
    radius = 12.0 * max(spacing)
    halves = measure(touching_halves(radius, spacing), spacing)
    assert list(halves.label) == [7, 1000]
    disc, dome = np.pi * radius**2, 2 * np.pi * radius**2
    np.testing.assert_allclose(halves.surface_um2, disc + dome, rtol=0.03)
    np.testing.assert_allclose(halves.cell_share, disc / (disc + dome), atol=0.02)
    np.testing.assert_allclose(halves.air_share + halves.cell_share, 1)
    shared = halves.cell_share * halves.surface_um2
    assert shared[0] == pytest.approx(shared[1])  # both sides see one wall
    assert (halves.solidity > 0.9).all()  # the other half lies in the box, not in the hull


def test_a_stack_of_cubes_shares_its_inner_faces() -> None:
    labels = np.zeros((36, 20, 20), np.int32)
    for place in range(3):
        labels[3 + 10 * place : 13 + 10 * place, 5:15, 5:15] = place + 1
    stack = measure(labels, 1.0)
    assert stack.cell_share[1] == pytest.approx(2 / 6, abs=0.025)
    assert stack.cell_share[0] == pytest.approx(1 / 6, abs=0.02)
    assert stack.cell_share[2] == pytest.approx(stack.cell_share[0])


def test_unknown_neighbours_are_neither_air_nor_cell() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[:10] = -1
    labels[10:15, 5:15, 5:15] = 4
    known = labels.copy()
    known[:10] = 0
    cell, free = only(measure(labels, 1.0)), only(measure(known, 1.0))
    assert cell.surface_um2 == pytest.approx(free.surface_um2, rel=1e-12)  # sums of the same areas, in other parts
    assert free.air_share == 1
    assert cell.cell_share == 0
    assert cell.air_share == pytest.approx(1 - 100 / 400, abs=0.03)


def test_with_a_tissue_map_only_its_airspace_is_air() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[5:15, 5:15, 5:15] = 4
    tissue = np.full(labels.shape, tissues.SPONGY, np.uint8)
    tissue[15:] = tissues.AIRSPACE
    tissue[:5] = tissues.VEIN
    cell = only(measure(labels, 1.0, tissue=tissue))
    assert cell.tissue == "spongy"
    assert cell.air_share == pytest.approx(1 / 6, abs=0.02)
    assert cell.cell_share == 0


# ---- the edge of the volume ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0)])
def test_the_edge_of_the_volume_is_no_surface(axis: int, spacing: tuple[float, ...]) -> None:
    radius = 12.4 * max(spacing)
    shift = np.where(np.arange(3) == axis, 0, (0.2, 0.3, 0.1))
    ball = ellipsoid((radius,) * 3, spacing, tuple(shift))
    middle = ball.shape[axis] // 2
    upper = np.take(ball, range(middle, ball.shape[axis]), axis)
    lower = np.take(ball, range(middle + 1), axis)
    for half in (upper, lower):
        cut = only(measure(half, spacing))
        assert cut.touches_border
        # One more half layer than half a ball, for the middle layer is whole.
        dome = 2 * np.pi * radius**2 + np.pi * radius * spacing[axis]
        assert cut.surface_um2 == pytest.approx(dome, rel=0.01)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_wall_through_the_volume_keeps_its_size_at_the_edges(axis: int) -> None:
    small, large = (np.where(np.arange(side) < side // 2, 1, 2) for side in (6, 20))
    walls = [
        np.broadcast_to(np.expand_dims(line, tuple(a for a in range(3) if a != axis)), (len(line),) * 3).astype(
            np.int32
        )
        for line in (small, large)
    ]
    areas = [measure(wall, 1.0).surface_um2 / wall.shape[0] ** 2 for wall in walls]
    np.testing.assert_allclose(areas[0], areas[1])
    np.testing.assert_allclose(areas[0], 0.9266, atol=1e-4)


def test_only_cells_at_the_edge_are_flagged() -> None:
    labels = np.zeros((9, 9, 9), np.int32)
    spots = [(0, 4, 4), (8, 4, 4), (4, 0, 4), (4, 8, 4), (4, 4, 0), (4, 4, 8), (1, 7, 1), (4, 4, 4)]
    for number, spot in enumerate(spots, start=1):
        labels[spot] = number
    assert list(measure(labels, 1.0).touches_border) == [True] * 6 + [False] * 2
    flat = measure(labels[:, 4], 1.0)
    assert dict(zip(flat.label, flat.touches_border, strict=True)) == {1: True, 2: True, 5: True, 6: True, 8: False}


def test_a_cell_that_fills_the_volume_has_no_surface() -> None:
    cell = only(measure(np.ones((4, 4, 4), np.int32), 1.0))
    assert cell.surface_um2 == 0
    assert np.isnan([cell.sphericity, cell.air_share, cell.cell_share]).all()


# ---- images --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0), (1.0, 3.0)])
def test_a_disc_has_its_outline_and_area(spacing: tuple[float, ...]) -> None:
    radius = 15.0 * max(spacing)
    disc = only(measure(ellipsoid((radius, radius), spacing, (0.3, 0.2)), spacing))
    assert disc.area_um2 == pytest.approx(np.pi * radius**2, rel=0.01)
    assert disc.perimeter_um == pytest.approx(2 * np.pi * radius, rel=0.01)
    assert disc.equivalent_diameter_um == pytest.approx(2 * radius, rel=0.005)
    assert disc.circularity == pytest.approx(1, abs=0.02)
    assert disc.length_um == pytest.approx(2 * radius, abs=max(spacing))
    assert disc.solidity > 0.95
    assert disc.air_share == 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 1.5), (0.5, 0.3), (0.2, 0.5)])
def test_turned_ellipses_have_their_outline_length_and_width(spacing: tuple[float, ...]) -> None:
    long, short = 40 * max(spacing), 8 * max(spacing)
    share = ((long - short) / (long + short)) ** 2
    outline = np.pi * (long + short) * (1 + 3 * share / (10 + np.sqrt(4 - 3 * share)))  # Ramanujan
    at = places(tuple(2 * int(long / step) + 9 for step in spacing), spacing)
    for angle in np.arange(12) / 12 * np.pi + 0.05:
        turned = at @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        inside = np.sum((turned / np.array([long, short])) ** 2, axis=-1) <= 1
        cell = only(measure(inside.astype(np.int32), spacing))
        assert cell.perimeter_um == pytest.approx(outline, rel=0.04)
        assert (cell.length_um, cell.width_um) == pytest.approx((2 * long, 2 * short), abs=1.1 * max(spacing))
        assert (cell.centroid_y_um, cell.centroid_x_um) == pytest.approx((np.array(inside.shape) - 1) / 2 * spacing)


def test_an_image_and_a_volume_have_columns_of_their_own() -> None:
    image, volume = measure(np.eye(3, dtype=np.int32), 1.0), measure(np.ones((3, 3, 3), np.int32), 1.0)
    assert set(image) - set(volume) == {"area_um2", "perimeter_um", "circularity"}
    assert set(volume) - set(image) == {"volume_um3", "surface_um2", "sphericity", "centroid_z_um"}


# ---- tables --------------------------------------------------------------------------------------------------------


def test_every_column_is_explained_and_every_explained_column_exists() -> None:
    tables = []
    for shape in ((4, 24), (8, 4, 8)):
        labels, tissue = np.zeros(shape, np.int32), np.full(shape, tissues.PALISADE, np.uint8)
        tissue[..., 0, :], tissue[..., -1, :] = tissues.UPPER_EPIDERMIS, tissues.LOWER_EPIDERMIS
        tables.append(measure(labels, 1.0, scan=labels, tissue=tissue, confidence={1: 0.5}))
    assert {name for table in tables for name in table} == set(COLUMNS)
    for table in tables:
        assert list(table) == [name for name in COLUMNS if name in set(table)]
    assert all(column.definition and column.source for column in COLUMNS.values())


@pytest.mark.parametrize("shape", [(5, 5), (4, 5, 6), (0, 5), (3, 0, 4)])
def test_no_cells_give_no_rows_and_all_columns(shape: tuple[int, ...]) -> None:
    labels = np.zeros(shape, np.int32)
    ones = np.ones((5,) * len(shape), np.int32)
    table = measure(labels, 1.0, scan=labels, tissue=labels)
    assert len(table) == 0
    assert list(table) == list(measure(ones, 1.0, scan=ones, tissue=ones))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_cell_of_one_voxel_is_measured(ndim: int) -> None:
    labels = np.zeros((5,) * ndim, np.int32)
    labels[(2,) * ndim] = 3
    cell = only(measure(labels, 2.0))
    assert (cell.voxels, cell.solidity, cell.length_um) == (1, 1, 2.0)
    assert np.isfinite(cell.drop("touches_border").to_numpy(float)).all()


def test_a_single_voxel_is_as_long_and_wide_as_it_is() -> None:
    labels = np.zeros((3, 3, 3), np.int32)
    labels[1, 1, 1] = 1
    cell = only(measure(labels, (3.0, 1.0, 1.0)))
    assert (cell.length_um, cell.width_um) == pytest.approx((3, 1))


def test_a_cell_of_two_pieces_is_one_row() -> None:
    labels = np.zeros((5, 5, 20), np.int32)
    labels[2, 2, 2] = labels[2, 2, 17] = 9
    cell = only(measure(labels, 1.0))
    assert (cell.voxels, cell.length_um, cell.centroid_x_um) == (2, 16.0, 9.5)


def test_numbers_with_gaps_and_renamed_cells_give_the_same_rows() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (6, 7, 8)).repeat(3, 0).repeat(3, 1).astype(np.int32)
    names = np.array([0, 1000, 7, 2_000_000_000], np.int32)
    plain, renamed = measure(labels, (1, 2, 3)), measure(names[labels], (1, 2, 3))
    assert list(renamed.label) == [7, 1000, 2_000_000_000]
    order = plain.iloc[[1, 0, 2]].drop(columns="label").reset_index(drop=True)
    pd.testing.assert_frame_equal(order, renamed.drop(columns="label"))


def test_grey_values_and_tissues_are_those_of_the_cells_voxels() -> None:
    labels = np.array([[1, 1, 1, 0], [2, 2, -1, 2]], np.int32)
    scan = np.array([[10, 20, 60, 255], [1, 2, 255, 6]], np.uint8)
    tissue = np.array([[4, 3, 4, 7], [5, 2, 5, 99]], np.uint8)
    table = measure(labels, 1.0, scan=scan, tissue=tissue)
    assert list(table.mean_grey) == [30, 3]
    assert list(table.tissue) == ["spongy", "lower epidermis"]  # of three tissues with one voxel each the smallest code


def test_the_arrays_of_the_caller_stay_as_they_are() -> None:
    labels = np.array([[0, 1, 2], [-1, 1, 2]], np.int32)
    tissue = np.full(labels.shape, tissues.SPONGY, np.uint8)
    before = labels.copy()
    labels.flags.writeable = tissue.flags.writeable = False
    measure(labels, 1.0, tissue=tissue, scan=tissue)
    assert np.array_equal(labels, before)


def test_progress_is_told_up_to_the_last_cell() -> None:
    told: list[tuple[str, int, int]] = []
    measure(np.eye(4, dtype=np.int32) * np.arange(1, 5), 1.0, progress=lambda *where: told.append(where))
    assert told == [("measure shapes", done, 4) for done in range(5)]


# ---- files and errors ----------------------------------------------------------------------------------------------


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    table = measure(np.random.default_rng(0).integers(0, 3, (6, 6, 6)), 0.65, tissue=np.full((6, 6, 6), 3, np.uint8))
    write(table, tmp_path / "cells.csv")
    write(table, tmp_path / "cells.PARQUET")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "cells.csv"), table, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "cells.PARQUET"), table, check_dtype=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.PARQUET", "cells.csv"]
    assert b"\r" not in (tmp_path / "cells.csv").read_bytes()


@pytest.mark.parametrize(("name", "suffix"), [("cells.xlsx", ".xlsx"), ("cells", r"\(none\)")])
def test_another_suffix_is_an_error_that_names_those_that_work(tmp_path: Path, name: str, suffix: str) -> None:
    with pytest.raises(FileError, match=rf"{name} has the suffix {suffix}; .*\.csv or \.parquet; name it cells\.csv"):
        write(pd.DataFrame(), tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_other_shapes_are_errors_that_name_both() -> None:
    labels, other = np.zeros((3, 4), np.int32), np.zeros((3, 5), np.uint8)
    with pytest.raises(LabelsError, match=r"scan of shape \(3, 5\) and labels of shape \(3, 4\); .*; crop or resample"):
        measure(labels, 1.0, scan=other)
    with pytest.raises(LabelsError, match=r"tissue of shape \(3, 5\)"):
        measure(labels, 1.0, tissue=other)


def test_labels_with_other_axes_are_an_error() -> None:
    with pytest.raises(LabelsError, match=r"labels have 4 axes of lengths \(1, 2, 3, 4\); cells have the axes"):
        measure(np.zeros((1, 2, 3, 4), np.int32), 1.0)


def test_a_wrong_spacing_is_an_error() -> None:
    with pytest.raises(VolumeError, match="3 axes need one positive number"):
        measure(np.zeros((2, 2, 2), np.int32), (1.0, 2.0))


# ---- what a cell touches -------------------------------------------------------------------------------------------


def test_surface_on_epidermis_and_vein_is_told_on_its_own() -> None:
    labels, codes = np.zeros((20, 44, 20), np.int32), np.full((20, 44, 20), tissues.AIRSPACE, np.uint8)
    row = (tissues.UPPER_EPIDERMIS, tissues.PALISADE, tissues.VEIN)
    for number, code in enumerate(row, start=1):
        box = (slice(4, 16), slice(12 * number - 8, 12 * number + 4), slice(4, 16))
        labels[box], codes[box] = number, code
    table = measure(labels, 1.0, tissue=codes)
    middle = table.iloc[1]
    assert middle.epidermis_share == pytest.approx(1 / 6, abs=0.03)
    assert middle.vein_share == pytest.approx(middle.epidermis_share)
    assert middle.cell_share == pytest.approx(middle.epidermis_share + middle.vein_share)
    assert middle.air_share + middle.cell_share == pytest.approx(1)
    assert table["epidermis_share"].to_numpy()[[0, 2]].tolist() == [0, 0]
    plain = measure(labels, 1.0)
    assert "epidermis_share" not in plain
    assert plain["cell_share"].to_numpy() == pytest.approx(table["cell_share"].to_numpy())


@pytest.mark.parametrize("slab", [2**24, 1])
def test_neighbours_are_those_with_a_face_in_common(slab: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "SLAB_VOX", slab)
    labels = np.zeros((4, 5, 6), np.int32)
    labels[0, :2, :2], labels[1, :2, :2], labels[0, 2, 2], labels[0, 2, 0], labels[3, 4, 5] = 7, 9, 12, 11, 20
    table = measure(labels, 1.0)
    assert dict(zip(table["label"], table["neighbours"], strict=True)) == {7: 2, 9: 1, 11: 1, 12: 0, 20: 0}
    assert measure(labels[0], 1.0)["neighbours"].tolist() == [1, 1, 0]
    assert measure(np.ones((3, 3, 3), np.int32), 1.0)["neighbours"].tolist() == [0]
