"""The synthetic leaf: a sound labelling, an anatomy that knows no voxels."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest
from scipy import ndimage

from mesophyll import phantom, tissues
from mesophyll.errors import SettingsError, VolumeError
from mesophyll.phantom import anatomy

SMALL = {"shape": (40, 128, 40), "spacing_um": 0.8}
CELLS = np.array([0, 1, 1, 1, 1, 1, 1, 0], bool)  # by tissue code


@pytest.fixture(scope="module")
def leaf() -> phantom.Phantom:
    return phantom.make(2, shape=(160, 160, 160))


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


def test_the_epidermes_close_the_leaf_except_at_stomata(leaf):
    """Where airspace meets the surround, a slit between two guard cells is near: a skin has no other holes."""
    stream = np.random.default_rng(leaf.seed).spawn(2)[0]
    grown = anatomy.grow(stream, phantom.KINDS["grape"].anatomy, (104.0, 104.0, 104.0))
    air, out = leaf.tissue == tissues.AIRSPACE, leaf.tissue == tissues.BACKGROUND
    z, _, x = (np.argwhere(ndimage.binary_dilation(out) & air) + 0.5).T * 0.65
    apart = np.min([pores.around(z, x)[0] for pores in grown.parts[:2]], axis=0)
    assert apart.max(initial=-1.0) < 0


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


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("grape", 0.20, 0.33), pytest.param("hard", 0.20, 0.26, marks=pytest.mark.slow)]
)
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


def test_a_hard_leaf_is_noisier_and_hides_more_walls():
    grape, hard = phantom.KINDS["grape"].optics, phantom.KINDS["hard"].optics
    assert np.mean(hard.noise) == pytest.approx(1.5 * np.mean(grape.noise), rel=0.05)
    assert hard.hidden > grape.hidden


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_unknown_kind_is_named_with_the_nearest_one():
    with pytest.raises(SettingsError, match=r"unknown kind of leaf 'grap'; .*grape, hard, .*; did you mean 'grape'"):
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
