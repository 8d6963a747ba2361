"""The scanner: grey values as they were measured, artefacts that stay where they belong, and any box alone as in the whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mesophyll import tissues
from mesophyll.errors import LabelsError, SettingsError
from mesophyll.phantom import PLAIN, scanner
from mesophyll.phantom.grid import Grid
from mesophyll.phantom.hashing import of_pair, share
from mesophyll.phantom.scanner import Crystal, Faces, Optics, Scan
from mesophyll.phantom.scanner.artefacts import Rings, Seams
from mesophyll.phantom.scanner.chance import white
from mesophyll.phantom.scanner.noise import blur, grain, ramped, reach, smooth
from mesophyll.phantom.scanner.walls import FAINT, MESOPHYLL_RIDGE, Walls

CALIBRATION = Path(__file__).parents[2] / "shared" / "data" / "grape440" / "calibration.json"
FINE = (0.1625,) * 3
SHAPE = (40, 72, 44)
WHOLE = tuple(slice(0, count) for count in SHAPE)
EVERYTHING = Optics(
    noise=(1.0, 1.0),
    streaks=(1.0, 1.0),
    rings=(1.0, 1.0),
    seams=(1.0, 1.0),
    motion=(2.0, 2.0),
    stars=(12.0, 12.0),
    drops=60.0,
    dark_corner=1.0,
    bits=16,
)
"""A scan with every artefact."""


@pytest.fixture(scope="module")
def slab() -> tuple[np.ndarray, np.ndarray, float]:
    """A leaf of hand-made cells, all of whose layers are there, as the scanner takes it: labels, tissue, spacing."""
    return *layers((56, 120, 96)), 0.65


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def two_cells(shape: tuple[int, ...], normal: tuple[float, ...]) -> np.ndarray:
    """Two cells on either side of a plane through the middle."""
    places = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij"), axis=-1)
    return np.where(places @ np.array(normal) > 1e-9, 2, 1).astype(np.int32)


def layers(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A wavy leaf of box-shaped cells, labels and tissue: skins, palisade, a sheath, spongy cells with air, the surround."""
    z, y, x = np.indices(shape)
    top = 0.2 * shape[1] + 3 * np.sin(z / 9) + 2 * np.cos(x / 7)
    depth = (y - top) / (0.6 * shape[1])
    labels = (1 + z // 18 + 8 * (y // 18) + 90 * (x // 16)).astype(np.int32)
    codes = (tissues.UPPER_EPIDERMIS, tissues.PALISADE, tissues.BUNDLE_SHEATH, tissues.SPONGY, tissues.LOWER_EPIDERMIS)
    tissue = np.select([depth < bound for bound in (0.2, 0.45, 0.6, 0.85)], codes[:-1], codes[-1])
    tissue[(tissue == tissues.SPONGY) & (labels * 7919 % 5 < 2)] = tissues.AIRSPACE
    tissue[(depth < 0) | (depth > 1)] = tissues.BACKGROUND
    labels[(tissue == tissues.AIRSPACE) | (tissue == tissues.BACKGROUND)] = 0
    return labels, tissue.astype(np.uint8)


def scan_of_leaf(optics: Optics, seed: int = 0) -> tuple[Scan, np.ndarray, np.ndarray]:
    """A scan of that leaf, with a crystal of either kind, and what it is a scan of."""
    labels, tissue = layers(SHAPE)
    volume = Grid(SHAPE, (0.65, 0.7, 0.6))
    crystals = [Crystal((12.0, 25.0, 12.0), 6.0, "druse", 3), Crystal((16.0, 30.0, 17.0), 7.0, "raphides", 4)]
    return Scan.draw(rng(seed), optics, volume, Faces.find(tissue, volume), crystals), labels, tissue


def ridges(labels: np.ndarray, tissue: np.ndarray, step: float, *, share: float = 1.0, seed: int = 3) -> np.ndarray:
    """The walls of a volume of which in every tissue a share shows."""
    return replace(walls_of(share), seed=seed).ridges(labels, tissue, (step,) * 3)


def walls_of(share: float) -> Walls:
    return Walls.draw(rng(), replace(PLAIN, walls_seen={}, walls_otherwise=share))


# --- any box alone is that box of the whole ---------------------------------------------------------------------------

spans = [st.tuples(st.integers(0, n - 1), st.integers(1, n)).map(sorted).filter(lambda s: s[0] < s[1]) for n in SHAPE]


@pytest.mark.parametrize("airy", [0.0, 1.0])
@given(box=st.tuples(*spans), seed=st.integers(0, 3))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_a_box_exposed_alone_is_that_box_of_the_whole_bit_by_bit(airy, box, seed):
    scan, labels, tissue = scan_of_leaf(replace(EVERYTHING, medium_is_air=airy), seed)
    region = tuple(slice(*span) for span in box)
    whole = scan.expose(labels, tissue, WHOLE)
    for image, alone in zip(whole, scan.expose(labels, tissue, region), strict=True):
        np.testing.assert_array_equal(alone, image[region])


def test_a_volume_written_in_blocks_to_files_is_the_one_in_memory(tmp_path):
    scan, labels, tissue = scan_of_leaf(EVERYTHING)
    files = [zarr.create_array(tmp_path / name, shape=SHAPE, chunks=(16,) * 3, dtype=scan.dtype) for name in "gp"]
    stored = zarr.create_array(tmp_path / "l", shape=SHAPE, chunks=(16,) * 3, dtype="int32")
    stored[:] = labels
    scan.write(stored, tissue, tuple(files), side=37)
    for file, image in zip(files, scan.expose(labels, tissue, WHOLE), strict=True):
        np.testing.assert_array_equal(file[:], image)


def test_a_scan_reads_no_more_than_it_needs():
    """Told wrong things beyond its margin, it shows the same: and the margin is not simply the volume."""
    scan, labels, tissue = scan_of_leaf(replace(EVERYTHING, medium_is_air=0.0))
    region = (slice(18, 20), slice(34, 36), slice(20, 22))
    far = np.ones(SHAPE, bool)
    far[tuple(slice(max(axis.start - 16, 0), axis.stop + 16) for axis in region)] = False
    assert far.any()
    changed = np.where(far, 77, labels).astype(np.int32)
    for first, second in zip(scan.expose(labels, tissue, region), scan.expose(changed, tissue, region), strict=True):
        np.testing.assert_array_equal(first, second)


def test_white_noise_is_white_normal_and_the_same_from_wherever_it_is_read():
    drawn = white(7, (-20, 5, -3), (60, 60, 60))
    np.testing.assert_array_equal(white(7, (-10, 15, 7), (9, 8, 7)), drawn[10:19, 10:18, 10:17])
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.std() == pytest.approx(1, abs=0.005)
    assert np.mean(drawn**4) == pytest.approx(3, abs=0.2)
    for axis in range(3):
        pairs = np.take(drawn, range(1, 60), axis) * np.take(drawn, range(59), axis)
        assert pairs.mean() == pytest.approx(0, abs=0.01)
    assert np.mean(drawn * white(8, (-20, 5, -3), (60, 60, 60))) == pytest.approx(0, abs=0.01)


def test_a_blur_sees_no_farther_than_it_says():
    spacing = (0.65, 0.3, 1.0)
    point = np.zeros((21, 41, 15), np.float32)
    point[10, 20, 7] = 1
    spread = np.argwhere(blur(point, 1.1, spacing) > 0)
    assert tuple(spread.max(axis=0) - (10, 20, 7)) == reach(1.1, spacing)
    np.testing.assert_allclose(
        blur(point, 1.1, spacing),
        ndimage.gaussian_filter(point, [np.sqrt(1.21 - s * s / 12) / s for s in spacing], mode="nearest", truncate=3.0),
        atol=1e-6,
    )


def test_faces_are_where_the_tissue_begins_and_ends():
    _, tissue = layers(SHAPE)
    volume = Grid(SHAPE, (0.65, 0.7, 0.6))
    faces = Faces.find(tissue, volume)
    z, x = volume.centres(0), volume.centres(2)
    upper, lower = faces.at(z, x)
    leaf = tissue != tissues.BACKGROUND
    assert np.abs(upper / 0.7 - leaf.argmax(axis=1)).max() < 2
    assert np.abs(lower / 0.7 - (SHAPE[1] - leaf[:, ::-1].argmax(axis=1))).max() < 2
    alone = faces.at(z[5:9], x[7:8])
    np.testing.assert_array_equal(alone[0], upper[5:9, 7:8])


# --- what was measured -----------------------------------------------------------------------------------------------


def across_an_edge(optics: Optics = PLAIN) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances (µm, positive in the cell) and both profiles across a flat face of a cell in air."""
    labels = np.zeros((24, 24, 96), np.int32)
    labels[:, :, 48:] = 1
    tissue = np.where(labels > 0, tissues.PALISADE, tissues.AIRSPACE).astype(np.uint8)
    gridrec, paganin = scanner.image(labels, tissue, FINE, rng(), optics)
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
    assert np.diff(rise)[0] == pytest.approx(1.6, abs=0.15)  # 2.0 across drawn outlines, 1.36 across the edge itself


@pytest.mark.parametrize("step", [0.1625, 0.65, 1.0, 2.0, 3.0])
def test_plateaus_are_the_same_in_voxels_of_every_size(step):
    labels = np.zeros((12, 12, 96), np.int32)
    labels[:, :, 48:] = 1
    gridrec, paganin = scanner.image(labels, None, step, rng(), PLAIN)
    assert (gridrec[6, 6, 0], gridrec[6, 6, -1]) == (104, 116)
    assert (paganin[6, 6, 0], paganin[6, 6, -1]) == (46, 119)
    assert 40 < gridrec.min() <= 104
    assert 116 <= gridrec.max() < 165
    assert 44 <= paganin.min() < paganin.max() <= 123


def test_a_blur_finer_than_voxels_returns_a_copy():
    field = np.ones((4, 4, 4), np.float32)
    assert not np.shares_memory(blur(field, 0.1, (2.0,) * 3), field)


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
    total = [ridges(two_cells(tissue.shape, way), tissue, 0.65)[7:-7, 7:-7, 7:-7].sum() for way in (normal, (1, 0, 0))]
    assert total[0] / total[1] == pytest.approx(area, rel=0.08)


def test_a_wall_has_its_measured_width():
    labels = two_cells((16, 16, 60), (0, 0, 1))
    ridge = ridges(labels, np.full(labels.shape, tissues.PALISADE, np.uint8), 0.1625)[8, 8]
    d = (np.arange(60) - 29.5) * 0.1625
    half = np.interp(ridge.max() / 2, ridge[30:][::-1], d[30:][::-1])
    assert half == pytest.approx(0.65, abs=0.08)
    assert 0.55 * MESOPHYLL_RIDGE < ridge.max() < 1.45 * MESOPHYLL_RIDGE


def test_a_wall_keeps_its_width_in_larger_voxels():
    labels = two_cells((16, 16, 40), (0, 0, 1))
    tissue = np.full(labels.shape, tissues.PALISADE, np.uint8)
    ridge = ridges(labels, tissue, 0.65)[8, 8, 20:]
    assert ridge[1] / ridge[0] == pytest.approx(np.exp(-(0.975**2 - 0.325**2) / (2 * 0.552**2)), abs=0.05)


def test_a_pair_of_cells_has_one_wall_from_whichever_side_it_is_met(slab):
    labels, tissue, _ = slab
    ridge = ridges(labels, tissue, 0.65, share=0.5)
    turned = ridges(labels[::-1, ::-1, ::-1], tissue[::-1, ::-1, ::-1], 0.65, share=0.5)[::-1, ::-1, ::-1]
    np.testing.assert_allclose(turned, ridge, atol=1e-3)
    other = ridges(labels, tissue, 0.65, share=0.5, seed=4)
    assert np.abs(other - ridge).max() > 2


def test_the_stated_share_of_walls_shows():
    labels = np.arange(1, 25 * 25 * 2 + 1, dtype=np.int32).reshape(25, 25, 2).repeat(6, 0).repeat(6, 1).repeat(6, 2)
    tissue = np.full(labels.shape, tissues.SPONGY, np.uint8)
    ridge = ridges(labels, tissue, 0.65, share=0.3)[3::6, 3::6, 5]
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
    fine = grain(1, Grid((96, 96, 96), FINE), 0.182)
    binned = fine.reshape(24, 4, 24, 4, 24, 4).mean(axis=(1, 3, 5))
    coarse = grain(2, Grid((48, 48, 48), (0.65,) * 3), 0.182)
    assert coarse.std() == pytest.approx(binned.std(), rel=0.06)
    lags = [np.mean(fine[:, :, lag:] * fine[:, :, :-lag]) / fine.var() for lag in (1, 2, 3)]
    np.testing.assert_allclose(lags, [0.82, 0.47, 0.23], atol=0.08)


def test_tomographic_noise_lacks_what_is_coarse_in_its_plane_and_keeps_it_along_the_axis():
    fine = ramped(1, Grid((64, 128, 128), FINE), 0.182)
    assert fine.std() == pytest.approx(0.93, abs=0.02)  # pixels of 0.1625 µm average a little
    deep, high, wide = ([_alike(fine, axis, lag) for lag in (1, 2, 4)] for axis in range(3))
    np.testing.assert_allclose(high, wide, atol=0.02)
    assert deep[0] == pytest.approx(0.8, abs=0.03)
    assert 0.7 < wide[0] < 0.8
    assert wide[2] < -0.05 < deep[2] - 0.05
    binned = fine.reshape(16, 4, 32, 4, 32, 4).mean(axis=(1, 3, 5))
    coarse = ramped(2, Grid((48, 48, 48), (0.65,) * 3), 0.182)
    assert coarse.std() == pytest.approx(binned.std(), rel=0.08)


def _alike(field: np.ndarray, axis: int, lag: int) -> float:
    """The correlation of voxels so far apart along an axis."""
    ends = [np.take(field, range(*span), axis) for span in ((0, field.shape[axis] - lag), (lag, field.shape[axis]))]
    return float(np.mean(ends[0] * ends[1]) / field.var())


def test_a_box_of_tomographic_noise_is_that_box_of_the_whole():
    whole = ramped(3, Grid((20, 20, 20), (0.3,) * 3), 0.182)
    alone = ramped(3, Grid((5, 6, 7), (0.3,) * 3, (4, 8, 2)), 0.182)
    np.testing.assert_array_equal(alone, whole[4:9, 8:14, 2:9])


def test_slow_variation_has_its_strength_and_reach():
    field = smooth(1, Grid((90, 90, 90), (0.5, 1.0, 1.0)), (4.0, 8.0, 1.0))
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
        gridrec, paganin = scanner.image(labels, tissue, 0.65, rng(seed))
        assert gridrec.shape == paganin.shape == labels.shape


def test_what_belongs_to_a_pair_of_cells_knows_no_order_and_is_even():
    ways = [[of_pair(i, j, np.uint64(5)) for i in range(1, 41)] for j in range(1, 41)]
    keys = np.array(ways, np.uint64)
    np.testing.assert_array_equal(keys, keys.T)
    shares = np.array([share(key) for key in keys[np.triu_indices(40, 1)]])
    assert len(np.unique(shares)) == 780
    np.testing.assert_allclose(np.histogram(shares, bins=4, range=(0, 1))[0] / 780, 0.25, atol=0.05)
    assert of_pair(1, 2, np.uint64(5)) != of_pair(1, 2, np.uint64(6))


# --- artefacts -------------------------------------------------------------------------------------------------------


def shown(seed: int = 0, **changes: object) -> tuple[np.ndarray, np.ndarray]:
    """By how much both images of the hand-made leaf differ when something is added to a plain scan."""
    plain = replace(PLAIN, bits=16)
    calm, labels, tissue = scan_of_leaf(plain, seed)
    busy, _, _ = scan_of_leaf(replace(plain, **changes), seed)
    crystals = calm.crystals if "stars" in changes else ()
    images = [replace(scan, crystals=crystals).expose(labels, tissue, WHOLE) for scan in (busy, calm)]
    return tuple((more.astype(float) - less) / 257 for more, less in zip(*images, strict=True))


def test_nothing_is_added_to_a_plain_scan():
    labels = np.ones((24, 24, 24), np.int32)
    gridrec, paganin = scanner.image(labels, None, 0.65, rng(), PLAIN)
    assert np.unique(gridrec).tolist() == [116]
    assert np.unique(paganin).tolist() == [119]


def test_rings_run_about_the_axis_in_the_tomographic_plane():
    volume = Grid((16, 64, 64), (0.65,) * 3)
    rings = Rings((20.8, 20.8), 5)  # the middle of the volume
    field = rings.field(volume)
    np.testing.assert_allclose(field, field[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(field, field.transpose(0, 2, 1), atol=1e-4)
    assert np.abs(np.diff(field, axis=0)).max() < 0.2 * np.abs(np.diff(field[:, 32, 32:], axis=1)).max()
    assert np.mean(np.abs(field) > 2) < 0.1
    gridrec, paganin = shown(rings=(1.0, 1.0))
    assert 0.3 < gridrec.std() < 4
    assert 0.1 < paganin.std() < gridrec.std()


def test_tiles_have_greys_of_their_own_and_lines_at_their_joints():
    volume = Grid((8, 8, 300), (0.5,) * 3)
    seams = Seams((1e6, 1e6, 40.0), (-1e5, -1e5, 0.0), 2)
    image = np.zeros(volume.shape, np.float32)
    seams.add(image, volume, 1.0)
    row = image[3, 3]
    assert np.ptp(image, axis=(0, 1)).max() == 0
    steps = np.flatnonzero(np.diff(row))
    assert {int(np.rint((step + 1) * 0.5 / 40)) for step in steps} == {0, 1, 2, 3}
    assert np.all(np.abs((steps + 1) * 0.5 / 40 - np.rint((steps + 1) * 0.5 / 40)) * 40 <= 1.1)
    assert len({row[40], row[120], row[200]}) == 3


def test_motion_doubles_edges_and_leaves_what_is_even_alone():
    gridrec, paganin = np.concatenate([shown(seed, motion=(2.0, 2.0)) for seed in range(4)], axis=1)
    labels = np.tile(layers(SHAPE)[0], (4, 1, 1))
    edge = ndimage.maximum_filter(labels > 0, 13) & ~ndimage.minimum_filter(labels > 0, 13)
    assert np.abs(gridrec[~edge]).max() < 0.5
    assert np.abs(gridrec[edge]).max() > 10
    assert np.mean(np.abs(gridrec) > 1) < 0.3
    assert gridrec.min() < -5
    assert 0 < np.abs(paganin).max() < np.abs(gridrec).max()


@pytest.mark.parametrize("kind", ["druse", "raphides"])
def test_a_crystal_saturates_has_a_dark_fringe_and_stays_in_its_ball(kind):
    labels = np.ones((48, 48, 48), np.int32)
    volume = Grid(labels.shape, (0.5,) * 3)
    crystal = Crystal((12.0, 12.0, 12.0), 6.0, kind, 1)
    scan = Scan.draw(rng(), PLAIN, volume, Faces.nowhere(), [crystal])
    gridrec, paganin = scan.expose(labels, None, tuple(slice(0, 48) for _ in range(3)))
    away = np.linalg.norm((np.indices(labels.shape).reshape(3, -1).T + 0.5) * 0.5 - 12.0, axis=1).reshape(labels.shape)
    assert gridrec.max() == paganin.max() == 255
    assert gridrec[away < 9].min() < 80
    assert np.all(gridrec[away > 10] == 116)
    assert np.all(paganin[away > 10] == 119)
    assert np.sum(gridrec == 255) < np.sum(away < 6)


def test_a_druse_is_a_star_and_raphides_are_a_bundle():
    solid = []
    for kind in ("druse", "raphides"):
        density = np.ones((80, 80, 80), np.float32)
        scanner.crystals.fill([Crystal((20.0, 20.0, 20.0), 18.0, kind, 2)], density, Grid((80,) * 3, (0.5,) * 3), 10.0)
        places = (np.argwhere(density > 5) + 0.5) * 0.5 - 20.0
        spread = np.linalg.eigvalsh(np.cov(places.T))
        solid.append(spread[2] / spread[1])
        assert np.linalg.norm(places, axis=1).max() < 18.0
        assert len(places) * 0.5**3 < 0.6 * 4 / 3 * np.pi * 18.0**3
    assert solid[0] < 1.5
    assert solid[1] > 4


def test_paganin_glows_where_air_is_near_in_cells_and_in_air_alike():
    labels = np.zeros((24, 160, 24), np.int32)
    labels[:, 8:18], labels[:, 80:] = 1, 1  # a sheet of 5 µm in air, and tissue 40 µm thick
    images = [
        scanner.image(labels, None, 0.5, rng(), replace(PLAIN, glow=(glow, glow)))[1][12, :, 12].astype(float)
        for glow in (1.0, 0.0)
    ]
    glow = images[0] - images[1]
    exact = 1 - ndimage.gaussian_filter1d((labels[12, :, 12] > 0).astype(float), 12.0, mode="nearest")
    places = [13, 45, 70, 90, 110, 155]
    np.testing.assert_allclose(
        glow[places], 40 * (np.minimum(exact[places], 0.6) - 0.12), atol=2.5
    )  # a lattice of 2 µm
    assert glow[13] > 12
    assert glow[155] < -4
    assert glow[45] == pytest.approx(40 * 0.48, abs=0.5)  # more air than 0.6 makes no difference
    assert glow[45] > glow[80] > glow[90] > glow[155]


def test_a_crystal_throws_rays_across_the_tomographic_plane_only():
    gridrec, _ = shown(stars=(20.0, 20.0))
    planes = np.abs(gridrec).max(axis=(1, 2))
    assert planes[18] > 5  # 12 µm, the druse
    assert planes[:7].max() < 1
    far = np.abs(gridrec[18, 18 * 2 + 20 :]).max()
    assert far > 0.2


def test_a_medium_may_be_of_any_grey(slab):
    _, tissue, _ = slab
    found = []
    for density in (0.3, 0.6, 1.1):
        optics = replace(PLAIN, medium_is_air=0.0, medium=(density, density))
        _, paganin = scanner.image(*slab, rng(), optics)
        found.append(np.median(paganin[tissue == tissues.BACKGROUND]))
    np.testing.assert_allclose(found, 46 + 73 * np.array([0.3, 0.6, 1.1]), atol=1)


def test_each_tissue_has_walls_of_its_own_height():
    plain = walls_of(1.0).look[:, 1]
    heights = Walls.draw(rng(), replace(PLAIN, walls=(0.5, 1.5))).look[:, 1] / plain
    assert heights[:7].min() > 0.5
    assert heights[:7].max() < 1.5
    assert len(np.unique(heights[:7])) == 7


def test_sixteen_bits_show_the_same_greys_in_finer_steps(slab):
    coarse, fine = scanner.image(*slab, rng(1)), scanner.image(*slab, rng(1), Optics(bits=16))
    for eight, sixteen in zip(coarse, fine, strict=True):
        assert (eight.dtype, sixteen.dtype) == (np.uint8, np.uint16)
        assert np.abs(sixteen / 257 - eight).max() <= 0.501
        assert len(np.unique(sixteen)) > 1000


def test_wide_blur_widens_edges():
    d, gridrec, paganin = across_an_edge()
    _, soft_gridrec, soft_paganin = across_an_edge(replace(PLAIN, blur=(2.0, 2.0)))
    assert np.diff(soft_paganin).max() == pytest.approx(np.diff(paganin).max() / 2, abs=1.5)
    assert abs(d[soft_gridrec.argmax()]) > 1.4 * abs(d[gridrec.argmax()])


def test_without_tissues_all_that_is_no_cell_is_air_and_unknown_is_no_cell():
    labels = two_cells((24, 60, 24), (0, 1, 0))
    labels[:, :20], labels[:, 55:] = 0, -1
    gridrec, paganin = scanner.image(labels, None, 0.65, rng(), replace(PLAIN, medium_is_air=0.0, walls_otherwise=1.0))
    assert paganin[12, [2, 25, 58], 12].tolist() == [46, 119, pytest.approx(46, abs=12)]
    assert gridrec[12, 29:31, 12].mean() > 119
    _, hidden = (scanner.image(labels, None, 0.65, rng(), replace(PLAIN, walls_otherwise=0.0)) for _ in range(2))
    assert hidden[0][12, 29:31, 12].mean() < 118


# --- errors ----------------------------------------------------------------------------------------------------------


def test_labels_that_are_no_volume_are_refused():
    with pytest.raises(LabelsError, match=r"shape \(20, 20\) and the type int32; .* three axes .* labels\[None\]"):
        scanner.image(np.ones((20, 20), np.int32), None, 0.65, rng())
    with pytest.raises(LabelsError, match="the type float64; a scan is made of whole numbers"):
        scanner.image(np.full((4, 4, 4), 0.5), None, 0.65, rng())


def test_a_tissue_map_of_another_shape_is_refused():
    with pytest.raises(LabelsError, match=r"\(4, 4, 5\), labels \(4, 4, 4\); both must show the same volume"):
        scanner.image(np.ones((4, 4, 4), np.int32), np.ones((4, 4, 5), np.uint8), 0.65, rng())


def test_bits_that_no_scan_has_are_refused():
    with pytest.raises(SettingsError, match="bits = 12; a scan has 8 or 16 bits"):
        Optics(bits=12)
