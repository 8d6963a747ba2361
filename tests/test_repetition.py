"""An experiment of several trainings and tuned decoders: means, intervals over seeds and leaves, and what all of it took."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest

from complaint import complaint
from mesophyll import experiment
from mesophyll.cost import Cost
from mesophyll.errors import SettingsError
from mesophyll.evaluation import mean_ap, pooled, repeated_difference, repeated_mean_ap
from mesophyll.experiment import models
from mesophyll.experiment.results import mean_cost, summary
from mesophyll.experiment.table import build
from mesophyll.model import load
from mesophyll.representations import Flows
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


def test_the_shipped_tables_hold_together():
    for name in experiment.shipped():
        table = experiment.read(name)
        for scale in table.scales:
            for run in table.runs:
                if run.learn:
                    assert table.training_plan(run, scale).steps > 0
