"""Heads are their parts, side by side: in their channels, in their loss, in a file, and one of them finds the cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from catalogue import crowd
from complaint import complaint
from mesophyll.errors import SettingsError
from mesophyll.representations import Affinities, Cellpose, Flows, Heads, Tissue, from_table, to_table

BOTH = Heads(parts=(Flows(target="diffusion"), Affinities()))


@dataclass(frozen=True)
class Scaled(Flows):
    """Flows whose loss is another multiple."""

    scale: float = 1.0

    def loss(self, output_BCS, target_BCS, known_BS):
        return self.scale * super().loss(output_BCS, target_BCS, known_BS)


def gradients(method, first=4):
    """Mean absolute gradients in the first channels and in the others, of an output that says nothing."""
    target = torch.from_numpy(np.concatenate([part.encode(crowd(3, side=24)) for part in method.parts]))[None]
    output = torch.full_like(target, 0.1, requires_grad=True)
    method.loss(output, target, torch.ones((1, 24, 24, 24), dtype=torch.bool)).backward()
    return float(output.grad[:, :first].abs().mean()), float(output.grad[:, first:].abs().mean())


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_channels_are_those_of_the_parts_one_after_the_other(ndim):
    labels = crowd(ndim, side=32)
    flows, affinities = BOTH.parts
    target = BOTH.encode(labels)
    assert len(target) == BOTH.channels(ndim) == flows.channels(ndim) + affinities.channels(ndim)
    own = flows.channels(ndim)
    assert np.array_equal(target[:own], flows.encode(labels))
    assert np.array_equal(target[own:], affinities.encode(labels))
    sections = labels > labels.max() // 2
    forgotten = np.isnan(BOTH.forget(target, sections))
    assert np.array_equal(forgotten[:own], np.isnan(flows.forget(target[:own], sections)))
    assert np.array_equal(forgotten[own:], np.isnan(affinities.forget(target[own:], sections)))


def test_a_section_speaks_of_each_parts_own_channels():
    flows, affinities = BOTH.parts
    for across in range(3):
        expected = [*flows.in_volume(across), *(flows.channels(3) + c for c in affinities.in_volume(across))]
        assert list(BOTH.in_volume(across)) == expected


@pytest.mark.parametrize("name", ["flows", "affinities", ""])
def test_the_part_that_is_named_finds_the_cells(name):
    """The other part's channels may hold anything."""
    heads, labels = replace(BOTH, decode_by=name), crowd(3, side=32)
    output = heads.encode(labels)
    own = slice(4, None) if name == "affinities" else slice(0, 4)
    rest = np.ones(len(output), bool)
    rest[own] = False
    output[rest] = 7
    part = heads.parts[name == "affinities"]
    assert np.array_equal(heads.decode(output), part.decode(output[own]))
    assert heads.ceiling == part.ceiling


def test_no_part_is_louder_because_its_loss_is_larger():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Heads, "_names", ["flows", "affinities"])  # a part of the tests has no name
        quiet, loud = (Heads(parts=(Scaled(scale=scale), Affinities())) for scale in (1.0, 100.0))
        assert gradients(loud) == pytest.approx(gradients(quiet), rel=0.05)


def test_the_loss_falls_with_that_of_each_part_and_is_0_where_all_are():
    losses = [torch.tensor([1.0, 0.5]), torch.tensor([0.9, 0.5]), torch.tensor([0.9, 0.1]), torch.zeros(2)]

    class Fixed(Flows):
        def loss(self, output_BCS, target_BCS, known_BS):
            return output_BCS.mean()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Heads, "_names", ["one", "two"])
        heads = Heads(parts=(Fixed(), Fixed()))
        outputs = [each.repeat_interleave(3)[None, :, None, None].expand(1, 6, 4, 4) for each in losses]
        known = torch.ones((1, 4, 4), dtype=torch.bool)
        costs = [float(heads.loss(output, output, known)) for output in outputs]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == 0 < costs[-2]


def test_a_part_of_which_nothing_is_known_does_not_silence_the_other():
    labels = crowd(3, side=24)
    target = torch.from_numpy(BOTH.encode(labels))[None]
    target[:, 1:4] = torch.nan  # a batch of sections: no flow is known
    output = torch.zeros_like(target, requires_grad=True)
    BOTH.loss(output, target, torch.ones((1, *labels.shape), dtype=torch.bool)).backward()
    assert torch.isfinite(output.grad).all()
    assert output.grad[:, :1].any() and output.grad[:, 4:].any()
    assert not output.grad[:, 1:4].any()


def test_lengths_of_every_part_follow_the_spacing():
    assert BOTH.at(0.325).parts == (BOTH.parts[0], BOTH.parts[1].at(0.325))
    assert BOTH.reach == BOTH.parts[1].reach > 0


def test_parts_stand_in_a_file_by_name_with_their_settings():
    table = to_table(replace(BOTH, decode_by="affinities"))
    assert [part["name"] for part in table["parts"]] == ["flows", "affinities"]
    assert table["parts"][0]["target"] == "diffusion"
    assert from_table(table) == replace(BOTH, decode_by="affinities")
    assert from_table({"name": "heads", "parts": [{"name": "cellpose", "top": 5}]}) == Heads(parts=(Cellpose(top=5),))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"parts": [{"name": "flos"}]}, ["unknown representation 'flos'", "did you mean 'flows'?"]),
        ({"parts": [{"name": "heads"}]}, ["unknown representation 'heads'"]),
        ({"parts": [{"name": "flows", "targte": 1}]}, ["unknown key 'targte'", "did you mean 'target'?"]),
        ({"parts": ["flows"]}, ["a part is 'flows'", "[[representation.parts]]"]),
        ({"parts": []}, ["parts are none", "at least one part"]),
        ({"parts": [{"name": "flows"}, {"name": "flows"}]}, ["parts are flows, flows", "a name of its own"]),
        ({"decode_by": "cells"}, ["decode_by = 'cells'", "known are flows, affinities"]),
    ],
)
def test_what_is_wrong_in_a_table_of_heads_is_told(table, words):
    complaint(SettingsError, lambda: from_table({"name": "heads", **table}), *words)


def test_tissues_and_cells_are_not_learnt_from_the_same_labels():
    complaint(SettingsError, lambda: Heads(parts=(Flows(), Tissue())), "a part is tissue", "train another model for it")
