"""Some of the user's cells are hidden and looked for: all once, none that the rules saw; what comes back is told as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from complaint import complaint
from conftest import run
from mesophyll import io
from mesophyll.densify import FOLDS, Dense, Recovery, recover, recovery
from mesophyll.densify.given import sort_out
from mesophyll.errors import LabelsError
from mesophyll.tissues import AIRSPACE, PALISADE, SPONGY
from mesophyll.volume import Volume
from test_bad_input import refused


def balls(count: int = 6, ndim: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return a tissue map and its true cells: balls of radius 5 in air, apart; of palisade, then of spongy tissue."""
    space = np.indices((14,) * (ndim - 1) + (14 * count,))
    cells = np.zeros(space.shape[1:], np.int32)
    for number in range(count):
        centre = (7,) * (ndim - 1) + (14 * number + 7,)
        cells[sum((axis - c) ** 2 for axis, c in zip(space, centre, strict=True)) <= 25] = number + 1
    codes = np.where(cells > count // 2, SPONGY, PALISADE)
    return np.where(cells > 0, codes, AIRSPACE).astype(np.uint8), cells


def recovered(tissue: np.ndarray, cells: np.ndarray) -> Recovery:
    return recover([np.zeros(tissue.shape, np.uint8)], tissue, cells, 1.0)


# --- worked out by hand ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ndim", [2, 3])
def test_cells_that_lie_apart_all_come_back(ndim: int) -> None:
    tissue, cells = balls(ndim=ndim)
    before = tissue.tobytes(), cells.tobytes()
    found = recovered(tissue, cells)
    assert found.cells.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.tissue.tolist() == [PALISADE] * 3 + [SPONGY] * 3
    assert found.found.all()
    assert (tissue.tobytes(), cells.tobytes()) == before
    assert np.array_equal(recovered(tissue, cells).found, found.found)  # same in, same out


def test_a_cell_that_is_given_wrongly_does_not_come_back() -> None:
    tissue, cells = balls(8)
    cells[np.isin(cells, (2, 3))] = 1  # three as one
    cells[(cells == 6) & (np.indices(cells.shape)[1] < 10)] = 0  # a sliver of one
    found = recovered(tissue, cells)
    assert found.cells.tolist() == [1, 4, 5, 6, 7, 8]
    assert found.cells[~found.found].tolist() == [1, 6]


def test_a_traced_cell_is_judged_on_its_own_planes_and_nowhere_else() -> None:
    tissue, whole = balls()
    traced = np.zeros_like(whole)
    traced[7], traced[3][whole[3] == 2] = whole[7], 2  # of one, two planes
    axis, planes = sort_out(traced).profiles
    assert axis == 0
    assert {number: places.tolist() for number, places in planes.items()} == {
        number: [3, 7] if number == 2 else [7] for number in range(1, 7)
    }
    assert recovered(tissue, traced).found.all()  # against the whole balls, an IoU of 0.15


@pytest.mark.parametrize(("back", "of", "low", "high"), [(0, 4, 0.0, 0.490), (5, 10, 0.237, 0.763), (9, 9, 0.701, 1.0)])
def test_the_interval_is_wilson_s(back: int, of: int, low: float, high: float) -> None:
    codes = np.full(of, SPONGY, np.int16)
    spongy, everything = Recovery(np.arange(1, of + 1, dtype=np.int32), codes, np.arange(of) < back).table()
    assert spongy == everything | {"tissue": "spongy"}
    assert everything["tissue"] == "all"
    assert (everything["hidden"], everything["found"], everything["share"]) == (of, back, back / of)
    assert (everything["from"], everything["to"]) == pytest.approx((low, high), abs=0.001)


# --- planted bugs: what would make the number a lie --------------------------------------------------------------------


def test_no_cell_is_seen_by_the_rules_that_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    tissue, cells = balls(8)
    seen = []

    def watched(scans: object, tissue: np.ndarray, given: np.ndarray, spacing: object, **how: object) -> Dense:
        seen.append(given.copy())
        return Dense(given, np.ones(given.shape, np.float32), 0)

    monkeypatch.setattr(recovery, "densify", watched)
    found = recovered(tissue, cells)
    hidden = [set(range(1, 9)) - set(np.unique(given)) for given in seen]
    assert sorted(number for part in hidden for number in part) == list(range(1, 9))
    assert all(len(part & {1, 2, 3, 4}) == 1 for part in hidden)  # of each tissue one, and three stay
    assert all(np.array_equal(given[given > 0], cells[given > 0]) for given in seen)
    assert len(seen) == FOLDS
    assert not found.found.any()  # rules that add nothing find nothing


def test_a_cell_that_a_known_one_has_flooded_has_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    tissue, cells = balls()

    def flooding(scans: object, tissue: np.ndarray, given: np.ndarray, spacing: object, **how: object) -> Dense:
        labels = np.where((cells > 0) & (given == 0), given.max(), given).astype(np.int32)
        return Dense(labels, np.ones(given.shape, np.float32), 0)

    monkeypatch.setattr(recovery, "densify", flooding)
    assert not recovered(tissue, cells).found.any()


def test_where_nothing_is_looked_for_nothing_is_hidden() -> None:
    tissue, cells = balls()
    tissue[cells == 3], tissue[cells == 4] = 255, AIRSPACE
    assert recovered(tissue, cells).cells.tolist() == [1, 2, 5, 6]


# --- what is refused, and what a user sees -----------------------------------------------------------------------------


def test_fewer_cells_than_parts_are_refused() -> None:
    tissue, cells = balls(3)
    told = complaint(
        LabelsError, lambda: recovered(tissue, cells), "3 cells are given in tissues that are made of cells"
    )
    assert "4 parts" in told and "leave the check out" in told


def test_the_command_tells_how_many_come_back_and_notes_it(tmp_path: Path) -> None:
    tissue, cells = balls()
    names = {"tissue": Volume(tissue, 1.0), "cells": Volume(cells, 1.0), "scan": Volume(tissue, 1.0)}
    for name, volume in names.items():
        io.write(tmp_path / f"{name}.tif", volume, kind="labels" if name == "cells" else "image")
    scan, known, mapped = (tmp_path / f"{name}.tif" for name in ("scan", "cells", "tissue"))
    args = (scan, "--tissue", mapped, "--cells", known)
    plain = run("densify", *args, "-o", tmp_path / "plain")
    assert plain.exit_code == 0, plain.stderr
    assert "came back" not in plain.stdout
    assert "check" not in io.read_notes(tmp_path / "plain" / "labels.tif")
    result = run("densify", *args, "-o", tmp_path / "dense", "--check")
    assert result.exit_code == 0, result.stderr
    assert "of 6 known cells, hidden in turn, 6 came back at IoU 0.5: 100% (61% to 100%)" in result.stdout
    assert "palisade" in result.stdout and "spongy" in result.stdout
    noted = io.read_notes(tmp_path / "dense" / "labels.tif")["check"]
    assert noted["all"]["hidden"] == noted["all"]["found"] == 6
    assert noted["spongy"]["hidden"] == 3
    io.write(known, Volume(np.where(cells > 3, 0, cells), 1.0), kind="labels")
    assert "3 cells are given" in refused(tmp_path, "densify", *args, "-o", tmp_path / "few", "--check")
