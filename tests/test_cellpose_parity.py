"""Beside the original: the same weights give the same numbers, and the same numbers the same cells.

These tests run where cellpose 3 is installed, in an environment of its own, for it pins other libraries::

    python3.11 -m venv parity
    parity/bin/pip install torch==2.13.0 cellpose==3.1.1.3 hypothesis pytest (and what mesophyll needs, see pyproject.toml)
    PYTHONPATH=src parity/bin/python -m pytest tests/test_cellpose_parity.py
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from catalogue import crowd
from mesophyll import cellpose, evaluation, inference
from mesophyll.inference import SegmentationPlan, looking
from mesophyll.labels import outlines, remove_small, same_partition, sequential, split_pieces
from mesophyll.network import CellposeNetwork
from mesophyll.phantom import make
from mesophyll.representations import Cellpose
from mesophyll.stitching import merge, successors
from mesophyll.volume import Volume

original = pytest.importorskip("cellpose", reason="cellpose 3 is not installed, see the top of this file")

from cellpose import dynamics, models, resnet_torch, utils  # noqa: E402 - only where it is installed

METHOD = Cellpose()


@pytest.fixture(scope="module")
def leaf():
    return make(5, shape=(64, 160, 160))


@pytest.fixture(scope="module")
def taught():
    """A network that has looked at one picture for a minute: its flows lead somewhere, its statistics are its own."""
    torch.manual_seed(0)
    module, (image, truth) = CellposeNetwork().build().train(), picture((96, 96), seed=1)
    target = torch.from_numpy(METHOD.encode(truth))[None]
    grey = torch.from_numpy(image)[None, None]
    grey = (grey - grey.quantile(0.01)) / (grey.quantile(0.99) - grey.quantile(0.01))
    optimizer = torch.optim.AdamW(module.parameters(), 2e-3)
    for _ in range(120):
        optimizer.zero_grad()
        METHOD.loss(module(grey), target, torch.ones_like(target[:, 0], dtype=torch.bool)).backward()
        optimizer.step()
    return module.eval()


@pytest.fixture(scope="module")
def weights(taught, tmp_path_factory) -> Path:
    """A file that the original has written: of a network of its own, with our weights in it."""
    net = resnet_torch.CPnet([2, 32, 64, 128, 256], 3, sz=3)
    renamed = {cellpose.file_name(key): value for key, value in taught.state_dict().items()}
    assert net.load_state_dict(renamed, strict=False).missing_keys == ["diam_mean", "diam_labels"]
    path = tmp_path_factory.mktemp("weights") / "cyto3"
    net.save_model(path)
    return path


@pytest.fixture(scope="module")
def both(weights):
    """Their model and ours, of the same file: cells of 30 µm, so that at 1 µm nothing is resampled."""
    theirs = models.CellposeModel(gpu=False, pretrained_model=str(weights))
    theirs.net.eval()
    return SimpleNamespace(theirs=theirs, ours=cellpose.read(weights, diameter_um=30))


@pytest.fixture
def float32(monkeypatch):
    monkeypatch.setattr(looking, "fast_precision", lambda _: torch.float32)


# ------------------------------------------------------------------------------------------------------------ the network


@pytest.fixture(scope="module", params=[1, 2, 3], ids=lambda inputs: f"{inputs} channels")
def random(request, tmp_path_factory):
    """A network that has learnt nothing, with statistics of its own, and ours of the file that it wrote."""
    torch.manual_seed(request.param)
    net = resnet_torch.CPnet([request.param, 32, 64, 128, 256], 3, sz=3)
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    path = tmp_path_factory.mktemp("random") / "mine"
    net.save_model(path)
    return SimpleNamespace(theirs=net.eval(), ours=cellpose.read(path, diameter_um=30).module, inputs=request.param)


@pytest.mark.parametrize("sides", [(16, 16), (64, 64), (48, 80), (224, 224)])
def test_the_network_says_the_same(random, sides):
    image = torch.randn(2, random.inputs, *sides)
    with torch.inference_mode():
        theirs = random.theirs(image)[0]
        assert theirs.std() > 0.05
        assert (theirs - random.ours(image)).abs().max() < 1e-4


def test_the_network_says_the_same_of_a_grey_image_without_its_empty_channel(both):
    image = torch.randn(1, 1, 64, 96)
    with torch.inference_mode():
        theirs, ours = both.theirs.net(torch.cat([image, 0 * image], dim=1))[0], both.ours.module(image)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("shape", [(100, 130), (208, 208), (209, 300), (460, 231)])
def test_an_image_is_tiled_and_blended_as_there(both, shape, float32):
    """Flows to 1e-3 (they are kept in half precision); of the foreground, what lies on which side of the threshold."""
    image, _ = picture(shape)
    _, (_, flow, logit, *_), _ = both.theirs.eval(image, channels=[0, 0], compute_masks=False, diameter=30)
    outputs = predicted(both.ours, image)
    assert np.abs(outputs[:2] - flow / 5).max() < 2e-3
    assert ((outputs[2] > 0.5) == (logit > 0)).mean() > 0.999
    assert 0.1 < (logit > 0).mean() < 0.95


def picture(shape, seed=0):
    """Cells brighter than what lies between them, and their truth."""
    truth = np.ascontiguousarray(crowd(2, side=max(shape), spacing=24, seed=seed)[: shape[0], : shape[1]])
    truth[ndimage.binary_dilation(outlines(truth))] = 0
    noise = np.random.default_rng(seed).normal(0, 5, shape)
    grey = ndimage.gaussian_filter((truth > 0) * 100.0, 1.0) + 20 + noise
    return grey.astype(np.float32), truth


def predicted(model, image):
    seen = model.prepare(Volume(image, (1.0, 1.0)))
    outputs = np.zeros((3, *seen.shape), np.float16)
    inference.predict(model, seen, outputs, plan=SegmentationPlan(device="cpu"))
    return outputs.astype(np.float32)


# ------------------------------------------------------------------------------------------------------- flows to cells


def read_by_them(output_CS):
    """The original's cells from an output of ours."""
    logit = np.log(output_CS[-1].clip(1e-6, 1 - 1e-6)) - np.log((1 - output_CS[-1]).clip(1e-6, 1 - 1e-6))
    flow = (5 * output_CS[:-1]).astype(np.float32)
    return dynamics.resize_and_compute_masks(flow, logit.astype(np.float32), do_3D=output_CS.ndim == 4).astype(np.int32)


def assert_alike(ours, theirs):
    """The cells are the same but for a few voxels. (One that tells on a cell of min_size may take or give that cell.)"""
    assert theirs.max() > 10
    scores = evaluation.match(ours, theirs).to_dict()
    assert abs(scores["cells"] - scores["truth_cells"]) <= 1
    assert scores["AP"]["0.9"] >= 0.98
    assert scores["AJI"] >= 0.99


def noisy(output_CS, spread):
    rng, noisy = np.random.default_rng(0), output_CS.copy()
    noisy[:-1] += rng.normal(0, spread, noisy[:-1].shape).astype(np.float32)
    noisy[-1] = np.clip(0.1 + 0.8 * noisy[-1] + rng.normal(0, spread / 3, noisy.shape[1:]), 0.01, 0.99)
    return noisy


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("row", [40, 80, 120])
def test_the_same_flows_of_a_section_make_the_same_cells(leaf, row, spread):
    output = noisy(METHOD.encode(split_pieces(np.ascontiguousarray(leaf.labels[:, row]))), spread)
    assert_alike(METHOD.decode(output), read_by_them(output))


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_the_same_flows_of_a_volume_make_the_same_cells(leaf, spread):
    output = METHOD.encode(np.ascontiguousarray(leaf.labels[:, :80, :80]))
    output = noisy(output, spread)
    assert_alike(METHOD.decode(output), read_by_them(output))


def test_targets_are_theirs(leaf):
    """Of the flow's direction, nearly everywhere: they cut the heat at one voxel more, and take no logarithm."""
    section = split_pieces(np.ascontiguousarray(leaf.labels[:, 80]))
    ours, theirs = METHOD.encode(section), dynamics.masks_to_flows(section)
    inside = section > 0
    assert np.array_equal(ours[2] > 0, inside)
    cosine = (ours[:2] * theirs).sum(axis=0)[inside]
    assert np.quantile(cosine, 0.05) > 0.9
    assert np.median(cosine) > 0.99


def test_slices_are_joined_as_there(leaf):
    """Without specks, whose IoU may be the same with two cells: there, both get one number."""
    rows = [split_pieces(np.ascontiguousarray(leaf.labels[:, row])) for row in range(60, 70)]
    slices = [sequential(remove_small(labels, 20)) for labels in rows]
    counts = [int(labels.max()) for labels in slices]
    pairs = [(row, row + 1, successors(slices[row], slices[row + 1], 0.25)) for row in range(9)]
    ours = np.stack([table[labels] for table, labels in zip(merge(counts, pairs), slices, strict=True)])
    theirs = np.asarray(utils.stitch3D(np.stack(slices).copy(), 0.25)).astype(np.int32)
    assert len(np.unique(theirs)) < sum(counts) / 2
    assert same_partition(ours, theirs)


# ------------------------------------------------------------------------------------------------------------- end to end


@pytest.mark.parametrize("shape", [(200, 180), (300, 260)])
def test_an_image_has_the_same_cells_from_end_to_end(both, shape, float32, tmp_path):
    image, truth = picture(shape)
    ours = segment(image, 1.0, both.ours, tmp_path)
    theirs = both.theirs.eval(image, channels=[0, 0], diameter=30)[0].astype(np.int32)
    assert_alike(ours, theirs)
    assert evaluation.match(ours, truth).to_dict()["AP"]["0.5"] > 0.5


def test_in_half_the_precision_cells_are_nearly_the_same(both, tmp_path):
    """Where the processor multiplies bfloat16; elsewhere this is the test above."""
    image, _ = picture((300, 260))
    ours = segment(image, 1.0, both.ours, tmp_path)
    theirs = both.theirs.eval(image, channels=[0, 0], diameter=30)[0].astype(np.int32)
    assert evaluation.match(ours, theirs).to_dict()["AP"]["0.8"] >= 0.9


@pytest.mark.parametrize("diameter", [20, 37.5])
def test_an_image_of_other_voxels_is_seen_at_the_same_size(both, weights, diameter, float32, tmp_path):
    """There, outputs are brought back to the image before cells are found; here, the cells are."""
    image, _ = picture((240, 180))
    zoomed = ndimage.zoom(image, diameter / 30, order=1, grid_mode=True, mode="nearest")
    ours = segment(zoomed, 30 / diameter, both.ours, tmp_path)
    theirs = both.theirs.eval(zoomed, channels=[0, 0], diameter=diameter)[0].astype(np.int32)
    assert ours.shape == theirs.shape == zoomed.shape
    assert theirs.max() > 10
    assert evaluation.match(ours, theirs).to_dict()["AP"]["0.5"] >= 0.8


def segment(image, spacing, model, scratch):
    volume, plan = Volume(image, (spacing,) * 2), SegmentationPlan(device="cpu", block=512)
    return inference.segment_volume(volume, model, scratch=scratch, plan=plan).labels.read()
