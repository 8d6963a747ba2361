"""A table of runs becomes one page: taught, judged alike, gone on with where it was cut off."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch

from mesophyll import experiment, io, phantom
from mesophyll.cuts import Cut, cuts, sections
from mesophyll.errors import FileError, SettingsError, VolumeError
from mesophyll.experiment import finding, models
from mesophyll.experiment.figures import alike
from mesophyll.experiment.judging import Truth, end_to_end
from mesophyll.experiment.leaves import example
from mesophyll.experiment.reading import build, read
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.shapes import shapes
from mesophyll.experiment.sharing import chains
from mesophyll.experiment.table import Leaf, Run, Trial
from mesophyll.labels import same_partition
from mesophyll.model import load
from mesophyll.network import CellposeNetwork
from mesophyll.progress import silent
from mesophyll.traits import measure
from mesophyll.volume import Volume
from test_cellpose import as_in_a_file

PLAN = {
    "levels": 2,
    "patch": 16,
    "split": "leaking",
    "epochs": 1,
    "steps": 2,
    "validation_patches": 2,
    "representation": {"name": "flows", "halo": 4},
}

SMALL = {
    "title": "Small <leaves>",
    "about": "One.\n\nTwo.",
    "shown": ["first"],
    "leaves": {
        "scan": {"seed": 1, "shape": [80, 64, 32], "part": [[0, 32], [0, 64], [0, 32]]},
        "block": {"seed": 1, "shape": [80, 64, 32], "part": [[48, 80], [0, 64], [0, 32]]},
    },
    "trials": {
        "as in the report": {"data": ["scan"], "modes": ["sections"], "sections": 3},
        "same leaf": {"data": ["block"], "sections": 3},
    },
    "plan": PLAN,
    "scales": {"tiny": {}, "longer": {"epochs": 2}},
    "runs": [
        {"name": "first", "learn": ["scan"], "published": 0.0135, "segmentation": {"tile_3d": 16, "overlap": 0}},
        {"name": "overlap", "of": "first"},
        {"name": "with tissue", "learn": ["scan"], "plan": {"tissue": "codes"}},
        {"name": "taught on", "learn": ["scan"], "start": "first"},
        {"name": "published", "weights": "cyto2", "published": 0.1652},
    ],
    "comparisons": [
        {"run": "overlap", "against": "first", "question": "Does overlap help?"},
        {"run": "published", "against": "first", "question": "Does what is left out say anything?"},
        {"run": "first", "against": "overlap", "question": "And where it learnt?", "trials": ["as in the report"]},
    ],
}


def changed(**parts):
    return build(SMALL | parts, "small")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments") / "small"
    told = []
    table = changed(shown=["first"])
    results = experiment.run(table, folder, device="cpu", progress=lambda *step: told.append(step))
    return table, folder, results, told


def test_the_page_shows_every_run_the_scores_and_the_pictures(done):
    _, folder, _, _ = done
    page = (folder / "index.html").read_text(encoding="utf-8")
    for words in ("Small &lt;leaves&gt;", "<p>One.</p><p>Two.</p>", "0.0135", "0.1652", "as in the report, sections"):
        assert words in page
    for words in ("same leaf, 3D", "Does overlap help?", "palisade (", "elongated (", "Truth, ", "first, "):
        assert words in page
    assert "Does what is left out say anything?" not in page
    assert "left out: no file was passed for the weights cyto2" in page
    assert page.count('class="strip"') == 6
    asked = [part for part in page.split("<h3>") if "And where it learnt?" in part]
    assert [part[: part.index("<")] for part in asked] == ["as in the report, sections"]


def test_what_leaks_is_marked_and_what_does_not_is_not(done):
    _, folder, results, _ = done
    numbers = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    leaks = {(row["run"], row["trial"], row["mode"]): row["leaks"] for row in numbers["scores"]}
    assert leaks["overlap", "as in the report", "sections"]
    assert not leaks["overlap", "same leaf", "volume"]
    assert len(leaks) == 4 * 3
    assert numbers["left_out"] == ["published"]
    assert results.left_out == ["published"]


def test_progress_tells_the_run_and_the_whole(done):
    *_, told = done
    assert ("small", 12, 12) in told
    assert any(task == "first: training" for task, _, _ in told)


def test_a_rerun_makes_nothing_again(done, monkeypatch):
    table, folder, results, _ = done

    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr(models, "train", refuse)
    monkeypatch.setattr(finding, "look", refuse)
    again = experiment.run(table, folder, device="cpu")
    for key, judged in results.judgements.items():
        assert again.judgements[key].scores == judged.scores
        for leaf, before in zip(again.judgements[key].leaves, judged.leaves, strict=True):
            assert np.array_equal(leaf.hits, before.hits)
        assert again.judgements[key].took == judged.took


def test_processes_make_the_same_of_it(done, tmp_path):
    table, _, results, _ = done
    told = []
    shared = experiment.run(
        table, tmp_path / "shared", workers=2, device="cpu", progress=lambda *step: told.append(step)
    )
    for key, judged in results.judgements.items():
        assert shared.judgements[key].scores == judged.scores, key
    assert ("small: models", 2, 2) in told


def test_a_chain_holds_what_needs_one_model_and_first_seeds_come_first(tmp_path):
    table = changed(seeds=[1, 2])
    setting = Setting(table, "tiny", tmp_path)
    assert [[run.title for run in chain] for chain in chains(setting)] == [
        ["first, seed 1", "overlap, seed 1", "taught on, seed 1"],
        ["with tissue, seed 1"],
        ["first, seed 2", "overlap, seed 2", "taught on, seed 2"],
        ["with tissue, seed 2"],
    ]


def test_what_goes_wrong_in_a_process_is_told_here(tmp_path):
    cannot = {"name": "first", "learn": ["scan"], "plan": {"split": "guarded"}}
    with pytest.raises(VolumeError, match=r"a guard of 16.*do not fit"):
        experiment.run(changed(runs=[cannot], comparisons=[], shown=[]), tmp_path / "shared", workers=2, device="cpu")


def test_what_is_missing_is_made_again_and_nothing_else(done, monkeypatch, tmp_path):
    table, folder, results, _ = done
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "labels" / "overlap" / "block.npz").unlink()
    (copy / "scores" / "overlap" / "same-leaf-volume.npz").unlink()
    sought = []
    real = finding.look
    monkeypatch.setattr(finding, "look", lambda *args, **named: sought.append(1) or real(*args, **named))
    again = experiment.run(table, copy, device="cpu")
    assert sought == [1]
    key = ("overlap", "same leaf", "volume")
    assert again.judgements[key].scores == results.judgements[key].scores


def test_another_table_does_not_go_on_in_the_folder(done):
    table, folder, _, _ = done
    with pytest.raises(FileError, match=r"small holds something else.*table, scale.*pass another folder"):
        experiment.run(table, folder, scale="longer")
    with pytest.raises(FileError, match="holds something else"):
        experiment.run(replace(table, title="other"), folder)


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileError, match="holds something else"):
        experiment.run(changed(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_runs_of_weights_are_made_where_the_file_is_passed(tmp_path):
    file = tmp_path / "cyto2torch_0"
    torch.save(as_in_a_file(CellposeNetwork().build()) | {"diam_mean": torch.tensor([30.0])}, file)
    runs = [SMALL["runs"][-1] | {"diameter_um": 19.5}]
    table = build(ALONE | {"runs": runs, "shown": []}, "small")
    results = experiment.run(table, tmp_path / "out", weights={"cyto2": file}, device="cpu")
    assert not results.left_out
    made = load(tmp_path / "out" / "models" / "published")
    assert (made.network.ndim, made.spacing_um) == (2, 0.65)
    assert results.judgements["published", "same leaf", "volume"].took.network.seconds > 0


def test_scales_change_every_plan_and_tables_in_plans_are_merged():
    table = changed()
    run = replace(table.run("first"), plan={"representation": {"target": "centre"}})
    plan = table.training_plan(run, "longer")
    assert (plan.epochs, plan.patch) == (2, 16)
    own = replace(run, scales={"longer": {"epochs": 3}})
    assert [table.training_plan(own, scale).epochs for scale in ("tiny", "longer")] == [1, 3]
    assert plan.representation == {"name": "flows", "halo": 4, "target": "centre"}


def test_the_shipped_experiment_is_the_reports():
    table = read("tr155")
    published = {run.name: run.published for run in table.runs if run.published}
    assert published["3D-Cellpose"] == 0.0135
    assert published["3D-Cellpose-Sem"] == 0.0298
    plan = table.training_plan(table.run("3D-Cellpose"), "full")
    assert (plan.patch, plan.batch * plan.accumulate, plan.rate, plan.schedule) == (64, 64, 1e-3, "plateau")
    assert (plan.patience, plan.validation_patches, plan.split) == (25, 1000, "leaking")
    assert plan.representation["target"] == "centre"
    flat = table.training_plan(table.run("2D-Cellpose, fruit, then the leaf"), "small")
    assert (flat.ndim, flat.architecture, flat.representation) == (2, "cellpose", {"name": "cellpose"})
    assert (flat.epochs, table.training_plan(table.run("2D-Cellpose, taught on fruit"), "full").epochs) == (5, 400)
    leaks = {name: table.leaks(table.run("3D-Cellpose"), trial, 64) for name, trial in table.trials.items()}
    assert leaks == {"as in the report": True, "same leaf": False, "other leaves": False}


@pytest.mark.parametrize("scale", ["small", "full"])
def test_of_the_shipped_kinds_each_is_left_out_once_and_judged_where_neither_network_was(scale):
    table = read("kinds")
    known = {leaf.kind for name, leaf in table.leaves.items() if name in table.trials}
    assert known == set(phantom.KINDS) == set(table.trials)
    for pair in table.comparisons:
        (kind,) = pair.trials
        without, everything = table.run(pair.run, 1), table.run(pair.against, 1)
        assert {leaf.kind for leaf in table.learnt(without)} == known - {kind}
        assert {leaf.kind for leaf in table.learnt(everything)} == known
        assert table.training_plan(without, scale) == table.training_plan(everything, scale)
    assert {pair.trials[0] for pair in table.comparisons} == known
    seeds = [leaf.seed for leaf in table.leaves.values()]
    assert len(seeds) == len(set(seeds))  # a seed decides much of what a leaf is like, whatever its kind


@pytest.mark.parametrize("scale", ["small", "full"])
def test_in_the_shipped_table_of_networks_each_row_changes_one_choice_at_equal_voxels_in_a_step(scale):
    table = read("network")
    changed_by = {
        "voxels of 0.325 µm": {"spacing_um"},
        "voxels of 1 µm": {"spacing_um"},
        "three levels": {"levels"},
        "four levels": {"levels"},
        "wide, four levels": {"size", "levels"},
        "wide, four levels, as long": {"size", "levels", "steps"},
        "small patches": {"patch", "batch", "levels"},
        "large patches": {"patch", "batch"},
        "upright": {"position", "through"},
        "neither mirrored nor turned": {"augmentation"},
        "in their own greys": {"augmentation"},
    }
    plain = table.training_plan(table.run("as leaf-3d", 1), scale)
    assert {pair.run for pair in table.comparisons} == set(changed_by)
    for name, fields in changed_by.items():
        plan = table.training_plan(table.run(name, 1), scale)
        assert {key for key, value in asdict(plan).items() if value != asdict(plain)[key]} == fields
        assert plan.batch * plan.patch**3 == pytest.approx(plain.batch * plain.patch**3, rel=0.2)
    assert {table.leaves[name].kind for name in table.trials["all kinds"].data} == set(phantom.KINDS)
    seeds = [leaf.seed for leaf in table.leaves.values()]
    assert len(seeds) == len(set(seeds))


def leaf(*part, seed=1):
    return Leaf(seed=seed, part=part)


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        (leaf((48, 64), (0, 9), (0, 9)), True),
        (leaf((47, 64), (0, 9), (0, 9)), False),
        (leaf((0, 32), (25, 40), (0, 9)), True),
        (leaf((0, 32), (0, 9), (0, 9), seed=2), True),
        (leaf(seed=2), True),
        (leaf(), False),
    ],
)
def test_parts_of_a_leaf_are_apart_when_the_guard_lies_between(other, apart):
    learnt = leaf((0, 32), (0, 9), (0, 9))
    assert learnt.apart(other, 16) == other.apart(learnt, 16) == apart


def test_a_run_has_seen_what_it_started_from():
    table = changed()
    on_block = replace(table.run("taught on"), learn=("block",))
    assert table.leaks(on_block, table.trials["as in the report"], 16)


def test_sections_lie_evenly_across_all_axes():
    assert cuts((100, 90, 80), 7) == [
        Cut(0, 25),
        Cut(0, 50),
        Cut(0, 75),
        Cut(1, 30),
        Cut(1, 60),
        Cut(2, 27),
        Cut(2, 53),
    ]
    assert [cut.axis for cut in cuts((9, 9, 9), 2)] == [0, 1]


def test_what_a_section_cuts_apart_are_cells_of_their_own():
    arch = np.zeros((8, 8, 8), np.int32)
    arch[:, 1:3, 4] = arch[:, 5:7, 4] = arch[7, 1:7, 4] = 5
    whole, apart = sections(arch, [Cut(0, 7), Cut(0, 2)])
    assert whole.max() == 1
    assert apart.max() == 2
    image = Cut(1, 2).flat(Volume(arch, (1.0, 2.0, 3.0), name="arch"))
    assert (image.shape, image.spacing_um, image.name) == ((8, 8), (1.0, 3.0), "arch")
    assert np.array_equal(image.read(), arch[:, 2])


def test_pictures_end_to_end_share_no_number_and_unknown_stays():
    row = end_to_end([np.array([[1, 2], [0, -1]]), np.array([0, 1, 1])])
    assert row.tolist() == [1, 2, 0, -1, 0, 3, 3]


def test_the_truth_judged_by_itself_is_perfect_in_both_modes():
    made = phantom.make(1, shape=(32, 64, 32))
    where = cuts(made.labels.shape, 3)
    parts = sections(made.labels, where)
    flat = Truth.of([(part, cut.of(made.tissue), (0.65, 0.65)) for part, cut in zip(parts, where, strict=True)])
    assert len(flat.tissue) == len(flat.shape) == sum(int(part.max()) for part in parts)
    assert set(flat.tissue) <= {"upper epidermis", "lower epidermis", "palisade", "spongy", "bundle sheath", "vein"}


def test_shapes_are_told_by_elongation_and_solidity():
    labels = np.zeros((40, 40, 60), np.int32)
    z, y, x = np.indices(labels.shape)
    labels[(z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 < 81] = 1  # a ball
    labels[(z - 30) ** 2 + (y - 10) ** 2 < 20] = 2  # a rod
    labels[8:12, 22:39, 22:58] = 0
    labels[8:12, 28:32, 22:58] = labels[8:12, 22:39, 38:42] = labels[2:20, 28:32, 38:42] = 3  # a cross of six arms
    table = measure(labels, 1.0)
    assert shapes(table).tolist() == ["round", "elongated", "lobed"]
    assert shapes(measure(labels[10], 1.0)).tolist() == ["round", "lobed"]


def test_no_cells_have_no_shape():
    assert shapes(measure(np.zeros((4, 4, 4), np.int32), 1.0)).shape == (0,)
    assert isinstance(measure(np.zeros((4, 4), np.int32), 1.0), pd.DataFrame)


def test_found_cells_have_the_colour_of_the_true_ones():
    truth = np.array([1] * 10 + [2] * 10 + [0] * 5, np.int32)
    labels = np.array([7] * 10 + [3] * 4 + [0] * 6 + [4] * 5, np.int32)
    seen = alike(labels, truth)
    assert (seen[:10] == 1).all()
    assert seen[10] > 2
    assert seen[-1] > 2
    assert same_partition(seen, labels)


def test_a_leaf_from_a_folder_is_cut_to_its_part(tmp_path):
    made = phantom.make(3, shape=(32, 48, 32))
    *scans, labels, tissue = made.volumes().values()
    io.write_example(tmp_path / "mine", io.Example("mine", tuple(scans), labels, tissue), {})
    part = ((4, 20), (0, 48), (8, 32))
    cut = example(Leaf(folder=str(tmp_path / "mine"), part=part, scan="paganin"), tmp_path, silent)
    assert np.array_equal(cut.labels.read(), made.labels[4:20, :, 8:])
    assert np.array_equal(cut.scans[0].read(), made.paganin[4:20, :, 8:])
    with pytest.raises(SettingsError, match=r"scan = 'x'.*gridrec, paganin"):
        example(Leaf(folder=str(tmp_path / "mine"), scan="x"), tmp_path, silent)
    with pytest.raises(SettingsError, match=r"part = .*33.*\(32, 48, 32\) voxels.*within the leaf"):
        example(Leaf(folder=str(tmp_path / "mine"), part=((0, 33), (0, 4), (0, 4))), tmp_path, silent)


def without(key):
    return {name: value for name, value in SMALL.items() if name != key}


RUN = SMALL["runs"][0]
ALONE = SMALL | {"runs": [RUN], "comparisons": []}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (SMALL | {"trails": {}}, r"unknown key 'trails'.*did you mean 'trials'"),
        (without("runs"), r"small has no runs.*title, about, leaves, trials, runs"),
        (SMALL | {"runs": [RUN | {"lern": []}]}, r"unknown key 'lern'.*'learn'"),
        (SMALL | {"runs": [RUN | {"learn": ["skan"]}]}, r"unknown leaf 'skan'.*did you mean 'scan'"),
        (SMALL | {"runs": [RUN, RUN]}, r"two runs are called 'first'.*name of its own"),
        (SMALL | {"runs": [{"name": "a", "of": "b"}]}, r"unknown run \(of those above\) 'b'.*none above it"),
        (SMALL | {"runs": [RUN, {"name": "a", "of": "frst"}]}, r"unknown run .*'frst'.*did you mean 'first'"),
        (SMALL | {"runs": [RUN | {"model": "leaf-3d"}]}, r"'first' has learn and model.*one model.*keep one"),
        (SMALL | {"runs": [{"name": "a"}]}, r"'a' has none of learn, model, of and weights"),
        (ALONE | {"runs": [RUN | {"plan": {"steps": 0}}]}, r"steps = 0.*steps is above 0"),
        (SMALL | {"runs": [RUN | {"segmentation": {"tile": 3}}]}, r"segmentation of 'first': unknown key 'tile'"),
        (SMALL | {"trials": {"a": {"data": ["x"]}}}, r"unknown leaf 'x'"),
        (ALONE | {"runs": [RUN | {"scales": {"tinny": {}}}]}, r"unknown scale of 'first' 'tinny'.*did you mean 'tiny'"),
        (SMALL | {"shown": ["nobody"]}, r"unknown run 'nobody'"),
        (
            SMALL | {"comparisons": [{"run": "first", "against": "first", "question": "?", "trials": ["same leav"]}]},
            r"unknown trial 'same leav'.*did you mean 'same leaf'",
        ),
        (SMALL | {"leaves": [{"seed": 1}]}, r"small, leaves = .*a table with a name"),
        (SMALL | {"runs": ["first"]}, r"small, runs = 'first'.*a table of keys and values"),
        (SMALL | {"learn": ["skan"]}, r"unknown leaf 'skan'.*did you mean 'scan'"),
        (SMALL | {"leaves": {"scan": {"part": [[3, 2], [0, 1], [0, 1]]}}}, r"part = .*first and a later last voxel"),
    ],
)
def test_a_table_that_does_not_fit_is_told(table, words):
    with pytest.raises(SettingsError, match=words):
        build(table, "small")


def test_an_unknown_experiment_scale_or_weights_are_told(tmp_path):
    with pytest.raises(SettingsError, match=r"no experiment 'tr156'.*tr155.*TOML file"):
        read("tr156")
    with pytest.raises(SettingsError, match=r"unknown scale 'huge'.*tiny, longer"):
        experiment.run(changed(), tmp_path / "a", scale="huge")
    with pytest.raises(SettingsError, match=r"scale = 'huge'.*has no scales"):
        experiment.run(changed(scales={}), tmp_path / "a", scale="huge")
    with pytest.raises(SettingsError, match=r"unknown weights 'cyto'.*did you mean 'cyto2'"):
        experiment.run(changed(), tmp_path / "a", weights={"cyto": tmp_path})
    bare = build(ALONE, "small")
    with pytest.raises(SettingsError, match=r"weights 'cyto' are given.*asks for none"):
        experiment.run(bare, tmp_path / "a", weights={"cyto": tmp_path})
    with pytest.raises(SettingsError, match=r"workers = 0; somebody has to do the work; take 1, or more"):
        experiment.run(changed(), tmp_path / "b", workers=0)
    assert not (tmp_path / "a").exists()


def test_a_name_becomes_a_path():
    assert Run("3D-Cellpose, overlapping (tiles)", model="leaf-3d").slug == "3d-cellpose-overlapping-tiles"


def test_a_trial_is_judged_both_ways_by_default():
    assert Trial(("scan",)).modes == ("sections", "volume")
