"""Heads are their parts, side by side: in their channels, in their loss, in a file, and one of them finds the cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from catalogue import crowd, touching_pair
from complaint import complaint
from laws import found
from mesophyll.errors import SettingsError
from mesophyll.labels import UNKNOWN
from mesophyll.representations import Affinities, Cellpose, Flows, Heads, Tissue, from_table, to_table
from mesophyll.representations.linking.merging import PARTITIONS
from mesophyll.tissues import AIRSPACE, PALISADE, SPONGY

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


# ------------------------------------------------------------------------------------------------- tissues beside cells


BESIDE = Heads(parts=(Affinities(), Tissue()))


def with_tissue(ndim):
    """A touching pair, its tissues, and a noisy output that sees no wall between its cells but knows what tissue each is."""
    cells = touching_pair(ndim)
    tissue = np.where(cells == 1, PALISADE, np.where(cells == 2, SPONGY, AIRSPACE)).astype(np.int32)
    output = BESIDE.encode_beside((cells > 0).astype(np.int32), tissue)
    noise = np.random.default_rng(0).normal(0, 0.1, output[1:-8].shape)
    output[1:-8] = np.clip(0.9 * output[1:-8] + noise, 0, 1)
    return cells, tissue, output


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("decoder", PARTITIONS)
def test_what_a_part_says_of_tissues_keeps_cells_apart_if_that_is_wanted(decoder, ndim):
    cells, _, output = with_tissue(ndim)
    heads = Heads(parts=(Affinities(decoder=decoder), Tissue()), tissue_above=0.5)
    for read in (output, torch.from_numpy(output)):
        assert found(heads.decode(read), cells) == 1
    assert replace(heads, tissue_above=1.0).decode(output).max() == 1
    assert BESIDE.tissue_above == 1.0


def test_only_voxels_that_are_sure_of_their_tissue_have_a_say():
    _, _, output = with_tissue(3)
    output[-8:] = 0.7 * output[-8:] + 0.3 / 8
    assert replace(BESIDE, tissue_above=0.5).decode(output).max() == 2
    assert replace(BESIDE, tissue_above=0.8).decode(output).max() == 1


@pytest.mark.parametrize("reader", [Affinities(decoder="mutex"), Flows()])
def test_what_merges_no_fragments_is_read_as_it_is_alone(reader):
    cells, tissue, _ = with_tissue(3)
    heads = Heads(parts=(Tissue(), reader), tissue_above=0.5)
    output = heads.encode_beside(cells, tissue)
    assert np.array_equal(heads.decode(output), reader.decode(output[8:]))


def test_each_part_is_learnt_where_its_own_labels_tell():
    cells, tissue, _ = with_tissue(2)
    cells[:, :6], tissue[:, -6:] = UNKNOWN, UNKNOWN
    own = slice(0, BESIDE.parts[0].channels(2))
    target = BESIDE.encode_beside(cells, tissue)
    assert np.array_equal(np.isnan(target[-8:]).all(axis=0), tissue == UNKNOWN)
    assert np.array_equal(np.isnan(target[own]).all(axis=0), cells == UNKNOWN)
    assert np.array_equal(
        np.isnan(BESIDE.encode(cells)), np.concatenate([np.isnan(target[own]), np.ones((8, *cells.shape))])
    )
    output = torch.zeros((1, *target.shape), requires_grad=True)
    BESIDE.loss(output, torch.from_numpy(target)[None], torch.ones((1, *cells.shape), dtype=torch.bool)).backward()
    taught = output.grad[0].abs() > 0
    assert torch.isfinite(output.grad).all()
    assert np.array_equal(taught[-8:].any(dim=0).numpy(), tissue != UNKNOWN)
    assert np.array_equal(taught[own].any(dim=0).numpy(), cells != UNKNOWN)


def test_cells_are_not_read_from_tissues():
    words = ("cells are to be read from tissue", "it finds none", "add a part that finds cells")
    complaint(SettingsError, lambda: Heads(parts=(Tissue(),)), *words)
    complaint(SettingsError, lambda: Heads(parts=(Flows(), Tissue()), decode_by="tissue"), *words)
    assert Heads(parts=(Tissue(), Flows())).reader == Flows()
