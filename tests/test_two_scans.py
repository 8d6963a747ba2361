"""Two reconstructions of one scan, seen at once: as channels, if they are what they claim to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from complaint import complaint
from conftest import run
from mesophyll import io, phantom
from mesophyll.alignment import aligned, check_aligned
from mesophyll.errors import ModelError, VolumeError
from mesophyll.image import Image, Intensity
from mesophyll.inference import SegmentationPlan, look_at, segment, segment_volume
from mesophyll.io import Example
from mesophyll.mapping import map_tissue
from mesophyll.model import Model, load, save
from mesophyll.network import Network
from mesophyll.representations import Flows, Tissue
from mesophyll.training import TrainingPlan, train
from mesophyll.training.nursery import Leaves
from mesophyll.training.patches import Augmentation, move, regrey, sample
from mesophyll.training.view import View
from mesophyll.volume import Volume
from networks import lively

SPACING = (0.65,) * 3


@pytest.fixture(scope="module")
def scans():
    """Gridrec and Paganin of a leaf."""
    leaf = phantom.make(3, shape=(40, 72, 48))
    return Volume(leaf.gridrec, SPACING, name="gridrec"), Volume(leaf.paganin, SPACING, name="paganin")


def both(scans) -> Example:
    return Example("leaf", scans, Volume(np.ones(scans[0].shape, np.int32), SPACING, name="labels"))


def moved(volume: Volume, *shift: int) -> Volume:
    return replace(volume, data=np.roll(volume.read(), shift, range(volume.ndim)))


def model(scans: int = 2) -> Model:
    return Model("pair", lively(Network(3, scans, 8, levels=2)), Tissue(), 0.65, scans=scans)


# ------------------------------------------------------------------------------------------------------------ alignment


def test_two_reconstructions_lie_on_each_other(scans):
    found = aligned(*scans)
    assert found.shift_vox == (0, 0, 0)
    assert found.correlation > 0.3


@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -3, 2), (5, 4, -6)])
def test_a_shift_is_measured_in_voxels_along_each_axis(scans, shift):
    assert aligned(scans[0], moved(scans[1], *shift)).shift_vox == shift
    assert aligned(moved(scans[0], *shift), scans[1]).shift_vox == tuple(-step for step in shift)


def test_a_section_is_compared_as_well(scans):
    flat = [replace(scan, data=scan.read()[20], spacing_um=SPACING[1:], origin_um=()) for scan in scans]
    assert aligned(flat[0], moved(flat[1], 2, -1)).shift_vox == (2, -1)


def test_what_is_shifted_is_refused_by_how_much(scans):
    words = ("paganin is shifted by 0 2 -1 voxels against gridrec", "show the same voxels", "shift it back")
    complaint(VolumeError, lambda: check_aligned(scans[0], moved(scans[1], 0, 2, -1)), *words)


def test_two_leaves_are_no_pair(scans):
    other = phantom.make(8, shape=(40, 72, 48), kind="fruit").paganin
    noise = np.random.default_rng(0).normal(size=other.shape)
    for grey in (other, noise, np.zeros_like(noise)):
        with pytest.raises(VolumeError, match=r"correlate by|is shifted by"):
            check_aligned(scans[0], replace(scans[1], data=grey))
    complaint(
        VolumeError,
        lambda: check_aligned(scans[0], replace(scans[1], data=noise)),
        "correlate by 0.0",
        "at least",
        "same scan",
    )


def test_other_shapes_and_voxels_are_refused(scans):
    first, second = scans
    short = replace(second, data=second.read()[1:])
    complaint(VolumeError, lambda: check_aligned(first, short), "(39, 72, 48)", "same voxels", "crop them alike")
    coarse = replace(second, spacing_um=(1.0,) * 3)
    complaint(
        VolumeError, lambda: check_aligned(first, coarse), "(1.0, 1.0, 1.0) µm", "same voxels", "correct the voxel size"
    )
    assert check_aligned(first, replace(second, spacing_um=None)).spacing_um == SPACING


# -------------------------------------------------------------------------------------------------------------- channels


def test_each_reconstruction_is_a_channel_in_a_range_of_its_own(scans):
    image = Image.of(scans[0], 0.65, Intensity()).with_second(scans[1], Intensity())
    region = (slice(3, 20),) * 3
    seen = image.read(region)
    for channel, scan in zip(seen, scans, strict=True):
        np.testing.assert_array_equal(channel, Image.of(scan, 0.65, Intensity()).read(region)[0])


def test_a_patch_varies_both_and_keeps_them_on_each_other(scans):
    source = View(0.65, scans=2).of(both(scans))
    rng = np.random.default_rng(0)
    same = replace(source, images=(replace(source.images[0], second=replace(source.images[0], second=None)),))
    patch = move(sample(same, [16, 16, 16], 4, rng), Augmentation(turn=1.0), rng)
    assert patch.image_CS.shape == (2, 24, 24, 24)
    np.testing.assert_allclose(patch.image_CS[0], patch.image_CS[1], atol=1e-5)  # turned alike
    varied = regrey(patch.image_CS, patch.scans, Augmentation(), rng)
    assert np.abs(varied[0] - varied[1]).mean() > 0.01  # and greyed each in its own way


def test_a_model_that_reads_two_learns_saves_loads_and_maps(scans, tmp_path):
    plan = TrainingPlan(
        scans=2,
        leaves=Leaves(("grape",), shape=(24, 64, 24)),
        spacing_um=1.3,
        levels=2,
        patch=16,
        epochs=1,
        steps=2,
        validation_patches=2,
        representation={"name": "tissue"},
    )
    train([], tmp_path / "m", plan, device="cpu")
    again = load(tmp_path / "m")
    assert (again.scans, again.network.inputs) == (2, 2)
    grey = [scan.read() for scan in scans]
    found = map_tissue(grey[0], second=grey[1], spacing_um=0.65, model=again, device="cpu")
    assert found.shape == grey[0].shape


def test_what_the_second_shows_counts_and_files_give_what_arrays_give(scans, tmp_path):
    for scan in scans:
        io.write(tmp_path / f"{scan.name}.tif", scan)
    save(model(), tmp_path / "model")
    pair = load(tmp_path / "model")
    grey = [scan.read() for scan in scans]
    found = map_tissue(grey[0], second=grey[1], spacing_um=0.65, model=pair, device="cpu")
    assert len(np.unique(found)) > 3
    assert not np.array_equal(found, map_tissue(grey[0], second=grey[0], spacing_um=0.65, model=pair, device="cpu"))
    args = ("--with", tmp_path / "paganin.tif", "--model", tmp_path / "model", "--device", "cpu")
    result = run("tissue", tmp_path / "gridrec.tif", "-o", tmp_path / "t.tif", *args)
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(io.read(tmp_path / "t.tif").read(), found)


def test_cells_are_found_in_two_as_well(scans, tmp_path):
    pair = Model("pair", lively(Network(3, 2, 4, levels=2)), Flows(), 0.65, scans=2)
    grey = [scan.read() for scan in scans]
    found = segment(grey[0], second=grey[1], spacing_um=0.65, model=pair, device="cpu")
    assert found.any()
    plan = SegmentationPlan(device="cpu")
    np.testing.assert_array_equal(
        segment_volume(scans[0], pair, second=scans[1], scratch=tmp_path, plan=plan).labels.read(), found
    )


@pytest.mark.parametrize("subject", ["cells", "tissue"])
def test_a_model_that_reads_one_looks_at_both_and_takes_the_mean(scans, tmp_path, subject):
    representation = Flows() if subject == "cells" else Tissue()
    network = Network(3, 1, representation.channels(3), levels=2)
    one = Model("one", lively(network), representation, 0.65)
    plan = SegmentationPlan(device="cpu", block=20)
    said = []
    for name, given in {"first": scans[:1], "other": scans[1:], "both": scans}.items():
        (tmp_path / name).mkdir()
        beside = {"second": given[1]} if len(given) == 2 else {}
        said.append(look_at(one, given[0], **beside, scratch=tmp_path / name, plan=plan))
    assert np.abs(said[0] - said[1]).max() > 0.1
    np.testing.assert_allclose(said[2], (said[0].astype(np.float32) + said[1]) / 2, atol=1e-3)
    find = segment if subject == "cells" else map_tissue
    grey = [scan.read() for scan in scans]
    single, double = (
        find(grey[0], **more, spacing_um=0.65, model=one, device="cpu") for more in ({}, {"second": grey[1]})
    )
    assert not np.array_equal(single, double)


def test_a_model_asks_for_as_many_as_it_reads(scans):
    words = ("no second reconstruction is given", "the model pair reads two, gridrec and Paganin", "pass --with FILE")
    complaint(ModelError, lambda: model().prepare(scans[0]), *words)
    words = ("a second reconstruction is given", "the model pair reads one", "pass one of them")
    complaint(ModelError, lambda: model(1).prepare(scans[0], second=scans[1]), *words)


def test_a_pair_that_does_not_fit_is_refused_in_use_and_in_training(scans):
    bad = (scans[0], moved(scans[1], 0, 0, 3))
    complaint(
        VolumeError, lambda: model().prepare(bad[0], second=bad[1]), "shifted by 0 0 3", "same voxels", "shift it back"
    )
    complaint(
        VolumeError, lambda: View(0.65, scans=2).of(both(bad)), "shifted by 0 0 3", "same voxels", "shift it back"
    )
    words = ("leaf holds 1 scans", "learns from two", "set scans = 1")
    complaint(VolumeError, lambda: View(0.65, scans=2).of(both(scans[:1])), *words)


def test_a_model_of_more_scans_does_not_load(tmp_path):
    save(replace(model(), scans=3), tmp_path / "m")
    with pytest.raises(ModelError, match="scans = 3; Input should be 1 or 2"):
        load(tmp_path / "m")
    save(replace(model(), scans=1), tmp_path / "m")
    with pytest.raises(ModelError, match="2 inputs do not fit scans = 1"):
        load(tmp_path / "m")
