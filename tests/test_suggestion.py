"""Slices in which a model contradicts itself are named, those near labels are not, and none where none stands out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from complaint import complaint
from conftest import run
from mesophyll import io, phantom
from mesophyll.errors import SettingsError, VolumeError
from mesophyll.model import find
from mesophyll.suggestion import SuggestionPlan, _apart, by_tissue, disagreement, suggest
from mesophyll.volume import Volume


def voxels(profile, spacing_um=(1.0, 1.0, 1.0), axis=0):
    array = np.broadcast_to(np.asarray(profile, np.float32)[:, None, None], (len(profile), 6, 5))
    return Volume(np.ascontiguousarray(np.moveaxis(array, 0, axis)), spacing_um, name="scan")


PROFILE = np.ones(40)
PROFILE[[5, 6, 20, 33]] = [3.0, 2.9, 4.0, 2.0]


def places(found):
    return [one.place for one in found]


def test_slices_that_stand_out_are_named_the_best_first_and_apart():
    found = suggest(voxels(PROFILE), SuggestionPlan(count=3, apart_um=5))
    assert places(found) == [20, 5, 33]
    assert (found[0].disagreement, found[0].times_median) == (4, 4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_lie_across_the_axis_that_is_asked_for(axis):
    found = suggest(voxels(PROFILE, axis=axis), SuggestionPlan(count=1, axis=axis))
    assert [(one.axis, one.place) for one in found] == [(axis, 20)]


def test_what_lies_near_labels_is_not_named_and_distance_is_in_um():
    labels = np.full((40, 6, 5), -1, np.int32)
    labels[18] = 1
    known = Volume(labels, (2.0, 1.0, 1.0))
    stretched = voxels(PROFILE, (2.0, 1.0, 1.0))
    assert places(suggest(stretched, SuggestionPlan(count=9, apart_um=6), labels=known)) == [5, 33]
    assert places(suggest(stretched, SuggestionPlan(count=9, apart_um=4), labels=known)) == [20, 5, 33]


def test_where_nothing_stands_out_nothing_is_named():
    assert suggest(voxels(np.linspace(1, 1.05, 40))) == []
    assert suggest(voxels(np.zeros(40))) == []


def test_a_slice_in_which_hardly_any_cell_is_seen_says_too_little():
    array = voxels(PROFILE).data.copy()
    array[20, 1:] = np.nan
    array[20, 0, 1:] = np.nan
    found = suggest(Volume(array, (1.0,) * 3, name="scan"), SuggestionPlan(count=1))
    assert places(found) == [5]
    array[:] = np.nan
    assert suggest(Volume(array, (1.0,) * 3, name="scan")) == []


def test_tissues_are_told_the_worst_first():
    tissue = np.zeros((4, 6, 5), np.uint8)
    tissue[2:] = 4
    told = by_tissue(voxels([0, 0, 1, 3]).data, tissue)
    assert told == {"spongy": 2, "background": 0}
    assert list(told) == ["spongy", "background"]


def test_cells_that_agree_are_no_disagreement_and_others_differ_by_their_iou():
    first = np.zeros((2, 3, 10), np.int32)
    first[:, 0], first[:, 1, :5] = 1, 2
    second = np.zeros_like(first)
    second[:, 0, :5], second[:, 0, 5:], second[:, 2] = 7, 3, 4
    apart = _apart(first, second)
    assert (apart[:, 0] == 0.5).all()
    assert (apart[:, 1, :5] == 1).all()
    assert (apart[:, 1, 5:] == 0).all()
    assert (apart[:, 2] == 1).all()
    assert not _apart(first, first * 9).any()
    assert not _apart(np.zeros_like(first), np.zeros_like(first)).any()


def test_where_a_scan_is_blurred_away_a_model_contradicts_itself(tmp_path):
    leaf = phantom.make(5, shape=(112, 96, 64))
    grey = leaf.gridrec.copy()
    blurred = ndimage.gaussian_filter(
        grey.astype(np.float32), 1.5
    )  # more, and it finds nothing to contradict itself about
    grey[56:] = (blurred + np.random.default_rng(0).normal(0, 8, grey.shape))[56:].clip(0, 255)
    spread = disagreement(find("leaf-3d"), Volume(grey, leaf.spacing_um), scratch=tmp_path)
    array = spread.read()
    assert array.shape == grey.shape
    assert 0 <= np.nanmin(array) < np.nanmax(array) <= 1
    assert np.isnan(array).any()
    assert np.nanmean(array[64:]) > 1.2 * np.nanmean(array[:48])


def test_the_command_names_slices_from_1_and_writes_a_page(tmp_path):
    leaf = phantom.make(5, shape=(40, 64, 40))
    scan, _, labels, tissue = leaf.volumes().values()
    io.write(tmp_path / "leaf.tif", scan)
    io.write(tmp_path / "tissue.tif", tissue)
    result = run("suggest", tmp_path / "leaf.tif", "-o", tmp_path / "next.html", "--tissue", tmp_path / "tissue.tif")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "next.html").read_text(encoding="utf-8")
    assert "By tissue" in page
    assert ("label any" in result.stdout) == ("Slice " not in page.split("By tissue")[0].split("count from 1")[1])
    assert "slices count from 1" in result.stdout
    assert labels.shape == scan.shape


def test_what_cannot_be_named_is_told():
    complaint(SettingsError, lambda: SuggestionPlan(axis=3), "axis = 3", "axes 0, 1, 2", "correct the plan")
    complaint(SettingsError, lambda: SuggestionPlan(count=0), "count = 0", "at least one slice")
    flat = Volume(np.zeros((4, 4), np.float32), (1.0, 1.0), name="picture")
    complaint(VolumeError, lambda: suggest(flat), "picture has 2 axes", "pass a volume")
    short = Volume(np.zeros((3, 6, 5), np.int32), (1.0,) * 3, name="labels")
    complaint(VolumeError, lambda: suggest(voxels(PROFILE), labels=short), "(3, 6, 5), scan (40, 6, 5)", "of this scan")


def test_a_scan_in_which_no_cell_is_found_is_told(tmp_path):
    grey = np.random.default_rng(0).normal(100, 10, (24, 24, 24)).astype(np.float32)
    io.write(tmp_path / "air.tif", Volume(grey, (0.65,) * 3, name="air"))
    result = run("suggest", tmp_path / "air.tif", "-o", tmp_path / "next.html", "--device", "cpu")
    assert result.exit_code == 0
    assert "the model finds no cell in this scan: label any slice" in result.output
    assert (tmp_path / "next.html").is_file()
