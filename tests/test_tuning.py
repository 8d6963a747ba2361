"""A decoder is tuned by scans that its network never saw, moves only where that is sure to help, and goes into a new folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import mesophyll
from catalogue import crowd
from complaint import complaint
from conftest import run
from mesophyll.errors import FileError, LabelsError, ModelError, SettingsError, VolumeError
from mesophyll.evaluation import Fates, mean_ap
from mesophyll.inference import SegmentationPlan
from mesophyll.io import Example, write_example
from mesophyll.labels import UNKNOWN
from mesophyll.model import load, save
from mesophyll.progress import silent
from mesophyll.representations import Affinities, Flows, Heads
from mesophyll.representations.base import tunable
from mesophyll.training import TrainingPlan, train
from mesophyll.tuning import looking, searching, tune
from mesophyll.tuning.searching import Remembered, search
from mesophyll.volume import Volume
from networks import TINY

CPU = SegmentationPlan(device="cpu")

# --- the search ------------------------------------------------------------------------------------------------------------

DIFFICULTY = np.random.default_rng(0).random(300)
"""A cell is found by settings that are better than this."""


@dataclass(frozen=True)
class Dials(Flows):
    """A representation with two settings, that is never asked to decode."""

    threshold: float = 0.5
    passes: int = 8
    min_arrivals: int = 5
    min_size_vox: int = 20
    first: int = tunable(0, among=(0, 1, 2, 3))
    second: str = tunable("a", among=("a", "b"))


def judged(quality: float) -> Fates:
    found = np.repeat((quality > DIFFICULTY)[:, None], 9, axis=1).astype(np.int64)
    return Fates(np.arange(1, 301), found, np.ones_like(found), np.zeros(0, np.int64))


def asked(qualities):
    """Search by a table of qualities, (first, second) to quality; return what came out, and for what was asked."""
    questions = []

    @Remembered
    def judge(method):
        questions.append((method.first, method.second))
        return judged(qualities[method.first, method.second])

    chosen, steps = search(Dials(), judge)
    return (chosen.first, chosen.second), steps, questions


def test_a_representation_says_what_can_be_tuned():
    assert Dials().decoding == {"first": (0, 1, 2, 3), "second": ("a", "b")}
    assert list(Flows().decoding) == ["threshold", "passes", "min_arrivals", "min_size_vox"]
    assert "parting" in Flows(target="skeleton").decoding  # it matters there alone
    with pytest.raises(TypeError):
        tunable(0.5)  # without values there is nothing to try


def test_settings_take_turns_until_none_moves():
    """The second setting makes another value of the first one the best."""
    table = {(first, "a"): 0.3 + 0.1 * first for first in range(4)}
    table |= {(first, "b"): 0.95 - 0.05 * first for first in range(4)}
    chosen, steps, questions = asked(table)
    assert chosen == (0, "b")
    taken = [(step.name, step.was, step.best) for step in steps if step.taken]
    assert taken == [("first", 0, 3), ("second", "a", "b"), ("first", 3, 0)]
    assert len(questions) == len(set(questions))
    assert not steps[-1].taken


def test_noise_moves_nothing():
    """Three values that are better by a cell or two of 300."""
    table = {(first, second): 0.5 + 0.004 * first for first in range(4) for second in "ab"}
    chosen, steps, _ = asked(table)
    assert chosen == (0, "a")
    assert [step.taken for step in steps] == [False, False]
    assert steps[0].best == 3
    assert steps[0].gain.mean_ap > 0 >= steps[0].gain.interval[0]


def test_worse_is_never_taken_and_the_best_other_value_is_named():
    table = {(first, second): 0.8 - 0.1 * first - 0.2 * (second == "b") for first in range(4) for second in "ab"}
    chosen, steps, questions = asked(table)
    assert chosen == (0, "a")
    assert [(step.name, step.best) for step in steps] == [("first", 1), ("second", "b")]
    assert steps[0].gain.interval[1] < 0
    assert len(questions) == 5


def test_a_model_may_stand_beside_the_values_that_are_tried():
    judge = Remembered(lambda method: judged(0.2 + 0.1 * method.first))
    chosen, steps = search(Dials(first=7), judge)
    assert chosen.first == 7
    assert steps[0].best == 3


def test_a_setting_that_another_one_makes_idle_is_still_tried():
    @dataclass(frozen=True)
    class Linked(Dials):
        third: int = tunable(0, among=(0, 1), only={"second": "a"})

    assert "third" not in Linked(second="b").decoding
    chosen, steps = search(Linked(), Remembered(lambda method: judged(0.3 + 0.5 * (method.second == "b"))))
    assert chosen == Linked(second="b")
    assert {step.name for step in steps} == {"first", "second", "third"}


def test_it_is_told_which_setting_is_tried():
    told = []
    search(Dials(), Remembered(lambda _: judged(0.5)), lambda *step: told.append(step))
    assert ("trying first", 3, 3) in told
    assert ("trying second", 0, 1) in told


# --- a model that has learnt -----------------------------------------------------------------------------------------------

SPACING = (1.0, 1.0, 1.0)


def leaf(name: str, seed: int, ndim: int = 3, side: int = 48) -> Example:
    """A crowd of cells, bright in its scan."""
    cells = crowd(ndim, side=side, seed=seed)
    grey = np.where(cells > 0, 1.0, 0.0) + np.random.default_rng(seed).normal(0, 0.1, cells.shape)
    scan, labels = (
        Volume(grey.astype(np.float32), SPACING[:ndim], name="scan"),
        Volume(cells, SPACING[:ndim], name="labels"),
    )
    return Example(name, (scan,), labels)


def known_only(example: Example, places, axis: int = 0) -> Example:
    """The same, of which only some slices are labelled."""
    labels = np.full(example.labels.shape, UNKNOWN, np.int32)
    at = (slice(None),) * axis + (list(places),)
    labels[at] = example.labels.data[at]
    return replace(example, labels=replace(example.labels, data=labels))


@pytest.fixture(scope="module")
def taught(tmp_path_factory) -> Path:
    """A model of images, taught by a crowd, whose decoder then lost its way: it drops every cell of an ordinary size."""
    folder = tmp_path_factory.mktemp("models")
    model = train([leaf("learnt", 0)], folder / "right", TINY, device="cpu")
    lost = replace(model.representation, min_size_vox=120)
    save(replace(model, name="lost", representation=lost, card=model.card | {"scores": {"leaf": 0.5}}), folder / "lost")
    return folder / "lost"


@pytest.fixture(scope="module")
def tuned(taught, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "found-again"
    before = {path.name: path.read_bytes() for path in taught.iterdir()}
    told = []
    examples = [leaf("one", 1, 2, 96), leaf("other", 2, 2, 96)]
    result = tune(taught, examples, out, plan=CPU, progress=lambda *step: told.append(step))
    return taught, before, out, result, told


def test_what_was_lost_is_found_again_and_the_gain_is_sure(tuned):
    *_, result, _ = tuned
    assert result.changed
    assert result.model.representation.min_size_vox < 120
    assert result.gain.interval[0] > 0
    assert mean_ap(result.after)[0] > mean_ap(result.before)[0] + 0.1
    before, after, gain = result.scores()
    assert after["mAP"] - before["mAP"] == pytest.approx(gain["mAP"])
    taken = [row["setting"] for row in result.table() if row["taken"] == "yes"]
    assert "min_size_vox" in taken


def test_the_tuned_model_is_the_old_one_but_for_its_settings(tuned):
    old, before, out, result, _ = tuned
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    assert sorted(path.name for path in out.iterdir()) == ["model.json", "weights.safetensors"]
    assert (out / "weights.safetensors").read_bytes() == before["weights.safetensors"]
    model, known = load(out), load(old)
    assert model.name == "found-again"
    assert model.representation == result.model.representation
    assert replace(
        model.representation, **{name: getattr(known.representation, name) for name in Flows().decoding}
    ) == (known.representation)
    assert not list(out.parent.glob(".*"))


def test_the_card_says_by_what_and_from_where_to_where(tuned):
    old, _, out, result, _ = tuned
    card = json.loads((out / "model.json").read_text(encoding="utf-8"))["card"]
    entry = card["tuning"]
    assert entry["data"] == ["one", "other"]
    assert entry["values"] == {name: list(values) for name, values in Flows().decoding.items()}
    assert entry["before"]["settings"]["min_size_vox"] == 120
    assert entry["after"]["settings"]["min_size_vox"] == result.model.representation.min_size_vox
    assert entry["after"]["mAP"] == mean_ap(result.after)[0]
    assert entry["difference"]["interval"][0] > 0
    assert card["data"] == load(old).card["data"] == ["learnt"]
    assert "scores" not in card  # they were those of other settings


def test_a_network_looks_once_and_it_is_told_at_what(tuned, monkeypatch, tmp_path):
    old, *_, told = tuned
    tasks = list(dict.fromkeys(task for task, _, _ in told))
    assert tasks[:2] == ["one: looking for walls", "other: looking for walls"]
    assert tasks[2:] == [f"trying {name}" for name in Flows().decoding]
    looks = []
    real = looking.look
    monkeypatch.setattr(looking, "look", lambda *args, **named: looks.append(1) or real(*args, **named))
    tune(old, [leaf("one", 1, 2, 64)], tmp_path / "again", plan=CPU)
    assert looks == [1]


def test_where_nothing_is_better_a_model_keeps_its_settings_and_scores(tuned, tmp_path):
    _, _, out, result, _ = tuned
    known = load(out)
    scored = replace(known, card=known.card | {"scores": {"leaf": 0.7}})
    again = tune(scored, [leaf("one", 1, 2, 96), leaf("other", 2, 2, 96)], tmp_path / "again", plan=CPU)
    assert not again.changed
    assert len(again.steps) == len(Flows().decoding)
    assert again.model.representation == result.model.representation
    assert (again.gain.mean_ap, again.gain.interval) == (0, (0, 0))
    assert load(tmp_path / "again").card["scores"] == {"leaf": 0.7}
    assert mean_ap(again.before) == mean_ap(result.after)


def test_weights_of_full_precision_stay_so(taught, tmp_path):
    model = load(taught)
    with __import__("torch").no_grad():
        model.module.output.bias += 1e-7
    save(model, tmp_path / "full", exact=True)
    tune(tmp_path / "full", [leaf("one", 1, 2, 48)], tmp_path / "out", plan=CPU)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("full", "out")]
    assert weights[0] == weights[1]


def test_of_several_heads_the_one_that_is_read_is_tuned():
    heads = Heads((Flows(), Affinities()), decode_by="affinities")
    assert heads.reader == Affinities()
    tuned = heads.with_reader(replace(heads.reader, decoder="mutex"))
    assert tuned == replace(heads, parts=(Flows(), Affinities(decoder="mutex")))
    assert Flows().reader == Flows()


# --- slices and volumes ----------------------------------------------------------------------------------------------------


def first_look(model, example, tmp_path):
    """Return what the network says of an example, and the fates of its cells."""
    chosen = load(model)
    seen = looking.sights(chosen, [example], plan=CPU, scratch=tmp_path, progress=silent)
    return seen, [one.fates(chosen, CPU, tmp_path) for one in seen]


@pytest.mark.parametrize("axis", [0, 2])
def test_a_model_of_images_is_judged_by_labelled_slices_as_pictures(axis, taught, tmp_path):
    whole = leaf("sliced", 3)
    seen, fates = first_look(taught, known_only(whole, (8, 24, 40), axis), tmp_path)
    assert [one.outputs.shape for one in seen] == [(3, 48, 48)] * 3
    for place, part in zip((8, 24, 40), fates, strict=True):  # the crowd's cells are convex
        assert len(part.cells) == len(np.unique(whole.labels.data.take(place, axis))) - 1


def test_a_model_of_volumes_looks_at_the_volume_and_is_judged_by_its_slices(untrained, tmp_path):
    whole = leaf("sliced", 3, side=32)
    seen, (fates,) = first_look(untrained[3], known_only(whole, (4, 16, 28)), tmp_path)
    assert len(seen) == 1
    assert seen[0].outputs.dtype == np.float16
    assert isinstance(seen[0].outputs, np.memmap)
    assert len(fates.cells) == sum(len(np.unique(whole.labels.data[place])) - 1 for place in (4, 16, 28))


def test_a_volume_labelled_densely_is_judged_as_a_whole_also_by_a_model_of_images(taught, tmp_path):
    whole = leaf("dense", 3, side=32)
    seen, (fates,) = first_look(taught, whole, tmp_path)
    assert seen[0].outputs.shape == (4, 32, 32, 32)
    assert len(fates.cells) == whole.labels.data.max()


def test_cells_are_judged_at_the_voxels_of_the_scan_whatever_those_of_the_model(untrained, tmp_path):
    whole = leaf("finer", 3, side=32)
    finer = replace(
        whole,
        scans=tuple(replace(scan, spacing_um=(0.5,) * 3) for scan in whole.scans),
        labels=replace(whole.labels, spacing_um=(0.5,) * 3),
    )
    seen, (fates,) = first_look(untrained[3], finer, tmp_path)
    assert seen[0].outputs.shape[1:] == (25, 25, 25)  # voxels of 0.65 µm
    assert len(fates.cells) == whole.labels.data.max()


# --- what cannot be tuned --------------------------------------------------------------------------------------------------


def told_of(kind, model, examples, folder, *words, plan=CPU):
    complaint(kind, lambda: tune(model, examples, folder, plan=plan), *words)
    assert not folder.exists() or folder.name == "mine"


def test_without_scans_there_is_nothing_to_tune_by(taught, tmp_path):
    told_of(
        VolumeError, taught, [], tmp_path / "out", "nothing to tune by", "has not learnt from", "at least one folder"
    )


def test_what_was_learnt_from_is_refused_by_name(taught, tmp_path):
    examples = [leaf("new", 1, 2), leaf("learnt", 0, 2)]
    words = ("the model lost has learnt from learnt, as its card says", "kept from it")
    told_of(ModelError, taught, examples, tmp_path / "out", *words)


def test_so_is_what_the_model_before_had_learnt_from(taught, tmp_path):
    plan = TrainingPlan(ndim=2, start=str(taught), patch=16, epochs=1, steps=1, validation_patches=1, split="leaking")
    on = train([leaf("next", 4)], tmp_path / "on", plan, device="cpu")
    assert on.learnt_from == ("next", "learnt")
    words = ("the model on has learnt from learnt",)
    told_of(ModelError, tmp_path / "on", [leaf("learnt", 0, 2)], tmp_path / "out", *words)


def test_labels_that_cannot_judge_are_told(taught, tmp_path):
    blank = leaf("blank", 1, 2)
    nothing = replace(blank, labels=replace(blank.labels, data=np.full(blank.labels.shape, UNKNOWN, np.int32)))
    told_of(LabelsError, taught, [nothing], tmp_path / "out", "blank holds no labelled cell", "leave the folder out")
    cells = np.where(blank.labels.data > 0, blank.labels.data, UNKNOWN).astype(np.int32)
    traced = replace(blank, labels=replace(blank.labels, data=cells))
    words = ("blank holds cells and no background", "which of those found are false", "slices or a box completely")
    told_of(LabelsError, taught, [traced], tmp_path / "out", *words)


def test_settings_that_are_given_are_not_chosen_and_what_has_none_is_not_tuned(taught, tmp_path):
    plan = replace(CPU, decoding={"passes": 7})
    words = ("decoding = {'passes': 7}", "tuning chooses", "leave decoding out")
    told_of(SettingsError, taught, [leaf("one", 1, 2)], tmp_path / "out", *words, plan=plan)

    @dataclass(frozen=True)
    class Fixed(Flows):
        decoding = {}  # noqa: RUF012 - stands for a property

    fixed = replace(load(taught), representation=Fixed())
    words = ("Fixed has no settings of its decoder", "use the model as it is")
    told_of(SettingsError, fixed, [leaf("one", 1, 2)], tmp_path / "out", *words)


def test_a_model_that_stands_there_is_not_written_over(taught, tmp_path):
    before = (taught / "model.json").read_bytes()
    words = ("is not empty", "into a new folder", "pass another folder")
    complaint(FileError, lambda: tune(taught, [leaf("one", 1, 2)], taught, plan=CPU), "lost", *words)
    assert (taught / "model.json").read_bytes() == before
    (mine := tmp_path / "mine").mkdir()
    (mine / "thesis.txt").write_text("all my work")
    told_of(FileError, taught, [leaf("one", 1, 2)], mine, "mine", *words)
    complaint(
        FileError,
        lambda: tune(taught, [leaf("one", 1, 2)], tmp_path / "no" / "out", plan=CPU),
        "the folder",
        "is missing",
    )


def test_a_tuning_that_is_stopped_leaves_nothing(taught, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "difference", stop)
    with pytest.raises(KeyboardInterrupt):
        tune(taught, [leaf("one", 1, 2, 48)], tmp_path / "out", plan=CPU)
    assert not list(tmp_path.iterdir())


# --- the command -----------------------------------------------------------------------------------------------------------


def test_the_command_tunes_and_says_what_it_chose(taught, tmp_path):
    for name, seed in (("one", 1), ("other", 2)):
        write_example(tmp_path / name, leaf(name, seed, 2, 96), {})
    result = run("tune", taught, tmp_path / "one", tmp_path / "other", "-o", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    assert "setting is best other gain in mAP from to taken" in shown
    assert "min_size_vox 120" in shown
    assert "after - before" in shown
    assert "out with these settings" in shown
    again = run("tune", tmp_path / "out", tmp_path / "one", tmp_path / "other", "-o", tmp_path / "same")
    assert again.exit_code == 0, again.output
    assert "no other is better by more than noise" in " ".join(again.stdout.split())
    assert load(tmp_path / "same").representation == load(tmp_path / "out").representation


def test_the_command_without_data_or_on_what_was_learnt_from_fails(taught, tmp_path):
    bare = run("tune", taught, "-o", tmp_path / "out")
    assert bare.exit_code == 2
    assert "Missing argument 'DATA...'" in bare.stderr
    write_example(tmp_path / "learnt", leaf("learnt", 0, 2), {})
    refused = run("tune", taught, tmp_path / "learnt", "-o", tmp_path / "out")
    assert refused.exit_code == 1
    assert "Error: the model lost has learnt from learnt" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_the_public_name_is_the_room_s():
    assert mesophyll.tune is tune
