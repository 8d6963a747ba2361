"""How sure a cell is: what speaks for it, the curve over that, and whether cells are as often right as they are said to be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import zarr
from scipy.special import expit

from catalogue import crowd, touching_pair
from complaint import complaint
from conftest import run
from mesophyll import io, report
from mesophyll.confidence import EVIDENCE, Confidence, calibrated, evidence
from mesophyll.errors import LabelsError, ModelError, SettingsError
from mesophyll.evaluation import compare, reliability, right_ones
from mesophyll.inference import SegmentationPlan, find_cells, look, segment_volume, sureness
from mesophyll.inference.finding import leave_out
from mesophyll.model import ABOUT, Model, load, save
from mesophyll.network import Network
from mesophyll.representations import Affinities, Boundaries, Boxes, Cellpose, Flows, Skeletons, Spheres, Stars
from mesophyll.tissues import SPONGY
from mesophyll.traits import measure
from mesophyll.tuning import tune
from mesophyll.volume import Volume
from networks import lively

CPU = SegmentationPlan(device="cpu", least_confidence=0.0)

DULL = Confidence(mean=(0.0,) * 7, scale=(1.0,) * 7, weights=(1.0, -2.0, -4.0, 0.0, 0.0, 0.0, 0.0, 0.0))
"""Sure of cells that say what they should."""


def column(table, name):
    return table[:, EVIDENCE.index(name)]


# --- evidence --------------------------------------------------------------------------------------------------------------


def test_faces_and_voxels_are_counted():
    """Two boxes of 3 x 3 x 4 voxels beside each other, in the corner of the volume."""
    labels = np.zeros((8, 8, 12), np.int32)
    labels[:3, :3, :4], labels[:3, :3, 4:8] = 1, 2
    method = Flows()
    found = evidence(method, method.encode(labels), labels)
    assert found.shape == (2, len(EVIDENCE))
    assert column(found, "size") == pytest.approx(np.log([36, 36]))
    faces = 2 * 9 + 2 * 12 + 2 * 12
    assert column(found, "contact") == pytest.approx([9 / faces, 9 / faces])
    assert column(found, "border") == pytest.approx([(9 + 12 + 12) / faces, (12 + 12) / faces])
    assert column(found, "surface") == pytest.approx(np.log(faces) - 2 / 3 * np.log(36))


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_is_as_it_should_be_has_nothing_against_it(ndim):
    labels, method = crowd(ndim, side=48), Flows()
    found = evidence(method, method.encode(labels), labels)
    assert len(found) == labels.max()
    for name in ("doubt", "disagreement", "spread"):
        assert not column(found, name).any()


def test_doubt_and_disagreement_are_means_over_the_cell():
    labels, method = touching_pair(2), Flows()
    output = method.encode(labels)
    output[0, labels == 1] -= 0.25
    output[1, (labels == 2) & (np.indices(labels.shape)[0] < 19)] += 0.5  # half of a cell, in one of two flows
    found = evidence(method, output, labels)
    assert column(found, "doubt") == pytest.approx([0.25, 0], abs=1e-6)
    assert column(found, "disagreement") == pytest.approx([0, 0.125], abs=1e-6)
    assert column(found, "spread") == pytest.approx([0, 0.125], abs=1e-6)


@pytest.mark.parametrize(
    "method",
    [Affinities(), Boundaries(), Boxes(), Cellpose(), Flows(), Skeletons(), Spheres(), Stars()],
    ids=lambda one: type(one).__name__,
)
def test_by_any_method_two_cells_taken_for_one_are_worse_than_two(method):
    labels = touching_pair(3)
    merged = np.minimum(labels, 1)
    output = method.encode(labels)
    right, wrong = (evidence(method, output, cells) for cells in (labels, merged))
    assert column(wrong, "disagreement")[0] > column(right, "disagreement").max() + 0.005


@pytest.mark.parametrize("ndim", [2, 3])
def test_evidence_by_blocks_is_that_of_the_whole(ndim, monkeypatch):
    labels, method = crowd(ndim, side=48), Flows()
    output = method.encode(labels) + np.random.default_rng(0).normal(0, 0.2, (1 + ndim, *labels.shape)).astype(
        np.float32
    )
    whole = evidence(method, output, labels)
    monkeypatch.setattr("mesophyll.confidence.figures._BLOCK", 20)
    assert evidence(method, output, labels) == pytest.approx(whole, rel=1e-6, abs=1e-9)


def test_no_cells_have_no_evidence():
    empty = np.zeros((16, 16), np.int32)
    assert evidence(Flows(), Flows().encode(empty), empty).shape == (0, len(EVIDENCE))
    assert DULL.of(np.zeros((0, len(EVIDENCE)))).shape == (0,)


# --- the curve -------------------------------------------------------------------------------------------------------------


def drawn(seed: int, count: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells whose chance to be right is known: two figures matter."""
    random = np.random.default_rng(seed)
    figures = random.normal(2.0, 3.0, (count, len(EVIDENCE)))
    chance = expit(1 + (figures[:, 1] - 2) / 2 - (figures[:, 5] - 2) / 3)
    return figures, random.random(count) < chance, chance


def test_the_chances_are_found_again():
    figures, right, _ = drawn(0)
    curve = calibrated(figures, right)
    unseen, happened, chance = drawn(1)
    said = curve.of(unseen)
    near = np.abs(unseen - 2).max(axis=1) < 3 * 3  # what lies further says no more
    assert np.abs(said - chance)[near].max() < 0.08
    assert said.dtype == np.float32
    judged = reliability(said, happened)
    assert judged.error < 0.03
    assert judged.ranking > 0.75
    assert reliability(said**3, happened).error > 0.1  # too modest by far


def test_evidence_beyond_all_that_was_met_says_no_more_than_the_furthest():
    figures, right, _ = drawn(0)
    curve = calibrated(figures, right)
    far, further = np.full((1, len(EVIDENCE)), 2.0), np.full((1, len(EVIDENCE)), 2.0)
    far[0, 1], further[0, 1] = 2 + 3.1 * 3, 2 + 1000
    assert curve.of(far) == curve.of(further)


@pytest.mark.parametrize("all_right", [True, False])
def test_of_cells_that_are_all_alike_nothing_is_learnt(all_right):
    figures = drawn(0, 20)[0]
    complaint(
        LabelsError,
        lambda: calibrated(figures, np.full(20, all_right)),
        f"of 20 cells found, {20 * all_right} are right",
        "more labelled scans",
    )


@pytest.mark.parametrize("wrong", [{"mean": (0.0,)}, {"weights": (1.0,) * 7}, {"scale": (1.0,) * 6 + (0.0,)}])
def test_a_curve_has_a_number_for_each_figure(wrong):
    complaint(SettingsError, lambda: replace(DULL, **wrong), "there are 7 figures", "mesophyll tune")


# --- are they as often right as they are said to be? -----------------------------------------------------------------------


def test_reliability_by_hand():
    """Of four cells said to be right with 0.85, three are; of two with 0.15, one is."""
    judged = reliability([0.85] * 4 + [0.15] * 2, np.array([1, 1, 1, 0, 1, 0], bool))
    assert judged.cells == (0, 2, 0, 0, 0, 0, 0, 0, 4, 0)
    assert judged.error == pytest.approx((4 * 0.10 + 2 * 0.35) / 6)
    assert judged.error_interval[0] <= judged.error <= judged.error_interval[1]
    assert judged.ranking == pytest.approx((3 * (0.5 + 1) + 1 * (0 + 0.5)) / (4 * 2))
    rows = judged.table()
    assert [row["confidence"] for row in rows] == ["0.1 to 0.2", "0.8 to 0.9"]
    assert rows[1]["said"] == pytest.approx(0.85)
    assert rows[1]["right"] == pytest.approx(0.75)
    assert json.loads(json.dumps(judged.to_dict()))["bins"] == rows
    assert np.isnan(reliability([1.0, 0.9], np.array([True, True])).ranking)


def test_right_is_a_cell_that_overlaps_by_half_with_a_true_one():
    truth = np.zeros((10, 40), np.int32)
    truth[:, :10], truth[:, 10:20], truth[:, 20:30] = 1, 2, 3
    labels = np.zeros_like(truth)
    labels[:, :10], labels[:, 10:14], labels[:, 20:36], labels[:, 36:] = 1, 2, 3, 7
    truth[:, 38:] = -1
    numbers, right = right_ones(compare(labels, truth))
    assert numbers.tolist() == [1, 2, 3, 7]
    assert right.tolist() == [True, False, True, False]
    labels[:, :] = 0
    labels[:, 38:] = 5  # of which nothing is known
    assert len(right_ones(compare(labels, truth))[0]) == 0


# --- a model that says it --------------------------------------------------------------------------------------------------


def model(ndim: int = 2, sure: Confidence | None = DULL) -> Model:
    network = Network(ndim, 1, 1 + ndim, levels=2)
    return Model("lively", lively(network), Flows(min_size_vox=5), 1.0, confidence=sure)


def scan(ndim: int = 2) -> Volume:
    grey = np.random.default_rng(1).normal(100, 20, (48,) * ndim).astype(np.float32)
    return Volume(grey, (1.0,) * ndim, name="noise")


def test_a_model_keeps_its_confidence(tmp_path):
    save(model(), tmp_path / "sure")
    assert load(tmp_path / "sure").confidence == DULL
    save(model(sure=None), tmp_path / "unsure")
    assert load(tmp_path / "unsure").confidence is None
    about = json.loads((tmp_path / "sure" / ABOUT).read_text(encoding="utf-8"))
    about["confidence"]["scale"] = [0.0] * 7
    (tmp_path / "sure" / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    complaint(ModelError, lambda: load(tmp_path / "sure"), "a scale above 0")


def test_cells_come_with_their_confidence(tmp_path):
    chosen, seen = model(), scan()
    found = segment_volume(seen, chosen, scratch=tmp_path, plan=CPU)
    count = int(found.labels.read().max())
    assert count > 3
    assert found.confidence.shape == (count,)
    assert found.confidence.std() > 0
    (tmp_path / "again").mkdir()
    outputs = look(chosen, chosen.prepare(seen), scratch=tmp_path / "again", plan=CPU)
    cells = find_cells(chosen, outputs, scratch=tmp_path / "again", plan=CPU)
    assert np.array_equal(found.confidence, DULL.of(evidence(chosen.representation, outputs, cells)))
    assert np.array_equal(found.confidence, sureness(chosen, outputs, cells))


def test_cells_that_are_hardly_ever_right_are_left_out(tmp_path):
    chosen, seen = model(), scan()
    (tmp_path / "all").mkdir()
    everything = segment_volume(seen, chosen, scratch=tmp_path / "all", plan=CPU)
    plan = replace(CPU, least_confidence=float(np.median(everything.confidence)))
    sure = segment_volume(seen, chosen, scratch=tmp_path, plan=plan)
    kept = everything.confidence >= plan.least_confidence
    assert 0 < kept.sum() < len(kept)
    assert np.array_equal(sure.confidence, everything.confidence[kept])
    numbers = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)])
    assert np.array_equal(sure.labels.read(), numbers[everything.labels.read()])
    labels = everything.labels.read().copy()
    leave_out(labels, ~kept, replace(plan, block=20))  # block by block
    assert np.array_equal(labels, sure.labels.read())
    complaint(
        SettingsError, lambda: SegmentationPlan(least_confidence=1.5), "least_confidence = 1.5", "0 keeps all cells"
    )


@pytest.mark.parametrize(("chosen", "ndim"), [(model(sure=None), 2), (model(2), 3)])
def test_what_was_not_calibrated_says_nothing(tmp_path, chosen, ndim):
    """Nor does a model of images that goes through a volume: it was asked of images."""
    assert segment_volume(scan(ndim), chosen, scratch=tmp_path, plan=CPU).confidence is None


# --- where it is written ---------------------------------------------------------------------------------------------------


@pytest.fixture
def result(tmp_path):
    labels = crowd(3, side=32)
    sure = np.linspace(0.2, 0.9, int(labels.max()))
    grey = np.where(labels > 0, 120, 90).astype(np.uint8)
    path = tmp_path / "leaf.zarr"
    io.write_result(path, Volume(grey, (0.5,) * 3, name="leaf"), Volume(labels), {"by": "hand"}, confidence=sure)
    return path, labels, sure


def test_a_result_keeps_how_sure_its_cells_are_where_viewers_find_it(result, tmp_path):
    path, labels, sure = result
    told = io.read_result(path).confidence
    assert list(told) == list(range(1, labels.max() + 1))
    assert list(told.values()) == pytest.approx(sure, abs=1e-4)
    ome = dict(zarr.open_group(path / "labels" / "cells", mode="r").attrs)["ome"]
    assert ome["image-label"]["properties"][0] == {"label-value": 1, "confidence": 0.2}
    assert ome["image-label"]["source"] == {"image": "../../"}
    io.write_result(
        tmp_path / "b.zarr", Volume(np.zeros((8, 8), np.uint8), (1, 1)), Volume(np.zeros((8, 8), np.int32)), {}
    )
    assert io.read_result(tmp_path / "b.zarr").confidence == {}


def test_it_is_a_column_of_the_cells(result):
    path, labels, sure = result
    table = measure(labels, 0.5, confidence={1: 0.25, 3: 0.75})
    assert table["confidence"][[0, 2]].tolist() == [0.25, 0.75]
    assert table["confidence"].isna().sum() == len(table) - 2
    assert "confidence" not in measure(labels, 0.5)
    run("measure", path, "-o", path.with_suffix(".csv"))
    assert pd.read_csv(path.with_suffix(".csv"))["confidence"].to_numpy() == pytest.approx(sure, abs=1e-4)


def test_the_report_shows_what_to_check_first(result):
    path, labels, sure = result
    page = path.with_suffix(".html")
    report.write(page, io.read_result(path))
    text = page.read_text(encoding="utf-8")
    assert f"takes {100 * sure.mean():.0f} % of these cells for right" in text
    first, second = text.index("<b>Cell 1</b>20 %"), text.index("<b>Cell 2</b>")
    assert first < second
    assert text.count('aria-label="Cell ') == 8
    tissue = Volume(np.full(labels.shape, SPONGY, np.uint8), (0.5,) * 3)
    report.write(page, io.read_result(path), tissue=tissue)
    assert f"<td>{100 * sure.mean():.0f} %</td>" in page.read_text(encoding="utf-8")
    report.write(page, replace(io.read_result(path), confidence={}))
    assert "Check these first" not in page.read_text(encoding="utf-8")


def test_on_the_command_line_it_goes_with_the_labels(tmp_path):
    save(model(3), tmp_path / "sure")
    io.write(tmp_path / "scan.tif", scan(3))
    (tmp_path / "all.toml").write_text("least_confidence = 0\n", encoding="utf-8")
    how = ("--model", tmp_path / "sure", "--plan", tmp_path / "all.toml")
    said = run("segment", tmp_path / "scan.tif", "-o", tmp_path / "cells.tif", *how)
    assert said.exit_code == 0, said.output
    table = pd.read_csv(tmp_path / "cells.confidence.csv")
    assert table["label"].tolist() == list(range(1, io.read_labels(tmp_path / "cells.tif").read().max() + 1))
    assert f"{100 * table['confidence'].mean():.0f} % are right" in said.output
    assert f"the least sure is cell {table['label'][table['confidence'].idxmin()]}" in said.output
    run("segment", tmp_path / "scan.tif", "-o", tmp_path / "cells.zarr", *how)
    told = io.read_result(tmp_path / "cells.zarr").confidence
    assert list(told.values()) == pytest.approx(table["confidence"].tolist())
    assert not (tmp_path / "cells.confidence.csv.part").exists()


# --- calibrated by tuning --------------------------------------------------------------------------------------------------


def test_tuning_calibrates_and_says_how_well(tmp_path):
    """A network that knows nothing, on labels of which some are what it finds."""
    chosen, seen = model(sure=None), scan()
    (tmp_path / "s").mkdir()
    found = segment_volume(seen, chosen, scratch=tmp_path / "s", plan=CPU).labels.read().copy()
    truth = np.where(found % 3 == 0, 0, found).astype(np.int32)
    example = io.Example("partly right", (seen,), Volume(truth, (1.0, 1.0), name="labels"))
    tuned = tune(chosen, [example], tmp_path / "tuned", plan=CPU)
    kept = load(tmp_path / "tuned")
    assert kept.confidence == tuned.model.confidence is not None
    assert sum(tuned.sure.cells) == found.max()
    card = json.loads((tmp_path / "tuned" / ABOUT).read_text(encoding="utf-8"))["card"]
    assert card["tuning"]["confidence"]["error"] == tuned.sure.error


def test_where_all_cells_are_right_nothing_is_calibrated(tmp_path):
    chosen, seen = model(), scan()
    (tmp_path / "s").mkdir()
    found = segment_volume(seen, chosen, scratch=tmp_path / "s", plan=CPU).labels.read().copy()
    example = io.Example("right", (seen,), Volume(found, (1.0, 1.0), name="labels"))
    tuned = tune(chosen, [example], tmp_path / "tuned", plan=CPU)
    assert tuned.sure is None
    assert load(tmp_path / "tuned").confidence is None
