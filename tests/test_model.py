"""A model on disk is whole or refused; a scan that does not suit it is told why."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from complaint import complaint
from mesophyll.errors import FileError, ModelError, VolumeError
from mesophyll.likeness import Familiar
from mesophyll.model import ABOUT, WEIGHTS, Image, Intensity, Model, find, load, make_folder, save, shipped
from mesophyll.network import Network
from mesophyll.representations import Flows
from mesophyll.volume import Volume


def made(ndim=2, **changes):
    torch.manual_seed(0)
    module = Network(ndim, 1, 1 + ndim, levels=2).build().eval()
    card = {"version": "0.1.0", "data": ["leaf-1"], "loss": 0.25}
    familiar = Familiar(32, {"noise": (0.1, 0.25), "polarity": (-0.5, 1)}, 1.5)
    return replace(Model("test", module, Flows(halo=8), 0.65, Intensity(2, 98), card, familiar=familiar), **changes)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The folder of a model; tests copy it before they harm it."""
    folder = tmp_path_factory.mktemp("models") / "test"
    save(made(), folder)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "test"))


def rewrite(folder, change):
    """Change model.json, as a table."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    change(about)
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def reweigh(folder, weights):
    """Write other weights, with a checksum that fits."""
    safetensors.torch.save_file(weights, folder / WEIGHTS)
    checksum = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    rewrite(folder, lambda about: about.update(weights_sha256=checksum))


def scan(shape=(40, 40), spacing=0.65, seed=0, **settings):
    grey = np.random.default_rng(seed).integers(1, 200, shape).astype(np.uint8)
    return Volume(grey, (spacing,) * len(shape), name="leaf.tif", **settings)


# ---------------------------------------------------------------------------------------------------------- on the disk


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_model_read_again_is_the_same_up_to_half_precision(ndim, tmp_path):
    model = made(ndim)
    save(model, tmp_path / "test")
    again = load(tmp_path / "test")
    for field in ("name", "representation", "spacing_um", "intensity", "card", "network", "familiar"):
        assert getattr(again, field) == getattr(model, field)
    image = torch.randn(1, 1, *[16] * ndim)
    with torch.inference_mode():
        torch.testing.assert_close(again.module(image), model.module(image), rtol=0.02, atol=0.01)
    assert not again.module.training
    assert all(value.dtype != torch.float16 for value in again.module.state_dict().values())


def test_a_model_read_and_saved_again_has_the_same_weights(folder, tmp_path):
    save(load(folder), tmp_path / "copy")
    assert (tmp_path / "copy" / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    assert load(tmp_path / "copy").checksum == load(folder).checksum != ""


def test_saving_leaves_the_model_in_use_and_other_files_alone(tmp_path):
    model, folder = made(), tmp_path / "test"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    before = {key: value.clone() for key, value in model.module.state_dict().items()}
    save(model, folder)
    save(model, folder)
    assert all(torch.equal(before[key], value) for key, value in model.module.state_dict().items())
    assert sorted(path.name for path in folder.iterdir()) == sorted([ABOUT, WEIGHTS, "notes.txt"])


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    complaint(FileError, lambda: make_folder(tmp_path / "file"), "file cannot be made", "correct the path")
    complaint(FileError, lambda: save(made(), tmp_path / "no" / "test"), "cannot be made", "make its parent")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("name", [ABOUT, WEIGHTS])
def test_a_model_without_one_of_its_files_is_refused(name, folder):
    (folder / name).unlink()
    complaint(ModelError, lambda: load(folder), f"{folder} cannot be read", "FileNotFoundError", "copy or train")


def test_weights_in_which_one_bit_has_changed_are_refused(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-5] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    complaint(ModelError, lambda: load(folder), f"{WEIGHTS} is not the file that {ABOUT} describes")


def test_a_model_cut_off_while_it_was_written_is_refused(folder):
    """New weights are there, the model.json of the old ones still is."""
    other = {key: value + 1 for key, value in safetensors.torch.load_file(folder / WEIGHTS).items()}
    safetensors.torch.save_file(other, folder / WEIGHTS)
    complaint(ModelError, lambda: load(folder), "is not the file that")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"3"])
def test_a_model_json_that_is_none_is_refused(content, folder):
    (folder / ABOUT).write_bytes(content)
    complaint(
        ModelError, lambda: load(folder), f"{folder} cannot be read", f"{ABOUT} and {WEIGHTS} that belong together"
    )


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", 2, "its format is 2, this version reads 1"),
        ("network", [], "settings are a table"),
        ("network", {"ndim": 4, "inputs": 1, "outputs": 3}, "ndim = 4"),
        ("representation", {"name": "comets"}, "unknown representation 'comets'"),
        ("representation", {"name": "flows", "power": 9}, "unknown key 'power'"),
        ("representation", 5, "TypeError"),
        ("intensity", {"low": 99, "high": 1}, "percentiles"),
        ("familiar", 5, "familiar = 5; settings are a table"),
        ("familiar", {"side": 32, "ranges": {"noise": "much"}}, "ranges.noise = 'much'"),
        ("spacing_um", 0, "voxel size 0 µm"),
        ("spacing_um", float("nan"), "voxel size nan µm"),
        ("spacing_um", None, "TypeError"),
        ("card", 5, "TypeError"),
        ("weights_sha256", "0", "is not the file that"),
    ],
)
def test_a_model_json_that_says_what_cannot_be_is_refused(key, value, words, folder):
    rewrite(folder, lambda about: about.update({key: value}))
    complaint(ModelError, lambda: load(folder), f"{folder} cannot be read", words)


def test_a_model_older_than_this_knowledge_does_not_say_what_is_familiar(folder):
    rewrite(folder, lambda about: about.pop("familiar"))
    assert load(folder).familiar is None


@pytest.mark.parametrize(
    "key", ["format", "name", "network", "representation", "spacing_um", "intensity", "weights_sha256", "card"]
)
def test_a_model_json_without_one_of_its_keys_is_refused(key, folder):
    rewrite(folder, lambda about: about.pop(key))
    complaint(ModelError, lambda: load(folder), f"KeyError: '{key}'")


def test_outputs_that_are_not_the_representations_are_refused(folder):
    rewrite(folder, lambda about: about["network"].update(outputs=7))
    complaint(ModelError, lambda: load(folder), "7 outputs do not fit")


def test_the_weights_of_another_network_are_refused(folder):
    weights = safetensors.torch.load_file(folder / WEIGHTS)
    reweigh(folder, dict(list(weights.items())[:-1]))
    complaint(ModelError, lambda: load(folder), "state_dict for ResidualUNet")
    other = Network(2, 1, 3, "medium", levels=2).build().state_dict()
    reweigh(folder, {key: value.contiguous() for key, value in other.items()})
    complaint(ModelError, lambda: load(folder), "state_dict for ResidualUNet")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(bad, folder):
    weights = safetensors.torch.load_file(folder / WEIGHTS)
    weights["output.bias"][0] = bad
    reweigh(folder, weights)
    complaint(ModelError, lambda: load(folder), "output.bias holds NaN or infinity")


class _Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("bomb"),))


@pytest.mark.parametrize("write", [pickle.dump, lambda bomb, file: torch.save({"bomb": bomb}, file)])
def test_nothing_in_a_model_is_executed(write, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with (folder / WEIGHTS).open("wb") as file:
        write(_Bomb(), file)
    checksum = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    rewrite(folder, lambda about: about.update(weights_sha256=checksum))
    complaint(ModelError, lambda: load(folder), "SafetensorError")
    assert not Path("bomb").exists()


def test_models_are_found_by_folder_or_name_and_others_are_told_the_names(folder):
    assert find(folder).name == find(str(folder)).name == "test"
    text = complaint(ModelError, lambda: find("leef-3d"), "no model 'leef-3d'", "a model's folder")
    assert all(name in text for name in shipped())


@pytest.mark.parametrize("name", shipped() or [None])
def test_what_is_shipped_can_be_loaded(name):
    if name is None:
        pytest.skip("no model is shipped yet")
    assert find(name).name == name


# -------------------------------------------------------------------------------------------------------- scans for it


def test_grey_values_of_the_percentiles_become_0_and_1():
    volume = scan()
    low, high = Intensity(5, 95).measure(volume)
    assert (low, high) == tuple(np.percentile(volume.read().astype(float), [5, 95]))
    image = Image.of(volume, 0.65, Intensity(5, 95, (-0.25, 1.5)))
    seen = image.read((slice(0, 40), slice(3, 9)))
    assert seen.shape == (1, 40, 6)
    assert seen.dtype == np.float32
    expected = np.clip((volume.read()[:, 3:9].astype(float) - low) / (high - low), -0.25, 1.5)
    np.testing.assert_allclose(seen[0], expected, atol=1e-5)
    assert seen.min() == pytest.approx(max(-0.25, (1 - low) / (high - low)), abs=0.05)


def test_what_lies_outside_the_field_of_view_does_not_count():
    inside = scan()
    black = np.zeros((90, 90), np.uint8)
    black[20:60, 20:60] = inside.read()
    assert Intensity().measure(Volume(black)) == Intensity().measure(inside)


def test_a_large_scan_is_measured_on_an_even_sample():
    grey = np.random.default_rng(0).normal(100, 10, (1900, 1900)).astype(np.float32)
    low, high = Intensity().measure(Volume(grey))
    assert (low, high) == pytest.approx(tuple(np.percentile(grey, [1, 99])), abs=0.3)


def test_percentiles_do_not_move_with_the_type_of_the_file():
    grey = scan().read()
    assert all(Intensity().measure(Volume(grey.astype(t))) == Intensity().measure(Volume(grey)) for t in (">u2", "f8"))


@pytest.mark.parametrize("value", [0, 7])
def test_a_scan_of_one_grey_value_is_told(value):
    flat = Volume(np.full((40, 40), value, np.uint8), (0.65, 0.65), name="leaf.tif")
    complaint(VolumeError, lambda: made().prepare(flat), f"the grey value {value} nearly everywhere", "no mask")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_scan_with_holes_is_told(bad):
    grey = scan().read().astype(np.float32)
    grey[3, 4] = bad
    volume = Volume(grey, (0.65, 0.65), name="leaf.tif")
    complaint(VolumeError, lambda: made().prepare(volume), "leaf.tif holds 1 voxels of NaN or infinity")
    image = Image(volume, 0, 100, (-1, 2))
    complaint(VolumeError, lambda: image.read((slice(0, 8), slice(0, 8))), "leaf.tif holds 1 voxels", "replace them")
    assert image.read((slice(8, 20), slice(0, 8))).shape == (1, 12, 8)


def test_a_scan_is_seen_at_the_models_voxels():
    image = made().prepare(scan((60, 40), 1.3))
    assert image.shape == (120, 80)
    np.testing.assert_allclose(image.volume.spacing_um, (0.65, 0.65))


def test_an_image_is_told_the_model_to_take_and_a_volume_may_be_seen_in_sections():
    complaint(ModelError, lambda: made(3).prepare(scan((40, 40))), "has 2 axes", "reads volumes", "--model leaf-2d")
    assert made(2).prepare(scan((20, 24, 28))).shape == (20, 24, 28)


@pytest.mark.parametrize("shape", [(3, 40, 40), (40, 40, 3)])
def test_colours_are_no_volume(shape):
    complaint(VolumeError, lambda: made(2).prepare(scan(shape)), "at least 16 along each axis, and colours are none")


def test_a_scan_too_coarse_or_too_small_is_told():
    complaint(ModelError, lambda: made().prepare(scan(spacing=2.7)), "2.7 µm are too coarse", "up to 4 times")
    assert made().prepare(scan(spacing=2.6)).shape == (160, 160)
    complaint(VolumeError, lambda: made().prepare(scan((40, 15))), "40 x 15 voxels of 0.65 µm", "at least 16")
    assert made().prepare(scan((40, 16))).shape == (40, 16)


def test_a_scan_without_voxel_size_is_told():
    volume = replace(scan(), spacing_um=None)
    complaint(VolumeError, lambda: made().prepare(volume), "no voxel size", "--spacing")
