"""Dense cells by rules: what is given never changes, and what is added is bounded, numbered and ranked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.densify import watershed_of

from complaint import complaint
from conftest import run
from mesophyll import io
from mesophyll.densify import CELL_TISSUES, densify, trusted
from mesophyll.densify.calibration import UNCLEAR, owners
from mesophyll.densify.contacts import Meetings, find, free_faces
from mesophyll.densify.fragments import Fragments
from mesophyll.densify.given import at_home, sort_out
from mesophyll.densify.merging import merge
from mesophyll.densify.rule import Rule, moved, rule_for
from mesophyll.densify.walls import ridges
from mesophyll.errors import LabelsError, SettingsError
from mesophyll.evaluation import match
from mesophyll.labels import UNKNOWN
from mesophyll.phantom import Phantom, make
from mesophyll.tissues import AIRSPACE, PALISADE, SPONGY
from mesophyll.volume import Volume
from test_bad_input import refused


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make(5, shape=(40, 96, 40), spacing_um=1.0)


@pytest.fixture(scope="module")
def given(phantom: Phantom) -> np.ndarray:
    """Return every eleventh cell, under a number of its own."""
    return np.where(phantom.labels % 11 == 1, phantom.labels * 1000, 0).astype(np.int32)


@pytest.fixture(scope="module")
def dense(phantom: Phantom, given: np.ndarray) -> object:
    return densify([phantom.paganin], phantom.tissue, given, 1.0)


# --- the whole ---------------------------------------------------------------------------------------------------------


def test_the_user_s_voxels_never_change_bit_by_bit(phantom: Phantom, given: np.ndarray, dense) -> None:
    before = given.tobytes(), phantom.tissue.tobytes(), phantom.paganin.tobytes()
    again = densify([phantom.paganin], phantom.tissue, given, 1.0)
    assert (given.tobytes(), phantom.tissue.tobytes(), phantom.paganin.tobytes()) == before
    assert again.labels[given > 0].tobytes() == given[given > 0].tobytes()
    assert not np.isin(again.labels[given == 0], np.unique(given[given > 0])).any()  # they are whole: nothing is added
    assert again.labels.tobytes() == dense.labels.tobytes()  # same in, same out
    assert again.confidence.tobytes() == dense.confidence.tobytes()


def test_every_voxel_of_a_cell_s_tissue_is_in_a_cell_of_one_tissue(phantom: Phantom, given: np.ndarray, dense) -> None:
    cells = np.isin(phantom.tissue, CELL_TISSUES)
    assert (dense.labels[~cells] == 0).all()
    assert (dense.labels[cells] > 0).mean() > 0.995  # what is left are crumbs that touch nothing
    added = (given == 0) & (dense.labels > 0)
    for number in np.unique(dense.labels[added]):
        assert len(np.unique(phantom.tissue[dense.labels == number])) == 1
    numbers = np.unique(dense.labels[added])
    assert numbers.min() > given.max()
    assert dense.added == len(numbers)


def test_more_cells_are_found_than_by_a_watershed_of_the_distance(phantom: Phantom, given: np.ndarray, dense) -> None:
    hidden = np.where(given > 0, UNKNOWN, phantom.labels)
    ours = match(dense.labels, hidden).to_dict()["AP"]["0.5"]
    plain = max(
        match(watershed_of(phantom.labels > 0, rise), hidden).to_dict()["AP"]["0.5"] for rise in (0.1, 0.3, 0.6)
    )
    assert ours > plain + 0.1


def test_confidence_is_a_share_and_sure_of_what_is_given(phantom: Phantom, given: np.ndarray, dense) -> None:
    assert dense.confidence.dtype == np.float32
    assert (dense.confidence[(given > 0) | (phantom.tissue == AIRSPACE)] == 1).all()
    added = (given == 0) & (dense.labels > 0)
    assert 0 < dense.confidence[added].min() < dense.confidence[added].max() < 1
    for number in np.unique(dense.labels[added]):
        assert len(np.unique(dense.confidence[dense.labels == number])) == 1


def test_a_tissue_that_nobody_knows_is_left_unknown(phantom: Phantom, given: np.ndarray) -> None:
    codes = phantom.tissue.astype(np.int16)
    codes[:20] = UNKNOWN
    found = densify([phantom.paganin], codes, given, 1.0)
    as_stored = np.where(codes == UNKNOWN, 255, codes).astype(np.uint8)
    assert np.array_equal(densify([phantom.paganin], as_stored, given, 1.0).labels, found.labels)
    nobody = (codes == UNKNOWN) & (given == 0)
    assert (found.labels[nobody] == UNKNOWN).all()
    assert (found.confidence[nobody] == 0).all()
    assert np.array_equal(found.labels[given > 0], given[given > 0])


# --- cases worked out by hand ------------------------------------------------------------------------------------------


def two_discs(ndim: int) -> np.ndarray:
    """Return two balls of radius 8 that touch in a neck, as spongy tissue in air."""
    space = np.indices((24,) * (ndim - 1) + (40,))
    centres = [(12,) * (ndim - 1) + (x,) for x in (12, 27)]
    far = [sum((axis - c) ** 2 for axis, c in zip(space, centre, strict=True)) for centre in centres]
    return np.where((far[0] <= 64) | (far[1] <= 64), SPONGY, AIRSPACE).astype(np.uint8)


@pytest.mark.parametrize("ndim", [2, 3])
def test_two_balls_that_touch_are_two_cells(ndim: int) -> None:
    tissue = two_discs(ndim)
    spacing = 1.0 if ndim == 3 else 0.65
    found = densify([np.zeros(tissue.shape, np.uint8)], tissue, np.zeros(tissue.shape, np.int32), spacing)
    assert found.added == 2
    assert len(np.unique(found.labels[..., :18])) == 2  # background and one cell
    assert np.array_equal(found.labels > 0, tissue == SPONGY)


def test_two_tissues_are_never_one_cell() -> None:
    tissue = np.full((24, 24, 24), AIRSPACE, np.uint8)
    tissue[6:18, 6:18, 6:12], tissue[6:18, 6:18, 12:18] = PALISADE, SPONGY
    found = densify([np.zeros(tissue.shape)], tissue, np.zeros(tissue.shape, np.int32), 1.0)
    assert (found.labels[np.isin(tissue, (PALISADE, SPONGY))] > 0).all()
    assert set(np.unique(found.labels[tissue == PALISADE])).isdisjoint(np.unique(found.labels[tissue == SPONGY]))


def test_a_tissue_that_fills_the_volume_is_a_cell_all_the_same() -> None:
    tissue = np.full((12, 12, 12), SPONGY, np.uint8)
    assert (densify([tissue], tissue, np.zeros(tissue.shape, np.int32), 1.0).labels == 1).all()


def test_a_traced_cell_grows_from_its_plane_and_keeps_its_number() -> None:
    tissue = two_discs(3)
    traced = np.zeros(tissue.shape, np.int32)
    traced[12, :, :19][tissue[12, :, :19] == SPONGY] = 77
    found = densify([np.zeros(tissue.shape)], tissue, traced, 1.0)
    assert (found.labels[traced > 0] == 77).all()
    left = (tissue == SPONGY) & (np.arange(40) < 17)
    assert (found.labels[left] == 77).all()
    assert (found.labels[..., 25:] != 77).all()
    assert found.added == 1


def test_two_traced_cells_are_never_one_however_alike() -> None:
    tissue = np.full((30, 30, 30), AIRSPACE, np.uint8)
    tissue[8:22, 8:22, 8:22] = SPONGY
    traced = np.zeros(tissue.shape, np.int32)
    traced[15, 10:20, 9:14], traced[15, 10:20, 15:21] = 5, 9
    found = densify([np.zeros(tissue.shape)], tissue, traced, 1.0)
    assert np.array_equal(np.where(traced > 0, found.labels, 0), traced)
    assert {5, 9} <= set(np.unique(found.labels))


def test_a_cell_at_the_fringe_of_another_tissue_is_whole_there_too() -> None:
    cells = np.zeros((12, 12, 12), np.int32)
    cells[2:8, 2:8, 2:8] = 4
    tissue = np.full(cells.shape, SPONGY, np.uint8)
    tissue[..., 7] = PALISADE  # one voxel of it
    assert (at_home(cells, tissue) == np.where(cells > 0, SPONGY, 0)).all()
    assert np.array_equal(sort_out(cells).whole, cells)


def test_traced_cells_are_told_from_whole_ones() -> None:
    cells = np.zeros((12, 12, 12), np.int32)
    cells[2:5, 2:5, 2:5] = 1  # whole
    cells[7, 1:5, 6:9] = 2  # on one plane
    cells[[1, 9], 8:11, 8:11] = 3  # on two planes apart
    given = sort_out(cells)
    assert set(np.unique(given.whole)) == {0, 1}
    assert set(np.unique(given.traced)) == {0, 2, 3}
    only = sort_out(np.where(cells == 1, 0, cells))
    assert only.spoken.all(axis=(1, 2)).tolist() == [z in (1, 7, 9) for z in range(12)]
    assert sorted(only.sizes_vox()) == pytest.approx([9**1.5, 9**1.5, 12**1.5])
    assert (sort_out(cells[7]).whole == cells[7]).all()  # in an image all are whole


# --- the parts ---------------------------------------------------------------------------------------------------------


def pieces(seed: int = 0, shape: tuple[int, ...] = (6, 7, 8)) -> Fragments:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, shape).astype(np.int32)
    depth, ridge = rng.random((2, *shape)).astype(np.float32)
    return Fragments(labels, depth, ridge, np.zeros(5, np.int64))


@pytest.mark.parametrize("shape", [(6, 7, 8), (9, 11)])
def test_contacts_are_those_that_a_slow_search_finds(shape: tuple[int, ...]) -> None:
    fragments = pieces(shape=shape)
    slow: dict[tuple[int, int], list[tuple[float, float]]] = {}
    free = np.zeros(5)
    for here in np.ndindex(shape):
        for axis in range(len(shape)):
            there = tuple(index + (other == axis) for other, index in enumerate(here))
            if there[axis] == shape[axis]:
                continue
            one, other = sorted((int(fragments.labels[here]), int(fragments.labels[there])))
            if one == 0 < other:
                free[other] += 1
            if one > 0 and one != other:
                saddle = min(fragments.depth[here], fragments.depth[there])
                slow.setdefault((one, other), []).append((saddle, max(fragments.ridges[here], fragments.ridges[there])))
    graph = find(fragments)
    assert list(zip(graph.first.tolist(), graph.second.tolist(), strict=True)) == sorted(slow)
    faces = [slow[pair] for pair in sorted(slow)]
    assert graph.area.tolist() == [len(found) for found in faces]
    assert graph.saddle == pytest.approx([max(saddle for saddle, _ in found) for found in faces])
    assert graph.ridge == pytest.approx([sum(ridge for _, ridge in found) for found in faces])
    assert graph.size[1:].tolist() == [(fragments.labels == number).sum() for number in range(1, 5)]
    assert graph.peak[1:] == pytest.approx(
        [fragments.depth[fragments.labels == number].max() for number in range(1, 5)]
    )
    assert free_faces(fragments.labels, 5).tolist() == free.tolist()


def meetings(ridge: list[float]) -> Meetings:
    some = np.ones(len(ridge))
    return Meetings(some * 9, some * 2, np.array(ridge) * 9, some * 100, some * 300, some * 4, 3)


def test_the_user_s_cells_move_the_rule_and_few_move_it_little() -> None:
    rule = rule_for(SPONGY, np.array([200.0]), (1.0, 1.0, 1.0))
    pairs = meetings([3.0] * 20 + [-1.0] * 20)
    same = np.repeat([True, False], 20)  # in this scan, walls are dark
    told = moved(rule, pairs, same)
    assert (told.probability(pairs)[:20] > 0.7).all()
    assert (told.probability(pairs)[20:] < 0.3).all()
    one = moved(rule, meetings([3.0]), np.array([True]))
    assert 0 < one.weights[1] - rule.weights[1] < told.weights[1] - rule.weights[1]
    none = moved(rule, meetings([]), np.zeros(0, bool))
    assert np.allclose(none.weights, rule.weights)


def test_the_size_that_is_usual_is_the_user_s_the_more_cells_there_are() -> None:
    sizes = [rule_for(SPONGY, np.full(count, 8.0), (1.0, 1.0, 1.0)).typical_vox for count in (0, 1, 50)]
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[2] == pytest.approx(8.0, rel=0.5)
    finer = rule_for(SPONGY, np.zeros(0), (0.5, 0.5, 0.5)).typical_vox
    assert finer == pytest.approx(8 * sizes[0])


def test_a_fragment_belongs_to_the_cell_that_holds_most_of_what_is_known_of_it() -> None:
    labels = np.repeat([1, 2, 3, 4], 10).astype(np.int32).reshape(1, 40)
    cells = np.zeros((1, 40), np.int32)
    cells[0, :8], cells[0, 10:15] = 6, 7  # eight of ten, five of ten, none
    spoken = np.arange(40)[None] < 30  # nothing is known of the last one
    fragments = Fragments(labels, labels * 0.0, labels * 0.0, np.zeros(5, np.int64))
    assert owners(fragments, cells, spoken).tolist()[1:] == [6, UNCLEAR, 0, UNCLEAR]


def test_merging_keeps_the_cells_that_are_given_apart() -> None:
    labels = np.repeat([1, 2, 3], 100).astype(np.int32).reshape(3, 10, 10)
    flat = np.ones(labels.shape, np.float32)
    always = Rule(np.array([0, 0, 0, 0, 0, 5.0]), 100.0)
    alone = merge(find(Fragments(labels, flat, flat, np.zeros(4, np.int64))), always, np.zeros(4, np.int64))
    assert len(set(alone.root[1:])) == 1
    cells = np.array([0, 8, 0, 9])
    found = merge(find(Fragments(labels, flat, flat, cells)), always, cells)
    assert found.root[1] != found.root[3]
    assert found.root[2] in (found.root[1], found.root[3])


def test_grey_that_only_tells_the_distance_from_air_is_no_wall() -> None:
    mask = np.ones((20, 20, 40), bool)
    from_air = np.broadcast_to(np.abs(np.arange(40) - 20).astype(np.float32), mask.shape)  # air at one plane
    grey = 100 + 10 * np.minimum(from_air, 12)
    grey = grey + np.random.default_rng(0).normal(0, 1, grey.shape)
    grey[:, 10, :] += 3  # a wall, far fainter
    found = ridges([grey], mask, from_air)
    assert found[:, 10, :].mean() > 1
    assert abs(found[:, :7, 18:23].mean()) < 0.3
    assert np.abs(found[:, :7, :].mean((0, 1))).max() < 0.6


# --- trust -------------------------------------------------------------------------------------------------------------


def test_what_is_not_trusted_is_unknown_to_the_training() -> None:
    labels, confidence = np.array([[0, 3, 4, 5]], np.int32), np.array([[1, 0.2, 0.5, 0.9]], np.float32)
    assert trusted(labels, confidence, 0.5).tolist() == [[0, UNKNOWN, 4, 5]]
    assert labels.tolist() == [[0, 3, 4, 5]]
    complaint(SettingsError, lambda: trusted(labels, confidence, 1.5), "a trust of 1.5")
    complaint(LabelsError, lambda: trusted(labels, confidence[:, 1:], 0.5), "labels have the shape (1, 4)")


# --- what is refused ---------------------------------------------------------------------------------------------------


def test_what_is_not_of_one_scan_is_refused() -> None:
    tissue, none = two_discs(3), np.zeros((24, 24, 40), np.int32)
    complaint(LabelsError, lambda: densify([none], tissue[1:], none, 1.0), "the tissue map has the shape (23, 24, 40)")
    complaint(LabelsError, lambda: densify([none[1:]], tissue, none, 1.0), "the scan has the shape (23, 24, 40)")


def test_a_map_in_another_convention_or_without_cells_is_refused() -> None:
    none = np.zeros((8, 8, 8), np.int32)
    told = complaint(LabelsError, lambda: densify([none], none + 170, none, 1.0), "the tissue map holds 170")
    assert "mesophyll annotate --tissue FILE --preset NAME" in told
    complaint(LabelsError, lambda: densify([none], none, none, 1.0), "the tissue map holds only background")


# --- files and the command line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dense", "dense.zarr"])
def test_dense_cells_are_written_as_an_example_with_their_confidence(name: str, leaf: Path, tmp_path: Path) -> None:
    labels = io.read_labels(leaf / "labels.tif")
    truth = labels.read()
    io.write(tmp_path / "some.tif", Volume(np.where(truth % 9 == 1, truth, 0), labels.spacing_um), kind="labels")
    args = ("--tissue", leaf / "tissue.tif", "--cells", tmp_path / "some.tif", "--trust", "0.3")
    result = run("densify", leaf / "gridrec.tif", leaf / "paganin.tif", *args, "-o", tmp_path / name)
    assert result.exit_code == 0, result.stderr
    assert "cells added in" in result.stdout
    assert "left unknown below a confidence of 0.3" in result.stdout
    example = io.read_example(tmp_path / name)
    assert len(example.scans) == 2
    assert example.confidence is not None and example.tissue is not None
    confidence, found = example.confidence.read(), example.labels.read()
    given = truth % 9 == 1
    assert np.array_equal(found[given & (truth > 0)], truth[given & (truth > 0)])
    assert np.array_equal(found == UNKNOWN, confidence < 0.3)
    assert (found > truth.max()).any()


def test_a_command_without_sense_is_refused_in_one_line(leaf: Path, tmp_path: Path) -> None:
    args = ("--tissue", leaf / "gridrec.tif", "--cells", leaf / "labels.tif", "-o", tmp_path / "out")
    assert "the tissue map holds" in refused(tmp_path, "densify", leaf / "gridrec.tif", *args)
    args = ("--tissue", leaf / "tissue.tif", "--cells", leaf / "labels.tif", "-o", tmp_path / "out", "--trust", "7")
    assert "a trust of 7" in refused(tmp_path, "densify", leaf / "gridrec.tif", *args)
