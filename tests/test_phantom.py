"""The synthetic leaf: a sound labelling, an anatomy that knows no voxels, and grey values as they were measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cc3d
import numpy as np
import pytest
from scipy import ndimage

from mesophyll import phantom, tissues
from mesophyll.errors import SettingsError, VolumeError
from mesophyll.phantom import PLAIN, scanner
from mesophyll.phantom.scanner.noise import grain, smooth
from mesophyll.phantom.scanner.walls import FAINT, MESOPHYLL_RIDGE, sheets

CALIBRATION = Path(__file__).parents[2] / "shared" / "data" / "grape440" / "calibration.json"
FINE = (0.1625,) * 3
SMALL = {"shape": (40, 128, 40), "spacing_um": 0.8}
CELLS = np.array([0, 1, 1, 1, 1, 1, 1, 0], bool)  # by tissue code


@pytest.fixture(scope="module")
def leaf() -> phantom.Phantom:
    return phantom.make(2, shape=(160, 160, 160))


@pytest.fixture(scope="module")
def slab(leaf) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """A part of that leaf, as the scanner takes it: labels, tissue, spacing."""
    return leaf.labels[:64], leaf.tissue[:64], leaf.spacing_um


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def two_cells(shape: tuple[int, ...], normal: tuple[float, ...]) -> np.ndarray:
    """Two cells on either side of a plane through the middle."""
    places = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij"), axis=-1)
    return np.where(places @ np.array(normal) > 1e-9, 2, 1).astype(np.int32)


# --- the labelling ---------------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_leaf_bit_by_bit():
    first, again = phantom.make(5, **SMALL), phantom.make(5, **SMALL)
    for name in ("labels", "tissue", "gridrec", "paganin"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.labels.dtype, first.tissue.dtype, first.gridrec.dtype) == (np.int32, np.uint8, np.uint8)
    assert (first.spacing_um, first.kind, first.seed) == ((0.8, 0.8, 0.8), "grape", 5)


def test_another_seed_gives_another_leaf_and_another_scan():
    first, other = phantom.make(5, **SMALL), phantom.make(6, **SMALL)
    assert np.mean(first.labels != other.labels) > 0.3
    assert np.mean(first.gridrec != other.gridrec) > 0.8


def test_every_number_is_one_connected_cell_and_the_numbers_have_no_gaps(leaf):
    numbers = np.unique(leaf.labels)
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
    _, pieces = cc3d.connected_components(leaf.labels, connectivity=6, return_N=True)
    assert pieces == len(numbers) - 1


def test_no_cell_is_a_crumb(leaf):
    assert np.bincount(leaf.labels.ravel())[1:].min() * 0.65**3 >= 30.0


def test_tissue_says_cell_exactly_where_the_labels_do(leaf):
    np.testing.assert_array_equal(CELLS[leaf.tissue], leaf.labels > 0)


def test_a_cell_is_of_one_tissue(leaf):
    tissue_of = np.zeros(leaf.labels.max() + 1, np.uint8)
    tissue_of[leaf.labels] = leaf.tissue
    assert np.all((tissue_of[leaf.labels] == leaf.tissue)[leaf.labels > 0])


def test_a_leaf_of_160_voxels_shows_every_tissue(leaf):
    found, voxels = np.unique(leaf.tissue, return_counts=True)
    assert found.tolist() == sorted(tissues.TISSUES)
    assert voxels.min() > 10_000


def test_the_leaf_lies_with_its_upper_side_at_small_y_and_medium_on_both_sides(leaf):
    depth = {code: np.nonzero(leaf.tissue == code)[1].mean() for code in range(1, 6)}
    assert depth[tissues.UPPER_EPIDERMIS] < depth[tissues.PALISADE] < depth[tissues.SPONGY]
    assert depth[tissues.SPONGY] < depth[tissues.LOWER_EPIDERMIS]
    assert np.all(leaf.tissue[:, [0, -1]] == tissues.BACKGROUND)


def test_the_epidermes_close_the_leaf(leaf):
    """No airspace touches the surround by a face: the only way out would be a hole in a skin."""
    air, out = leaf.tissue == tissues.AIRSPACE, leaf.tissue == tissues.BACKGROUND
    assert not np.any(ndimage.binary_dilation(out) & air)


@pytest.mark.parametrize("skin", [tissues.UPPER_EPIDERMIS, tissues.LOWER_EPIDERMIS])
def test_skin_cells_are_as_wide_as_those_of_a_grape_leaf(leaf, skin):
    boxes = ndimage.find_objects(leaf.labels * (leaf.tissue == skin))
    widths = 0.65 * np.array([[box[0].stop - box[0].start, box[2].stop - box[2].start] for box in boxes if box])
    assert np.all((np.median(widths, axis=0) > 12) & (np.median(widths, axis=0) < 50))
    assert widths.max() < 80


def test_palisade_cells_stand_upright_and_are_as_wide_as_those_of_a_grape_leaf(leaf):
    boxes = ndimage.find_objects(leaf.labels * (leaf.tissue == tissues.PALISADE))
    sizes = 0.65 * np.array([[axis.stop - axis.start for axis in box] for box in boxes if box])
    deep, high, wide = np.median(sizes, axis=0)
    assert 8 < deep < 16
    assert 8 < wide < 16
    assert high > 1.8 * wide


@pytest.mark.parametrize(("kind", "low", "high"), [("grape", 0.20, 0.33), ("hard", 0.20, 0.26)])
def test_the_share_of_air_in_the_mesophyll_is_that_of_its_kind(kind, low, high):
    made = phantom.make(3, kind=kind, shape=(80, 160, 80), spacing_um=0.8)
    air = np.sum(made.tissue == tissues.AIRSPACE)
    cells = np.sum(np.isin(made.tissue, [tissues.PALISADE, tissues.SPONGY]))
    assert low < air / (air + cells) < high


def test_palisade_tops_are_pressed_and_gaps_open_downwards(leaf):
    """Measured on a grape leaf: a tenth of air under the upper skin, a third at a third of the depth."""
    y = np.nonzero(leaf.tissue == tissues.PALISADE)[1]
    upper, lower = np.percentile(y, [15, 75]).astype(int)
    shares = []
    for row in (upper, lower):
        counts = np.bincount(leaf.tissue[:, row].ravel(), minlength=8)
        shares.append(counts[tissues.AIRSPACE] / (counts[tissues.AIRSPACE] + counts[tissues.PALISADE]))
    assert shares[0] < 0.2
    assert shares[1] > shares[0] + 0.05


def test_the_same_leaf_in_other_voxels_is_the_same_leaf():
    coarse = phantom.make(7, shape=(48, 112, 48), spacing_um=0.8)
    fine = phantom.make(7, shape=(64, 128, 96), spacing_um=(0.6, 0.7, 0.4))
    index = [
        ((np.arange(n) + 0.5) * 0.8 / step).astype(int) for n, step in zip((48, 112, 48), fine.spacing_um, strict=True)
    ]
    seen = np.ix_(*index)
    assert np.mean(fine.tissue[seen] == coarse.tissue) > 0.93
    numbers, sizes = np.unique(coarse.labels, return_counts=True)
    found = 0
    for number in (large := numbers[1:][sizes[1:] > 300]):
        own = coarse.labels == number
        partner = np.bincount(fine.labels[seen][own]).argmax()
        other = fine.labels[seen] == partner
        found += partner > 0 and np.sum(own & other) / np.sum(own | other) > 0.6
    assert found / len(large) > 0.95


@pytest.mark.parametrize("height", [64, 128])
def test_a_low_volume_gets_a_thinner_leaf_and_a_very_low_one_cuts_it(height):
    made = phantom.make(1, shape=(32, height, 32), spacing_um=0.65)
    assert made.labels.max() > 5
    surround = np.all(made.tissue[:, [0, -1]] == tissues.BACKGROUND)
    assert surround == (height == 128)


# --- the pieces it is made of ----------------------------------------------------------------------------------------


# --- the scanner -----------------------------------------------------------------------------------------------------


def across_an_edge() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances (µm, positive in the cell) and both profiles across a flat face of a cell in air."""
    labels = np.zeros((24, 24, 96), np.int32)
    labels[:, :, 48:] = 1
    tissue = np.where(labels > 0, tissues.PALISADE, tissues.AIRSPACE).astype(np.uint8)
    gridrec, paganin = scanner.image(labels, tissue, FINE, rng(), PLAIN)
    return (np.arange(96) - 47.5) * 0.1625, gridrec[12, 12].astype(float), paganin[12, 12].astype(float)


def test_plateaus_edge_and_fringe_are_as_measured():
    d, gridrec, paganin = across_an_edge()
    assert (gridrec[0], gridrec[-1]) == (104, 116)
    assert (paganin[0], paganin[-1]) == (46, 119)
    assert gridrec.max() == pytest.approx(135, abs=3)
    assert gridrec.min() == pytest.approx(81, abs=5)
    assert 0.5 < d[gridrec.argmax()] < 1.2
    assert -1.4 < d[gridrec.argmin()] < -0.5
    rise = np.interp([46 + 7.3, 119 - 7.3], paganin, d)
    assert np.diff(rise)[0] == pytest.approx(2.0, abs=0.15)


def test_the_edges_follow_the_profiles_of_the_real_slice():
    if not CALIBRATION.exists():
        pytest.skip("the calibration of the grape slice is not part of the repository")
    measured = json.loads(CALIBRATION.read_text(encoding="utf-8"))
    d, *profiles = across_an_edge()
    for name, profile, most in zip(("gridrec", "paganin"), profiles, (2.5, 4.0), strict=True):
        points = measured[name]["profile_signed_px_to_median"]
        where = np.array([int(pixel) for pixel in points]) * 0.1625 + 0.31  # outlines drawn that far inside the edge
        rest = np.interp(where, d, profile) - list(points.values())
        assert np.sqrt(np.mean(rest**2)) < most


@pytest.mark.parametrize(
    ("normal", "area"),
    [((0, 0, 1), 1), ((0, 1, 0), 1), ((0, 1, 1), 2**0.5), ((1, 1, 1), 0.75 * 3**0.5), ((0, 1, 3), 10**0.5 / 3)],
)
def test_a_wall_is_as_high_whichever_way_it_runs(normal, area):
    """Summed over the middle of the volume, a ridge goes with the area of the plane through it."""
    tissue = np.full((44, 44, 44), tissues.PALISADE, np.uint8)
    total = [
        sheets(two_cells(tissue.shape, way), tissue, (0.65,) * 3, {tissues.PALISADE: 1.0}, 3)[7:-7, 7:-7, 7:-7].sum()
        for way in (normal, (1, 0, 0))
    ]
    assert total[0] / total[1] == pytest.approx(area, rel=0.08)


def test_a_wall_has_its_measured_width():
    labels = two_cells((16, 16, 60), (0, 0, 1))
    ridge = sheets(labels, np.full(labels.shape, tissues.PALISADE, np.uint8), FINE, {tissues.PALISADE: 1.0}, 3)[8, 8]
    d = (np.arange(60) - 29.5) * 0.1625
    half = np.interp(ridge.max() / 2, ridge[30:][::-1], d[30:][::-1])
    assert half == pytest.approx(0.65, abs=0.08)
    assert 0.55 * MESOPHYLL_RIDGE < ridge.max() < 1.45 * MESOPHYLL_RIDGE


def test_a_wall_keeps_its_width_in_larger_voxels():
    labels = two_cells((16, 16, 40), (0, 0, 1))
    tissue = np.full(labels.shape, tissues.PALISADE, np.uint8)
    ridge = sheets(labels, tissue, (0.65,) * 3, {tissues.PALISADE: 1.0}, 3)[8, 8, 20:]
    assert ridge[1] / ridge[0] == pytest.approx(np.exp(-(0.975**2 - 0.325**2) / (2 * 0.552**2)), abs=0.05)


def test_a_pair_of_cells_has_one_wall_from_whichever_side_it_is_met(leaf):
    labels, tissue = leaf.labels[:40, 40:100, :40], leaf.tissue[:40, 40:100, :40]
    seen = dict.fromkeys(range(1, 7), 0.5)
    ridge = sheets(labels, tissue, (0.65,) * 3, seen, 3)
    turned = sheets(labels[::-1, ::-1, ::-1], tissue[::-1, ::-1, ::-1], (0.65,) * 3, seen, 3)[::-1, ::-1, ::-1]
    np.testing.assert_allclose(turned, ridge, atol=1e-3)
    other = sheets(labels, tissue, (0.65,) * 3, seen, 4)
    assert np.abs(other - ridge).max() > 2


def test_the_stated_share_of_walls_shows():
    labels = np.arange(1, 25 * 25 * 2 + 1, dtype=np.int32).reshape(25, 25, 2).repeat(6, 0).repeat(6, 1).repeat(6, 2)
    tissue = np.full(labels.shape, tissues.SPONGY, np.uint8)
    ridge = sheets(labels, tissue, (0.65,) * 3, {tissues.SPONGY: 0.3}, 1)[3::6, 3::6, 5]
    shows = ridge > 2 * FAINT * MESOPHYLL_RIDGE
    assert shows.mean() == pytest.approx(0.3, abs=0.05)


def test_palisade_and_skin_walls_show_and_spongy_contacts_mostly_do_not(slab):
    labels, tissue, _ = slab
    gridrec, _ = scanner.image(*slab, rng(), PLAIN)
    deep = ndimage.distance_transform_edt(labels > 0) > 5  # far from edges and their fringes
    largest, least = ndimage.maximum_filter(labels, 3), ndimage.minimum_filter(labels, 3)
    wall = deep & (largest != least)
    inner = deep & (ndimage.distance_transform_edt(largest == least) > 2)
    shown = {}
    for code in (tissues.PALISADE, tissues.UPPER_EPIDERMIS, tissues.BUNDLE_SHEATH, tissues.SPONGY):
        shown[code] = gridrec[wall & (tissue == code)].mean() - gridrec[inner & (tissue == code)].mean()
    assert shown[tissues.PALISADE] > 2
    assert shown[tissues.UPPER_EPIDERMIS] > 3
    assert shown[tissues.BUNDLE_SHEATH] > 3
    assert shown[tissues.SPONGY] < 0.6 * shown[tissues.PALISADE]


def test_noise_in_large_voxels_is_binned_noise_of_small_ones():
    fine = grain(rng(1), (96, 96, 96), 0.182, FINE)
    binned = fine.reshape(24, 4, 24, 4, 24, 4).mean(axis=(1, 3, 5))
    coarse = grain(rng(2), (48, 48, 48), 0.182, (0.65,) * 3)
    assert coarse.std() == pytest.approx(binned.std(), rel=0.06)
    lags = [np.mean(fine[:, :, lag:] * fine[:, :, :-lag]) / fine.var() for lag in (1, 2, 3)]
    np.testing.assert_allclose(lags, [0.82, 0.47, 0.23], atol=0.08)


def test_slow_variation_has_its_strength_and_reach():
    field = smooth(rng(), (90, 90, 90), (4.0, 8.0, 1.0), (0.5, 1.0, 1.0))
    assert field.std() == pytest.approx(1.0, abs=0.25)
    steps = [np.diff(field, axis=axis).std() / field.std() for axis in range(3)]
    assert steps[1] < steps[2]
    np.testing.assert_allclose(steps[:2], [0.5 / 4 / np.sqrt(2), 1 / 8 / np.sqrt(2)], rtol=0.3)


def test_a_dense_medium_is_as_grey_as_cells_and_has_a_face(slab):
    _, tissue, _ = slab
    gridrec, paganin = scanner.image(*slab, rng(), replace(PLAIN, medium_is_air=0.0))
    assert np.median(paganin[tissue == tissues.BACKGROUND]) == 119
    met = tissue == tissues.BACKGROUND
    face = met & ndimage.binary_dilation(tissue == tissues.UPPER_EPIDERMIS)
    assert gridrec[face].mean() > 116 + 1.5
    _, in_air = scanner.image(*slab, rng(), PLAIN)
    assert np.median(in_air[met]) == 46


def test_bubbles_and_dark_corners_stay_outside_the_leaf(slab):
    calm = replace(PLAIN, medium_is_air=0.0)
    busy = replace(calm, drops=60.0, dark_corner=1.0)
    (gridrec, paganin), (_, before) = (scanner.image(*slab, rng(4), optics) for optics in (busy, calm))
    outside = slab[1] == tissues.BACKGROUND
    assert np.any(gridrec == 0)
    assert np.all(outside[gridrec == 0])
    deep = ndimage.distance_transform_edt(~outside) > 6
    assert np.abs(paganin[deep].astype(int) - before[deep]).max() <= 2
    assert np.mean((paganin[outside] > 0) & (paganin[outside] < 80)) > 0.02


def test_the_scanner_takes_any_labels_and_leaves_them_alone():
    labels = two_cells((20, 20, 20), (0, 1, 1))
    labels.flags.writeable = False
    tissue = np.full(labels.shape, tissues.SPONGY, np.uint8)
    tissue.flags.writeable = False
    for seed in range(4):
        gridrec, paganin = scanner.image(labels, tissue, (0.65, 0.65, 0.65), rng(seed))
        assert gridrec.shape == paganin.shape == labels.shape


def test_a_hard_leaf_is_noisier_and_hides_more_walls():
    grape, hard = phantom.KINDS["grape"].optics, phantom.KINDS["hard"].optics
    assert np.mean(hard.noise) == pytest.approx(1.5 * np.mean(grape.noise), rel=0.05)
    assert hard.hidden > grape.hidden


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_unknown_kind_is_named_with_the_nearest_one():
    with pytest.raises(SettingsError, match=r"unknown kind of leaf 'grap'; .*grape, hard; did you mean 'grape'"):
        phantom.make(0, kind="grap")


def test_a_negative_seed_is_refused():
    with pytest.raises(SettingsError, match="seed = -1; a seed is a whole number from 0 on"):
        phantom.make(-1)


@pytest.mark.parametrize("shape", [(128, 128), (128, 8, 128), (-64, 64, 64)])
def test_a_volume_too_thin_for_a_leaf_is_refused(shape):
    with pytest.raises(SettingsError, match=r"three axes .* of at least 16 voxels; make the volume larger"):
        phantom.make(0, shape=shape)


def test_voxels_in_which_no_cell_would_show_are_refused():
    with pytest.raises(SettingsError, match=r"5.0\); a synthetic leaf has voxels of 0.1 to 3.0 µm"):
        phantom.make(0, spacing_um=5.0)
    with pytest.raises(VolumeError, match="positive"):
        phantom.make(0, spacing_um=-1.0)
