"""A tissue map as an input: what the network sees of it, in training and in use."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mesophyll import io, phantom
from mesophyll.errors import LabelsError, ModelError, SettingsError, VolumeError
from mesophyll.inference import segment
from mesophyll.model import Image, Intensity, Model, load, save
from mesophyll.network import Network
from mesophyll.representations import Flows
from mesophyll.tissue_map import as_channels
from mesophyll.tissues import AIRSPACE, BACKGROUND, TISSUE_CHANNELS, TISSUES
from mesophyll.training import TrainingPlan, split, train
from mesophyll.training.nursery import Leaves, specimen
from mesophyll.training.patches import Augmentation, move, sample
from mesophyll.training.view import View
from mesophyll.volume import Volume

LEAVES = Leaves(("grape",), shape=(32, 64, 32))
CODES = np.arange(8, dtype=np.uint8).repeat(512).reshape(16, 16, 16)


def model(tissue="codes"):
    network = Network(3, 1 + TISSUE_CHANNELS[tissue], 4, levels=2)
    torch.manual_seed(0)
    return Model("reads-tissue", network.build().eval(), Flows(), 1.0, tissue=tissue)


def test_codes_are_one_channel_from_0_to_1():
    seen = as_channels(CODES, "codes")
    assert seen.shape == (1, 16, 16, 16)
    assert (seen.min(), seen.max()) == (0, 1)
    assert len(np.unique(seen)) == len(TISSUES)


def test_classes_are_a_channel_for_each_tissue():
    seen = as_channels(CODES, "classes")
    assert seen.shape == (len(TISSUES), 16, 16, 16)
    assert np.array_equal(seen.argmax(axis=0), CODES)
    assert (seen.sum(axis=0) == 1).all()


def test_none_is_no_channel():
    assert as_channels(CODES, "none").shape == (0, 16, 16, 16)


def test_a_number_that_is_no_tissue_is_named():
    with pytest.raises(LabelsError, match=r"holds 170.*0 background.*map its grey values"):
        as_channels(np.array([0, 170]), "codes")


def test_an_image_shows_the_tissue_at_the_models_spacing():
    scan = Volume(np.arange(4096.0).reshape(16, 16, 16), (1.0,) * 3)
    image = Image.of(scan, 2.0, Intensity()).beside(Volume(CODES, (1.0,) * 3), "classes")
    seen = image.read((slice(0, 8),) * 3)
    assert seen.shape == (9, 8, 8, 8)
    assert set(np.unique(seen[1:])) <= {0, 1}


def test_a_patch_holds_grey_values_and_tissue_through_mirror_turn_and_section():
    source = specimen("grape", 5, LEAVES, View(0.65, tissue="classes"))
    rng = np.random.default_rng(0)
    for sides in ([16, 16, 16], [16, 1, 16]):
        patch = move(sample(source, sides, 4, rng), Augmentation(turn=1.0), rng)
        ndim = patch.labels_S.ndim
        assert patch.image_CS.shape == (9, *[24] * ndim)
        assert set(np.unique(patch.image_CS[1:])) <= {0, 1}
        tissue = patch.image_CS[1:].argmax(axis=0)
        assert not np.isin(tissue[patch.labels_S > 0], (BACKGROUND, AIRSPACE)).any()  # they still lie on each other
        assert (tissue > 0).any()


def test_a_model_with_tissue_learns_saves_loads_and_finds_cells(tmp_path):
    plan = TrainingPlan(tissue="codes", leaves=LEAVES, levels=2, patch=16, epochs=1, steps=2, validation_patches=2)
    train([], tmp_path / "m", plan)
    loaded = load(tmp_path / "m")
    assert (loaded.tissue, loaded.network.inputs) == ("codes", 2)
    leaf = phantom.make(1, shape=(32, 64, 32))
    labels = segment(leaf.gridrec, spacing_um=0.65, tissue=leaf.tissue, model=loaded)
    assert labels.shape == leaf.labels.shape


def test_what_the_network_is_told_changes_its_outputs():
    scan = np.random.default_rng(0).normal(size=(16, 16, 16))
    told = [model().prepare(Volume(scan, (1.0,) * 3), Volume(codes, (1.0,) * 3)) for codes in (CODES, CODES[::-1])]
    seen = [image.read((slice(0, 16),) * 3) for image in told]
    assert np.array_equal(seen[0][0], seen[1][0])
    assert not np.array_equal(seen[0][1], seen[1][1])


def test_a_map_from_files_is_staged_beside_the_scan(tmp_path):
    leaf = phantom.make(1, shape=(32, 64, 32))
    scan, codes = (Volume(array, leaf.spacing_um) for array in (leaf.gridrec, leaf.tissue))
    io.write(tmp_path / "scan.tif", scan)
    io.write(tmp_path / "tissue.tif", codes)
    from mesophyll.inference import segment_volume

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    chosen = replace(model(), spacing_um=0.65)
    lazy = [io.read(tmp_path / f"{name}.tif") for name in ("scan", "tissue")]
    read = segment_volume(lazy[0], chosen, tissue=lazy[1], scratch=tmp_path / "a").labels.read()
    held = segment_volume(scan, chosen, tissue=codes, scratch=tmp_path / "b").labels.read()
    assert (tmp_path / "a" / "tissue.npy").exists()
    assert np.array_equal(read, held)


def test_a_model_that_reads_tissue_asks_for_it():
    with pytest.raises(ModelError, match=r"no tissue map is given.*reads one beside the scan.*pass --tissue FILE"):
        model().prepare(Volume(np.random.default_rng(0).normal(size=(16,) * 3), (1.0,) * 3))


def test_a_model_that_reads_none_says_so():
    with pytest.raises(ModelError, match=r"a tissue map is given.*reads none.*leave --tissue out"):
        model("none").prepare(Volume(CODES, (1.0,) * 3), Volume(CODES, (1.0,) * 3))


def test_a_map_of_another_shape_is_refused():
    scan = Volume(np.random.default_rng(0).normal(size=(16,) * 3), (1.0,) * 3, name="leaf")
    with pytest.raises(LabelsError, match=r"map has the shape \(16, 16, 15\), leaf \(16, 16, 16\).*crop or resample"):
        model().prepare(scan, Volume(CODES[..., 1:], (1.0,) * 3, name="map"))


def test_a_plan_with_tissue_refuses_scans_without(tmp_path):
    leaf = phantom.make(1, shape=(48, 48, 48))
    scan, cells = (Volume(array, leaf.spacing_um) for array in (leaf.gridrec, leaf.labels))
    with pytest.raises(VolumeError, match=r"bare holds no tissue map.*add tissue.tif"):
        train([io.Example("bare", (scan,), cells)], tmp_path / "m", TrainingPlan(tissue="codes"))


def test_inputs_that_do_not_fit_the_tissue_do_not_load(tmp_path):
    save(replace(model(), tissue="classes"), tmp_path / "m")
    with pytest.raises(ModelError, match=r"2 inputs do not fit scans = 1 and tissue = 'classes'"):
        load(tmp_path / "m")


def test_a_leaking_split_judges_where_it_learns():
    source = SimpleNamespace(name="a", within=(slice(0, 100),) * 3)
    learn, judge = split([source], TrainingPlan(split="leaking"))
    assert learn == judge == [source]


def test_a_model_of_affinities_and_tissue_learns_both_and_reads_one_beside_the_other(tmp_path):
    heads = {"name": "heads", "parts": [{"name": "affinities"}, {"name": "tissue"}], "tissue_above": 0.5, "halo": 12}
    plan = TrainingPlan(
        representation=heads, leaves=LEAVES, levels=2, patch=16, epochs=1, steps=2, validation_patches=2
    )
    train([], tmp_path / "m", plan)
    loaded = load(tmp_path / "m")
    assert loaded.representation.tissue_above == 0.5
    leaf = phantom.make(1, shape=(32, 64, 32))
    assert segment(leaf.gridrec, spacing_um=0.65, model=loaded).shape == leaf.labels.shape


def test_what_learns_tissue_beside_cells_asks_for_a_map_and_is_shown_none(tmp_path):
    leaf = phantom.make(1, shape=(48, 48, 48))
    scan, cells = (Volume(array, leaf.spacing_um) for array in (leaf.gridrec, leaf.labels))
    heads = {"name": "heads", "parts": [{"name": "flows"}, {"name": "tissue"}]}
    bare = [io.Example("bare", (scan,), cells)]
    with pytest.raises(VolumeError, match=r"bare holds no tissue map.*a model that learns from one.*add tissue.tif"):
        train(bare, tmp_path / "m", TrainingPlan(representation=heads))
    with pytest.raises(
        SettingsError, match=r"tissue = 'codes' with a representation that learns tissue.*leave tissue out"
    ):
        train(bare, tmp_path / "n", TrainingPlan(representation=heads, tissue="codes"))
