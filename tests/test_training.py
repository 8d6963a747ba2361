"""A training learns, can be cut off and resumed without a trace, and never judges by what it learnt from."""

from __future__ import annotations

import csv
import shutil
import signal
from dataclasses import replace

import lightning
import numpy as np
import pytest
import torch
from scipy import ndimage

from catalogue import crowd
from complaint import complaint
from mesophyll.errors import FileError, ModelError, SettingsError, VolumeError
from mesophyll.inference import SegmentationPlan, segment, segment_volume
from mesophyll.io import Example
from mesophyll.likeness import MARKS
from mesophyll.model import Image, Intensity, Model, load, save
from mesophyll.network import CellposeNetwork, Network
from mesophyll.representations import Affinities, Cellpose, Flows, from_table
from mesophyll.training import TrainingPlan, split, train
from mesophyll.training.lesson import Bench, Lesson, PatchStream, precision
from mesophyll.training.patches import Augmentation, Source
from mesophyll.training.preparation import Preparation
from mesophyll.training.supply import Shelf
from mesophyll.training.view import View
from mesophyll.volume import Volume

PLAN = TrainingPlan(
    ndim=2,
    levels=2,
    patch=16,
    epochs=3,
    steps=3,
    validation_patches=4,
    held_out=0.4,
    spacing_um=1.0,
    representation={"name": "flows", "halo": 8},
)


def example(seed, ndim=2, side=40):
    """Cells brighter than what lies between them, blurred and with noise."""
    truth = crowd(ndim, side=side, seed=seed)
    noise = np.random.default_rng(seed).normal(0, 4, truth.shape)
    grey = (ndimage.gaussian_filter((truth > 0) * 100.0, 0.7) + 20 + noise).astype(np.float32)
    spacing = (1.0,) * ndim
    return Example(f"leaf-{seed}", (Volume(grey, spacing, name=f"leaf-{seed}"),), Volume(truth, spacing))


def sources(count, length=400):
    """Sources of which only the place of patches matters."""
    grey = np.broadcast_to(np.float32(1), (length, 20))
    image = Image(Volume(grey), 0, 1, (0, 1))
    labels = np.broadcast_to(np.int32(1), (length, 20))
    return [Source(f"leaf-{n}", (image,), labels, (slice(0, length), slice(0, 20))) for n in range(count)]


def weights(model):
    return model.module.state_dict()


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short training of 2D patches, its folder and what it told."""
    folder, told = tmp_path_factory.mktemp("trained") / "tiny", []
    model = train([example(0), example(1)], folder, PLAN, device="cpu", progress=lambda *where: told.append(where))
    return model, folder, told


# ------------------------------------------------------------------------------------------------------------ a training


def test_a_training_leaves_a_model_that_is_loaded_and_segments(trained, tmp_path):
    model, folder, _ = trained
    again = load(folder)
    assert again.name == model.name == "tiny"
    assert again.spacing_um == 1.0
    assert again.representation == from_table(PLAN.representation)
    volume = example(5).scans[0]
    labels = segment_volume(volume, again, scratch=tmp_path, plan=SegmentationPlan(device="cpu")).labels
    assert labels.shape == volume.shape
    assert labels.read().dtype == np.int32


@pytest.mark.parametrize("name", ["stars", "contours", "spheres", "boxes", "patches"])
def test_shapes_are_learnt_and_found(name, tmp_path):
    plan = replace(PLAN, epochs=1, steps=2, representation={"name": name, "halo": 8})
    model = train([example(0), example(1)], tmp_path / "model", plan, device="cpu")
    assert np.isfinite(model.card["validation"]["loss"])
    assert load(tmp_path / "model").representation == from_table(plan.representation).at(plan.spacing_um)
    volume = example(5).scans[0]
    labels = segment_volume(volume, model, scratch=tmp_path, plan=SegmentationPlan(device="cpu")).labels.read()
    assert labels.shape == volume.shape


def test_a_card_says_how_the_model_was_made(trained):
    card = load(trained[1]).card
    assert card["data"] == ["leaf-0"]
    assert card["validation"]["data"] == ["leaf-1"]
    assert card["plan"]["steps"] == 3
    assert np.isfinite(card["validation"]["loss"])


def test_every_step_is_told(trained):
    assert trained[2] == [("training", done, 9) for done in range(1, 10)]


def test_logs_and_checkpoints_lie_beside_the_model(trained):
    folder = trained[1]
    (table,) = folder.glob("logs/csv/*/metrics.csv")
    rows = list(csv.DictReader(table.open()))
    assert {"epoch", "training_loss", "validation_loss"} <= rows[0].keys()
    assert len([row for row in rows if row["validation_loss"]]) == PLAN.epochs
    assert list(folder.glob("logs/tensorboard/*/events*"))
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_the_same_seed_trains_the_same_model(trained, tmp_path):
    torch.rand(5)  # what was drawn before does not matter
    again = train([example(0), example(1)], tmp_path / "again", PLAN, device="cpu")
    assert equal(weights(again), weights(trained[0]))


def test_a_training_cut_off_and_resumed_ends_with_the_weights_of_one_that_was_not(trained, tmp_path):
    examples, folder = [example(0), example(1)], tmp_path / "cut"
    handler = signal.getsignal(signal.SIGINT)

    def cut(_, done, __):
        if done == 5:  # in the second epoch
            raise KeyboardInterrupt

    complaint(
        FileError,
        lambda: train(examples, folder, PLAN, device="cpu", progress=cut),
        "interrupted after 1 epochs",
        "its plan has 3",
        "--resume",
    )
    assert signal.getsignal(signal.SIGINT) is handler  # the next Ctrl-C is heard
    assert not (folder / "model.json").exists()
    moved = shutil.move(folder, tmp_path / "elsewhere")
    told = []
    resumed = train(examples, moved, PLAN, resume=True, device="cpu", progress=lambda _, done, __: told.append(done))
    assert told == [4, 5, 6, 7, 8, 9]
    assert equal(weights(resumed), weights(trained[0]))
    assert len(list((tmp_path / "elsewhere").glob("logs/csv/*/metrics.csv"))) == 2  # no log is written over


def test_a_model_that_is_taught_on_begins_where_it_was_and_keeps_its_normalisation(trained, tmp_path):
    gentle = replace(PLAN, start=str(trained[1]), rate=1e-9, epochs=1, steps=1)
    model = train([example(0), example(1)], tmp_path / "on", gentle, device="cpu")
    before, after = weights(load(trained[1])), weights(model)
    for name in before:
        assert torch.allclose(before[name].float(), after[name].float(), atol=1e-6), name
    statistics = [name for name in before if "running" in name]
    assert len(statistics) > 8
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert model.card["plan"]["start"] == str(trained[1])


def test_what_is_taught_on_learns(trained, tmp_path):
    model = train([example(0), example(1)], tmp_path / "on", replace(PLAN, start=str(trained[1])), device="cpu")
    assert not equal(weights(model), weights(load(trained[1])))


def test_a_model_of_another_network_is_not_taught_on(trained, tmp_path):
    other = replace(PLAN, start=str(trained[1]), size="medium")
    complaint(
        ModelError,
        lambda: train([example(0), example(1)], tmp_path / "on", other, device="cpu"),
        "'size': 'medium'",
        "keeps its axes, channels, size and levels",
        "leave start out",
    )
    assert not (tmp_path / "on").exists()


def imported(folder, **settings):
    """A model of Cellpose's network, as it is after an import."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = CellposeNetwork(**settings).build().eval()
    return Model("cyto3", module, Cellpose(halo=8), 1.0, Intensity(clip=None, zeros=True)), folder


def losses(folder):
    """The validation losses of a training, epoch by epoch."""
    with next(folder.glob("logs/csv/*/metrics.csv")).open(encoding="utf-8") as file:
        return [float(row["validation_loss"]) for row in csv.DictReader(file) if row["validation_loss"]]


TUNING = TrainingPlan(patch=32, epochs=3, steps=12, batch=2, validation_patches=4, held_out=0.4, rate=3e-3)
"""Nothing of it says what the model is."""


def test_an_imported_model_is_tuned_and_what_the_plan_leaves_open_is_the_models(tmp_path):
    start, folder = imported(tmp_path / "cyto3")
    save(start, folder, exact=True)
    plan = replace(TUNING, start=str(folder))
    model = train([example(0), example(1)], tmp_path / "tuned", plan, device="cpu")
    fallen = losses(tmp_path / "tuned")
    assert fallen[-1] < 0.9 * fallen[0]
    again = load(tmp_path / "tuned")
    for field in ("network", "representation", "spacing_um", "intensity"):
        assert getattr(again, field) == getattr(model, field) == getattr(start, field)
    told = again.card["plan"]
    assert (told["ndim"], told["architecture"], told["representation"]["name"]) == (2, "cellpose", "cellpose")
    assert not equal(weights(again), weights(start))
    labels = segment(example(2).scans[0].read(), spacing_um=1, model=again, device="cpu")
    assert labels.shape == (40, 40)


def test_what_the_plan_says_is_not_the_models(tmp_path):
    start, folder = imported(tmp_path / "cyto3")
    save(start, folder)
    said = replace(TUNING, start=str(folder), epochs=1, steps=1, spacing_um=0.9, representation={"name": "flows"})
    model = train([example(0), example(1)], tmp_path / "tuned", said, device="cpu")
    assert (model.spacing_um, model.representation) == (0.9, Flows())
    assert model.intensity == start.intensity


def test_cellposes_network_can_be_taught_from_nothing_and_is_one_for_images(tmp_path):
    plan = replace(TUNING, ndim=2, architecture="cellpose", spacing_um=1.0, epochs=1, steps=1)
    model = train([example(0), example(1)], tmp_path / "new", plan, device="cpu")
    assert load(tmp_path / "new").network == model.network == CellposeNetwork()
    complaint(SettingsError, lambda: replace(plan, ndim=3), "ndim = 3", "one for images", "set ndim = 2")
    complaint(
        SettingsError, lambda: replace(plan, patch=20), "patch = 20", "a network of Cellpose needs a multiple of 8"
    )


def test_a_network_of_other_channels_is_not_taught_on(tmp_path):
    start, folder = imported(tmp_path / "cyto3")
    save(start, folder)
    plan = replace(TUNING, start=str(folder), tissue="classes")
    mapped = [replace(example(seed), tissue=Volume(np.zeros((40, 40), np.uint8), (1.0, 1.0))) for seed in range(2)]
    words = ("{'name': 'cellpose', 'ndim': 2, 'inputs': 2,", "keeps its axes, channels")
    complaint(ModelError, lambda: train(mapped, tmp_path / "on", plan, device="cpu"), *words)


def test_a_training_that_has_ended_can_be_resumed_and_is_the_same(trained, tmp_path):
    folder = shutil.copytree(trained[1], tmp_path / "tiny")
    again = train([example(0), example(1)], folder, PLAN, resume=True, device="cpu")
    assert equal(weights(again), weights(trained[0]))


def test_a_model_knows_what_it_learnt_from_and_is_told_of_anything_else(tmp_path):
    plan, examples = replace(PLAN, patch=32, epochs=2, steps=12), [example(seed, side=96) for seed in range(2)]
    model = train(examples, tmp_path / "model", plan, device="cpu")
    assert load(tmp_path / "model").familiar == model.familiar
    assert model.familiar.side == 32
    assert model.familiar.coarsest == 1
    assert model.familiar.ranges.keys() == MARKS.keys()
    scan = example(2, side=96).scans[0]
    assert model.doubts(model.prepare(scan)) == ""
    noise = replace(scan, data=np.random.default_rng(0).normal(100, 20, scan.shape).astype(np.float32))
    assert "unlike what model learnt from: " in model.doubts(model.prepare(noise))


def test_what_is_familiar_is_the_same_after_a_training_was_cut_off(tmp_path):
    plan, examples = replace(PLAN, patch=32, epochs=2, steps=12), [example(seed, side=96) for seed in range(2)]
    whole = train(examples, tmp_path / "whole", plan, device="cpu")

    def cut_off(_, done, __):
        if done == 16:
            raise KeyboardInterrupt

    with pytest.raises(FileError):
        train(examples, tmp_path / "cut", plan, device="cpu", progress=cut_off)
    resumed = train(examples, tmp_path / "cut", plan, resume=True, device="cpu")
    assert resumed.familiar == whole.familiar
    assert whole.familiar.ranges.keys() == MARKS.keys()


def test_a_model_taught_on_keeps_what_was_familiar_and_learns_how_coarse_scans_are(tmp_path):
    plan, examples = replace(PLAN, patch=32, epochs=1, steps=24), [example(seed, side=96) for seed in range(2)]
    before = train(examples, tmp_path / "before", plan, device="cpu").familiar
    coarse = [
        replace(one, scans=(replace(one.scans[0], spacing_um=step),), labels=replace(one.labels, spacing_um=step))
        for step, one in zip([(4.0, 1.0)] * 2, examples, strict=True)
    ]
    after = train(coarse, tmp_path / "on", replace(plan, start=str(tmp_path / "before")), device="cpu").familiar
    assert after.coarsest == 2
    assert all(
        after.ranges[name][0] <= low and high <= after.ranges[name][1] for name, (low, high) in before.ranges.items()
    )
    assert after.ranges != before.ranges


def test_patches_whose_marks_are_kept_are_spread_over_a_training_and_over_the_places_of_a_batch(monkeypatch):
    monkeypatch.setattr("mesophyll.training.lesson._MET", 5)
    met = []
    monkeypatch.setattr(
        "mesophyll.training.lesson.measure", lambda grey: met.append(int(grey[0, 0])) or dict.fromkeys(MARKS, 0.0)
    )
    made = lesson(epochs=1, steps=8, accumulate=2, batch=3)
    for place in range(16):
        batch = 100 * place + torch.arange(3.0).reshape(3, 1, 1, 1).expand(3, 1, 8, 8)
        made._remember(batch, place)
    assert met == [0, 401, 802, 1200]
    assert made.met.isfinite().all(dim=1).tolist() == [True] * 4 + [False]


@pytest.mark.slow
def test_the_loss_falls_and_cells_are_found(tmp_path):
    plan = replace(PLAN, epochs=5, steps=12, batch=4, patch=32, rate=1e-2)
    model = train([example(0, side=64), example(1, side=64)], tmp_path / "model", plan, device="cpu")
    rows = list(csv.DictReader(next(tmp_path.glob("model/logs/csv/*/metrics.csv")).open()))
    losses = [float(row["validation_loss"]) for row in rows if row["validation_loss"]]
    assert min(losses) < 0.75 * losses[0]
    unseen = example(7, side=64)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    labels = segment_volume(unseen.scans[0], model, scratch=scratch, plan=SegmentationPlan(device="cpu")).labels.read()
    right = (labels > 0) == (unseen.labels.read() > 0)
    assert right.mean() > 0.9


@pytest.mark.slow
def test_volumes_teach_3d_models_and_their_sections_2d_models(tmp_path):
    examples = [example(0, ndim=3, side=20), example(1, ndim=3, side=20)]
    for ndim in (2, 3):
        plan = replace(PLAN, ndim=ndim, epochs=1, steps=2, schedule="plateau", accumulate=2)
        model = train(examples, tmp_path / f"model-{ndim}d", plan, device="cpu")
        assert model.network == Network(ndim, 1, 1 + ndim, "small", 2)


@pytest.mark.slow
def test_a_training_that_does_not_improve_is_stopped(tmp_path):
    told = []
    plan = replace(PLAN, rate=1e-12, weight_decay=0, patience=1, epochs=20, steps=1)
    train([example(0), example(1)], tmp_path / "model", plan, device="cpu", progress=lambda *w: told.append(w))
    assert len(told) < 20


def test_a_training_that_diverges_is_told_and_leaves_no_model(tmp_path):
    plan = replace(PLAN, rate=1e30, epochs=1)
    examples = [example(0), example(1)]
    complaint(
        SettingsError, lambda: train(examples, tmp_path / "model", plan, device="cpu"), "rate = 1e+30", "a lower rate"
    )
    assert not (tmp_path / "model" / "model.json").exists()


# ------------------------------------------------------------------------------------------------------------- the folder


def test_a_folder_with_other_things_in_it_is_not_trained_into(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    complaint(FileError, lambda: train([], tmp_path, PLAN), "is not empty", "--resume to go on")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_nothing_is_made_where_there_is_nothing_to_train_on(tmp_path):
    complaint(VolumeError, lambda: train([], tmp_path / "model", PLAN), "nothing to train on", "at least one folder")
    wrong = replace(PLAN, representation={"name": "flow"})
    complaint(SettingsError, lambda: train([example(0)], tmp_path / "model", wrong), "unknown representation 'flow'")
    complaint(
        VolumeError,
        lambda: train([example(0)], tmp_path / "model", replace(PLAN, ndim=3)),
        "leaf-0 has 2 axes",
        "ndim = 2",
    )
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("longest", "halo", "words"),
    [
        (16.0, 32, ["compares voxels 16 apart (1 µm each)", "patch = 16", "at most 15 apart", "make patch larger"]),
        (12.0, 11, ["compares voxels 12 apart", "halo = 11", "at most 11 apart", "make halo larger"]),
    ],
)
def test_a_length_that_no_patch_holds_is_told_before_anything_is_made(longest, halo, words, tmp_path):
    table = {"name": "affinities", "long_um": [longest], "halo": halo}
    plan = replace(PLAN, representation={"name": "heads", "halo": halo, "parts": [table]})
    complaint(SettingsError, lambda: train([example(0), example(1)], tmp_path / "model", plan), *words)
    assert not (tmp_path / "model").exists()


def test_lengths_become_voxels_by_the_spacing_of_the_plan(tmp_path):
    table = {"name": "affinities", "long_um": [3.0], "diagonal_um": [], "halo": 8, "spacing_um": 0.1}
    plan = replace(PLAN, representation=table, epochs=1, steps=1, spacing_um=1.0)
    model = train([example(seed) for seed in range(2)], tmp_path / "model", plan, device="cpu")
    assert model.representation.offsets(2) == [(1, 0), (0, 1), (3, 0), (0, 3)]
    assert load(tmp_path / "model").representation == model.representation


def test_a_folder_whose_place_is_missing_is_told(tmp_path):
    examples = [example(0), example(1)]
    complaint(FileError, lambda: train(examples, tmp_path / "no" / "model", PLAN), "cannot be made", "its parent")


# ----------------------------------------------------------------------------------------------- what is kept for judging


@pytest.mark.parametrize(("count", "share", "kept"), [(10, 0.15, 2), (4, 0.25, 1), (2, 0.9, 1), (3, 0.99, 2)])
def test_whole_scans_are_kept_where_the_share_makes_one_and_some_are_always_left(count, share, kept):
    learn, judge = split(sources(count), replace(PLAN, held_out=share))
    assert [source.name for source in learn + judge] == [f"leaf-{n}" for n in range(count)]
    assert len(judge) == kept


@pytest.mark.parametrize("share", [0.15, 0.3, 0.6])
def test_of_few_scans_the_ends_are_kept_behind_a_guard(share):
    plan = replace(PLAN, held_out=share, patch=32)
    learn, judge = split(sources(1, length=400), plan)
    ((rows, columns),) = [source.within for source in learn]
    ((later, again),) = [source.within for source in judge]
    assert rows.stop == round((1 - share) * 400)
    assert later.start - rows.stop == plan.patch
    assert later.stop == 400
    assert columns == again == slice(0, 20)


def test_a_patch_of_one_part_sees_nothing_of_the_other():
    """With the defaults, context and all: the image tells the rows that a patch was cut from."""
    plan, length = TrainingPlan(ndim=2), 480
    halo = from_table(plan.representation).halo
    grey = np.repeat(np.arange(length, dtype=np.float32)[:, None], 70, axis=1)
    place = replace(sources(1, length)[0], images=(Image(Volume(grey), 0, 1, (0, 1e6)),), labels=np.ones_like(grey))
    parts = split([replace(place, within=(slice(0, length), slice(0, 70)))], plan)
    seen = []
    for part in parts:
        rows = [part[0].within[0].start, part[0].within[0].stop - 1]
        seen.append(set(range(max(rows[0] - halo, 0), rows[1] + halo + 1)))
    assert not seen[0] & set(range(parts[1][0].within[0].start, length))
    assert not seen[1] & set(range(parts[0][0].within[0].stop))


def test_a_scan_too_short_to_be_parted_is_told():
    complaint(
        VolumeError,
        lambda: split(sources(1, length=100), replace(PLAN, patch=64)),
        "leaf-0 has 100 voxels along its first axis",
        "a guard of 64",
        "pass more scans",
    )


# ------------------------------------------------------------------------------------------------------ the row of patches


def bench(source, ndim=2, halo=8, augmentation=PLAN.augmentation, seed=0, workers=1):
    return Bench(Shelf([source]), Preparation(Flows(halo=halo), ndim, 16, augmentation), seed, workers)


def leaf_source():
    place = example(0)
    image = Image.of(place.scans[0], 1.0, Intensity())
    return Source("leaf", (image,), place.labels.data, tuple(slice(0, n) for n in image.shape))


def stream(start=0, stop=4, repeats=1, keep=False, **how):
    return PatchStream(bench(leaf_source(), **how), PLAN.batch, start, stop, repeats, keep)


def test_batches_are_those_of_their_numbers_however_they_are_made():
    whole = list(stream(0, 7, workers=2))
    assert len(whole) == 7
    late = list(stream(5, 7))
    for first, second in zip(whole[5:], late, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(whole[0][0], whole[1][0])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 9])
def test_a_row_has_as_many_batches_as_asked_for(count):
    assert len(list(stream(3, 3 + count))) == count


@pytest.mark.parametrize("epoch", [0, 2])
def test_every_epoch_goes_on_in_the_row(epoch):
    made = Lesson(Network(2, 1, 3, levels=2).build(), Flows(), replace(PLAN, accumulate=2), Shelf([]), Shelf([]))
    made.trainer = lightning.Trainer(logger=False, accelerator="cpu", enable_model_summary=False)
    made.trainer.fit_loop.epoch_progress.current.completed = epoch
    row = made.train_dataloader().dataset
    assert (row.start, row.stop) == (epoch * 6, epoch * 6 + 6)


def test_a_batch_has_image_target_and_what_is_known():
    image, target, known = stream().batch(0)
    assert image.shape == (2, 1, 16, 16)
    assert target.shape == (2, 3, 16, 16)
    assert known.shape == (2, 16, 16)
    assert (image.dtype, target.dtype, known.dtype) == (torch.float32, torch.float32, torch.bool)
    assert ((target[:, 0] == 0) | (target[:, 0] == 1)).all()


@pytest.mark.parametrize("count", [1, 2, 9])
def test_patches_that_are_shown_again_are_batches_of_their_numbers_too(count):
    whole = list(stream(0, 40, repeats=4, workers=2))
    late = list(stream(40 - count, 40, repeats=4))
    for first, second in zip(whole[-count:], late, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_patch_is_prepared_once_and_shown_as_often_as_asked_differently_each_time():
    made = stream(0, 400, repeats=4)
    asked, prepare = [], made.bench.supply.prepare
    spy = lambda number, *rest: (asked.append(number), prepare(number, *rest))[1]  # noqa: E731
    object.__setattr__(made.bench.supply, "prepare", spy)
    shown = np.array([made._patch(place) for place in range(400 * PLAN.batch)])
    assert set(np.bincount(shown)[48:-48]) == {4}  # those of the beginning stand in for what was not there yet
    images = [batch[0] for batch in made]
    assert sorted(asked) == list(range(200))
    assert len(made.bench._made) <= 3 * 16 + 4 * PLAN.batch
    views = [images[place // PLAN.batch][place % PLAN.batch] for place in np.flatnonzero(shown == 60)]
    assert len({view.numpy().tobytes() for view in views}) == 4


def test_image_target_and_what_is_known_are_mirrored_together():
    still = Augmentation(brightness=0, contrast=0, gamma=0, noise=0, blur=0, shading=0)
    how = Preparation(Flows(halo=8), 2, 16, still)
    labels = crowd(2, side=40)
    labels[:9] = -1
    image = Image(Volume((labels > 0).astype(np.float32), (1.0, 1.0), name="leaf"), 0.0, 1.0, None)
    made = how.prepare(Source("leaf", (image,), labels, (slice(0, 40),) * 2), np.random.default_rng(3))
    ways = set()
    for seed in range(20):
        shown = how.show(made, np.random.default_rng(seed))
        assert np.array_equal(shown.image_CS[0] > 0.5, shown.target_CS[0] > 0.5)
        step = shown.target_CS[1:]
        inside = shown.target_CS[0] > 0
        ends = np.indices(inside.shape)[:, inside] + np.round(step[:, inside])
        near = np.clip(ends.astype(int), 0, 15)
        assert inside[tuple(near)].mean() > 0.95  # the way still leads on within cells
        ways.add(shown.image_CS.tobytes())
    assert len(ways) == 4


def test_a_mirrored_target_of_pairs_is_that_of_the_mirrored_cells_or_not_known():
    still = Augmentation(turn=0, brightness=0, contrast=0, gamma=0, noise=0, blur=0, shading=0)
    method = Affinities(halo=12)
    how, labels = Preparation(method, 2, 32, still), crowd(2, side=64)
    image = Image(Volume((labels > 0).astype(np.float32), (1.0, 1.0), name="leaf"), 0.0, 1.0, None)
    made = how.prepare(Source("leaf", (image,), labels, (slice(0, 64),) * 2), np.random.default_rng(3))
    unknown = []
    for seed in range(8):
        shown = how.show(made, np.random.default_rng(seed)).target_CS
        told = np.isfinite(shown)
        for channel, (along, across) in enumerate(method.offsets(2), start=1):
            here = (slice(max(-along, 0), 32 - max(along, 0)), slice(max(-across, 0), 32 - max(across, 0)))
            there = (slice(max(along, 0), 32 - max(-along, 0)), slice(max(across, 0), 32 - max(-across, 0)))
            both = (shown[0][here] > 0) & (shown[0][there] > 0)
            assert not shown[channel][here][~both].any()
        assert set(np.unique(shown[told])) <= {0, 1}
        unknown.append(int((~told).sum()))
    assert min(unknown) == np.isnan(made.target_CS).sum() < max(unknown)


def test_patches_to_judge_on_are_not_varied_and_are_made_once():
    learnt, judged = stream(), stream(augmentation=None, keep=True)
    assert not torch.equal(learnt.batch(0)[0], judged.batch(0)[0])
    first, again = list(judged), list(judged)
    assert all(
        torch.equal(a, b) for one, other in zip(first, again, strict=True) for a, b in zip(one, other, strict=True)
    )
    assert len(judged.bench._made) == 4 * PLAN.batch
    place = learnt.bench.supply.sources[0].images[0].read((slice(None),) * 2)[0]
    windows = np.lib.stride_tricks.sliding_window_view(place, (16, 16))
    assert (windows == judged.batch(0)[0][0, 0].numpy()).all(axis=(2, 3)).any()  # a piece of the scan, as it is


# ------------------------------------------------------------------------------------------------------------ the schedule


def lesson(**changes):
    plan = replace(PLAN, **changes)
    return Lesson(Network(2, 1, 3, levels=2).build(), Flows(), plan, Shelf([]), Shelf([]))


def test_the_rate_rises_then_falls_to_nothing():
    made = lesson(epochs=10, steps=10, rate=0.01).configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert max(rates) == pytest.approx(0.01)
    assert np.argmax(rates) in (4, 5)
    assert (np.diff(rates[5:]) < 0).all()
    assert rates[-1] < 1e-5
    assert made["lr_scheduler"]["interval"] == "step"


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 19, 20, 21, 39, 40, 41, 2400])
def test_a_training_may_have_any_number_of_steps(steps):
    made = lesson(epochs=1, steps=steps, rate=0.01).configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    for _ in range(steps):
        assert 0 < optimizer.param_groups[0]["lr"] <= 0.01 + 1e-9
        optimizer.step()
        schedule.step()


def test_the_rate_falls_to_a_tenth_where_judging_stays_on_a_plateau():
    made = lesson(schedule="plateau", rate=0.01).configure_optimizers()
    optimizer, plateau = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert made["lr_scheduler"]["monitor"] == "validation_loss"
    rates = []
    for loss in [3.0, 2.0, *[2.0] * 12]:
        plateau.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[11] == 0.01
    assert rates[-1] == pytest.approx(0.001)


def sliced_example():
    """A crowd in which three slices along Z are labelled."""
    cells = crowd(3, side=48)
    labels = np.full(cells.shape, -1, np.int32)
    labels[[9, 20, 36]] = cells[[9, 20, 36]]
    scan = Volume((cells > 0).astype(np.float32) + np.indices(cells.shape)[0] / 1000, (1.0,) * 3, name="scan")
    return Example("sliced", (scan,), Volume(labels, (1.0,) * 3, name="labels"))


def test_sections_for_a_model_of_images_are_cut_at_labelled_slices():
    source = View(1.0).of(sliced_example())
    assert source.slices == (0, (9, 20, 36))
    for _, target, known in PatchStream(bench(source, halo=4), 2, 0, 6):
        assert known.float().mean() > 0.4  # but for turned corners
        assert torch.isfinite(target[known[:, None].expand_as(target)]).all()


def test_a_volume_of_labelled_slices_teaches_where_cells_are_and_no_flow():
    source = View(1.0).of(sliced_example())
    seen = 0
    for _, target, known in PatchStream(bench(source, ndim=3, halo=4), 2, 0, 6):
        inside = known & (target[:, 0] == 1)
        seen += int(inside.sum())
        assert not torch.isfinite(target[:, 1][inside]).any()
        assert torch.isfinite(target[:, 0][known]).all()
        assert torch.isfinite(Flows().loss(torch.zeros_like(target), target, known))
    assert seen > 100


@pytest.mark.parametrize(
    ("ndim", "patch", "device", "fast"),
    [(3, 16, "cpu", False), (3, 24, "cpu", True), (2, 16, "cpu", True), (3, 16, "cuda", True)],
)
def test_a_volume_two_voxels_wide_at_its_deepest_is_not_learnt_with_bfloat16_on_a_processor(
    monkeypatch, ndim, patch, device, fast
):
    plan = TrainingPlan(ndim=ndim, patch=patch)
    monkeypatch.setattr("mesophyll.training.lesson.fast_precision", lambda _: torch.bfloat16)
    assert precision(plan, 8, torch.device(device)) == ("bf16-mixed" if fast else "32-true")
    monkeypatch.setattr("mesophyll.training.lesson.fast_precision", lambda _: torch.float32)
    assert precision(plan, 8, torch.device(device)) == "32-true"
