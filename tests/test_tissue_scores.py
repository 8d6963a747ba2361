"""Scores of tissue maps, on maps small enough to be counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from complaint import complaint
from conftest import run
from mesophyll import io
from mesophyll.errors import LabelsError
from mesophyll.evaluation import compare_tissue
from mesophyll.tissues import AIRSPACE, PALISADE, SPONGY, TISSUES, UNKNOWN_CODE, UPPER_EPIDERMIS
from mesophyll.volume import Volume


def gap(ndim: int, wide: int = 5) -> np.ndarray:
    """Two walls of palisade with air between them, along the last axis."""
    true = np.full((12,) * (ndim - 1) + (20,), PALISADE, np.uint8)
    true[..., 7 : 7 + wide] = AIRSPACE
    return true


def test_dice_and_iou_are_those_counted_by_hand():
    true = np.array([[1, 1, 1, 1, 0, 0]], np.uint8)
    found = np.array([[1, 1, 0, 3, 0, 0]], np.uint8)
    scores = compare_tissue(found, true)
    assert scores.dice["upper epidermis"] == 2 * 2 / (4 + 2)
    assert scores.iou["upper epidermis"] == pytest.approx(2 / 4)
    assert scores.dice["background"] == 2 * 2 / (2 + 3)
    assert scores.dice["palisade"] == 0  # found where it is not
    assert scores.dice["vein"] == 1  # neither found nor true
    assert scores.mean_dice == pytest.approx((4 / 6 + 4 / 5 + 0) / 3)


def test_a_perfect_map_makes_no_mistake():
    true = (np.indices((24, 24, 24)).sum(axis=0) // 6 % len(TISSUES)).astype(np.uint8)
    scores = compare_tissue(true, true)
    assert set(scores.dice.values()) == {1.0}
    assert scores.intervals == ((1.0, 1.0),) * len(TISSUES)
    assert (scores.air_lost, scores.bridges, scores.islands) == (0, 0, 0)


def test_what_nobody_knows_is_left_out_and_what_the_map_leaves_out_is_missed():
    true = np.array([[1, 1, UNKNOWN_CODE, UNKNOWN_CODE]], np.uint8)
    found = np.array([[1, UNKNOWN_CODE, 2, 7]], np.uint8)
    scores = compare_tissue(found, true)
    assert scores.counts.sum() == 2
    assert scores.dice["upper epidermis"] == 2 / 3
    assert scores.dice["airspace"] == 1


@pytest.mark.parametrize("unknown", [UNKNOWN_CODE, -1])
def test_unknown_may_be_written_either_way(unknown):
    true = np.array([[1, 1, unknown, 1]], np.int16)
    assert compare_tissue(np.ones((1, 4), np.uint8), true).counts.sum() == 3


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_bridge_joins_what_lay_apart(ndim):
    true, found = gap(ndim), gap(ndim)
    across = (slice(4, 7),) * (ndim - 1) + (slice(7, 12),)
    found[across] = PALISADE
    scores = compare_tissue(found, true)
    assert scores.bridges == 1
    inner = 3 ** (ndim - 1) * 3  # of five voxels across, those more than one from either wall
    assert scores.bridged == pytest.approx(inner / np.count_nonzero(true == AIRSPACE))
    assert scores.air_lost == pytest.approx(found[across].size / np.count_nonzero(true == AIRSPACE))


@pytest.mark.parametrize("ndim", [2, 3])
def test_two_bridges_are_two(ndim):
    true, found = gap(ndim), gap(ndim)
    for place in (1, 8):
        found[(slice(place, place + 2),) * (ndim - 1) + (slice(7, 12),)] = SPONGY
    assert compare_tissue(found, true).bridges == 2


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_bump_that_ends_in_the_air_is_no_bridge(ndim):
    true, found = gap(ndim, wide=9), gap(ndim, wide=9)
    found[(slice(4, 7),) * (ndim - 1) + (slice(7, 12),)] = PALISADE
    scores = compare_tissue(found, true)
    assert scores.air_lost > 0
    assert scores.bridges == 0


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_surface_that_is_wrong_by_a_voxel_is_no_bridge(ndim):
    true, found = gap(ndim), gap(ndim)
    found[..., [7, 11]] = PALISADE
    scores = compare_tissue(found, true)
    assert scores.air_lost == pytest.approx(2 / 5)
    assert (scores.bridges, scores.bridged) == (0, 0)


def test_a_pocket_that_is_filled_is_no_bridge():
    true = np.full((16, 16, 16), PALISADE, np.uint8)
    true[4:11, 4:11, 4:11] = AIRSPACE
    scores = compare_tissue(np.full_like(true, PALISADE), true)
    assert scores.air_lost == 1
    assert scores.bridges == 0  # one body around it: nothing was apart


def test_air_taken_for_background_is_no_bridge():
    true, found = gap(2), gap(2)
    found[4:7, 7:12] = 0
    scores = compare_tissue(found, true)
    assert (scores.bridges, scores.air_lost) == (0, 0)


@pytest.mark.parametrize("ndim", [2, 3])
def test_an_island_lies_away_from_the_skin(ndim):
    true = np.full((20,) * ndim, SPONGY, np.uint8)
    true[:3] = UPPER_EPIDERMIS
    found = true.copy()
    found[3] = UPPER_EPIDERMIS  # a voxel too thick
    found[(slice(10, 12),) * ndim] = 2
    scores = compare_tissue(found, true)
    assert scores.islands == 1
    assert scores.islanded == pytest.approx(2**ndim / (4 * 20 ** (ndim - 1) + 2**ndim))
    assert compare_tissue(np.where(found == 2, SPONGY, found), true).islands == 0


def test_islands_where_nobody_knows_are_none():
    true = np.full((20, 20), SPONGY, np.uint8)
    found = true.copy()
    found[5:8, 5:8] = UPPER_EPIDERMIS
    true[4:10, 4:10] = UNKNOWN_CODE
    assert compare_tissue(found, true).islands == 0


def test_an_interval_holds_the_score_and_narrows_with_what_is_seen():
    rng = np.random.default_rng(0)
    widths = []
    for side in (64, 512):
        true = rng.integers(0, len(TISSUES), (side, side)).astype(np.uint8)
        spoilt = rng.random((side // 32, side // 32)).repeat(32, axis=0).repeat(32, axis=1) < 0.5
        found = np.where(spoilt, rng.integers(0, len(TISSUES), true.shape), true).astype(np.uint8)
        scores = compare_tissue(found, true)
        for (low, high), dice in zip(scores.intervals, scores.dice.values(), strict=True):
            assert low <= dice <= high
        widths.append(np.mean([high - low for low, high in scores.intervals]))
    assert widths[1] < widths[0] / 2


def test_other_shapes_and_other_numbers_are_refused():
    true = gap(3)
    complaint(LabelsError, lambda: compare_tissue(true[..., 1:], true), "(12, 12, 19)", "voxel by voxel", "crop")
    complaint(
        LabelsError, lambda: compare_tissue(true * 20, true), "the tissue map holds 60", "3 palisade", "map its grey"
    )
    complaint(LabelsError, lambda: compare_tissue(true, true * 20), "the truth holds 60", "255 unknown", "map its grey")


def test_the_command_line_says_what_python_says(tmp_path):
    true, found = gap(3), gap(3)
    found[4:7, 4:7, 7:12] = PALISADE
    for name, codes in (("true", true), ("found", found)):
        io.write(tmp_path / f"{name}.tif", Volume(codes, (1.0,) * 3), kind="tissue")
    result = run(
        "evaluate", tmp_path / "found.tif", tmp_path / "true.tif", "--kind", "tissue", "--json", tmp_path / "s.json"
    )
    assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "s.json").read_text()) == compare_tissue(found, true).to_dict()
    assert "palisade" in result.stdout
    assert "bridges" in result.stdout


def test_a_tissue_map_is_not_judged_by_tissue(tmp_path):
    result = run("evaluate", "a.tif", "b.tif", "--kind", "tissue", "--tissue", "c.tif")
    assert result.exit_code == 2
    assert "compared as a whole" in " ".join(result.stderr.replace("│", " ").split())
