"""A scan that looks like nothing that a model learnt from is told, with what to do; one that does is not."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import mesophyll
from mesophyll import io, likeness
from mesophyll.blocks import shape_of
from mesophyll.errors import UnfamiliarScanWarning
from mesophyll.image import Image, Intensity
from mesophyll.likeness import COARSER, MARKS, Familiar, look_over, measure, unlike
from mesophyll.model import find
from mesophyll.phantom import KINDS, make
from mesophyll.volume import Volume

SECTION = Path(__file__).parents[2] / "shared" / "data" / "grape440"


def blobs(*shape, seed=0, noise=0.02):
    """Bright cells with dark gaps between them, and noise."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 4)
    gaps = np.exp(-np.square(smooth / smooth.std() / 0.3))
    return (0.8 - 0.6 * gaps + rng.normal(0, noise, shape)).astype(np.float32)


def seen(grey, spacing=1.0, knows=1.0):
    return Image.of(Volume(grey, (spacing,) * grey.ndim, name="leaf.tif"), knows, Intensity())


def known(*images, side=32, ndim=2):
    """What a model knows that has learnt from these images."""
    met = [measure(image.read(region)[0]) for image in images for region in pieces(image.shape, side, ndim)]
    return Familiar.of(met, side)


def pieces(shape, side, ndim):
    return list(likeness._pieces(shape, side, ndim))


# ------------------------------------------------------------------------------------------------------------------ marks


def slow_marks(grey, inside):
    """The same marks, voxel by voxel."""
    bends = []
    for _ in range(4):
        row = []
        for place in np.ndindex(grey.shape):
            for axis in range(grey.ndim):
                step = np.eye(grey.ndim, dtype=int)[axis]
                ends = [tuple(place + sign * step) for sign in (-1, 1)]
                if all(0 <= end[axis] < grey.shape[axis] and inside[end] for end in ends) and inside[place]:
                    row.append(grey[ends[0]] + grey[ends[1]] - 2 * grey[place])
        bends.append(np.array(row))
        half = tuple(side // 2 for side in grey.shape)
        cells = [tuple(slice(2 * at, 2 * at + 2) for at in place) for place in np.ndindex(half)]
        grey, inside = (
            np.array([pool(values[cell]) for cell in cells]).reshape(half)
            for values, pool in ((grey, np.mean), (inside, np.all))
        )
    sizes = [np.sqrt(np.mean(row**2)) for row in bends]
    skews = [np.mean(row**3) / np.mean(row**2) ** 1.5 for row in bends]
    noise = np.median(np.abs(bends[0])) / (0.6745 * np.sqrt(6))
    return dict(zip(MARKS, [(skews[1] + skews[2]) / 2, noise, sizes[3], np.log2(sizes[1] / sizes[2])], strict=True))


@pytest.mark.parametrize("shape", [(50, 61), (26, 33, 24)])
def test_marks_are_those_counted_voxel_by_voxel(shape, monkeypatch):
    monkeypatch.setattr(likeness, "_SAMPLE", 1)
    grey, inside = blobs(*shape), np.ones(shape, bool)
    inside[:3, :9] = False
    for where in (np.ones(shape, bool), inside):
        slow = slow_marks(grey.astype(float), where)
        assert measure(grey, where) == pytest.approx(slow, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("shape", [(200, 200), (48, 48, 48)])
def test_noise_is_that_of_white_noise(shape):
    marks = measure(np.random.default_rng(0).normal(0, 0.2, shape).astype(np.float32))
    assert marks["noise"] == pytest.approx(0.2, rel=0.03)
    assert marks["polarity"] == pytest.approx(0, abs=0.1)


def test_what_is_larger_has_less_detail():
    grey = blobs(96, 96)
    found = [measure(ndimage.zoom(grey, times, order=1))["detail"] for times in (0.5, 1, 2, 3)]
    assert np.diff(found).max() < -0.2


def test_dark_gaps_have_a_polarity_above_0_and_bright_ones_as_much_below():
    marks, exchanged = measure(blobs(128, 128)), measure(1 - blobs(128, 128))
    assert marks["polarity"] > 0.3
    for name, sign in (dict.fromkeys(MARKS, 1) | {"polarity": -1}).items():
        assert exchanged[name] == pytest.approx(sign * marks[name], rel=1e-3, abs=1e-4)


def test_brightness_contrast_and_bits_move_no_mark():
    grey = (200 * blobs(128, 128) + 20).astype(np.uint8)
    usual = look_over(seen(grey), 32, 2)
    for other in (257 * grey.astype(np.uint16), ((grey - 90.3) / 1e4).astype(np.float32), grey // 2 + 100):
        tolerance = 0.02 if other.dtype == np.uint8 else 1e-3
        assert look_over(seen(other), 32, 2) == pytest.approx(usual, rel=tolerance, abs=tolerance)


def test_a_piece_that_shows_nothing_has_no_marks():
    for grey in (np.full((40, 40), 0.5, np.float32), blobs(16, 16)):  # the same everywhere; too small for four scales
        assert all(np.isnan(value) for value in measure(grey).values())


# ----------------------------------------------------------------------------------------------------------------- pieces


def test_pieces_lie_apart_within_the_image_and_are_few():
    for shape, side, ndim in (((300, 40, 100), 32, 3), ((70, 500), 64, 2), ((20, 20), 64, 2)):
        count = np.zeros(shape, int)
        for region in pieces(shape, side, ndim):
            assert all(0 <= axis.start < axis.stop <= length for axis, length in zip(region, shape, strict=True))
            assert shape_of(region) == tuple(min(side, length) for length in shape)
            count[region] += 1
        assert count.max() == 1
    assert len(pieces((900, 900, 900), 64, 3)) == 27
    assert len(pieces((900, 900), 64, 2)) == 36


def test_pieces_for_a_model_of_images_are_sections_across_each_axis():
    across = [shape_of(region).index(1) for region in pieces((90, 90, 90), 64, 2)]
    assert sorted(across) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_what_lies_outside_the_field_of_view_does_not_count():
    grey = (200 * blobs(192, 192) + 30).astype(np.uint8)
    y, x = np.indices(grey.shape) - 95.5
    cut = np.where(y**2 + x**2 < 90**2, grey, 0)
    usual, told = look_over(seen(grey), 64, 2), look_over(seen(cut), 64, 2)
    assert told == pytest.approx(usual, rel=0.15, abs=0.15)
    fine = np.where(ndimage.zoom(y**2 + x**2, 2, order=1) < 90**2, ndimage.zoom(grey, 2, order=1), 0)
    blurred_rim = look_over(seen(fine, 0.5), 64, 2)  # there, voxels of 0 and others have become one
    whole = look_over(seen(ndimage.zoom(grey, 2, order=1), 0.5), 64, 2)
    assert blurred_rim == pytest.approx(whole, rel=0.15, abs=0.15)
    blind = measure(seen(cut).read((slice(0, 64), slice(0, 64)))[0])  # the corner's edge, taken for structure
    assert max(abs(blind[name] - usual[name]) for name in MARKS) > 0.3


def test_black_voxels_here_and_there_are_noise_and_lie_within_the_field_of_view():
    grey = (200 * blobs(64, 64) + 30).astype(np.uint8)
    grey[np.random.default_rng(0).random(grey.shape) < 0.05] = 0
    assert likeness._piece(seen(grey), (slice(0, 64), slice(0, 64)))[1].all()


def test_the_medium_around_a_leaf_does_not_count():
    leaf = blobs(64, 64, noise=0.05)
    scan = np.random.default_rng(1).normal(0.6, 0.05, (256, 256)).astype(np.float32)
    scan[96:160, 96:160] = leaf
    image = Image(Volume(scan, (1.0, 1.0)), 0, 1, None)
    assert look_over(image, 64, 2)["structure"] > 0.5 * measure(leaf)["structure"]


# ------------------------------------------------------------------------------------------------------------ what is said


def test_a_scan_like_those_learnt_from_is_not_spoken_of():
    assert unlike(seen(blobs(200, 200, seed=5)), known(seen(blobs(200, 200))), 2) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda grey: 1 - grey, ("dark gaps against bright ones: -", "(known: ", "invert the scan")),
        (lambda grey: grey + np.random.default_rng(1).normal(0, 0.3, grey.shape), ("noise: 0.", "average it")),
        (
            lambda grey: ndimage.gaussian_filter(grey, 3),
            ("detail of 2 voxels against 4: -", "blurred", "check --spacing"),
        ),
        (lambda grey: ndimage.zoom(grey, 4, order=1)[:200, :200], ("smaller than stated",)),
        (lambda grey: ndimage.zoom(ndimage.gaussian_filter(grey, 1), 0.4)[:80, :80], ("larger than stated",)),
        (lambda grey: np.random.default_rng(1).normal(0.5, 0.1, grey.shape), ("little but noise", "right file")),
    ],
)
def test_a_scan_unlike_them_is_told_what_by_how_much_and_what_to_do(change, words):
    image = seen(change(blobs(200, 200, seed=5)).astype(np.float32))
    said = " ".join(unlike(image, known(seen(blobs(200, 200))), 2))
    for word in words:
        assert word in said, said


def test_a_range_is_exceeded_by_a_tenth_of_its_width_without_a_word():
    image = seen(blobs(200, 200))
    value = look_over(image, 32, 2)["detail"]
    for beyond, spoken in ((0.09, False), (0.11, True)):
        for low, high in ((value + beyond, value + beyond + 1), (value - beyond - 1, value - beyond)):
            assert bool(unlike(image, Familiar(32, {"detail": (low, high)}), 2)) == spoken


def test_less_noise_than_known_does_no_harm_nor_do_darker_gaps():
    image = seen(blobs(200, 200))
    assert unlike(image, Familiar(32, {"noise": (0.3, 0.4), "polarity": (0, 0.01), "structure": (0, 0.01)}), 2) == []


def test_a_finer_scan_is_smooth_by_being_resampled_and_is_not_called_blurred():
    fine = ndimage.zoom(blobs(200, 200), 2, order=1)
    known_detail = Familiar(32, {"detail": (2.0, 3.0)})
    assert unlike(seen(fine, 0.5), known_detail, 2) == []
    assert "blurred" in " ".join(unlike(seen(fine, 1.0), known_detail, 2))


@pytest.mark.parametrize(("spacing", "spoken"), [(1.5, False), (1.7, True)])
def test_voxels_coarser_than_those_learnt_from_are_told(spacing, spoken):
    image = seen(blobs(100, 100), spacing)
    said = unlike(image, Familiar(32, {}), 2)
    assert ("voxels 1.7 times as long" in " ".join(said)) == bool(said) == spoken
    assert unlike(image, Familiar(32, {}, coarsest=1.7), 2) == []
    uneven = Image.of(Volume(blobs(100, 100), (2.0, 1.0)), 1.0, Intensity())
    assert unlike(uneven, Familiar(32, {}), 2) == []  # as much is seen as in squares of 1.4
    assert 1.5 < COARSER < 1.7


# ------------------------------------------------------------------------------------------------------------- what is known


def test_what_is_known_leaves_the_odd_patch_out():
    met = [dict.fromkeys(MARKS, value) for value in [*np.linspace(0, 1, 1001), np.nan, np.nan]]
    found = Familiar.of(met, 32, 1.25)
    assert found.ranges == {name: pytest.approx((0.05, 0.95)) for name in MARKS}
    assert (found.side, found.coarsest) == (32, 1.25)
    assert Familiar.of(met[:19], 32).ranges == Familiar.of([*met[:19], met[-1]], 32).ranges == {}  # too few to know
    assert Familiar.of(met[:20], 32).ranges.keys() == MARKS.keys()


def test_what_was_known_before_a_model_was_taught_on_stays_known():
    before, on = Familiar(64, {"noise": (0.1, 0.3)}, 2.0), Familiar(32, {"noise": (0.2, 0.4), "polarity": (0, 1)})
    assert on.joined(before) == Familiar(32, {"noise": (0.1, 0.4), "polarity": (0, 1)}, 2.0)
    assert Familiar(32, {}).joined(before) == Familiar(32, {"noise": (0.1, 0.3)}, 2.0)


# -------------------------------------------------------------------------------------------------- the models that ship


def doubts(model, scan):
    """What is said of a scan; the networks are not asked."""
    return model.doubts(model.prepare(scan))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_shipped_models_know_every_kind_in_both_reconstructions_and_no_exchanged_grey(kind):
    leaf = make(7001, shape=(96, 176, 96), spacing_um=0.65, kind=kind)
    for scan in (leaf.volumes()["gridrec"], leaf.volumes()["paganin"]):
        exchanged = replace(scan, data=255 - scan.data)
        for name in ("leaf-3d", "leaf-3d-large", "leaf-2d", "leaf-tissue"):
            model = find(name)
            assert doubts(model, scan) == "", name
            if name != "leaf-tissue":  # at its voxels the gaps of so small a leaf do not always show
                assert "invert the scan" in doubts(model, exchanged), name


@pytest.mark.parametrize("name", ["leaf-2d", "leaf-tissue"])
@pytest.mark.parametrize("scan", ["gridrec.tif", "paganin.tif"])
def test_the_real_section_is_like_what_shipped_models_know(name, scan):
    if not SECTION.is_dir():
        pytest.skip("the real section is not on this machine (../shared/data/grape440)")
    model, volume = find(name), io.read(SECTION / scan, spacing_um=0.1625)
    assert doubts(model, volume) == ""
    assert "invert the scan" in doubts(model, replace(volume, data=np.where(volume.read() > 0, 255 - volume.read(), 0)))


def test_segment_and_map_tissue_warn_where_they_are_called():
    noise = np.random.default_rng(0).integers(1, 255, (48, 64), np.uint8)
    for call, model in ((mesophyll.segment, "leaf-2d"), (mesophyll.map_tissue, "leaf-tissue")):
        with pytest.warns(
            UnfamiliarScanWarning, match=f"the array is unlike what {model} learnt from: .*noise"
        ) as told:
            call(noise, spacing_um=find(model).spacing_um, device="cpu")
        assert [one.filename for one in told if one.category is UnfamiliarScanWarning] == [__file__]


def test_a_model_that_does_not_say_what_it_learnt_from_says_nothing():
    noise = np.random.default_rng(0).integers(1, 255, (48, 64), np.uint8)
    model = replace(find("leaf-2d"), familiar=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnfamiliarScanWarning)
        mesophyll.segment(noise, spacing_um=0.65, model=model, device="cpu")
