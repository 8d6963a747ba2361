"""Patches: cut where they may lie, varied as a whole, the same from the same generator."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from catalogue import crowd
from complaint import complaint
from mesophyll.errors import LabelsError
from mesophyll.labels import split_pieces
from mesophyll.model import Image
from mesophyll.training.patches import Augmentation, Patch, Source, move, regrey, sample
from mesophyll.volume import Volume

STILL = Augmentation(
    mirror=False, turn=0, brightness=0, contrast=0, gamma=0, noise=0, blur=0, shading=0
)  # changes nothing


def source(labels, *, grey=None, within=None):
    """A source whose image is 1 in cells and 0 elsewhere, unless another is given."""
    grey = (np.asarray(labels) > 0).astype(np.float32) if grey is None else grey
    volume = Volume(grey, (1.0,) * grey.ndim, name="leaf")
    image = Image(volume, 0.0, 1.0, (-100000.0, 100000.0))
    return Source("leaf", (image,), labels, within or tuple(slice(0, length) for length in labels.shape))


def numbered(shape):
    """An image in which every voxel has its own grey value: that of its place."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def generator(seed=0):
    return np.random.default_rng(seed)


def augment(patch, how, rng):
    """All that may happen to a patch before it is learnt."""
    moved = move(patch, how, rng)
    return replace(moved, image_CS=regrey(moved.image_CS, moved.scans, how, rng))


def same(first, second):
    return np.array_equal(first.image_CS, second.image_CS) and np.array_equal(first.labels_S, second.labels_S)


# --------------------------------------------------------------------------------------------------------------- cutting


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_patch_is_a_piece_of_image_and_labels(ndim):
    labels = crowd(ndim, side=30)
    grey = numbered(labels.shape)
    patch = sample(source(labels, grey=grey), [8] * ndim, 3, generator())
    assert patch.image_CS.shape == (1, *[14] * ndim)
    assert patch.labels_S.shape == (14,) * ndim
    assert patch.labels_S.dtype == np.int32
    inside = patch.labels_S >= 0
    assert np.array_equal(labels.ravel()[patch.image_CS[0][inside].astype(int)], patch.labels_S[inside])
    assert patch.labels_S[patch.core].shape == (8,) * ndim


def test_what_lies_outside_the_scan_is_mirrored_and_unknown():
    labels = np.ones((20, 20), np.int32)
    grey = numbered(labels.shape)
    place = source(labels, grey=grey, within=(slice(0, 8), slice(12, 20)))
    patch = sample(place, [8, 8], 5, generator())
    padded = np.pad(grey, 5, mode="reflect")
    assert np.array_equal(patch.image_CS[0], padded[:18, 12:])
    assert (patch.labels_S[:5] == -1).all()
    assert (patch.labels_S[:, -5:] == -1).all()
    assert (patch.labels_S[5:, :-5] == 1).all()


def test_a_scan_smaller_than_the_patch_lies_in_its_middle():
    patch = sample(source(np.ones((10, 40), np.int32)), [16, 16], 2, generator())
    known = np.flatnonzero((patch.labels_S >= 0).any(axis=1))
    assert (known[0], known[-1]) == (5, 14)
    assert patch.image_CS.shape == (1, 20, 20)


def test_what_is_held_out_is_never_in_a_core():
    labels = np.ones((60, 30), np.int32)
    place = source(labels, grey=numbered(labels.shape), within=(slice(10, 40), slice(5, 30)))
    starts = set()
    rng = generator()
    for _ in range(300):
        patch = sample(place, [8, 8], 4, rng)
        rows, columns = np.divmod(patch.image_CS[0][patch.core].astype(int), 30)
        assert 10 <= rows.min() <= rows.max() < 40
        assert 5 <= columns.min() <= columns.max() < 30
        starts.add(int(rows.min()))
    assert starts == set(range(10, 33))  # every place is drawn, the first and the last one too


def test_a_patch_of_which_nobody_knows_anything_is_drawn_anew():
    labels = np.full((100, 10), -1, np.int32)
    labels[:50] = 0
    rng = generator()
    unknown = [(sample(source(labels), [10, 10], 0, rng).labels_S == -1).all() for _ in range(200)]
    assert np.mean(unknown) < 0.15  # 0.45 if drawn once


@pytest.mark.parametrize("across", [0, 1, 2])
def test_a_section_of_a_volume_is_an_image_of_which_every_piece_is_a_cell(across):
    labels = np.zeros((12, 12, 12), np.int32)
    labels[2:10, 2:10, 2:10] = 5
    labels[:, 4:8, 4:8] = labels[4:8, :, 4:8] = labels[4:8, 4:8, :] = 0  # in the middle, a frame with a hole
    sides = [1 if axis == across else 12 for axis in range(3)]
    rng = generator()
    for _ in range(6):
        patch = sample(source(labels, grey=numbered(labels.shape)), sides, 2, rng)
        assert patch.image_CS.shape == (1, 16, 16)
        at = int(np.unravel_index(int(patch.image_CS[0, 2, 2]), labels.shape)[across])
        assert np.array_equal(patch.labels_S[patch.core], split_pieces(labels.take(at, across)))


def test_one_of_several_scans_is_taken():
    labels = np.ones((20, 20), np.int32)
    images = tuple(Image(Volume(np.full((20, 20), grey, np.float32)), 0, 1, (0, 9)) for grey in (1, 2))
    both = Source("leaf", images, labels, (slice(0, 20),) * 2)
    rng = generator()
    assert {float(sample(both, [8, 8], 0, rng).image_CS[0, 0, 0]) for _ in range(20)} == {1, 2}


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", ">u2", "int64", "float32"])
def test_labels_of_any_type_are_cut_with_unknown_around(dtype):
    patch = sample(source(np.ones((10, 10)).astype(dtype)), [8, 8], 4, generator())
    assert patch.labels_S.dtype == np.int32
    assert set(np.unique(patch.labels_S)) == {-1, 1}


def test_a_scan_in_place_of_labels_is_told():
    grey = generator().random((20, 20))
    complaint(LabelsError, lambda: sample(source(grey), [8, 8], 0, generator()), "the labelling of leaf", "fractions")


# --------------------------------------------------------------------------------------------------------------- varying


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_same_generator_gives_the_same_patch_and_another_another(ndim):
    place = source(crowd(ndim, side=30))

    def varied(seed):
        rng = generator(seed)
        return augment(sample(place, [12] * ndim, 4, rng), replace(Augmentation(), turn=1), rng)

    assert same(varied(1), varied(1))
    assert not same(varied(1), varied(2))


def test_the_global_generator_is_left_alone():
    np.random.seed(0)  # noqa: NPY002 - this is the generator meant
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    rng = generator()
    augment(sample(source(crowd(3, side=24)), [8] * 3, 2, rng), replace(Augmentation(), turn=1), rng)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("how", [Augmentation(), replace(Augmentation(), turn=1, blur=1)], ids=["default", "all"])
def test_a_patch_is_varied_and_the_one_given_is_not(how):
    patch = sample(source(crowd(3, side=24)), [12] * 3, 4, generator())
    image, labels = patch.image_CS.copy(), patch.labels_S.copy()
    patch.image_CS.flags.writeable = patch.labels_S.flags.writeable = False
    for seed in range(5):
        varied = augment(patch, how, generator(seed))
        assert varied.image_CS.dtype == np.float32
        assert varied.labels_S.dtype == np.int32
        assert varied.image_CS.shape == image.shape
        assert not np.array_equal(varied.image_CS, image)
    assert np.array_equal(patch.image_CS, image)
    assert np.array_equal(patch.labels_S, labels)


@pytest.mark.parametrize("ndim", [2, 3])
def test_mirroring_moves_image_and_labels_alike(ndim):
    patch = sample(source(crowd(ndim, side=30)), [12] * ndim, 0, generator())
    seen = set()
    for seed in range(30):
        varied = augment(patch, replace(STILL, mirror=True), generator(seed))
        assert np.array_equal(varied.image_CS[0] > 0.5, varied.labels_S > 0)
        assert sorted(varied.labels_S.ravel()) == sorted(patch.labels_S.ravel())
        seen.add(varied.labels_S.tobytes())
    assert len(seen) >= (7 if ndim == 2 else 15)  # of 8 and 48 ways


def test_all_ways_to_mirror_and_swap_are_drawn():
    patch = Patch(numbered((1, 3, 3)), numbered((3, 3)).astype(np.int32), np.zeros((3, 3), bool), 0)
    ways = [
        patch.labels_S.transpose(order)[flips]
        for order in itertools.permutations(range(2))
        for flips in itertools.product((slice(None), slice(None, None, -1)), repeat=2)
    ]
    drawn = [augment(patch, replace(STILL, mirror=True), generator(seed)).labels_S.tobytes() for seed in range(200)]
    assert {way.tobytes() for way in ways} == set(drawn)


@pytest.mark.parametrize("sides", [(16, 16, 16), (16, 1, 16)])
def test_a_tissue_map_that_is_learnt_beside_cells_stays_on_them(sides):
    """Each cell has a tissue of its own number; where the map is unknown, the cell still is known, and the other way round."""
    labels = crowd(3, side=30) % 6
    codes = np.where(labels == 5, 255, labels).astype(np.uint8)
    labels[labels == 4] = -1
    place = replace(source(labels), tissue=codes)
    for seed in range(8):
        patch = move(sample(place, sides, 6, generator(seed)), replace(STILL, mirror=True, turn=1), generator(seed))
        assert patch.tissue_S.shape == patch.labels_S.shape
        inside = patch.image_CS[0] > 0.99  # cells of 1, well within: unknown ones are 0
        assert np.array_equal(patch.known, (patch.labels_S >= 0) | (patch.tissue_S >= 0))
        both = (patch.labels_S > 0) & (patch.tissue_S > 0) & inside
        assert both.any()
        if 1 not in sides:  # pieces of a section are numbered anew
            assert np.array_equal(patch.labels_S[both], patch.tissue_S[both])
        assert {-1, 4} <= set(np.unique(patch.tissue_S).tolist())
        assert not (patch.labels_S[patch.tissue_S == 4] > 0).any()


@pytest.mark.parametrize("ndim", [2, 3])
def test_turning_moves_image_and_labels_alike(ndim):
    labels = crowd(ndim, side=48, spacing=16)
    patch = sample(source(labels), [32] * ndim, 8, generator())
    turned = 0
    for seed in range(4):
        varied = augment(patch, replace(STILL, turn=1), generator(seed))
        known = varied.labels_S >= 0
        agree = (varied.image_CS[0] > 0.5) == (varied.labels_S > 0)
        assert agree[known].mean() > 0.97  # the image is interpolated, labels are not
        assert set(np.unique(varied.labels_S)) <= {-1, *np.unique(labels)}
        turned += not np.array_equal(varied.labels_S, patch.labels_S)
    assert turned == 4


def test_zoom_makes_cells_larger_and_smaller():
    labels = np.zeros((60, 60), np.int32)
    labels[20:40, 20:40] = 1
    patch = sample(source(labels), [60, 60], 0, generator())

    def area(zoom):
        return (augment(patch, replace(STILL, turn=1, zoom=(zoom, zoom)), generator()).labels_S == 1).sum()

    assert area(0.8) == pytest.approx(400 * 0.64, rel=0.06)
    assert area(1.25) == pytest.approx(400 * 1.5625, rel=0.06)


def test_no_cell_is_made_of_what_a_turn_brings_in_from_outside():
    labels = np.ones((20, 20), np.int32)
    patch = sample(source(labels), [20, 20], 0, generator())
    varied = augment(patch, replace(STILL, turn=1, zoom=(0.5, 0.5)), generator())
    assert (varied.labels_S == -1).sum() > 200
    assert set(np.unique(varied.labels_S)) == {-1, 1}


@pytest.mark.parametrize(
    "change", [{"brightness": 0.2}, {"contrast": 0.3}, {"gamma": 0.3}, {"noise": 0.1}, {"blur": 1.0}, {"shading": 0.2}]
)
def test_grey_values_change_and_labels_do_not(change):
    labels = crowd(2, side=40)
    patch = sample(source(labels, grey=generator().random(labels.shape, np.float32)), [24, 24], 4, generator())
    varied = augment(patch, replace(STILL, **change), generator(1))
    assert np.array_equal(varied.labels_S, patch.labels_S)
    assert np.abs(varied.image_CS - patch.image_CS).max() > 1e-3
    assert np.abs(varied.image_CS - patch.image_CS).max() < 1.0
    assert np.isfinite(varied.image_CS).all()


def test_an_augmentation_of_nothing_changes_nothing():
    patch = sample(source(crowd(3, side=24)), [12] * 3, 2, generator())
    varied = augment(patch, STILL, generator())
    np.testing.assert_allclose(varied.image_CS, patch.image_CS, atol=1e-6)
    assert np.array_equal(varied.labels_S, patch.labels_S)


def test_noise_has_at_most_its_strength_and_shading_is_a_ramp():
    flat = Patch(np.full((1, 64, 64), 0.5, np.float32), np.ones((64, 64), np.int32), np.zeros((64, 64), bool), 0)
    noises = [augment(flat, replace(STILL, noise=0.1), generator(seed)).image_CS.std() for seed in range(10)]
    assert 0.05 < max(noises) < 0.11
    ramp = augment(flat, replace(STILL, shading=0.1), generator()).image_CS[0]
    assert np.abs(np.diff(ramp, n=2, axis=0)).max() < 1e-6
    assert 0 < np.ptp(ramp) <= 0.4
