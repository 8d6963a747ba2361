"""Some labels are hidden, with a guard around them; every label is judged once, by a model that did not see it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from catalogue import crowd
from complaint import complaint
from mesophyll import validation
from mesophyll.errors import LabelsError, SettingsError
from mesophyll.evaluation import fates, mean_recall
from mesophyll.io import Example
from mesophyll.labels import UNKNOWN
from mesophyll.model import Model, save
from mesophyll.network import Network
from mesophyll.representations import Flows
from mesophyll.settings import read_table
from mesophyll.training import TrainingPlan
from mesophyll.training.plan import continuation
from mesophyll.validation import ValidationPlan, folds, validate
from mesophyll.volume import Volume
from networks import TINY

SPACING = (2.0, 1.0, 1.0)


def sliced(places=(4, 16, 28, 40), axis=0):
    """A crowd of which some slices are labelled."""
    labels = np.full((48, 48, 48), UNKNOWN, np.int32)
    whole = np.moveaxis(crowd(3, side=48), 0, axis)
    at = (slice(None),) * axis + (list(places),)
    labels[at] = whole[at]
    return labels


def example(labels, spacing_um=SPACING):
    """What is labelled, with a scan on which cells are bright."""
    cells = crowd(3, side=48)
    scan = np.where(cells > 0, 1.0, 0.0) + np.random.default_rng(0).normal(0, 0.1, cells.shape)
    return Example(
        "leaf", (Volume(scan.astype(np.float32), spacing_um, name="scan"),), Volume(labels, spacing_um, name="labels")
    )


def test_labels_without_slices_are_told():
    words = ("not those of single slices", "mark what nobody labelled as -1", "--by cells")
    for labels in (crowd(3, side=24), np.full((4, 4, 4), UNKNOWN, np.int32), crowd(2, side=24)):
        complaint(LabelsError, lambda labels=labels: folds(labels, SPACING, ValidationPlan()), *words)


def test_a_hidden_slice_and_its_guard_are_not_learnt_from_and_every_slice_is_hidden_once():
    labels = sliced((4, 5, 16, 28, 40))
    parts = folds(labels, SPACING, ValidationPlan(folds=5, guard_um=4.0))
    assert sorted(place for part in parts for place in part.hidden) == [4, 5, 16, 28, 40]
    first = parts[0]
    assert first.hidden == (4,)
    assert (first.labels[4:7] == UNKNOWN).all()  # 5 lies 2 µm away from 4
    assert np.array_equal(first.labels[16], labels[16])


def test_a_hidden_cell_takes_its_surroundings_with_it():
    labels = crowd(3, side=48)
    parts = folds(labels, SPACING, ValidationPlan(by="cells", folds=3, guard_um=2.0))
    hidden = [number for part in parts for number in part.hidden]
    assert sorted(hidden) == list(range(1, labels.max() + 1))
    for part in parts:
        gone = np.isin(labels, part.hidden)
        assert (part.labels[gone] == UNKNOWN).all()
        beside = np.roll(gone, 1, axis=0) | np.roll(gone, 2, axis=2)
        beside[0], beside[..., :2] = False, False  # rolled round
        assert (part.labels[beside] == UNKNOWN).all()
        kept = part.labels != UNKNOWN
        assert np.array_equal(part.labels[kept], labels[kept])


def test_the_same_seed_hides_the_same_cells():
    labels = crowd(3, side=32)
    plans = [ValidationPlan(by="cells", folds=2, seed=seed) for seed in (1, 1, 2)]
    first, again, other = ([part.hidden for part in folds(labels, SPACING, plan)] for plan in plans)
    assert first == again != other


def test_too_few_labels_for_the_folds_are_told():
    plan = ValidationPlan(folds=4)
    complaint(LabelsError, lambda: folds(sliced((3, 9)), SPACING, plan), "2 labelled slices", "4 folds", "label more")
    one = (crowd(3, side=48) == 1).astype(np.int32)
    cells = replace(plan, by="cells")
    complaint(LabelsError, lambda: folds(one, SPACING, cells), "1 labelled cells", "fewer folds")
    wide = replace(plan, folds=2, guard_um=500.0)
    complaint(LabelsError, lambda: folds(sliced(), SPACING, wide), "500 µm nothing is left", "guard_um smaller")


def test_a_plan_that_hides_nothing_is_refused():
    complaint(SettingsError, lambda: ValidationPlan(folds=1), "folds = 1", "at least two")
    complaint(SettingsError, lambda: ValidationPlan(guard_um=-1), "guard_um = -1", "not negative")


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validation") / "out"
    labelled = example(sliced(), (1.0, 1.0, 1.0))
    return labelled, folder, validate(labelled, folder, TINY, ValidationPlan(folds=2, guard_um=2.0))


def test_what_was_hidden_is_judged_and_the_rest_is_not(validated):
    labelled, folder, result = validated
    rows = result.table()
    assert [row["fold"] for row in rows] == ["1", "2", "all"]
    labels = labelled.labels.read()
    sections = [len(np.unique(labels[place])) - 1 for place in (4, 16, 28, 40)]  # the crowd's cells are convex
    assert rows[-1]["cells"] == sum(sections) == rows[0]["cells"] + rows[1]["cells"]
    assert rows[0]["cells"] == sum(sections[:2])
    assert 0.3 < rows[-1]["mAP"] <= 1
    assert rows[-1]["from"] <= rows[-1]["mAP"] <= rows[-1]["to"]
    assert json.loads((folder / "validation.json").read_text()) == rows


def test_models_that_are_there_are_not_taught_again(validated, monkeypatch):
    labelled, folder, result = validated

    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr(validation, "train", refuse)
    again = validate(labelled, folder, TINY, ValidationPlan(folds=2, guard_um=2.0))
    assert again.table() == result.table()


def test_traced_cells_are_judged_by_how_many_are_found():
    truth = np.repeat(np.arange(1, 11, dtype=np.int32), 10)
    labels = np.where(truth > 5, truth, 0)
    mean, (low, high) = mean_recall(fates(labels, truth))
    assert mean == 0.5
    assert low < 0.5 < high
    assert mean_recall(fates(np.zeros(4, np.int32), np.zeros(4, np.int32))) == (1, (1, 1))


def test_traced_cells_are_hidden_and_found_in_volumes(tmp_path):
    labels = crowd(3, side=48)
    traced = np.where(np.isin(labels, np.unique(labels)[1::3]), labels, UNKNOWN).astype(np.int32)
    plan = replace(TINY, ndim=3, epochs=1, steps=2)
    result = validate(example(traced, (1.0,) * 3), tmp_path, plan, ValidationPlan("cells", folds=2, guard_um=1.0))
    rows = result.table()
    assert rows[-1]["cells"] == len(np.unique(traced)) - 1
    assert 0 <= rows[-1]["recall"] <= 1


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_is_taught_on_starts_from_the_shipped_model(ndim):
    plan = continuation(ndim)
    assert plan.start == f"leaf-{ndim}d"
    assert plan.ndim == ndim


def test_the_settings_are_those_of_a_table(tmp_path):
    (tmp_path / "plan.toml").write_text('by = "cells"\nfolds = 3\n')
    assert ValidationPlan(**read_table(tmp_path / "plan.toml")).folds == 3


@pytest.mark.parametrize("by", ["slices", "cells"])
def test_tissues_are_hidden_with_the_labels_unless_the_model_is_shown_them(by, tmp_path):
    leaf = example(sliced())
    leaf = replace(leaf, tissue=replace(leaf.labels, data=np.full(leaf.labels.shape, 4, np.uint8), name="tissue"))
    plan = TrainingPlan(levels=2, patch=16)
    for fold in folds(leaf.labels.read(), SPACING, ValidationPlan(by=by, folds=3, guard_um=2.0)):
        told = fold.of(leaf, plan)
        assert np.array_equal(told.labels.read(), fold.labels)
        hidden = told.tissue.read() == 255
        assert hidden[leaf.labels.read() > fold.labels].all()  # what is hidden, and its guard
        assert 0 < hidden.mean() < 0.5
        assert (told.tissue.read()[~hidden] == 4).all()
        assert fold.of(leaf, replace(plan, tissue="codes")).tissue is leaf.tissue
        assert fold.of(replace(leaf, tissue=None), plan).tissue is None
    reads = Model("reads", Network(3, 2, 4, levels=2).build().eval(), Flows(), 1.0, tissue="codes")
    save(reads, tmp_path / "reads")
    assert fold.of(leaf, replace(plan, start=str(tmp_path / "reads"))).tissue is leaf.tissue
