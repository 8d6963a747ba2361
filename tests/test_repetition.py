"""An experiment of several trainings and tuned decoders: means, intervals over seeds and leaves, and what all of it took."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from complaint import complaint
from mesophyll import experiment
from mesophyll.cost import Cost
from mesophyll.errors import SettingsError
from mesophyll.evaluation import mean_ap, pooled, repeated_difference, repeated_mean_ap
from mesophyll.experiment import models
from mesophyll.experiment.reading import build
from mesophyll.experiment.results import mean_cost, summary
from mesophyll.model import load
from mesophyll.representations import REPRESENTATIONS, Flows, from_table
from mesophyll.settings import read_table
from test_experiment import PLAN

SHAPE = [32, 64, 32]

SMALL = {
    "title": "Twice",
    "about": "Two seeds, two leaves.",
    "shown": ["flows"],
    "seeds": [3, 8],
    "tune": ["kept"],
    "leaves": {
        "learnt": {"seed": 1, "shape": SHAPE},
        "kept": {"seed": 2, "shape": SHAPE},
        "one": {"seed": 3, "shape": SHAPE},
        "other": {"seed": 4, "shape": SHAPE},
    },
    "trials": {"both": {"data": ["one", "other"], "modes": ["volume"], "sections": 3}},
    "plan": PLAN,
    "scales": {"tiny": {}},
    "runs": [
        {"name": "flows", "learn": ["learnt"]},
        {"name": "untuned", "of": "flows", "tune": False},
        {"name": "taught on", "learn": ["learnt"], "start": "flows", "tune": False},
    ],
    "comparisons": [{"run": "flows", "against": "untuned", "question": "Does tuning help?"}],
}

PLACE = ("both", "volume")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments") / "twice"
    table = build(SMALL, "twice")
    return table, folder, experiment.run(table, folder, device="cpu")


def test_every_run_that_learns_is_made_once_with_each_seed():
    table = build(SMALL, "twice")
    assert [run.title for run in table.runs] == [
        f"{name}, seed {seed}" for name in ("flows", "untuned", "taught on") for seed in (3, 8)
    ]
    assert [table.training_plan(run, "tiny").seed for run in table.runs[:2]] == [3, 8]
    for run in table.runs[2:]:
        assert [other.title for other in table.before(run)] == [f"flows, seed {run.seed}"]


def test_what_is_not_taught_has_no_seed_and_a_seed_that_is_given_stays():
    runs = [SMALL["runs"][0] | {"seed": 5}, {"name": "shipped", "model": "leaf-3d"}, {"name": "again", "of": "shipped"}]
    table = build(SMALL | {"runs": runs, "comparisons": []}, "twice")
    assert [run.title for run in table.runs] == ["flows, seed 5", "shipped", "again"]


def test_runs_that_do_not_say_where_their_model_comes_from_learn_from_what_all_learn_from():
    runs = [{"name": "one"}, {"name": "other", "learn": ["one"]}, {"name": "shipped", "model": "leaf-3d"}]
    table = build(SMALL | {"runs": runs, "comparisons": [], "learn": ["learnt"], "seeds": [], "shown": []}, "twice")
    assert [run.learn for run in table.runs] == [("learnt",), ("one",), ()]


def test_trainings_of_one_seed_belong_together(done):
    _, folder, _ = done
    starts = {seed: load(folder / "models" / f"taught-on-seed-{seed}").card["start"]["name"] for seed in (3, 8)}
    assert starts == {3: "flows-seed-3", 8: "flows-seed-8"}
    weights = [(folder / "models" / f"flows-seed-{seed}" / "weights.safetensors").read_bytes() for seed in (3, 8)]
    assert weights[0] != weights[1]


def test_scores_are_means_over_trainings_with_intervals_over_all_that_chance_chose(done):
    table, folder, results = done
    trainings = results.trainings("flows", PLACE)
    assert [len(training) for training in trainings] == [2, 2]
    numbers = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    row = next(row for row in numbers["scores"] if row["run"] == "flows")
    assert (row["trainings"], row["trial"], row["mode"]) == (2, "both", "volume")
    assert row["mAP"] == pytest.approx(np.mean([mean_ap(pooled(training))[0] for training in trainings]))
    assert row["interval"] == list(repeated_mean_ap(trainings)[1])
    assert row["AP"]["0.5"] == pytest.approx(
        np.mean([results.judgements[f"flows, seed {seed}", *PLACE].scores["AP"]["0.5"] for seed in (3, 8)])
    )
    assert "tissue: palisade" in row["groups"]
    gain = repeated_difference(trainings, results.trainings("untuned", PLACE))
    assert numbers["differences"][0]["interval"] == list(gain.interval)
    assert [row["run"] for row in summary(results)] == ["flows", "untuned", "taught on"]
    assert [(one["run"], one["seed"]) for one in numbers["trainings"]] == [(run.name, run.seed) for run in table.runs]


def test_decoders_are_tuned_on_leaves_that_nobody_is_judged_on_and_only_where_asked(done):
    table, folder, results = done
    assert sorted(path.name for path in (folder / "tuned").iterdir()) == ["flows-seed-3", "flows-seed-8"]
    told = results.tuning(table.run("flows", 8))
    assert told["data"] == ["kept"]
    assert set(told["after"]["settings"]) == set(Flows().decoding)
    tuned = load(folder / "tuned" / "flows-seed-8").representation
    assert {name: getattr(tuned, name) for name in Flows().decoding} == told["after"]["settings"]
    assert results.tuning(table.run("untuned", 8)) is None


def test_what_teaching_tuning_looking_and_decoding_took_is_kept(done):
    *_, results = done
    teaching, tuning = results.cost("flows", "teaching"), results.cost("flows", "tuning")
    assert teaching.seconds > 0
    assert tuning.seconds > 0
    assert results.cost("untuned", "teaching") == teaching
    assert results.cost("untuned", "tuning") is None
    took = results.judged("flows", PLACE)[0].took
    assert took.network.seconds > 0
    assert took.decoding.seconds > 0
    assert took.whole.seconds == pytest.approx(took.network.seconds + took.decoding.seconds)
    if sys.platform == "linux":
        assert teaching.memory_bytes > 10**8
        assert took.whole.memory_bytes > 10**8


def test_a_training_that_was_cut_off_tells_no_time(done, tmp_path, monkeypatch):
    table, folder, _ = done
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for gone in ("models/flows-seed-3/model.json", "costs/flows-seed-3/teaching.json", "labels/flows-seed-3/one.npz"):
        (copy / gone).unlink()
    shutil.rmtree(copy / "scores" / "flows-seed-3")
    again = experiment.run(table, copy, device="cpu")
    assert not (copy / "costs" / "flows-seed-3" / "teaching.json").exists()
    assert (copy / "models" / "flows-seed-3" / "model.json").is_file()
    assert again.cost("flows", "teaching") == again.setting.cost(table.run("flows", 8), "teaching")


def test_the_mean_of_costs_is_that_of_seconds_and_the_most_of_memory():
    assert mean_cost([Cost(1.0, 5, 0), Cost(3.0, 2, 7)]) == Cost(2.0, 5, 7)
    assert mean_cost([]) is None


def test_the_page_tells_trainings_costs_and_tunings(done):
    _, folder, _ = done
    page = (folder / "index.html").read_text(encoding="utf-8")
    for words in ("By training", "flows, seed 8", "What teaching took", "decoding, s", "memory, GB", "Decoders tuned"):
        assert words in page
    assert "By kept, which no network learnt from" in page
    assert "seeds 3, 8" in page
    assert "The report's Table 1" not in page  # no run of it is here
    assert page.count("<td>2</td>") >= 3


def test_what_a_decoder_was_tuned_on_leaks_as_what_was_learnt():
    table = build(SMALL | {"trials": {"kept": {"data": ["kept"]}}}, "twice")
    leaks = {run.title: table.leaks(run, table.trials["kept"], 0) for run in table.runs}
    assert leaks["flows, seed 3"]
    assert not leaks["untuned, seed 3"]


def test_a_representation_without_settings_is_judged_as_it_is(done, monkeypatch):
    table, folder, results = done
    monkeypatch.setattr(Flows, "decoding", {})
    monkeypatch.setattr(models, "tune", None)
    found = models.model(results.setting, table.run("flows", 3)).representation
    assert found == load(folder / "models" / "flows-seed-3").representation


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tune": ["kpt"]}, ("unknown leaf 'kpt'", "did you mean 'kept'")),
        (
            {"tune": ["learnt"]},
            ("'flows' learns from learnt, and is tuned on it", "has not learnt from", "tune = false"),
        ),
        (
            {"runs": [SMALL["runs"][0] | {"segmentation": {"decoding": {"passes": 7}}}], "comparisons": []},
            ("segmentation of 'flows' says decoding, and its decoder is tuned", "leave decoding out"),
        ),
    ],
)
def test_what_cannot_be_tuned_is_told_before_anything_is_taught(changes, words):
    complaint(SettingsError, lambda: build(SMALL | changes, "twice"), *words)


# --- the shipped table of representations ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def side_by_side():
    return experiment.read("representations")


@pytest.mark.parametrize("scale", ["small", "full"])
def test_every_method_of_cells_is_taught_by_the_same_plan_for_the_same_time(side_by_side, scale):
    named, alike = set(), set()
    for run in (run for run in side_by_side.runs if run.learn):
        plan = side_by_side.training_plan(run, scale)
        assert from_table(plan.representation).subject == "cells"
        named |= {plan.representation["name"]}
        voxels = plan.patch**plan.ndim * plan.batch * plan.accumulate
        plan = replace(plan, ndim=3, patch=64, batch=1, accumulate=1, representation={}, seed=0)
        alike |= {(voxels, run.learn, str(plan))}
    assert len(alike) == 1
    assert named == {name for name, kind in REPRESENTATIONS.items() if kind.subject == "cells"}


def test_it_is_judged_on_leaves_of_four_kinds_that_nobody_saw_with_three_seeds(side_by_side):
    table = side_by_side
    assert len(table.seeds) == 3
    kinds = {name: {table.leaves[leaf].kind for leaf in trial.data} for name, trial in table.trials.items()}
    assert kinds.pop("all kinds") == {"grape", "arm", "honeycomb", "hard"}
    assert kinds == {kind: {kind} for kind in kinds}
    assert not any(table.leaks(run, trial, 64) for run in table.runs for trial in table.trials.values())
    assert all(len(trial.data) >= 3 for trial in table.trials.values())
    seeds = [(leaf.kind, leaf.seed) for leaf in table.leaves.values()]
    assert len(seeds) == len(set(seeds))


@pytest.mark.slow
def test_every_row_of_it_can_be_taught_tuned_and_judged(tmp_path):
    """Small leaves, one step, one seed."""
    file = experiment.shipped()["representations"]
    given = read_table(file)
    small = {name: leaf | {"shape": [32, 64, 32]} for name, leaf in given["leaves"].items()}
    step = {"epochs": 1, "steps": 1, "validation_patches": 1, "held_out": 0.5, "levels": 2}
    runs = [
        run | {"scales": {}} | ({"plan": run["plan"] | {"patch": 32, "batch": 1}} if "plan" in run else {})
        for run in given["runs"]
    ]
    trials = {"grape": {"data": ["grape a"], "sections": 3}}
    changed = {
        "leaves": small,
        "runs": runs,
        "trials": trials,
        "scales": {"full": step},
        "seeds": [1],
        "tune": ["tune arm"],
    }
    table = build(given | changed | {"learn": given["learn"][:2]}, "representations")
    results = experiment.run(table, tmp_path / "out", device="cpu")
    assert len(results.judgements) == 2 * len(runs)
    assert all(results.tuning(run) for run in table.runs)
