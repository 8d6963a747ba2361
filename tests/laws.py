"""The laws of a representation, each a function that fails where it is broken.

They are asked in the words of cells. Where labels are codes of tissues, the same is asked of classes: `material` gives a crowd
codes, and `agreement` is the Dice of its classes instead of the share of cells found. Two laws say something else
then, in their own words: 2, because a code has a meaning, and 7, because background is a class.

An embedding, which has no fixed target, would let `encode` return the labels as one channel; laws 1 and 2 would then say so.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from catalogue import CASES, crowd, touching_pair
from mesophyll import evaluation, inference, mapping
from mesophyll.labels import Labels
from mesophyll.representations import Boxes, Contours, Representation, Spheres, Stars, from_table, to_table
from mesophyll.tissue_map import as_labels
from mesophyll.tissues import TISSUES

BEYOND: dict[type[Representation], dict[int, set[str]]] = {
    Stars: {2: {"ring", "bridge"}, 3: {"ring", "bridge", "stretched_cell"}},
    Contours: {2: {"ring"}},
    Spheres: {2: {"ring"}, 3: {"ring"}},
    Boxes: {2: {"ring"}, 3: {"ring"}},
}
"""Cases that a method cannot keep, by the number of axes; the cells of a crowd, and so its ceiling, are simpler than these."""


def found(labels: Labels, truth: Labels, iou: float = 0.8) -> float:
    """The share of true cells that are found at an IoU."""
    return float(evaluation.match(labels, truth).to_dict()["recall"][f"{iou:.1f}"])


def material(method: Representation, ndim: int, side: int = 64, seed: int = 0) -> Labels:
    """What a method learns from: a crowd of cells, or, where labels are codes, the tissue of each of them."""
    cells = crowd(ndim, side=side, seed=seed)
    return cells if method.subject == "cells" else (cells % len(TISSUES)).astype(np.int32)


def agreement(method: Representation, labels: Labels, truth: Labels) -> float:
    """How much of the truth is there: the share of cells found at IoU 0.8, or the least Dice of a class."""
    if method.subject == "cells":
        return found(labels, truth)
    pairs = [(labels == code, truth == code) for code in np.union1d(labels, truth)]
    return min(2 * np.count_nonzero(one & other) / (one.sum() + other.sum()) for one, other in pairs)


def law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling(method: Representation, ndim: int) -> None:
    truth = material(method, ndim)
    assert agreement(method, method.decode(method.encode(truth)), truth) >= method.ceiling


def law_2_renaming_cells_changes_nothing(method: Representation, ndim: int) -> None:
    """A name is only a name, unless it is a code: then the channels follow their codes."""
    truth = material(method, ndim, side=40)
    if method.subject == "tissue":
        codes = np.random.default_rng(1).permutation(len(TISSUES)).astype(np.int32)
        assert np.array_equal(method.encode(codes[truth])[codes], method.encode(truth))
        return
    names = np.random.default_rng(1).permutation(np.arange(1, truth.max() + 1)) * 7
    renamed = np.concatenate([[0], names])[truth].astype(np.int32)
    assert np.array_equal(method.encode(truth), method.encode(renamed))


def law_3_the_halo_is_honest(method: Representation, ndim: int) -> None:
    truth = material(method, ndim, side=80)
    core = (slice(34, 46),) * ndim
    seen = (slice(34 - method.halo, 46 + method.halo),) * ndim
    inner = (slice(method.halo, method.halo + 12),) * ndim
    whole, cropped = method.encode(truth)[(slice(None), *core)], method.encode(truth[seen])[(slice(None), *inner)]
    np.testing.assert_allclose(cropped, whole, atol=1e-6)


def law_4_only_unknown_voxels_have_no_gradient(method: Representation, ndim: int) -> None:
    truth = touching_pair(ndim)
    target = torch.from_numpy(method.encode(truth))[None]
    known = torch.zeros((1, *truth.shape), dtype=torch.bool)
    known[..., :20] = True
    target[..., 20:] = torch.nan  # what is not known may be anything
    output = torch.full_like(target, 0.3, requires_grad=True)
    method.loss(output, target, known).backward()
    moved = (output.grad != 0).any(dim=1)
    assert not moved[~known].any()
    assert moved[known].all()


def law_5_truth_costs_less_than_what_is_not_true(method: Representation, ndim: int) -> None:
    truth, other = material(method, ndim, side=24), material(method, ndim, side=24, seed=1)
    target, wrong = method.encode(truth), method.encode(other)
    cost = [_cost(method, _minimiser(method, goal), target) for goal in (target, wrong)]
    assert cost[0] < cost[1]
    swapped = target.copy()
    swapped[1:] = target[:0:-1] if method.channels(ndim) > 2 else wrong[1:]
    assert _cost(method, _minimiser(method, swapped), target) > cost[0]


def law_6_minimising_the_loss_returns_the_labels(method: Representation, ndim: int) -> None:
    truth = material(method, ndim, side=32)
    target = method.encode(truth)
    output = method.activate(_minimiser(method, target))[0].numpy()
    assert np.abs(output - target)[:, truth > 0].mean() < 0.1
    ideal = method.decode(target)
    assert agreement(method, method.decode(output), ideal) >= 0.9


def law_7_no_cells_in_no_cells_out(method: Representation, ndim: int) -> None:
    """Outside, the target is zero, but where background is a class: then it is one there, and nothing else is."""
    truth, empty = material(method, ndim, side=40), CASES["nothing"](ndim)
    background = np.zeros((method.channels(ndim), 1), np.float32)
    background[0] = method.subject == "tissue"
    assert (method.encode(truth)[:, truth == 0] == background).all()
    assert (method.encode(empty).reshape(len(background), -1) == background).all()
    assert not method.decode(method.encode(empty)).any()


def law_8_same_in_same_out_and_nothing_is_written_to(method: Representation, ndim: int) -> None:
    truth = material(method, ndim, side=40)
    kept = truth.copy()
    truth.flags.writeable = False
    first = method.encode(truth)
    given = first.copy()
    first.flags.writeable = False
    assert np.array_equal(method.encode(truth), given)
    assert np.array_equal(method.decode(first), method.decode(first))
    assert np.array_equal(first, given)
    assert np.array_equal(truth, kept)


def law_9_decoding_by_blocks_equals_decoding_the_whole(method: Representation, ndim: int, scratch: Path) -> None:
    truth = material(method, ndim, side=64)
    outputs = method.encode(truth).astype(np.float16)
    whole = method.decode(outputs.astype(np.float32))
    plan = inference.SegmentationPlan(block=32, block_halo=20, device="cpu")
    if method.subject == "tissue":
        labels = as_labels(mapping.decode(method, outputs, scratch=scratch, plan=plan))
    else:
        labels = np.zeros(truth.shape, np.int32)
        inference.decode(method.decode, outputs, labels, scratch=scratch, plan=plan)
    assert agreement(method, labels, whole) >= method.ceiling


def law_10_settings_survive_a_round_trip(method: Representation, ndim: int) -> None:
    changed = replace(method, halo=method.halo + 1)
    for each in (method, changed):
        assert from_table(to_table(each)) == each


def law_11_every_cell_of_the_catalogue_is_kept_apart_and_whole(method: Representation, ndim: int) -> None:
    """Asked only of methods that find 0.9 of a crowd. What is `BEYOND` one of them it must fail to keep: no case is excused."""
    if method.ceiling < 0.9:
        return
    beyond = next((cases[ndim] for kind, cases in BEYOND.items() if isinstance(method.reader, kind)), set())
    for name, case in CASES.items():
        truth = np.maximum(case(ndim), 0)
        labels = method.decode(method.encode(truth))
        counted = labels.max() == truth.max()
        kept = counted and (agreement(method, labels, truth) == 1 or not truth.any())
        assert kept == (name not in beyond), name


def law_12_a_mirrored_output_says_the_mirrored_cells(method: Representation, ndim: int) -> None:
    """Everywhere, unless channels speak of two voxels: pairs that lead out of the mirror are not told."""
    truth = material(method, ndim, side=40)
    target = method.encode(truth)
    inner = (slice(None), *(slice(method.reach, 40 - method.reach),) * ndim)
    for axes in ((0,), (ndim - 1,), tuple(range(ndim))):
        mirrored = method.mirror(target, axes)
        again = method.encode(np.ascontiguousarray(np.flip(truth, axes)))
        told = np.isfinite(mirrored)
        assert told[inner].all()
        # Where two ways are equally long, a scan from the other side may take the other one.
        assert np.abs(mirrored - again)[told].mean() < 0.05 * np.abs(again).mean()
        back = method.mirror(mirrored, axes)
        told = np.isfinite(back)
        assert told[inner].all()
        assert np.array_equal(back[told], target[told])


def law_13_a_section_tells_that_a_cell_is_there_but_not_where_it_lies(method: Representation, ndim: int) -> None:
    truth = touching_pair(ndim)
    sections = truth == truth.max()
    target = method.encode(truth)
    forgotten = method.forget(target, sections)
    assert np.array_equal(forgotten[:, ~sections], target[:, ~sections])
    output = torch.full((1, *target.shape), 0.3, requires_grad=True)
    loss = method.loss(output, torch.from_numpy(forgotten)[None], torch.ones((1, *truth.shape), dtype=torch.bool))
    assert torch.isfinite(loss)
    loss.backward()
    moved = (output.grad[0] != 0).numpy()
    assert not moved[np.isnan(forgotten)].any()
    assert moved.any(axis=0).all()


def law_14_decoding_alone_reads_what_can_be_tuned(method: Representation, ndim: int) -> None:
    """Otherwise what a network has learnt would mean something else once its decoder is tuned."""
    truth, other = material(method, ndim, side=24), material(method, ndim, side=24, seed=1)
    target, raw = method.encode(truth), torch.from_numpy(method.encode(other))[None]
    for name, values in method.reader.decoding.items():
        assert getattr(type(method.reader)(), name) in values, name
        for value in values:
            tuned = method.with_reader(replace(method.reader, **{name: value}))
            assert np.array_equal(tuned.encode(truth), target, equal_nan=True), name
            assert _cost(tuned, raw, target) == _cost(method, raw, target), name
            assert torch.equal(tuned.activate(raw), method.activate(raw)), name
            assert tuned.decode(target).shape == truth.shape, name


LAWS = [law for name, law in globals().items() if name.startswith("law_")]


def _minimiser(method: Representation, target: np.ndarray) -> torch.Tensor:
    """A raw output, with no network behind it, that minimises the loss against a target."""
    goal = torch.from_numpy(target)[None]
    known = torch.ones((1, *target.shape[1:]), dtype=torch.bool)
    output = torch.zeros_like(goal, requires_grad=True)
    optimizer = torch.optim.Adam([output], lr=0.3)
    for _ in range(80):
        optimizer.zero_grad()
        method.loss(output, goal, known).backward()
        optimizer.step()
    return output.detach()


def _cost(method: Representation, output: torch.Tensor, target: np.ndarray) -> float:
    known = torch.ones((1, *target.shape[1:]), dtype=torch.bool)
    return float(method.loss(output, torch.from_numpy(target)[None], known))
