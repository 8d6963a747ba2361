"""Leaves grown while a model learns: always the same for the same patch, and forgotten in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from complaint import complaint
from mesophyll import phantom
from mesophyll.errors import SettingsError
from mesophyll.representations import Flows
from mesophyll.training import TrainingPlan, train
from mesophyll.training.nursery import BEDS, FIRST_SEED, JUDGE_SEED, Leaves, Nurseries, Nursery, specimen, specimens
from mesophyll.training.preparation import Preparation
from mesophyll.training.view import View

TINY = Leaves(kinds=("grape", "hard"), shape=(24, 64, 24), patches=5)
SPACING = 2.0


@pytest.fixture
def sown(monkeypatch) -> list[tuple[str, int]]:
    """A nursery that grows names instead of leaves: which are sown, in order."""
    asked: list[tuple[str, int]] = []

    def named(kind: str, seed: int, *_: object) -> tuple[str, int]:
        asked.append((kind, seed))
        return kind, seed

    monkeypatch.setattr("mesophyll.training.nursery.specimen", named)
    return asked


def test_a_specimen_is_the_leaf_of_its_seed_with_both_scans():
    source = specimen("hard", 5, TINY, View(SPACING))
    leaf = phantom.make(5, kind="hard", shape=TINY.shape, spacing_um=SPACING)
    np.testing.assert_array_equal(source.labels[:], leaf.labels)
    assert [image.shape for image in source.images] == [TINY.shape] * 2
    assert source.name == "hard-5"


def test_each_leaf_gives_as_many_patches_as_the_plan_says_and_kinds_take_turns(sown):
    nursery = Nursery(TINY, View(SPACING))
    picked = [nursery.pick(number) for number in range(40 * BEDS)]
    counts = {leaf: picked.count(leaf) for leaf in dict.fromkeys(picked)}
    whole = list(counts.values())[BEDS:-BEDS]  # the first and the last of each bed are cut off
    assert set(whole) == {TINY.patches}
    assert {kind for kind, _ in picked[: 2 * BEDS]} == {"grape", "hard"}
    assert min(seed for _, seed in picked) == FIRST_SEED > JUDGE_SEED


def test_neighbouring_patches_come_from_different_leaves_and_beds_are_not_sown_all_at_once(sown):
    nursery = Nursery(TINY, View(SPACING))
    picked = [nursery.pick(number) for number in range(10 * BEDS)]
    assert all(len(set(picked[start : start + BEDS])) == BEDS for start in range(0, len(picked), BEDS))
    new = [number for number, leaf in enumerate(picked) if leaf not in picked[:number]][BEDS:]
    assert len({number // BEDS for number in new}) > 1


def test_the_leaf_of_a_patch_does_not_depend_on_the_patches_before_it(sown):
    row, jumped = Nursery(TINY, View(SPACING)), Nursery(TINY, View(SPACING))
    leaves = [row.pick(number) for number in range(60)]
    assert [jumped.pick(number) for number in (57, 58, 59)] == leaves[57:]


def test_a_leaf_is_forgotten_once_its_patches_are_cut(sown):
    nursery = Nursery(TINY, View(SPACING))
    for number in range(30 * BEDS):
        nursery.pick(number)
        assert len(nursery._growing) <= 3 * BEDS
    assert len(sown) == len(set(sown))


@pytest.mark.slow
def test_a_model_learns_from_leaves_alone(tmp_path):
    plan = TrainingPlan(
        levels=2,
        patch=16,
        epochs=1,
        steps=2,
        validation_patches=2,
        spacing_um=SPACING,
        leaves=replace(TINY, patches=2),
        representation={"name": "flows", "halo": 4},
    )
    model = train([], tmp_path / "model", plan, device="cpu")
    again = train([], tmp_path / "again", plan, device="cpu")
    assert model.card["data"] == ["synthetic grape, hard from seed 1000000 on"]
    assert model.card["validation"]["data"] == ["grape-999999", "hard-999999"]
    first, second = model.module.state_dict(), again.module.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_processes_prepare_the_patches_that_one_nursery_would():
    how = Preparation(Flows(halo=4), 3, 16)
    one, several = Nursery(TINY, View(SPACING)), Nurseries(TINY, View(SPACING), 2)
    assert several.names == one.names
    for number in (0, 1, 2, 3, 4 * TINY.patches + 1):
        first, second = (supply.prepare(number, np.random.default_rng(number), how) for supply in (one, several))
        np.testing.assert_array_equal(first.image_CS, second.image_CS)
        np.testing.assert_array_equal(first.target_CS, second.target_CS)
        np.testing.assert_array_equal(first.known_S, second.known_S)


@pytest.mark.slow
def test_leaves_to_judge_by_are_the_same_from_however_many_processes():
    leaves = replace(TINY, kinds=("hard",))
    alone, among = (specimens(leaves, View(SPACING), workers)[0] for workers in (1, 2))
    assert alone.name == among.name == f"hard-{JUDGE_SEED}"
    np.testing.assert_array_equal(alone.labels[:], among.labels[:])


def test_a_kind_that_is_not_known_and_no_patches_are_refused():
    complaint(SettingsError, lambda: Leaves(kinds=("grap",)), "unknown kind of leaf 'grap'", "did you mean 'grape'?")
    complaint(SettingsError, lambda: Leaves(patches=0), "patches = 0", "at least one patch", "correct patches")
    complaint(
        SettingsError,
        lambda: Leaves(first_seed=7),
        "first_seed = 7",
        "left to judge by",
        "take that one or a higher one",
    )
