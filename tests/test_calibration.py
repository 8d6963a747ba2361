"""What is measured on sections is right: hand-made ones with known answers, and the real one as it was measured before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from calibration import apart, geometry, grey, page, walls
from calibration.figures import GROUPS, measure
from calibration.make import parts
from calibration.patches import SIDE, describe, patches
from calibration.section import Section, coarser, cut, from_hand, of_phantom, read_real, signed_distance_um
from scipy import ndimage

from mesophyll import phantom, tissues

GRAPE = Path(__file__).parents[2] / "shared" / "data" / "grape440"
UM = 0.5
"""The pixel of the hand-made sections: lengths in µm are half those in pixels."""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def blade(mesophyll: np.ndarray, gridrec: np.ndarray | None = None, spacing: float = UM) -> Section:
    """Put a mesophyll, shape (Y, X), between epidermes of 20 and 30 rows, and 10 rows of surround on both sides."""
    wide = mesophyll.shape[1]

    def rows(count: int, code: int) -> np.ndarray:
        return np.full((count, wide), code, np.uint8)

    above = [rows(10, tissues.BACKGROUND), rows(20, tissues.UPPER_EPIDERMIS)]
    below = [rows(30, tissues.LOWER_EPIDERMIS), rows(10, tissues.BACKGROUND)]
    tissue = np.concatenate([*above, mesophyll.astype(np.uint8), *below])
    scan = np.full(tissue.shape, 100, np.float32)
    if gridrec is not None:
        scan[30:-40] = gridrec
    return Section(scan, scan.copy(), tissue, spacing)


def cells(high: int = 200, wide: int = 240) -> np.ndarray:
    return np.full((high, wide), tissues.SPONGY, np.uint8)


def stripes(cell: int, air: int) -> np.ndarray:
    """Upright cells and gaps, so many pixels wide."""
    where = np.arange(240) % (cell + air) < air
    return np.where(where[None, :], tissues.AIRSPACE, cells())


def scanned(scan: np.ndarray, spacing: float = UM) -> Section:
    """Nothing but mesophyll with these grey values, but for one pixel of air in a far corner."""
    tissue = np.full(scan.shape, tissues.SPONGY, np.uint8)
    tissue[0, 0] = tissues.AIRSPACE
    return Section(scan.astype(np.float32), scan.astype(np.float32), tissue, spacing)


# --- sections --------------------------------------------------------------------------------------------------------


def test_hand_labels_become_tissues_by_place():
    hand = np.full((100, 3), 170, np.uint8)
    hand[10:90] = 0
    hand[10:20] = hand[80:90] = 85
    hand[50:53, 1], hand[60:63, 1], hand[70:73, 1] = 255, 152, 128
    codes = from_hand(hand)
    assert codes[:10].max() == codes[90:].max() == tissues.BACKGROUND
    assert np.all(codes[10:20] == tissues.UPPER_EPIDERMIS)
    assert np.all(codes[80:90] == tissues.LOWER_EPIDERMIS)
    assert (codes[46, 0], codes[47, 0]) == (tissues.PALISADE, tissues.SPONGY)  # 45 % of 60 rows are 27
    assert (codes[51, 1], codes[61, 1], codes[71, 1]) == (tissues.AIRSPACE, tissues.BUNDLE_SHEATH, tissues.VEIN)


def test_the_distance_is_zero_on_the_outline_and_a_half_pixel_at_the_next_centres():
    section = blade(stripes(12, 8))
    distance = signed_distance_um(section)[100]
    np.testing.assert_allclose(distance[8:12], [0.25, 0.75, 1.25, 1.75])
    np.testing.assert_allclose(distance[4:8], [-1.75, -1.25, -0.75, -0.25])


def test_a_phantom_is_cut_across_its_middle():
    leaf = phantom.make(3, shape=(24, 128, 48), spacing_um=0.9)
    section = of_phantom(leaf)
    np.testing.assert_array_equal(section.labels, leaf.labels[12])
    np.testing.assert_array_equal(section.gridrec, leaf.gridrec[12])
    assert (section.spacing_um, section.name) == (0.9, "grape 3")


def test_binning_averages_grey_values_and_keeps_the_middle_tissue():
    tissue = np.arange(16, dtype=np.uint8).reshape(4, 4) % 8
    section = Section(np.arange(16, dtype=np.float32).reshape(4, 4), np.zeros((4, 4), np.float32), tissue, 0.5)
    half = coarser(section, 2)
    np.testing.assert_array_equal(half.gridrec, [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(half.tissue, tissue[1::2, 1::2])
    assert half.spacing_um == 1.0


# --- geometry --------------------------------------------------------------------------------------------------------


def test_thickness_is_counted_from_face_to_face():
    found = geometry.thickness(blade(cells()))
    assert found["leaf, µm, p50"] == 125
    assert found["upper epidermis, µm, p10"] == 10
    assert found["lower epidermis, µm, p90"] == 15
    assert found["mesophyll, µm, p50"] == 100


def test_porosity_is_told_by_depth_and_leaves_veins_out():
    mesophyll = cells()
    mesophyll[:10, :60] = tissues.AIRSPACE  # the first 5 %: a quarter of 240 columns
    mesophyll[100:, 120:] = tissues.BUNDLE_SHEATH
    mesophyll[190:, :30] = tissues.AIRSPACE  # the last 5 %: a quarter of the 120 columns left
    found = geometry.porosity(blade(mesophyll))
    assert found["depth 0-5 %"] == 0.25
    assert found["depth 5-10 %"] == 0.0
    assert found["depth 95-100 %"] == 0.25
    assert found["all"] == pytest.approx((600 + 300) / (200 * 240 - 100 * 120))
    assert found["palisade half"] == pytest.approx(600 / (90 * 240))


def test_chords_are_as_long_as_the_stripes_are_wide():
    found = geometry.chords(blade(stripes(14, 6)))
    for half in ("palisade", "spongy"):
        assert found[f"air along x, {half} half, µm, p50"] == 3
        assert found[f"cells along x, {half} half, µm, p10"] == 7
        assert found[f"cells along x, {half} half, µm, p90"] == 7
    assert found["air along y, spongy half, µm, p50"] == 100  # from skin to skin, so its middle lies below 45 %
    assert np.isnan(found["air along y, palisade half, µm, p50"])


def test_chords_that_end_at_a_vein_or_at_the_border_do_not_count():
    mesophyll = cells()
    mesophyll[50:60, :20] = tissues.AIRSPACE  # to the border
    mesophyll[50:60, 100:110] = tissues.AIRSPACE
    mesophyll[70:80, 100:160] = tissues.AIRSPACE
    mesophyll[70:80, 160:200] = tissues.VEIN
    found = geometry.chords(blade(mesophyll))
    assert found["air along x, palisade half, µm, p90"] == 30  # cells and veins both end air
    assert found["cells along x, palisade half, µm, p50"] == 40  # between the two gaps of the upper rows only


def test_a_disc_is_as_thick_as_its_diameter():
    y, x = np.mgrid[:101, :101] - 50
    found = geometry.thickness_map_um(np.hypot(y, x) <= 40, 0.5)
    assert found[50, 50] == pytest.approx(40, rel=0.07)
    assert np.percentile(found[found > 0], 10) > 36
    assert found[0, 0] == 0


def test_a_bar_with_a_bulb_is_thin_along_the_bar_and_thick_in_the_bulb():
    y, x = np.mgrid[:101, :201] - np.array([50, 50])[:, None, None]
    mask = (np.hypot(y, x) <= 30) | ((np.abs(y) <= 5) & (x > 0))
    found = geometry.thickness_map_um(mask, 1.0)
    assert found[50, 50] == pytest.approx(60, rel=0.1)
    assert found[50, 150] == pytest.approx(10, abs=1.5)


def test_columns_show_their_period_and_stand_upright():
    found = geometry.columns(blade(stripes(16, 8)))
    assert found["period along x, µm"] == pytest.approx(12, abs=0.5)
    assert 2 < found["reach along x, µm"] < 8
    assert not found["aspect"] < 4  # stripes never end: infinitely long, or as long as the half


def test_known_columns_are_measured_cell_by_cell():
    mesophyll = np.where(stripes(16, 8) == tissues.AIRSPACE, tissues.AIRSPACE, tissues.PALISADE)
    mesophyll[90:] = tissues.SPONGY
    section = blade(mesophyll)
    labels, _ = ndimage.label(section.tissue == tissues.PALISADE)
    known = Section(section.gridrec, section.paganin, section.tissue, UM, labels.astype(np.int32))
    assert geometry.columns_known(known) == {"cell width, µm": 8, "cell height, µm": 45, "cell aspect": 90 / 16}
    assert geometry.columns_known(section) == {}


# --- grey values -----------------------------------------------------------------------------------------------------


def test_an_edge_blurred_by_a_known_sigma_is_as_wide_as_it_must_be():
    mesophyll = stripes(60, 60)
    sharp = np.where(mesophyll == tissues.AIRSPACE, 40.0, 120.0)
    section = blade(mesophyll, ndimage.gaussian_filter1d(sharp, 2.4, axis=1, mode="wrap"), 0.25)
    found = grey.edge(section)
    assert found["10-90 % of Paganin, µm"] == pytest.approx(2.563 * 2.4 * 0.25, rel=0.03)
    assert found["steepest rise of Paganin, grey/µm"] == pytest.approx(80 / (0.6 * np.sqrt(2 * np.pi)), rel=0.03)
    assert found["half-way of Paganin inside the outline, µm"] == pytest.approx(0, abs=0.03)
    assert found["Paganin at +0.00 µm"] == pytest.approx(80, abs=1)
    assert (found["Paganin at -3.25 µm"], found["Paganin at +4.88 µm"]) == pytest.approx((40, 120), abs=0.1)


def test_an_outline_that_lies_off_the_edge_is_told_and_taken_off():
    mesophyll = stripes(60, 60)
    sharp = np.where(np.roll(mesophyll == tissues.AIRSPACE, 2, axis=1), 40.0, 120.0)
    blurred = ndimage.gaussian_filter1d(sharp, 2.4, axis=1, mode="wrap")
    one_side = np.where(
        np.arange(240) % 120 < 30, np.nan, 1
    )  # only edges from air to cells: the others lie the other way
    keep = np.tile(one_side, (200, 1))
    mesophyll = np.where(np.isnan(keep), tissues.VEIN, mesophyll)
    mesophyll[:, 90:120] = mesophyll[:, 210:] = tissues.VEIN
    found = grey.edge(blade(mesophyll, blurred, 0.25))
    assert found["half-way of Paganin inside the outline, µm"] == pytest.approx(0.5, abs=0.08)
    assert found["Paganin at +0.00 µm"] == pytest.approx(80, abs=2)


@pytest.mark.parametrize("off", [0.0, 0.5])
def test_the_rims_of_a_fringe_are_found_where_they_are_from_the_edge(off):
    """The edge lies ``off`` µm inside the outline."""
    mesophyll = stripes(80, 40)
    distance = signed_distance_um(blade(mesophyll, None, 0.25))[30:-40]
    flat = np.where(distance > off, 120.0, 60.0)
    section = blade(mesophyll, flat, 0.25)
    fringe = 20 * np.exp(-(((distance - 1.0) / 0.5) ** 2)) - 30 * np.exp(-(((distance + 1.5) / 0.5) ** 2)) + 100
    section.gridrec[30:-40] = fringe
    found = grey.edge(section)
    assert found["bright rim of gridrec"] == pytest.approx(120, abs=1.5)  # pixels lie 0.125 µm beside it
    assert found["bright rim inside the cell, µm"] == pytest.approx(1.0 - off, abs=0.2)
    assert found["dark rim of gridrec"] == pytest.approx(70, abs=2)
    assert found["dark rim in the air, µm"] == pytest.approx(1.5 + off, abs=0.2)


def test_plateaus_are_read_far_from_edges_and_not_in_black_corners():
    mesophyll = stripes(60, 60)
    section = blade(mesophyll, np.where(mesophyll == tissues.AIRSPACE, 50.0, 110.0), 1.0)
    tissue = np.pad(section.tissue, ((20, 0), (0, 0)))
    scan = np.pad(section.gridrec, ((20, 0), (0, 0)), constant_values=90)
    scan[:15] = 0
    found = grey.plateaus(Section(scan, scan, tissue, 1.0))
    assert (found["cells, gridrec"], found["air, gridrec"], found["surround, gridrec"]) == (110, 50, 90)


@pytest.mark.parametrize("sigma", [1.0, 1.6])
def test_blurred_white_noise_is_correlated_as_it_must_be(sigma):
    field = ndimage.gaussian_filter(rng().standard_normal((500, 500)), sigma)
    found = grey.noise(scanned(100 + 4 * field / field.std(), 0.1625))
    for lag in (1, 2, 3):
        for axis in "xy":
            expected = np.exp(-(lag**2) / (4 * sigma**2))
            assert found[f"correlation at {lag} px along {axis}, gridrec"] == pytest.approx(expected, abs=0.03)
    assert found["band sd, gridrec"] == pytest.approx(4, rel=0.03)


def test_streaks_along_x_show_in_the_correlation_along_x_only():
    streaks = ndimage.gaussian_filter(rng().standard_normal((400, 400)), (1, 8))
    found = grey.noise(scanned(100 + streaks / streaks.std(), 0.1625))
    assert found["correlation at 6 px along x, gridrec"] > 0.6
    assert found["correlation at 6 px along y, gridrec"] < 0.1


def test_noise_near_air_does_not_count():
    scan = np.full((200, 240), 100.0)
    mesophyll = stripes(60, 60)
    near = np.abs(signed_distance_um(blade(mesophyll))[30:-40]) < 1.5
    scan[near] = rng().uniform(0, 200, near.sum())
    found = grey.noise(blade(mesophyll, scan))
    assert found["noise sd, gridrec"] < 3  # of 58


def test_what_lies_near_air_is_no_neighbour():
    """Rows of one grey value inside cells, white noise near air: rows are alike as far as they are seen."""
    mesophyll = stripes(20, 20)
    scan = np.repeat(rng().normal(100, 4, (200, 1)), 240, axis=1)
    near = np.abs(signed_distance_um(blade(mesophyll))[30:-40]) < 2.0
    scan[near] = rng(1).normal(100, 4, near.sum())
    found = grey.noise(blade(mesophyll, scan))
    assert found["correlation at 6 px along x, gridrec"] > 0.9


# --- walls -----------------------------------------------------------------------------------------------------------


def walled(height: float, noise: float, slope: float = 0.3) -> np.ndarray:
    """Straight oblique walls 12 µm apart, of half-width 0.65 µm at 0.25 µm, under white noise blurred by 1.5 pixels."""
    y, x = np.mgrid[:400, :400] * 0.25
    off = (x * np.cos(slope) + y * np.sin(slope) + 6) % 12 - 6
    field = ndimage.gaussian_filter(rng(1).standard_normal((400, 400)), 1.5)
    return 100 + height * np.exp(-np.log(2) * (off / 0.65) ** 2) + noise * field / field.std()


def heights(scan: np.ndarray) -> tuple[float, float]:
    scan = scan.astype(np.float32)
    where = np.zeros(scan.shape, bool)
    where[20:-20, 20:-20] = True
    found = walls.ridges(scan, 0.25)
    return walls.contrast(scan, found, where, 0.25), walls.contrast(scan, found, where, 0.25, dark=True)


@pytest.mark.parametrize("slope", [0.0, 0.3, 0.8, 1.5])
def test_walls_of_a_known_height_are_found_that_high(slope):
    bright, dark = heights(walled(10, 0, slope))
    assert bright == pytest.approx(10, rel=0.06)
    assert np.isnan(dark)  # what lies beside a bright line is no line


def test_walls_stand_out_of_noise_and_noise_alone_has_dark_lines_as_strong():
    bright, dark = heights(walled(10, 3))
    assert 9.5 < bright < 14
    assert dark < 0.6 * bright
    bright, dark = heights(walled(0, 3))
    assert bright == pytest.approx(dark, rel=0.1)


def test_each_tissue_has_its_own_walls():
    mesophyll = cells(400, 400)
    mesophyll[200:] = tissues.BUNDLE_SHEATH
    mesophyll[0, 0] = tissues.AIRSPACE
    scan = walled(10, 0)
    scan[200:] = 100 + 2 * (scan[200:] - 100)
    section = blade(mesophyll, scan, 0.25)
    found = walls.walls(section)
    assert found["sheath, gridrec"] == pytest.approx(2 * found["mesophyll, gridrec"], rel=0.1)
    assert np.isnan(found["epidermis, Paganin"]) or found["epidermis, Paganin"] < 1


# --- told apart ------------------------------------------------------------------------------------------------------


def noisy(seed: int, sd: float = 4.0, sigma: float = 1.2) -> Section:
    """A leaf without air under noise of this spread and reach."""
    field = ndimage.gaussian_filter(rng(seed).standard_normal((320, 320)), sigma)
    scan = (100 + sd * field / field.std()).astype(np.float32)
    return Section(scan, scan, np.full(scan.shape, tissues.SPONGY, np.uint8), 0.65, name=f"grape {seed}")


@pytest.mark.slow
def test_a_phantom_like_the_real_section_cannot_be_told_from_it():
    found = apart.judge(noisy(0), [noisy(seed) for seed in (1, 2, 3, 4)], "gridrec", SIDE)
    assert found.low <= 0.62
    assert 0.35 < found.accuracy < 0.65
    assert set(found.by_kind) == {"histogram", "spectrum", "gradients", "directions", "neighbours"}


@pytest.mark.slow
def test_what_gives_a_phantom_away_is_told():
    found = apart.judge(noisy(0), [noisy(seed, sd=5.0) for seed in (1, 2, 3, 4)], "gridrec", SIDE)
    assert found.accuracy > 0.95
    first = found.importance.iloc[0]
    assert first["alone"] > 0.95
    assert found.importance.set_index("feature").loc["histogram: sd", "phantom"] == pytest.approx(5, rel=0.1)
    assert found.importance.set_index("feature").loc["histogram: sd", "real"] == pytest.approx(4, rel=0.1)
    assert "gridrec at 0.65 µm: " in str(found)


def test_no_patch_of_the_real_section_lies_in_two_blocks():
    rows = apart.table([noisy(0), noisy(1)], "gridrec", 32)
    real = rows[rows["synthetic"] == 0]
    assert sorted(real["source"].unique()) == [f"block {n}" for n in range(4)]
    assert len(real) == 4 * 4 * 4  # in a block of 160 pixels, 64 begin at 0, 32, 64 or 96
    assert set(rows[rows["synthetic"] == 1]["source"]) == {"grape 1"}


def test_patches_lie_in_the_leaf_and_in_the_field_of_view():
    section = noisy(0)
    section.tissue[:, :160] = tissues.BACKGROUND
    section.gridrec[-1] = 0
    found = list(patches(section, section.gridrec, SIDE))
    assert {patch.column for patch in found} == {192, 256}  # of 64 pixels from 128 on only a half is leaf
    assert {patch.row for patch in found} == {0, 64, 128, 192}


def test_a_patch_turned_by_a_right_angle_swaps_what_is_said_of_x_and_y():
    streaks = ndimage.gaussian_filter(rng().standard_normal((SIDE, SIDE)), (1, 6)).astype(np.float32)
    along, turned = describe(streaks), describe(streaks.T.copy())
    assert along["directions: gradient along y, share"] > 0.6
    assert along["directions: gradient along y, share"] == pytest.approx(
        turned["directions: gradient along x, share"], abs=0.02
    )
    name = "spectrum: power across rows over columns, coarse"
    assert along[name] == pytest.approx(-turned[name], abs=0.2)
    assert along[name] > 1


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("real", "phantoms", "said"),
    [
        ([1, 3], [0, 2, 9], "inside"),
        ([1, 3], [2.9, 4, 5], "overlaps"),
        ([1, 3], [4, 5], "**outside**"),
        ([np.nan, 1, 3], [2], "inside"),
        ([np.nan], [1], ""),
        ([1], [np.nan], ""),
    ],
)
def test_a_figure_is_inside_where_the_phantoms_median_is_within_the_real_range(real, phantoms, said):
    assert page.verdict(real, phantoms) == said


def test_the_page_tells_each_figure_and_explains_what_lies_outside():
    real = [{"thickness": {"leaf, µm, p50": 157.0}}, {"thickness": {"leaf, µm, p50": 150.0}}]
    phantoms = [{"thickness": {"leaf, µm, p50": 134.0}}, {"thickness": {"leaf, µm, p50": 120.0}}]
    told = pd.DataFrame([{"feature": "histogram: sd", "fall": 0.3, "alone": 0.9, "real": 4.0, "phantom": 3.2}])
    verdicts = [apart.Verdict("Paganin", 0.65, (16, 64), 0.914, 0.85, 0.97, {"histogram": 0.9}, told)]
    head = {"size": "9 by 9", "pixel": 0.1625, "folder": "images", "source": "who", "names": "grape 1"}
    text = page.write(real, phantoms, {"thickness": {"leaf, µm, p50": 143.6}}, verdicts, head)
    assert (
        "| leaf, µm, p50 | 157 | 144 to 157 | 127 | 120 to 134 | **outside**: Phantoms are drawn from 110 to 160 µm"
        in text
    )
    assert "| Paganin | 0.65 | 16, 64 | **91.4%** (85.0% to 97.0%) | 90% |" in text
    assert "| Paganin | 0.65 | histogram: sd | 0.30 | 0.90 | 4 | 3.2 |" in text


def test_every_explanation_belongs_to_a_group():
    assert all(start.split(": ")[0] in GROUPS for start in page.EXPLAINED)


def test_a_section_is_parted_into_its_halves():
    section = blade(stripes(16, 8))
    assert [(each.name, each.tissue.shape[1]) for each in parts(section)] == [
        ("section", 240),
        ("left", 120),
        ("middle", 120),
        ("right", 120),
    ]


# --- all of it -------------------------------------------------------------------------------------------------------


def test_a_section_without_air_or_leaf_is_measured_without_complaint():
    empty = Section(*[np.full((64, 64), 100, np.float32)] * 2, np.zeros((64, 64), np.uint8), 0.5)
    solid = blade(cells(40, 60))
    for section in (empty, solid):
        assert set(measure(section)) == set(GROUPS)


@pytest.fixture(scope="module")
def real() -> Section:
    if not GRAPE.exists():
        pytest.skip("the real section is not on this machine (../shared/data/grape440)")
    return read_real(GRAPE)


@pytest.fixture(scope="module")
def published(real) -> dict:
    return json.loads((GRAPE / "calibration.json").read_text(encoding="utf-8"))


def test_the_real_edge_is_as_it_was_measured(real, published):
    """The published figures are of the whole slice; this is the part of it that is at hand."""
    for name, scan in real.scans.items():
        curve = published[name.lower()]["profile_signed_px_to_median"]
        pixels = np.array([int(place) for place in curve])
        places = (pixels - 0.5 * np.sign(pixels)) * real.spacing_um  # to the outline, not to the next pixel beyond it
        off = np.abs(grey.profile(real, scan, places) - list(curve.values()))
        assert np.all(off[places > -1] <= 3)
        assert np.all(off[places <= -1] <= 6)  # wide gaps are few in this part


def test_the_real_noise_is_as_it_was_measured(real, published):
    found = grey.noise(real)
    assert found["noise sd, gridrec"] == pytest.approx(published["gridrec"]["noise_sd_highpass_sigma2px"], rel=0.05)
    assert found["band sd, gridrec"] == pytest.approx(published["gridrec"]["noise_sd_bandpass_lt12px"], rel=0.05)
    assert found["noise sd, Paganin"] == pytest.approx(published["paganin"]["noise_sd_highpass_sigma2px"], rel=0.1)
    assert found["slow sd, Paganin"] == pytest.approx(published["paganin"]["slow_variation_sd"], rel=0.2)
    for lag, value in zip((1, 2, 3, 4, 6), published["gridrec"]["noise_acf_lag_px_1_2_3_4_6"], strict=True):
        assert found[f"correlation at {lag} px along x, gridrec"] == pytest.approx(value, abs=0.06)


def test_the_real_leaf_is_as_it_was_measured(real, published):
    found = geometry.thickness(real) | geometry.porosity(real)
    for name, (low, _, high) in published["geometry_um_p10_p50_p90"].items():
        assert low - 2 < found[f"{name.replace('_', ' ').replace('leaf thickness', 'leaf')}, µm, p50"] < high + 2
    assert found["all"] == pytest.approx(published["porosity"]["slice"], abs=0.03)
    assert found["palisade half"] == pytest.approx(published["porosity"]["upper45pct"], abs=0.03)
    assert found["spongy half"] == pytest.approx(published["porosity"]["lower55pct"], abs=0.05)


def test_the_real_walls_stand_out_of_their_null_control_where_they_do_to_the_eye(real):
    part = cut(real, slice(500, 1352), slice(640, 1000))
    found = walls.walls(part)
    assert found["sheath, gridrec"] > 1.25 * found["sheath, gridrec, null"]
    assert found["sheath, Paganin"] > 1.4 * found["sheath, Paganin, null"]
