"""The command line: every verb does its job on real files, and ends as it promises."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import typer
from rich.console import Console
from typer.main import get_command

import mesophyll
from conftest import run
from mesophyll import io, tissues
from mesophyll.cli import app
from mesophyll.cli.numbers import gather
from mesophyll.cli.options import DeviceOption
from mesophyll.cli.screen import bars, heeding, say
from mesophyll.cli.verb import verb
from mesophyll.errors import SettingsError, UnfamiliarScanWarning

VERBS = [
    "demo",
    "segment",
    "tissue",
    "measure",
    "leaf",
    "evaluate",
    "report",
    "info",
    "convert",
    "phantom",
    "annotate",
    "presets",
    "densify",
    "train",
    "models",
    "tune",
    "suggest",
    "validate",
    "experiment",
]
HEAVY = {"torch", "numpy", "scipy", "pandas", "numba", "zarr", "lightning", "matplotlib", "pydantic"}
COMMAND = [sys.executable, "-m", "mesophyll"]


def done(*args: object) -> str:
    """Run a command that must succeed; return what it printed."""
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result.stdout


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def same(first: object, second: object) -> bool:
    return bool(np.array_equal(np.asarray(first), np.asarray(second)))


# --- the frame -------------------------------------------------------------------------------------------------------


def test_the_verbs_are_those_of_the_contract() -> None:
    assert sorted(get_command(app).commands) == sorted(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_every_help_has_examples_and_each_of_them_can_be_typed(name: str) -> None:
    shown = done(name, "--help")
    assert "Examples" in shown
    command = get_command(app).commands[name]
    examples = re.findall(r"^ *mesophyll (.+)$", command.epilog, re.MULTILINE)
    assert examples
    for example in examples:
        verb_name, *args = shlex.split(example)
        assert verb_name == name
        command.make_context(name, args)  # raises where an argument is wrong


def test_help_and_import_load_no_large_library() -> None:
    code = (
        "import sys, mesophyll, mesophyll.cli\n"
        "from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(mesophyll.cli.app, ['--help']).exit_code == 0\n"
        "print(sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(re.findall(r"'([a-z]+)'", loaded))


def test_the_public_names_are_there_and_a_wrong_one_is_not() -> None:
    from mesophyll import evaluation, phantom

    assert all(getattr(mesophyll, name) is not None for name in mesophyll.__all__)
    assert mesophyll.evaluate is evaluation.match
    assert mesophyll.make_phantom is phantom.make
    assert set(mesophyll.__all__) == set(dir(mesophyll))
    with pytest.raises(AttributeError, match="has no attribute 'segmnt'"):
        mesophyll.segmnt  # noqa: B018 - asking is the test


def test_python_m_mesophyll_is_the_command_line() -> None:
    told = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True).stdout
    assert told == f"mesophyll {mesophyll.__version__}\n"


def test_the_devices_are_those_of_the_room_that_computes() -> None:
    from mesophyll.device import Device

    choices = get_args(get_args(DeviceOption)[0])[0]
    assert get_args(choices) == get_args(Device)


@pytest.mark.parametrize(
    ("line", "gathered"),
    [
        ("a.tif --spacing 1 0.5 0.5 -o b", "a.tif --spacing 1,0.5,0.5 -o b"),
        ("--spacing 0.65 a.tif", "--spacing 0.65 a.tif"),
        ("--spacing 0.65,0.65 a.tif", "--spacing 0.65,0.65 a.tif"),
        ("--spacing -1 0 0", "--spacing -1,0,0"),
        ("--shape 64 64 --spacing 2", "--shape 64,64 --spacing 2"),
        ("--spacing 1 2 -- 3", "--spacing 1,2 -- 3"),
        ("--seed 1 2", "--seed 1 2"),
        ("--spacing a.tif 1", "--spacing a.tif 1"),
        ("a --spacing", "a --spacing"),
    ],
)
def test_numbers_behind_an_option_are_one_value(line: str, gathered: str) -> None:
    assert gather(line.split()) == gathered.split()


# --- how a verb ends ---------------------------------------------------------------------------------------------------


def ending(error: BaseException | None, *args: str) -> tuple[int, str, str]:
    """Run a verb that ends with this error."""
    from typer.testing import CliRunner

    own = typer.Typer()

    def work() -> None:
        """Work."""
        say("working")
        if error is not None:
            raise error

    verb(own, work, examples=["work"])
    result = CliRunner().invoke(own, list(args))
    return result.exit_code, result.stdout, result.stderr


def test_a_verb_that_returns_ends_with_0() -> None:
    assert ending(None) == (0, "working\n", "")


def test_quiet_says_nothing() -> None:
    assert ending(None, "--quiet") == (0, "", "")
    assert ending(None, "-q") == (0, "", "")


def test_an_error_of_the_package_is_one_line_and_1() -> None:
    status, _, told = ending(SettingsError("a = 1", "a is even", "pass 2"))
    assert (status, told) == (1, "Error: a = 1; a is even; pass 2.\n")


def test_words_in_brackets_are_told_as_they_are() -> None:
    assert "[red]x[/]" in ending(SettingsError("[red]x[/]", "a", "b"))[2]


def test_an_unexpected_error_is_called_a_bug_without_a_traceback() -> None:
    status, _, told = ending(ZeroDivisionError("division by zero"))
    assert status == 1
    assert told.startswith("Error: ZeroDivisionError: division by zero (test_cli.py, line ")
    assert "This is a bug in mesophyll" in told
    assert "Traceback" not in told


def test_debug_shows_the_traceback() -> None:
    status, _, told = ending(ZeroDivisionError("division by zero"), "--debug")
    assert status == 1
    assert "Traceback (most recent call last)" in told


def test_ctrl_c_and_full_memory_are_told_in_a_line() -> None:
    assert ending(KeyboardInterrupt())[::2] == (1, "Error: stopped; nothing half-written is left.\n")
    status, _, told = ending(MemoryError())
    assert status == 1
    assert told.startswith("Error: the memory is full; ")


@pytest.mark.parametrize(
    "args",
    [
        ["segmnt"],
        ["segment", "a.tif"],
        ["segment", "a.tif", "-o", "b.tif", "--spacing", "thick"],
        ["segment", "a.tif", "-o", "b.tif", "--device", "abacus"],
        ["phantom", "a", "--seed", "one"],
        ["phantom", "a", "--seed", "1", "--shape", "64", "64"],
        ["phantom", "a", "--seed", "1", "--shape", "64.5"],
        ["info", "a.tif", "b.tif"],
        ["train", "a"],
    ],
)
def test_bad_usage_ends_with_2_and_writes_nothing(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*args)
    assert result.exit_code == 2
    assert "Error" in result.stderr
    assert not names_in(tmp_path)


# --- the verbs -----------------------------------------------------------------------------------------------------------


def test_segment_writes_scan_labels_and_provenance(leaf: Path, untrained: dict[int, Path], tmp_path: Path) -> None:
    told = done(
        "segment", leaf / "gridrec.tif", "-o", tmp_path / "out.zarr", "--model", untrained[3], "--device", "cpu"
    )
    found = io.read_result(tmp_path / "out.zarr")
    assert same(found.scan.data, io.read(leaf / "gridrec.tif").data)
    assert found.labels.shape == found.scan.shape
    assert found.labels.spacing_um == pytest.approx((0.65,) * 3)
    about = json.loads((untrained[3] / "model.json").read_text())
    assert found.notes["model"] == {"name": "untrained-3d", "weights_sha256": about["weights_sha256"]}
    assert found.notes["device"] == "cpu"
    assert found.notes["plan"]["device"] == "cpu"
    assert found.notes["scan"] == "gridrec.tif"
    assert {"mesophyll", "python", "numpy", "torch"} == set(found.notes["versions"])
    cells = len(np.unique(found.labels.read())) - 1
    assert found.notes["cells"] == cells
    assert told.startswith(f"{cells} cells in ")
    assert names_in(tmp_path) == {"out.zarr"}


@pytest.fixture
def wary(untrained: dict[int, Path], tmp_path: Path) -> Path:
    """A model that knows no noise at all."""
    from mesophyll.likeness import Familiar
    from mesophyll.model import load, save

    save(replace(load(untrained[3]), name="wary", familiar=Familiar(32, {"noise": (0.0, 1e-3)})), tmp_path / "wary")
    return tmp_path / "wary"


def test_a_scan_unlike_what_the_model_knows_is_told_in_a_line_and_in_the_provenance(leaf, wary, tmp_path) -> None:
    for quietly in ((), ("--quiet",)):
        out = tmp_path / f"out{len(quietly)}.zarr"
        told = run("segment", leaf / "gridrec.tif", "-o", out, "--model", wary, "--device", "cpu", *quietly)
        assert told.exit_code == 0, told.stderr
        said = [line for line in told.stderr.splitlines() if line.startswith("Warning: ")]
        warning = io.read_result(out).notes["warning"]
        assert "gridrec.tif is unlike what wary learnt from: noise: 0." in warning
        assert "(known: 0.00 to 0.00); average it, pass its Paganin" in warning
        assert said == ([] if quietly else [f"Warning: {warning}"])


def test_other_verbs_tell_it_too_and_a_scan_that_is_known_is_not_spoken_of(leaf, wary, untrained, tmp_path) -> None:
    told = run("tune", wary, leaf, "-o", tmp_path / "tuned", "--device", "cpu")
    assert told.stderr.count("Warning: gridrec.tif is unlike") == 1, told.stderr
    told = run("segment", leaf / "gridrec.tif", "-o", tmp_path / "out.zarr", "--model", untrained[3], "--device", "cpu")
    assert "Warning" not in told.stderr
    assert "warning" not in io.read_result(tmp_path / "out.zarr").notes


def test_a_warning_stands_above_the_bars_and_those_of_other_libraries_are_left_as_they_are(monkeypatch) -> None:
    screen = StringIO()
    monkeypatch.setattr("mesophyll.cli.screen.Console", lambda **_: Console(file=screen, force_terminal=True, width=60))
    with pytest.warns(FutureWarning, match="theirs"), bars() as progress, heeding() as heard:
        progress("looking", 1, 3)
        warnings.warn("ours", UnfamiliarScanWarning, stacklevel=1)
        warnings.warn("theirs", FutureWarning, stacklevel=1)
        progress("looking", 3, 3)
    assert heard == ["ours"]
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    (line,) = [line for line in re.split(r"[\r\n]+", drawn) if "ours" in line]
    assert line.strip() == "Warning: ours"  # a line of its own


def test_segment_takes_an_image_a_plan_and_a_voxel_size(untrained: dict[int, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.random.default_rng(0).integers(0, 255, (60, 70), np.uint8))
    (tmp_path / "plan.toml").write_text("block = 64\n[decoding]\nmin_size_vox = 100000\n", encoding="utf-8")
    args = ("--model", untrained[2], "--plan", tmp_path / "plan.toml", "--spacing", "0.6", "0.7")
    told = done("segment", tmp_path / "image.npy", "-o", tmp_path / "cells.tif", *args)
    cells = io.read_labels(tmp_path / "cells.tif")
    assert cells.shape == (60, 70)
    assert cells.spacing_um == pytest.approx((0.6, 0.7))
    assert not cells.read().any()  # the plan left no cell
    assert told.startswith("0 cells in ")


def test_measure_takes_the_scan_from_a_result(leaf: Path, tmp_path: Path) -> None:
    scan, labels = io.read(leaf / "gridrec.tif"), io.read_labels(leaf / "labels.tif")
    io.write_result(tmp_path / "leaf.zarr", scan, labels, {})
    done("measure", tmp_path / "leaf.zarr", "--tissue", leaf / "tissue.tif", "-o", tmp_path / "cells.csv")
    table = pd.read_csv(tmp_path / "cells.csv")
    assert len(table) == labels.read().max()
    one = int(table["label"][4])
    assert table["mean_grey"][4] == pytest.approx(scan.read()[labels.read() == one].mean())
    assert "palisade" in set(table["tissue"])


def test_measure_takes_the_voxel_size_from_the_option_or_else_the_scan(leaf: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", io.read_labels(leaf / "labels.tif").read())
    done("measure", tmp_path / "labels.npy", "--scan", leaf / "gridrec.tif", "-o", tmp_path / "a.parquet")
    done("measure", tmp_path / "labels.npy", "--spacing", "1.3", "1.3", "1.3", "-o", tmp_path / "b.parquet")
    first, second = (pd.read_parquet(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert np.allclose(8 * first["volume_um3"], second["volume_um3"])
    assert "mean_grey" in first
    assert "mean_grey" not in second


def test_leaf_tells_the_traits_of_the_whole_and_writes_those_of_its_parts(tmp_path: Path) -> None:
    grown, out = tmp_path / "grown", tmp_path / "leaf.csv"
    done("phantom", grown, "--seed", 3, "--shape", 32, 144, 32)
    told = done("leaf", grown / "labels.tif", "--tissue", grown / "tissue.tif", "--layers", "4", "-o", out)
    table = pd.read_csv(out)
    assert list(table) == ["of", "trait", "value", "unit"]
    layers = [name for name in table["of"].unique() if name.startswith("depth")]
    assert layers[0] == "depth 0.00 to 0.25"
    assert len(layers) == 4
    assert {"leaf", "palisade", "spongy", "airspace"} <= set(table["of"])
    whole = table[table["of"] == "leaf"]
    assert all(trait in told for trait in whole["trait"])
    assert "written to" in told


def test_evaluate_prints_a_table_and_writes_the_scores(leaf: Path, tmp_path: Path) -> None:
    from mesophyll.evaluation import match

    truth, tissue = io.read_labels(leaf / "labels.tif").read(), io.read(leaf / "tissue.tif").read()
    labels = np.where(truth == 3, 2, truth).astype(np.int32)
    np.save(tmp_path / "labels.npy", labels)
    args = ("--tissue", leaf / "tissue.tif", "--json", tmp_path / "scores.json")
    told = done("evaluate", tmp_path / "labels.npy", leaf / "labels.tif", *args)
    scores = match(labels, truth, tissue=tissue)
    assert json.loads((tmp_path / "scores.json").read_text()) == json.loads(json.dumps(scores.to_dict()))
    assert f"{scores.counts.mean_ap:.3f}" in told
    assert f"{scores.aji:.3f}" in told
    assert all(name in told for name in scores.tissue)


def test_phantom_writes_what_the_room_makes(leaf: Path) -> None:
    made = mesophyll.make_phantom(3, shape=(48, 64, 56), spacing_um=0.65)
    assert names_in(leaf) == {"gridrec.tif", "paganin.tif", "labels.tif", "tissue.tif"}
    for name in ("gridrec", "paganin", "tissue"):
        assert same(io.read(leaf / f"{name}.tif").data, getattr(made, name)), name
    assert same(io.read_labels(leaf / "labels.tif").data, made.labels)
    assert io.read(leaf / "gridrec.tif").spacing_um == pytest.approx((0.65,) * 3)


def test_phantom_takes_one_length_for_all_axes_and_leaves_an_older_leaf_alone(tmp_path: Path) -> None:
    done("phantom", tmp_path / "cube", "--seed", 1, "--shape", 32)
    assert io.read(tmp_path / "cube" / "gridrec.tif").shape == (32, 32, 32)
    assert run("phantom", tmp_path / "cube", "--seed", 2, "--shape", 32).exit_code == 1


def test_phantom_writes_one_ome_zarr_that_is_the_same_example(leaf: Path, tmp_path: Path) -> None:
    done("phantom", tmp_path / "leaf.zarr", "--seed", 3, "--shape", 48, 64, 56, "--spacing", 0.65)
    files, one = io.read_example(leaf), io.read_example(tmp_path / "leaf.zarr")
    assert [scan.name for scan in one.scans] == ["leaf.zarr", "paganin"]
    for volume, other in zip((*files.scans, files.labels), (*one.scans, one.labels), strict=True):
        assert same(volume.data, other.data)
        assert other.spacing_um == pytest.approx((0.65,) * 3)
    assert files.tissue is not None and one.tissue is not None
    assert same(files.tissue.data, one.tissue.data)
    assert io.read_notes(tmp_path / "leaf.zarr")["phantom"] == {"kind": "grape", "seed": 3}


def test_phantom_scans_cells_that_are_there_already(leaf: Path, tmp_path: Path) -> None:
    args = ("--labels", leaf / "labels.tif", "--tissue", leaf / "tissue.tif", "--seed", 9)
    assert "gridrec, paganin, labels and tissue" in done("phantom", tmp_path / "again", *args)
    first, again = io.read_example(leaf), io.read_example(tmp_path / "again")
    assert same(first.labels.data, again.labels.data)
    for old, new in zip(first.scans, again.scans, strict=True):  # other noise, the same cells
        assert not same(old.data, new.data)
    paganin, cells = again.scans[1].read().astype(float), again.labels.read() > 0
    air = again.tissue.read() == tissues.AIRSPACE
    assert paganin[cells].mean() > paganin[air].mean() + 20


def test_convert_keeps_values_voxel_size_and_provenance(leaf: Path, tmp_path: Path) -> None:
    done("convert", leaf / "gridrec.tif", tmp_path / "scan.nrrd")
    scan = io.read(tmp_path / "scan.nrrd")
    assert same(scan.data, io.read(leaf / "gridrec.tif").data)
    assert scan.spacing_um == pytest.approx((0.65,) * 3)
    done("convert", leaf / "labels.tif", tmp_path / "cells.zarr", "--labels", "--spacing", "2", "1", "1")
    cells = io.read_labels(tmp_path / "cells.zarr")
    assert same(cells.data, io.read_labels(leaf / "labels.tif").data)
    assert cells.spacing_um == (2, 1, 1)
    assert io.read_notes(tmp_path / "cells.zarr")["phantom"] == {"kind": "grape", "seed": 3}


def test_info_tells_shape_voxel_size_and_provenance(leaf: Path) -> None:
    told = done("info", leaf / "gridrec.tif")
    for words in ("48 x 64 x 56", "uint8", "0.65 x 0.65 x 0.65", "phantom.seed"):
        assert words in told


def test_models_lists_what_is_shipped() -> None:
    from mesophyll.model import shipped

    told = done("models")
    assert all(name in told for name in shipped()) if shipped() else "no model comes with" in told


def test_report_lies_beside_its_result(leaf: Path, tmp_path: Path) -> None:
    scan, labels = io.read(leaf / "gridrec.tif"), io.read_labels(leaf / "labels.tif")
    io.write_result(tmp_path / "leaf.zarr", scan, labels, {})
    told = done("report", tmp_path / "leaf.zarr", "--truth", leaf / "labels.tif")
    assert Path(told.strip()) == tmp_path / "leaf.html"
    assert "1.000" in (tmp_path / "leaf.html").read_text(encoding="utf-8")
    done("report", leaf / "labels.tif", "--scan", leaf / "gridrec.tif", "-o", tmp_path / "other.html")
    assert names_in(tmp_path) == {"leaf.zarr", "leaf.html", "other.html"}


PLAN = """
levels = 2
patch = 16
batch = 1
epochs = 1
steps = 2
validation_patches = 1
held_out = 0.5

[representation]
name = "flows"
halo = 8
"""


@pytest.mark.slow
def test_train_writes_a_model_that_segments_and_goes_on_when_asked(leaf: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    args = ("train", leaf, leaf, "-o", tmp_path / "model", "--plan", tmp_path / "plan.toml", "--device", "cpu")
    assert "--model" in done(*args)
    again = run(*args)
    assert again.exit_code == 1
    assert "is not empty" in again.stderr
    done(*args, "--resume")
    done("segment", leaf / "gridrec.tif", "-o", tmp_path / "cells.tif", "--model", tmp_path / "model")


@pytest.mark.slow
def test_demo_goes_from_scan_to_report(tmp_path: Path) -> None:
    from mesophyll.model import shipped

    if "leaf-3d" not in shipped():
        pytest.skip("the model leaf-3d does not lie in this copy of the package")
    told = done("demo", tmp_path / "demo")
    assert names_in(tmp_path / "demo") == {"leaf.zarr", "cells.csv", "leaf.html"}
    for verb_name in ("info", "segment", "measure", "evaluate", "report"):
        assert f"$ mesophyll {verb_name}" in told


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT that reaches one process alone")
def test_ctrl_c_leaves_nothing_half_written(untrained: dict[int, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.random.default_rng(0).integers(0, 255, (200, 200, 200), np.uint8))
    args = ["segment", tmp_path / "scan.npy", "-o", tmp_path / "out.zarr", "--spacing", "0.65", "--model", untrained[3]]
    job = subprocess.Popen([*COMMAND, *map(str, args)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.*/outputs.npy")) and job.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    job.send_signal(signal.SIGINT)
    _, told = job.communicate(timeout=60)
    assert (job.returncode, told.splitlines()[-1]) == (1, "Error: stopped; nothing half-written is left.")
    assert "Traceback" not in told
    assert names_in(tmp_path) == {"scan.npy"}
