"""Labels as people make them: what is known where, and every way in which they can be wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
import zarr

from complaint import complaint
from mesophyll import annotation, io
from mesophyll.annotation import (
    Choice,
    Statement,
    convert,
    likely,
    parse_slices,
    parse_upper,
    preview,
    read,
    read_tissue,
)
from mesophyll.errors import FileError, LabelsError, SettingsError
from mesophyll.labels import UNKNOWN
from mesophyll.tissues import AIRSPACE, BACKGROUND, LOWER_EPIDERMIS, PALISADE, SPONGY, UPPER_EPIDERMIS, VEIN
from mesophyll.volume import Volume

SHAPE = (8, 12, 10)


def two_cells() -> np.ndarray:
    labels = np.zeros(SHAPE, np.int32)
    labels[1:4, 2:5, 2:6] = 3
    labels[4:7, 6:9, 4:8] = 700
    return labels


def saved(folder: Path, values: np.ndarray, name: str = "painted.tif") -> Path:
    tifffile.imwrite(folder / name, values, photometric="minisblack")
    return folder / name


# --- what an empty voxel means -----------------------------------------------------------------------------------------


def test_of_traced_cells_nothing_but_the_cells_is_known(tmp_path: Path) -> None:
    drawn = two_cells()
    found = read(saved(tmp_path, drawn), SHAPE)
    assert np.array_equal(found.labels, np.where(drawn > 0, drawn, UNKNOWN))
    assert found.cells == 2
    assert "only these cells are known" in found.meaning


def test_a_complete_slice_knows_its_background_and_no_other_slice_does(tmp_path: Path) -> None:
    drawn = two_cells()
    found = read(saved(tmp_path, drawn), SHAPE, Statement(slices=(2, 8)))
    for number in range(1, 9):
        expected = (
            drawn[number - 1] if number in (2, 8) else np.where(drawn[number - 1] > 0, drawn[number - 1], UNKNOWN)
        )
        assert np.array_equal(found.labels[number - 1], expected), number
    assert found.meaning == "complete: slices 2 and 8 along Z, counted from 1; 0 in them is background"


def test_slices_are_counted_along_the_axis_that_is_named(tmp_path: Path) -> None:
    found = read(saved(tmp_path, two_cells()), SHAPE, Statement(slices=(1, 10), axis=2))
    assert (found.labels[:, :, [0, 9]] == 0).all()
    assert (found.labels[:, :, 1] == UNKNOWN).all()


def test_where_another_value_than_0_means_that_nobody_knows_0_is_background(tmp_path: Path) -> None:
    drawn = two_cells()
    drawn[:, :, 8:] = 254
    found = read(saved(tmp_path, drawn), SHAPE, Statement(unlabelled=254))
    assert (found.labels[:, :, 8:] == UNKNOWN).all()
    assert np.array_equal(found.labels[:, :, :8], drawn[:, :, :8])
    assert found.cells == 2


def test_a_file_with_minus_one_in_it_is_taken_at_its_word(tmp_path: Path) -> None:
    drawn = two_cells().astype(np.int32)
    drawn[6:] = UNKNOWN
    found = read(saved(tmp_path, drawn), SHAPE)
    assert np.array_equal(found.labels, drawn)


def test_all_slices_can_be_complete(tmp_path: Path) -> None:
    assert np.array_equal(read(saved(tmp_path, two_cells()), SHAPE, Statement(slices="all")).labels, two_cells())


def test_what_was_understood_is_told_in_words(tmp_path: Path) -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[4, 3:5, 3:8] = 1
    assert read(saved(tmp_path, labels), (10, 10, 10), Statement(slices=(5,))).told() == [
        "1 cells from painted.tif",
        "complete: slice 5 along Z, counted from 1; 0 in them is background",
        "10.0 % of the voxels are known: 1.0 % cells, 9.0 % background; all others are unknown (-1)",
    ]


def test_a_small_share_is_not_told_as_none() -> None:
    mask = np.zeros(100_000, bool)
    mask[:3] = True
    assert annotation.base.share(mask) == "0.003 %"


# --- where labels lie --------------------------------------------------------------------------------------------------


def test_a_part_lies_at_its_offset_and_the_rest_is_unknown(tmp_path: Path) -> None:
    part = two_cells()[2:6, 1:11, 3:9]
    found = read(saved(tmp_path, part), SHAPE, Statement(slices="all", offset=(2, 1, 3)))
    assert np.array_equal(found.labels[2:6, 1:11, 3:9], part)
    found.labels[2:6, 1:11, 3:9] = UNKNOWN
    assert (found.labels == UNKNOWN).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_stack_of_labelled_slices_is_spread_to_where_they_were(axis: int, tmp_path: Path) -> None:
    numbers = (2, 5, 8)
    stack = two_cells().take([number - 1 for number in numbers], axis)
    found = read(saved(tmp_path, stack), SHAPE, Statement(slices=numbers, axis=axis))
    assert np.array_equal(found.labels.take([1, 4, 7], axis), stack)
    assert (np.delete(found.labels, [1, 4, 7], axis) == UNKNOWN).all()


def test_a_plane_is_the_one_slice_that_is_named(tmp_path: Path) -> None:
    found = read(saved(tmp_path, two_cells()[2]), SHAPE, Statement(slices=(3,)))
    assert np.array_equal(found.labels[2], two_cells()[2])
    assert (np.delete(found.labels, 2, 0) == UNKNOWN).all()


def test_label_layers_of_napari_are_plain_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "layer.npy", two_cells().astype(np.int64))
    zarr.save_array(tmp_path / "layer.zarr", two_cells())
    for name in ("layer.npy", "layer.zarr"):
        assert np.array_equal(read(tmp_path / name, SHAPE, Statement(slices="all")).labels, two_cells())


def test_a_folder_of_slices_is_a_volume_and_no_folder_of_cells(tmp_path: Path) -> None:
    (tmp_path / "slices").mkdir()
    for number, plane in enumerate(two_cells()):
        saved(tmp_path / "slices", plane, f"{number:02}.tif")
    assert np.array_equal(read(tmp_path / "slices", SHAPE, Statement(slices="all")).labels, two_cells())


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ((10, 12, 8), "their axes seem to be in another order: save them as (Z, Y, X)"),
        ((12, 10), "are they one slice? name it, counted from 1: --slices 12"),
        ((4, 6, 5), "of a scan with voxels 2 times as long: resample one of them"),
        ((5, 12, 9), "say where it begins: --offset Z Y X"),
        ((9, 12, 10), "pass the labels of this scan, or resample them"),
        ((9, 9), "pass the labels of this scan"),
    ],
)
def test_labels_of_another_shape_are_refused_with_the_likely_reason(
    labels: tuple[int, ...], words: str, tmp_path: Path
) -> None:
    path = saved(tmp_path, np.ones(labels, np.uint8))
    shape = " x ".join(map(str, labels))
    complaint(LabelsError, lambda: read(path, SHAPE), f"has the shape {shape}, the scan 8 x 12 x 10", words)


def test_a_part_that_reaches_out_of_the_scan_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.ones((4, 4, 4), np.uint8))
    for offset in ((5, 0, 0), (0, -1, 0)):
        told = "at the offset " + " ".join(map(str, offset)) + " reaches out of the scan"
        complaint(LabelsError, lambda at=offset: read(path, SHAPE, Statement(offset=at)), told, "8 x 12 x 10")
    complaint(SettingsError, lambda: read(path, SHAPE, Statement(offset=(1, 2))), "the offset has 2 numbers")
    flat = saved(tmp_path, np.ones((4, 4), np.uint8), "flat.tif")
    complaint(LabelsError, lambda: read(flat, SHAPE, Statement(offset=(0, 0, 0))), "flat.tif has the shape 4 x 4")


def test_a_slice_that_is_not_there_is_refused_counting_from_one(tmp_path: Path) -> None:
    path = saved(tmp_path, two_cells())
    told = complaint(SettingsError, lambda: read(path, SHAPE, Statement(slices=(3, 9))), "slice 9")
    assert "the scan has 8 slices along Z, counted from 1; name slices from 1 to 8" in told
    complaint(SettingsError, lambda: read(path, SHAPE, Statement(slices=(0,))), "the first slice is 1, not 0")
    complaint(SettingsError, lambda: read(path, SHAPE, Statement(slices=(3, 3))), "slice 3 is named twice")
    complaint(SettingsError, lambda: read(path, SHAPE, Statement(slices=(3,), axis=3)), "axis 3", "Z, Y, X")


def test_slices_are_written_as_people_write_them() -> None:
    assert parse_slices("5, 9,12-14") == (5, 9, 12, 13, 14)
    assert parse_slices("all") == "all"
    for text in ("", "5;9", "9-5", "-3", "1.5", "every"):
        complaint(SettingsError, lambda text=text: parse_slices(text), "names no slices", "5,9,12-14")


def test_a_file_without_a_cell_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros(SHAPE, np.uint8))
    complaint(LabelsError, lambda: read(path, SHAPE), "painted.tif holds no cell", "numbers above 0")


# --- ROIs of ImageJ ----------------------------------------------------------------------------------------------------


def roi(
    points: list[tuple[float, float]], kind: str = "FREEHAND", position: int = 1, name: str = ""
) -> roifile.ImagejRoi:
    found = roifile.ImagejRoi.frompoints(points, name=name)
    found.position = position
    found.roitype = roifile.ROI_TYPE[kind]
    return found


def zipped(folder: Path, *rois: roifile.ImagejRoi) -> Path:
    roifile.roiwrite(folder / "RoiSet.zip", rois, mode="w")
    return folder / "RoiSet.zip"


BOX = [(2, 3), (6, 3), (6, 9), (2, 9)]
"""x and y of corners of pixels: 4 pixels wide, 6 high."""


@pytest.mark.parametrize("kind", ["POLYGON", "FREEHAND", "TRACED"])
def test_an_outline_holds_the_pixels_whose_centres_it_encloses(kind: str, tmp_path: Path) -> None:
    found = read(zipped(tmp_path, roi(BOX, kind, 5)), SHAPE)
    expected = np.full(SHAPE, UNKNOWN)
    expected[4, 3:9, 2:6] = 1
    assert np.array_equal(found.labels, expected)
    assert found.source == "RoiSet.zip, on slice 5 along Z, counted from 1"


def test_each_roi_is_a_cell_on_its_own_slice(tmp_path: Path) -> None:
    path = zipped(tmp_path, roi(BOX, position=2, name="a"), roi(BOX, position=7, name="b"))
    found = read(path, SHAPE, Statement(slices=(7,)))
    assert (found.labels[1, 3:9, 2:6] == 1).all()
    assert (found.labels[6, 3:9, 2:6] == 2).all()
    assert (found.labels[1] == 0).sum() == 0  # slice 2 was not said to be complete
    assert (found.labels[6] == 0).sum() == 12 * 10 - 24


def test_slices_of_a_roi_may_run_along_another_axis(tmp_path: Path) -> None:
    found = read(zipped(tmp_path, roi([(2, 3), (6, 3), (6, 7), (2, 7)], position=11)), SHAPE, Statement(axis=1))
    assert (found.labels[3:7, 10, 2:6] == 1).all()
    assert (found.labels > 0).sum() == 16


def test_a_single_roi_of_an_image_needs_no_slice(tmp_path: Path) -> None:
    roi(BOX, position=0).tofile(tmp_path / "cell.roi")
    assert (read(tmp_path / "cell.roi", (12, 10)).labels > 0).sum() == 24


def test_rois_without_a_slice_lie_on_the_only_one_that_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path, roi(BOX, position=0, name="cell"))
    assert (read(path, SHAPE, Statement(slices=(4,))).labels[3] == 1).sum() == 24
    complaint(LabelsError, lambda: read(path, SHAPE), "the ROI cell names no slice", "--slices 12")


def test_a_hole_of_a_composite_roi_is_no_cell(tmp_path: Path) -> None:
    ring = roifile.ImagejRoi()
    ring.roitype, ring.name, ring.position = roifile.ROI_TYPE.RECT, "ring", 3
    ring.top, ring.left, ring.bottom, ring.right = 1, 1, 9, 9
    ring.multi_coordinates = np.array(
        [0, 1, 1, 1, 9, 1, 1, 9, 9, 1, 1, 9, 4, 0, 3, 3, 1, 6, 3, 1, 6, 6, 1, 3, 6, 4], np.float32
    )
    ring.shape_roi_size = len(ring.multi_coordinates)
    found = read(zipped(tmp_path, ring), SHAPE).labels[2]
    assert (found == 1).sum() == 8 * 8 - 3 * 3
    assert (found[3:6, 3:6] == UNKNOWN).all()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("RECT", "is a rectangle"),
        ("OVAL", "is an oval"),
        ("LINE", "is a line"),
        ("FREELINE", "is a line"),
        ("POLYLINE", "is a line"),
        ("ANGLE", "is an angle"),
        ("POINT", "is a point"),
        ("NOROI", "is nothing"),
    ],
)
def test_what_is_no_traced_outline_is_refused_by_name(kind: str, words: str, tmp_path: Path) -> None:
    path = zipped(tmp_path, roi(BOX, name="fine"), roi(BOX, kind, 2, name="0002-0006"))
    complaint(LabelsError, lambda: read(path, SHAPE), f"the ROI 0002-0006 of RoiSet.zip {words}", "trace the cell")


def test_a_roi_that_encloses_nothing_is_refused_by_name(tmp_path: Path) -> None:
    for points in ([(2, 3), (6, 3)], [(20, 20), (26, 20), (26, 26)], [(2.1, 2.1), (2.2, 2.1), (2.2, 2.2)]):
        path = zipped(tmp_path, roi(points, name="empty one"))
        complaint(LabelsError, lambda path=path: read(path, SHAPE), "the ROI empty one encloses no pixel of the scan")


def test_a_roi_past_the_last_slice_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, roi(BOX, position=9, name="late"))
    complaint(LabelsError, lambda: read(path, SHAPE), "the ROI late was traced on slice 9", "8 slices along Z")


def test_rois_that_overlap_are_refused_with_the_place(tmp_path: Path) -> None:
    path = zipped(
        tmp_path, roi(BOX, position=5, name="a"), roi([(5, 8), (9, 8), (9, 11), (5, 11)], position=5, name="b")
    )
    told = complaint(LabelsError, lambda: read(path, SHAPE), "the ROI a and the ROI b share 1 voxels")
    assert "the first at x 5, y 8 of slice 5; a voxel belongs to one cell" in told


def test_a_file_that_holds_no_rois_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.roi").write_bytes(b"noise" * 30)
    complaint(FileError, lambda: read(tmp_path / "noise.roi", SHAPE), "noise.roi cannot be read as ImageJ ROIs")
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    complaint(FileError, lambda: read(tmp_path / "none.zip", SHAPE), "none.zip holds no ROI")


# --- masks of single cells ---------------------------------------------------------------------------------------------


def masks(folder: Path, **values: np.ndarray) -> Path:
    (folder / "cells").mkdir()
    for name, value in values.items():
        saved(folder / "cells", value, f"{name}.tif")
    return folder / "cells"


def test_each_mask_of_a_folder_is_a_cell_in_the_order_of_names(tmp_path: Path) -> None:
    drawn = two_cells()
    folder = masks(tmp_path, b=((drawn == 700) * 255).astype(np.uint8), a=(drawn == 3).astype(np.uint8))
    found = read(folder, SHAPE)
    assert np.array_equal(found.labels, np.select([drawn == 3, drawn == 700], [1, 2], UNKNOWN))
    assert found.source == "the 2 masks of cells"


def test_masks_of_a_part_lie_at_its_offset(tmp_path: Path) -> None:
    found = read(masks(tmp_path, a=np.ones((2, 2, 2), np.uint8)), SHAPE, Statement(offset=(6, 0, 3)))
    assert np.argwhere(found.labels == 1).min(0).tolist() == [6, 0, 3]
    assert (found.labels == 1).sum() == 8


def test_masks_that_overlap_are_refused_with_the_place(tmp_path: Path) -> None:
    a, b = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    a[:4], b[3:5, 2:] = 1, 1
    folder = masks(tmp_path, a=a, b=b)
    told = complaint(LabelsError, lambda: read(folder, SHAPE), "a.tif and b.tif share 100 voxels")
    assert "the first at x 0, y 2 of slice 4" in told


def test_a_mask_of_no_cell_or_of_several_is_refused(tmp_path: Path) -> None:
    folder = masks(tmp_path, several=two_cells())
    complaint(
        LabelsError, lambda: read(folder, SHAPE), "several.tif holds 2 numbers besides 0", "pass that file itself"
    )
    saved(folder, np.zeros(SHAPE, np.uint8), "none.tif")
    complaint(LabelsError, lambda: read(folder, SHAPE), "none.tif holds no numbers besides 0", "remove the file")


# --- tissues -----------------------------------------------------------------------------------------------------------


def section(background: int, epidermis: int, cell: int, air: int, vein: int) -> np.ndarray:
    """Return a leaf of two epidermes with cells, air and a vein between them, in three equal planes."""
    plane = np.full((14, 12), background, np.uint8)
    plane[2:4], plane[10:12], plane[4:10] = epidermis, epidermis, cell
    plane[5:9, 2:5], plane[6:8, 8:11] = air, vein
    return np.repeat(plane[None], 3, axis=0)


HAND = section(170, 85, 0, 255, 128)


def test_a_preset_turns_grey_values_into_codes_and_position_tells_the_epidermes_apart() -> None:
    codes = convert(HAND, "leaf-traits-hand", Choice("spongy"))[1]
    assert (codes[:2] == BACKGROUND).all()
    assert (codes[2:4] == UPPER_EPIDERMIS).all()
    assert (codes[10:12] == LOWER_EPIDERMIS).all()
    assert (codes[5:9, 2:5] == AIRSPACE).all()
    assert (codes[6:8, 8:11] == VEIN).all()
    assert (codes[4] == SPONGY).all()


def test_a_mesophyll_cell_stays_unknown_unless_the_user_says_what_it_is() -> None:
    assert (convert(HAND, "leaf-traits-hand")[:, 4] == UNKNOWN).all()
    assert (convert(HAND, "leaf-traits-hand", Choice("palisade"))[:, 4] == PALISADE).all()
    complaint(SettingsError, lambda: Choice("columns"), "mesophyll = 'columns'")


@pytest.mark.parametrize(("side", "axis"), [("-Y", 1), ("+Y", 1), ("-Z", 0), ("+X", 2)])
def test_the_upper_epidermis_lies_where_the_user_says(side: str, axis: int) -> None:
    values = np.moveaxis(HAND, 1, axis)
    where, first = parse_upper(side, 3)
    codes = np.moveaxis(convert(values, "leaf-traits-hand", Choice(axis=where, first=first)), axis, 1)
    near, far = (UPPER_EPIDERMIS, LOWER_EPIDERMIS) if side[0] == "-" else (LOWER_EPIDERMIS, UPPER_EPIDERMIS)
    assert (codes[:, 2:4] == near).all()
    assert (codes[:, 10:12] == far).all()


def test_a_tilted_leaf_has_its_epidermes_on_the_right_sides() -> None:
    tilted = np.stack(
        [np.roll(np.pad(HAND[0], ((20, 20), (0, 0)), constant_values=170), z, axis=0) for z in range(-18, 19)]
    )
    codes = convert(tilted, "leaf-traits-hand")
    for plane, z in zip(codes, range(-18, 19), strict=True):
        assert (plane[22 + z : 24 + z] == UPPER_EPIDERMIS).all()
        assert (plane[30 + z : 32 + z] == LOWER_EPIDERMIS).all()


def test_sides_that_cannot_be_told_are_asked_for() -> None:
    values = np.where(HAND == 85, 85, 170)
    complaint(LabelsError, lambda: convert(values, "leaf-traits-hand"), "no voxel is labelled as mesophyll")
    for text in ("Y", "-W", "up", ""):
        complaint(SettingsError, lambda text=text: parse_upper(text, 3), "is no side of the map", "-Y")
    complaint(SettingsError, lambda: parse_upper("-Z", 2), "an axis, Y, X")


def test_what_is_to_be_ignored_is_unknown() -> None:
    values = HAND.copy()
    values[0, 0, 0], values[0, 0, 1] = 254, 225
    values[values == 128] = 180
    codes = convert(values, "usda")
    assert codes[0, 0, 0] == codes[0, 0, 1] == UNKNOWN
    assert codes[0, 0, 2] == BACKGROUND


def test_a_preview_tells_every_value_and_changes_nothing() -> None:
    before = HAND.copy()
    rows = {row["value"]: row for row in preview(HAND, "leaf-traits-hand", Choice("spongy"))}
    assert np.array_equal(HAND, before)
    assert sum(row["voxels"] for row in rows.values()) == HAND.size
    assert rows[170]["becomes"] == "0 background"
    assert rows[85]["becomes"] == "upper or lower epidermis, by its side of the mesophyll"
    assert rows[0]["becomes"] == "spongy (a mesophyll cell; --mesophyll)"
    assert {row["value"]: row["becomes"] for row in preview(HAND, "rippner")}[128] == "? (not in this preset)"


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (HAND, ["leaf-traits-hand"]),
        (section(204, 51, 0, 255, 102), ["leaf-traits-forest"]),
        (section(170, 95, 55, 255, 180), ["usda"]),
        (section(85, 170, 255, 0, 35), ["rippner"]),
        (section(85, 170, 0, 255, 127), ["trueba"]),
        (section(0, 1, 4, 7, 6), ["mesophyll"]),
        (section(85, 170, 255, 0, 103), ["rippner", "fletcher", "trueba"]),
        (section(3, 33, 44, 55, 66), []),
    ],
)
def test_the_likely_preset_is_told(values: np.ndarray, names: list[str]) -> None:
    assert likely(values) == names


def test_presets_that_nobody_could_tell_apart_are_all_told() -> None:
    plain = section(85, 170, 255, 0, 255)  # which of 0 and 255 is air, no number says
    assert likely(plain) == [
        "rippner",
        "fletcher",
        "trueba",
    ]  # leaf-traits-hand knows them, too, but its 85 is no background


def test_an_unknown_grey_value_is_told_with_the_preset_that_knows_it() -> None:
    told = complaint(LabelsError, lambda: convert(HAND, "leaf-traits-forest"), "the tissue map holds 85, 128, 170")
    assert "the preset leaf-traits-forest knows 204, 51, 0, 255, 153, 102" in told
    assert "pass --preset leaf-traits-hand, of which all are known" in told


def test_a_grey_value_that_no_preset_knows_is_told_with_the_nearest() -> None:
    values = HAND.copy()
    values[0, 0, :3] = 42, 99, 171
    told = complaint(LabelsError, lambda: convert(values, "leaf-traits-hand"), "the tissue map holds 42, 99, 171")
    assert "no preset knows them all, the nearest is leaf-traits-hand; was it resampled" in told
    complaint(SettingsError, lambda: convert(HAND, "avizo"), "the preset 'avizo' is unknown", "leaf-traits-hand, ")


def test_a_tissue_map_of_some_slices_knows_nothing_of_the_others(tmp_path: Path) -> None:
    path = saved(tmp_path, HAND[:2])
    codes = read_tissue(path, (9, 14, 12), Statement(slices=(3, 7)), "leaf-traits-hand", Choice("spongy"))
    assert codes.dtype == np.int16
    assert np.array_equal(codes[[2, 6]], convert(HAND, "leaf-traits-hand", Choice("spongy"))[:2])
    assert (np.delete(codes, [2, 6], 0) == UNKNOWN).all()


def test_a_tissue_map_without_a_preset_holds_the_package_s_codes(tmp_path: Path) -> None:
    own = section(0, 1, 4, 7, 6)
    codes = read_tissue(saved(tmp_path, own), own.shape)
    assert codes.dtype == np.uint8
    assert np.array_equal(codes, own)
    own[0, 0, 0] = 255  # in a tissue map of this package: nobody knows
    assert read_tissue(saved(tmp_path, own), own.shape)[0, 0, :2].tolist() == [UNKNOWN, BACKGROUND]
    path = saved(tmp_path, HAND)
    complaint(LabelsError, lambda: read_tissue(path, HAND.shape), "the preset mesophyll knows 0, 1", "leaf-traits-hand")


def test_a_tissue_that_is_asked_for_must_have_been_labelled() -> None:
    codes = convert(HAND, "leaf-traits-hand", Choice("spongy"))
    annotation.check_expected(codes, ["vein", "spongy"])
    told = complaint(
        LabelsError, lambda: annotation.check_expected(codes, ["vein", "palisade"]), "no voxel is labelled palisade"
    )
    assert "labelled are airspace, background, lower epidermis, spongy, upper epidermis, vein" in told
    complaint(SettingsError, lambda: annotation.check_expected(codes, ["columns"]), "'columns' is no tissue")


# --- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".tif", ".zarr", ".h5", ".nrrd", ".nii.gz", ".npy"])
def test_unknown_voxels_survive_every_format(suffix: str, tmp_path: Path) -> None:
    labels = np.where(two_cells() > 0, two_cells(), UNKNOWN).astype(np.int32)
    labels[0], labels[1, 0, 0] = 0, 2**24
    io.write(tmp_path / f"labels{suffix}", Volume(labels, (1.0, 1.0, 1.0), name="labels"), kind="labels")
    back = io.read_labels(tmp_path / f"labels{suffix}").read()
    assert np.array_equal(back, labels)
