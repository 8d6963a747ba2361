"""From a scan to a tissue map, and from a tissue map to a model: nothing is lost between the two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from complaint import complaint
from conftest import run
from mesophyll import io, mapping
from mesophyll import model as models
from mesophyll.errors import FileError, LabelsError, ModelError, SettingsError, VolumeError
from mesophyll.inference import SegmentationPlan, segment
from mesophyll.io import Example
from mesophyll.mapping import map_tissue, map_tissue_volume
from mesophyll.model import Intensity, Model, choose, load, save
from mesophyll.network import Network
from mesophyll.network.base import Built
from mesophyll.representations import Flows, Tissue
from mesophyll.tissue_map import as_codes, as_labels
from mesophyll.tissues import TISSUES, UNKNOWN_CODE
from mesophyll.training import TrainingPlan, train
from mesophyll.training.nursery import Leaves, specimen
from mesophyll.training.patches import sample
from mesophyll.training.preparation import Preparation
from mesophyll.training.view import View
from mesophyll.volume import Volume
from networks import lively

CPU = SegmentationPlan(device="cpu")


class ByGrey(Built):
    """A network that takes eight steps of grey, from 0 to 1, for the eight tissues."""

    def __init__(self, ndim: int) -> None:
        super().__init__()
        self.network = Network(ndim, 1, len(TISSUES), levels=2)

    def forward(self, image_BCS: torch.Tensor) -> torch.Tensor:
        return torch.cat([-200 * (image_BCS - code / 7).square() for code in TISSUES], dim=1)


def by_grey(ndim: int, spacing_um: float = 1.0) -> Model:
    return Model("by-grey", ByGrey(ndim), Tissue(), spacing_um, Intensity(0, 100, None, zeros=True))


def mosaic(*shape: int) -> np.ndarray:
    """All eight codes, in boxes of four voxels' side."""
    places = np.indices(tuple(-(-side // 4) for side in shape))
    codes = (places * np.arange(1, len(shape) + 1).reshape(-1, *[1] * len(shape))).sum(axis=0) % len(TISSUES)
    for axis in range(len(shape)):
        codes = codes.repeat(4, axis=axis)
    return codes[tuple(map(slice, shape))].astype(np.uint8)


def scan(codes: np.ndarray) -> Volume:
    return Volume(codes.astype(np.float32) * 10, (1.0,) * codes.ndim, name="leaf")


# ---------------------------------------------------------------------------------------------------------------- a map


@pytest.mark.parametrize(("ndim", "shape"), [(2, (30, 44)), (3, (20, 24, 36)), (2, (20, 24, 36))])
def test_a_map_has_the_scans_voxels_and_its_tissues_whatever_the_tiles_and_blocks(ndim, shape, tmp_path):
    codes = mosaic(*shape)
    plan = replace(CPU, tile_2d=16, tile_3d=16, overlap=4, block=10)
    found = map_tissue_volume(scan(codes), by_grey(ndim), scratch=tmp_path, plan=plan)
    assert found.read().dtype == np.uint8
    np.testing.assert_array_equal(found.read(), codes)


def test_a_map_comes_back_at_the_scans_own_spacing(tmp_path):
    codes = mosaic(16, 16).repeat(2, axis=0).repeat(2, axis=1)
    found = map_tissue_volume(replace(scan(codes), spacing_um=(0.5, 0.5)), by_grey(2), scratch=tmp_path, plan=CPU)
    assert found.shape == codes.shape
    assert found.spacing_um == (0.5, 0.5)
    assert (found.read() == codes).mean() > 0.9  # boxes are wider than what is blurred at their faces


def test_an_array_goes_in_and_an_array_comes_out():
    codes = mosaic(24, 32)
    np.testing.assert_array_equal(map_tissue(codes * 10, spacing_um=1.0, model=by_grey(2), device="cpu"), codes)


def test_a_model_of_one_thing_is_not_asked_for_the_other(tmp_path):
    cells = Model("of-cells", Network(3, 1, 4, levels=2).build(), Flows(), 1.0)
    grey = np.zeros((16, 16, 16))
    complaint(
        ModelError,
        lambda: map_tissue(grey, spacing_um=1, model=cells),
        "of-cells finds cells",
        "tissue",
        "mesophyll segment",
    )
    complaint(
        ModelError,
        lambda: segment(grey, spacing_um=1, model=by_grey(3)),
        "finds tissue",
        "cells are asked",
        "mesophyll tissue",
    )


def test_without_a_model_that_is_shipped_one_is_to_be_taught(monkeypatch):
    monkeypatch.setattr(models, "shipped", dict)
    complaint(
        ModelError,
        lambda: choose(None, "tissue", 3),
        "the model leaf-tissue is not there",
        "no model that finds tissue comes with this copy",
        "mesophyll train --tissue",
        "--model FOLDER",
    )


def test_a_model_of_volumes_says_so_to_an_image():
    words = ("leaf has 2 axes", "reads volumes", "pass --model leaf-tissue")
    complaint(ModelError, lambda: by_grey(3).prepare(scan(mosaic(16, 16))), *words)


# ------------------------------------------------------------------------------------------------- codes and their files


def test_labels_and_codes_say_the_same_and_unknown_is_255_or_minus_1():
    codes = np.array([0, 3, 7, UNKNOWN_CODE], np.uint8)
    labels = as_labels(codes)
    assert labels.tolist() == [0, 3, 7, -1]
    assert np.array_equal(as_codes(labels), codes)
    assert np.array_equal(as_labels(labels), labels)
    assert np.array_equal(as_labels(labels.astype(np.float32)), labels)
    complaint(
        LabelsError, lambda: as_labels(np.array([8]), "it"), "it holds 8", "7 airspace, 255 unknown", "map its grey"
    )


@pytest.mark.parametrize("suffix", [".tif", ".zarr", ".nrrd", ".h5", ".nii.gz", ".npy"])
def test_a_tissue_map_is_written_as_bytes(suffix, tmp_path):
    codes = mosaic(8, 12, 16)
    io.write(tmp_path / f"tissue{suffix}", Volume(codes, (1.0,) * 3), kind="tissue")
    again = io.read(tmp_path / f"tissue{suffix}").read()
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, codes)


def test_coarser_levels_of_a_map_hold_codes_and_no_means(tmp_path):
    import zarr

    codes = np.zeros((4, 4, 512), np.uint8)
    codes[..., 1::2] = 6
    io.write(tmp_path / "tissue.zarr", Volume(codes, (1.0,) * 3), kind="tissue")
    assert set(np.unique(zarr.open_group(tmp_path / "tissue.zarr", mode="r")["1"][:])) <= {0, 6}


def test_a_volume_of_another_kind_is_not_written(tmp_path):
    complaint(
        SettingsError,
        lambda: io.write(tmp_path / "a.tif", scan(mosaic(16, 16)), kind="cells"),
        "kind = 'cells'",
        "'tissue'",
        "choose",
    )


# ------------------------------------------------------------------------------------------------------- what is learnt


def example(*shape: int, name: str = "leaf") -> Example:
    """A leaf of which the tissues are known, but for a corner, and no cell is."""
    codes = mosaic(*shape)
    unknown = codes.copy()
    unknown[(slice(0, 5),) * len(shape)] = UNKNOWN_CODE
    blank = Volume(np.broadcast_to(np.int32(-1), shape), (1.0,) * len(shape), name="labels")
    return Example(name, (scan(codes),), blank, Volume(unknown, (1.0,) * len(shape), name="tissue"))


def test_a_model_of_tissues_learns_codes_and_a_section_does_not_cut_them_into_pieces():
    source = View(1.0, subject="tissue").of(example(24, 24, 24))
    codes = as_labels(example(24, 24, 24).tissue.read())
    rng = np.random.default_rng(0)
    for sides in ([24, 24, 24], [24, 1, 24]):
        patch = sample(source, sides, 0, rng)
        flat = 1 in sides
        fits = [patch.labels_S] if not flat else [codes[:, place] for place in range(24)]
        assert any(np.array_equal(patch.labels_S, codes if not flat else fit) for fit in fits)


def test_unknown_tissue_is_unknown_to_the_loss():
    view = View(1.0, subject="tissue")
    made = Preparation(Tissue(), 3, 16).prepare(view.of(example(16, 16, 16)), np.random.default_rng(0))
    assert made.image_CS.shape == (1, 16, 16, 16)
    assert (~made.known_S).sum() == 5**3
    assert np.array_equal(made.target_CS.sum(axis=0) == 1, made.known_S)


def test_a_leaf_that_is_grown_teaches_its_tissues():
    source = specimen("grape", 5, Leaves(shape=(24, 64, 24)), View(2.0, subject="tissue"))
    found = np.unique(source.read_labels((slice(0, 24), slice(0, 64), slice(0, 24))))
    assert set(found) <= set(TISSUES)
    assert len(found) > 5


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_model_learns_tissues_saves_loads_and_maps(ndim, tmp_path):
    plan = TrainingPlan(
        ndim=ndim,
        levels=2,
        patch=16,
        batch=4,
        epochs=1,
        steps=40,
        rate=1e-2,
        validation_patches=2,
        spacing_um=1.0,
        held_out=0.5,
        representation={"name": "tissue"},
    )
    train([example(20, 20, 20), example(20, 20, 20, name="other")], tmp_path / "model", plan, device="cpu")
    model = load(tmp_path / "model")
    assert model.representation == Tissue()
    codes = mosaic(20, 20, 20)
    found = map_tissue(codes * 10, spacing_um=1.0, model=model, device="cpu")
    assert (found == codes).mean() > 2 / len(TISSUES)  # grey tells the tissue, and so much is learnt at once


def test_a_folder_without_labels_knows_no_cell(tmp_path):
    leaf = example(16, 16, 16)
    io.write(tmp_path / "scan.tif", leaf.scans[0])
    io.write(tmp_path / "tissue.tif", leaf.tissue, kind="tissue")
    read = io.read_example(tmp_path)
    assert (read.labels.read() == -1).all()
    assert read.labels.spacing_um == (1.0,) * 3
    plan = TrainingPlan(levels=2, patch=16, spacing_um=1.0)
    complaint(
        LabelsError,
        lambda: train([read], tmp_path / "m", plan),
        "no voxel of which its labels are known",
        "labels.*",
        "label some",
    )


def test_a_scan_alone_is_no_example(tmp_path):
    io.write(tmp_path / "scan.tif", scan(mosaic(16, 16, 16)))
    complaint(
        FileError, lambda: io.read_example(tmp_path), "holds scan.tif", "labels.* or tissue.*", "add what is missing"
    )


def test_tissues_are_not_learnt_without_a_map(tmp_path):
    bare = replace(example(16, 16, 16), tissue=None)
    plan = TrainingPlan(representation={"name": "tissue"})
    complaint(
        VolumeError,
        lambda: train([bare], tmp_path / "m", plan),
        "holds no tissue map",
        "learns from one",
        "add tissue.tif",
    )


def test_a_model_is_not_shown_what_it_shall_learn(tmp_path):
    plan = TrainingPlan(representation={"name": "tissue"}, tissue="codes")
    complaint(
        SettingsError,
        lambda: train([example(16, 16, 16)], tmp_path / "m", plan),
        "tissue = 'codes' with a representation that learns tissue",
        "nothing to learn",
        "leave tissue out",
    )


def test_grey_values_in_a_map_are_named_before_anything_is_learnt(tmp_path):
    leaf = example(16, 16, 16)
    foreign = replace(leaf, tissue=replace(leaf.tissue, data=leaf.tissue.read() // 8 + 170))
    plan = TrainingPlan(representation={"name": "tissue"}, levels=2, patch=16, spacing_um=1.0)
    complaint(
        LabelsError, lambda: train([foreign], tmp_path / "m", plan), "the tissue map of leaf holds 170", "map its grey"
    )


# --------------------------------------------------------------------------------------------------- the command line


def test_the_command_line_maps_what_python_maps(tmp_path):
    model = Model("fresh", lively(Network(3, 1, len(TISSUES), levels=2)), Tissue(), 1.0)
    save(model, tmp_path / "model")
    io.write(tmp_path / "scan.tif", scan(mosaic(20, 24, 28)))
    result = run(
        "tissue", tmp_path / "scan.tif", "-o", tmp_path / "t.tif", "--model", tmp_path / "model", "--device", "cpu"
    )
    assert result.exit_code == 0, result.stderr
    expected = map_tissue(mosaic(20, 24, 28) * 10.0, spacing_um=1.0, model=load(tmp_path / "model"), device="cpu")
    assert len(np.unique(expected)) > 3
    np.testing.assert_array_equal(io.read(tmp_path / "t.tif").read(), expected)
    assert io.read_notes(tmp_path / "t.tif")["model"]["name"] == "fresh"
    assert "palisade" in result.stdout
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_train_learns_tissues_on_demand_and_says_how_they_are_found(tmp_path):
    (tmp_path / "plan.toml").write_text(
        "levels = 2\npatch = 16\nepochs = 1\nsteps = 2\nvalidation_patches = 2\nspacing_um = 2.0\n"
        '[leaves]\nkinds = ["grape"]\nshape = [24, 64, 24]\n'
    )
    result = run("train", "-o", tmp_path / "model", "--plan", tmp_path / "plan.toml", "--tissue", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    assert "mesophyll tissue SCAN" in result.stdout
    assert load(tmp_path / "model").representation == Tissue()


def test_tissue_and_another_representation_cannot_be_learnt_together(tmp_path):
    (tmp_path / "plan.toml").write_text('representation = {target = "centre"}\n')
    result = run("train", "-o", tmp_path / "model", "--plan", tmp_path / "plan.toml", "--tissue")
    assert result.exit_code == 1
    assert "--tissue with the representation flows" in result.stderr
    assert "leave [representation] out of the plan" in result.stderr


def test_decoding_looks_at_each_block_alone(tmp_path):
    codes = mosaic(20, 24, 28)
    outputs = Tissue().encode(as_labels(codes)).astype(np.float16)
    found = mapping.decode(Tissue(), outputs, scratch=tmp_path, plan=replace(CPU, block=7))
    np.testing.assert_array_equal(found, codes)
