"""Where labels are silent, a model that is taught on keeps what it knew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from catalogue import crowd
from complaint import complaint
from mesophyll.errors import SettingsError
from mesophyll.inference import segment
from mesophyll.io import Example
from mesophyll.labels import UNKNOWN
from mesophyll.model import load
from mesophyll.network import Network
from mesophyll.representations import Affinities, Flows
from mesophyll.training import TrainingPlan, train
from mesophyll.training.holding import Before, says_the_same
from mesophyll.volume import Volume
from networks import TINY, lively

SPACING = (1.0, 1.0)


def image(seed: int, side: int = 96) -> Example:
    """A crowd of cells, bright in its scan."""
    cells = crowd(2, side=side, seed=seed)
    grey = np.where(cells > 0, 1.0, 0.0) + np.random.default_rng(seed).normal(0, 0.1, cells.shape)
    return Example(
        f"crowd {seed}", (Volume(grey.astype(np.float32), SPACING, name="scan"),), Volume(cells, SPACING, name="labels")
    )


def a_few_of(example: Example, count: int) -> Example:
    """The same, of which a few cells are traced and nothing else is known."""
    cells = np.asarray(example.labels.data)
    traced = np.where((cells > 0) & (cells <= count), cells, UNKNOWN).astype(np.int32)
    return replace(example, labels=replace(example.labels, data=traced))


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    folder = tmp_path_factory.mktemp("holding") / "first"
    train([image(0)], folder, TINY, device="cpu")
    return folder


def test_a_few_traced_cells_do_not_make_it_forget_the_rest(taught, tmp_path):
    """Traced cells alone say nowhere that there is no cell: without a hold, it soon sees them everywhere."""
    plan = TrainingPlan(
        ndim=2,
        start=str(taught),
        patch=16,
        batch=4,
        epochs=6,
        steps=40,
        rate=3e-3,
        validation_patches=4,
        split="leaking",
    )
    few, unseen = a_few_of(image(3), 3), image(7)
    seen = {"before": seen_in_air(load(taught), unseen)}
    for name, hold in {"held": 1.0, "let go": 0.0}.items():
        seen[name] = seen_in_air(train([few], tmp_path / name, replace(plan, hold=hold), device="cpu"), unseen)
    assert seen["held"] < seen["before"] + 0.05
    assert seen["let go"] > seen["held"] + 0.3


def seen_in_air(model, example: Example) -> float:
    """The share of the air that is taken for cells."""
    found = segment(example.scans[0].read(), spacing_um=SPACING, model=model, device="cpu")
    return float((found[example.labels.read() == 0] > 0).mean())


def test_what_is_told_is_not_held_and_what_is_not_is():
    network = Network(2, 1, 3, levels=2)
    before, image_BCS = Before(lively(network), Flows()), torch.rand(1, 1, 16, 16)
    output = torch.zeros(1, 3, 16, 16, requires_grad=True)
    untold = torch.zeros(1, 3, 16, 16, dtype=torch.bool)
    untold[:, 1, :8] = True
    before.missed(image_BCS, output, untold).backward()
    assert torch.equal(output.grad != 0, untold)
    assert before.missed(image_BCS, output, torch.zeros_like(untold)) == 0


def test_what_says_the_same_misses_nothing_whatever_becomes_of_the_network_later():
    module = lively(Network(2, 1, 3, levels=2))
    before, image_BCS = Before(module, Flows()), torch.rand(2, 1, 16, 16)
    said = module(image_BCS).detach()
    with torch.no_grad():
        module.output.bias += 3
    everywhere = torch.ones_like(said, dtype=torch.bool)
    assert before.missed(image_BCS, said, everywhere) == pytest.approx(0, abs=1e-6)
    assert before.missed(image_BCS, module(image_BCS).detach(), everywhere) > 0.5
    assert not any(weight.requires_grad for weight in before._network.parameters())


def test_a_hold_is_a_share_of_what_varies():
    """A channel that says 100 times as much, and varies so, is held no more firmly."""

    class Larger(Flows):
        def activate(self, output_BCS):
            return output_BCS * torch.tensor([1.0, 100.0, 1.0]).reshape(1, 3, 1, 1)

    module, image_BCS = lively(Network(2, 1, 3, levels=2)), torch.rand(1, 1, 16, 16)
    said = module(image_BCS).detach()
    moved = [said + 0.3 * torch.eye(3)[channel].reshape(1, 3, 1, 1) for channel in (1, 2)]
    everywhere = torch.ones_like(said, dtype=torch.bool)
    missed = [float(Before(module, Larger()).missed(image_BCS, one, everywhere)) for one in moved]
    spread = said.var(dim=[0, 2, 3])
    assert missed[0] / missed[1] == pytest.approx(float(spread[2] / spread[1]), rel=0.05)


def test_only_what_means_the_same_is_held():
    assert says_the_same(Flows(threshold=0.3), Flows(threshold=0.6))
    assert not says_the_same(Flows(target="centre"), Flows(target="interior"))
    assert not says_the_same(Flows(), Affinities())


def test_nothing_is_held_backwards():
    complaint(SettingsError, lambda: TrainingPlan(hold=-1.0), "hold = -1.0", "a weight of 0 or more")
    complaint(SettingsError, lambda: TrainingPlan(hold=float("nan")), "hold = nan")
