"""Weight files of Cellpose become models, and whatever else lies in a file is refused by its name."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from complaint import complaint
from conftest import run
from mesophyll import cellpose
from mesophyll.errors import FileError, ModelError, SettingsError
from mesophyll.model import ABOUT, Intensity, load, save
from mesophyll.network import CellposeNetwork, network_from_table, network_to_table
from mesophyll.representations import Cellpose
from mesophyll.volume import Volume


def as_in_a_file(module: nn.Module) -> dict[str, torch.Tensor]:
    """The weights under the names of Cellpose, spelt out by hand."""
    weights = {}
    for key, value in module.state_dict().items():
        place, *rest = key.split(".")
        if place == "output":
            weights[key] = value
            continue
        level, part, *end = rest
        middle = f"conv.conv_{end.pop(0)}" if part == "units" else "proj"
        tail = ".".join(end).replace("style", "full")
        weights[f"{place}sample.{place}.res_{place}_{level}.{middle}.{tail}"] = value
    return weights


@pytest.fixture(scope="module")
def module() -> nn.Module:
    """A network whose normalisation is not that of a new one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = CellposeNetwork().build()
        for part in made.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 2)
        return made.eval()


@pytest.fixture(scope="module")
def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return as_in_a_file(module) | {"diam_mean": torch.tensor([24.0]), "diam_labels": torch.tensor([27.5])}


def written(folder: Path, content: object, name: str = "cyto3", **how: bool) -> Path:
    torch.save(content, folder / name, **how)
    return folder / name


# ----------------------------------------------------------------------------------------------------------- the network


def test_the_network_has_6600843_weights(module):
    assert sum(parameter.numel() for parameter in module.parameters()) == 6_600_843


def test_an_output_has_the_shape_of_its_image(module):
    with torch.inference_mode():
        assert module(torch.zeros(2, 2, 24, 40)).shape == (2, 3, 24, 40)


def test_a_channel_that_is_not_there_is_zero(module):
    grey = torch.randn(1, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(module(grey), module(torch.cat([grey, torch.zeros_like(grey)], dim=1)))


def test_an_image_of_three_channels_is_refused(module):
    complaint(ModelError, lambda: module(torch.zeros(1, 3, 16, 16)), "has 3 channels", "reads 2", "pass one channel")


def test_the_output_is_that_of_the_formulas(module, weights):
    """Every step written out, on the names of the file."""
    image = torch.randn(1, 2, 32, 48)
    with torch.inference_mode():
        torch.testing.assert_close(module(image), by_hand(weights, image), rtol=1e-4, atol=1e-5)


def by_hand(weights, image):
    def unit(name, x, relu=True):
        x = functional.batch_norm(
            x, *(weights[f"{name}.0.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        )
        kernel, bias = (weights[f"{name}.{2 if relu else 1}.{part}"] for part in ("weight", "bias"))
        return functional.conv2d(torch.relu(x) if relu else x, kernel, bias, padding=kernel.shape[-1] // 2)

    def styled(name, x):
        shift = functional.linear(style, weights[f"{name}.full.weight"], weights[f"{name}.full.bias"])
        return unit(f"{name}.conv", x + shift[:, :, None, None])

    skips, x = [], image
    for level in range(4):
        name = f"downsample.down.res_down_{level}"
        x = x if level == 0 else functional.max_pool2d(x, 2)
        x = unit(f"{name}.proj", x, relu=False) + unit(f"{name}.conv.conv_1", unit(f"{name}.conv.conv_0", x))
        x = x + unit(f"{name}.conv.conv_3", unit(f"{name}.conv.conv_2", x))
        skips.append(x)
    style = x.mean(dim=(2, 3))
    style = style / style.square().sum(dim=1, keepdim=True).sqrt()
    for level in (3, 2, 1, 0):
        name = f"upsample.up.res_up_{level}"
        x = x if level == 3 else x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        first = styled(f"{name}.conv.conv_1", unit(f"{name}.conv.conv_0", x) + skips[level])
        x = unit(f"{name}.proj", x, relu=False) + first
        x = x + styled(f"{name}.conv.conv_3", styled(f"{name}.conv.conv_2", x))
    return unit("output", x)


def test_the_architecture_stands_in_a_table():
    network = CellposeNetwork(inputs=1)
    assert network_to_table(network) == {"name": "cellpose", "ndim": 2, "inputs": 1, "outputs": 3}
    assert network_from_table(network_to_table(network)) == network
    complaint(SettingsError, lambda: network_from_table({"name": "celpose"}), "'celpose'", "did you mean 'cellpose'?")
    complaint(SettingsError, lambda: network_from_table({"name": "cellpose", "ndim": 3}), "ndim = 3")


# ------------------------------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("zipped", [True, False], ids=["a file of today", "a file of version 1"])
def test_a_weight_file_becomes_a_model(zipped, module, weights, tmp_path):
    path = written(tmp_path, weights, _use_new_zipfile_serialization=zipped)
    model = cellpose.read(path, diameter_um=12)
    image = torch.randn(1, 2, 32, 48)
    with torch.inference_mode():
        assert torch.equal(model.module(image), module(image))
    assert (model.name, model.representation, model.network) == ("cyto3", Cellpose(), CellposeNetwork())
    assert model.spacing_um == 0.5
    assert model.intensity == Intensity(1, 99, clip=None, zeros=True)
    assert model.card["imported"] == {
        "file": "cyto3",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "diameter_um": 12,
        "diameter_vox": 24,
        "training_diameter_vox": 27.5,
    }


@pytest.mark.parametrize(("name", "spacing"), [("cytotorch_0", 0.5), ("nucleitorch_0", 15 / 17)])
def test_a_file_that_does_not_say_how_wide_cells_are_is_told_by_its_name(name, spacing, module, tmp_path):
    model = cellpose.read(written(tmp_path, as_in_a_file(module), name), diameter_um=15)
    assert model.spacing_um == pytest.approx(spacing)


def test_an_imported_model_keeps_its_precision_on_the_disk(weights, tmp_path):
    model = cellpose.read(written(tmp_path, weights), diameter_um=12, name="mine")
    save(model, tmp_path / "exact", exact=True)
    save(model, tmp_path / "half")
    again, half = load(tmp_path / "exact"), load(tmp_path / "half")
    assert json.loads((tmp_path / "exact" / ABOUT).read_text())["network"]["name"] == "cellpose"
    for field in ("name", "representation", "spacing_um", "intensity", "card", "network"):
        assert getattr(again, field) == getattr(model, field)
    wanted = model.module.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in again.module.state_dict().items())
    assert not all(torch.equal(value, wanted[key]) for key, value in half.module.state_dict().items())


def test_what_half_precision_cannot_hold_is_kept(weights, tmp_path):
    heavy = dict(weights)
    heavy["output.0.running_var"] = torch.full_like(weights["output.0.running_var"], 1e6)
    save(cellpose.read(written(tmp_path, heavy), diameter_um=12), tmp_path / "half")
    assert (load(tmp_path / "half").module.state_dict()["output.0.running_var"] == 1e6).all()


def test_grey_values_are_seen_as_cellpose_sees_them(weights, tmp_path):
    """Percentiles over all pixels, those of 0 too, and nothing is clipped."""
    grey = np.random.default_rng(0).integers(0, 200, (40, 40)).astype(np.uint8)
    grey[:10], grey[20, 20] = 0, 255
    model = cellpose.read(written(tmp_path, weights), diameter_um=24)
    seen = model.prepare(Volume(grey, (1.0, 1.0))).read((slice(0, 40), slice(0, 40)))
    low, high = np.percentile(grey.astype(np.float32), [1, 99])
    np.testing.assert_allclose(seen[0], (grey.astype(np.float32) - low) / (high - low), rtol=1e-6)
    assert low == 0


def test_models_import_writes_a_folder_and_shows_the_checksum(weights, tmp_path):
    path = written(tmp_path, weights)
    result = run("models", "import", path, "-o", tmp_path / "model", "--diameter-um", 12, "--name", "mine")
    assert result.exit_code == 0, result.stderr
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    assert checksum in result.stdout
    assert load(tmp_path / "model").name == "mine"
    again = run("models", "import", path, "-o", tmp_path / "two", "--diameter-um", 12, "--sha256", "0" * 64)
    assert again.exit_code == 1
    assert f"has the SHA-256 {checksum}" in again.stderr
    assert not (tmp_path / "two").exists()


# --------------------------------------------------------------------------------------------------------- what is refused


class _Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("bomb"),))


def test_code_in_a_file_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pickled").write_bytes(pickle.dumps(_Bomb()))
    files = [
        written(tmp_path, {"a": _Bomb()}, f"zip-{new}", _use_new_zipfile_serialization=new) for new in (True, False)
    ]
    for path in (*files, Path("pickled")):
        words = (f"{path.name} cannot be imported", "holds code besides numbers", "that you trust")
        complaint(ModelError, lambda path=path: cellpose.read(path, diameter_um=10), *words)
    assert not Path("bomb").exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_told(zipped, share, weights, tmp_path):
    path = written(tmp_path, weights, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    complaint(ModelError, lambda: cellpose.read(path, diameter_um=10), "it is cut off or damaged", "download it again")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"II*\0" + bytes(100)])
def test_what_is_no_file_of_torch_is_told(content, tmp_path):
    (tmp_path / "cyto3").write_bytes(content)
    words = ("it is no file of torch", "that Cellpose itself loads")
    complaint(ModelError, lambda: cellpose.read(tmp_path / "cyto3", diameter_um=10), *words)


def without(weights, name):
    return {key: value for key, value in weights.items() if key != name}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w | {"W2": torch.zeros(3)}, "it is Cellpose-SAM, version 4"),
        (lambda w: w | {"output.2.weight": torch.zeros(5, 32, 1, 1)}, "it tells 5 classes, and not 3"),
        (lambda w: without(w, "output.0.bias"), "it lacks output.0.bias, and 1 names differ"),
        (lambda w: w | {"more": torch.zeros(1)}, "it has also more, and 1 names differ"),
        (lambda w: w | {"output.0.bias": torch.zeros(31)}, "output.0.bias has the shape (31,) and not (32,)"),
        (lambda w: w | {"output.2.bias": torch.full((3,), torch.nan)}, "output.2.bias holds NaN or infinity"),
        (lambda w: w | {"diam_mean": torch.tensor([0.0])}, "it says that cells are 0 voxels wide"),
        (lambda w: w | {"epoch": 3}, "'epoch' is a int"),
        (lambda w: [*w.values()], "it holds a list"),
        (lambda w: {}, "it holds a dict"),
    ],
)
def test_a_file_of_another_network_is_told(change, words, weights, tmp_path):
    path = written(tmp_path, change(weights))
    rule = "a weight file of Cellpose 1 to 3 holds the network CPnet"
    complaint(ModelError, lambda: cellpose.read(path, diameter_um=10), words, rule)


def test_a_network_of_other_channels_can_be_imported(tmp_path):
    with torch.random.fork_rng():
        module = CellposeNetwork(inputs=1).build()
    model = cellpose.read(written(tmp_path, as_in_a_file(module)), diameter_um=10)
    assert model.network == CellposeNetwork(inputs=1)


@pytest.mark.parametrize("diameter", [0, -3, float("nan"), float("inf")])
def test_a_width_that_cannot_be_is_told(diameter, tmp_path):
    words = (f"diameter_um = {diameter:g}", "above 0 µm", "measure one")
    complaint(SettingsError, lambda: cellpose.read(tmp_path / "cyto3", diameter_um=diameter), *words)


def test_a_file_that_is_not_there_is_told(tmp_path):
    words = ("cyto3 cannot be read", "No such file", "check the path")
    complaint(FileError, lambda: cellpose.read(tmp_path / "cyto3", diameter_um=10), *words)
