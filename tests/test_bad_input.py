"""Whatever is wrong with the input: one line that says value, rule and remedy, the right status, nothing half-written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from conftest import run
from mesophyll import io
from mesophyll.volume import Volume

Make = Callable[[Path], object]
"""Makes a file or folder in a folder; returns its name if it is not ``scan.tif``."""

GREY = np.random.default_rng(0).integers(1, 255, (24, 24, 24), np.uint8)


def refused(folder: Path, *args: object, status: int = 1) -> str:
    """Run a command that must fail, in one line, without leaving anything new; return what it told."""
    before = sorted(folder.rglob("*"))
    result = run(*args, "--quiet")
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    assert "bug" not in lines[0]
    assert lines[0].count("; ") >= 2, "value; rule; remedy"
    assert sorted(folder.rglob("*")) == before
    return lines[0]


def tiff(array: np.ndarray, **options: object) -> Make:
    return lambda folder: tifffile.imwrite(folder / "scan.tif", array, **options)


def bytes_of(name: str, content: bytes) -> Make:
    def make(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return name

    return make


def npy(array: np.ndarray) -> Make:
    def make(folder: Path) -> str:
        np.save(folder / "scan.npy", array)
        return "scan.npy"

    return make


def cut_off(folder: Path) -> None:
    tifffile.imwrite(folder / "scan.tif", GREY)
    content = (folder / "scan.tif").read_bytes()
    (folder / "scan.tif").write_bytes(content[: len(content) // 2])


def cut_off_npy(folder: Path) -> str:
    np.save(folder / "scan.npy", GREY)
    content = (folder / "scan.npy").read_bytes()
    (folder / "scan.npy").write_bytes(content[:-100])
    return "scan.npy"


def png_named_tiff(folder: Path) -> None:
    Image.fromarray(GREY[0]).save(folder / "scan.tif", "PNG")


def slices(*shapes: tuple[int, int]) -> Make:
    def make(folder: Path) -> str:
        (folder / "slices").mkdir()
        for place, shape in enumerate(shapes):
            tifffile.imwrite(folder / "slices" / f"{place}.tif", np.ones(shape, np.uint8))
        return "slices"

    return make


def with_value(value: float) -> Make:
    grey = GREY.astype(np.float32)
    grey[11, 12, 13] = value
    return tiff(grey)


BAD_SCANS: dict[str, tuple[Make, str]] = {
    "missing": (lambda folder: None, "scan.tif is missing"),
    "truncated tiff": (cut_off, "scan.tif"),
    "truncated npy": (cut_off_npy, "scan.npy"),
    "noise named tiff": (bytes_of("scan.tif", GREY.tobytes()), "cannot be read as TIFF"),
    "noise named nrrd": (bytes_of("scan.nrrd", GREY.tobytes()), "cannot be read as NRRD"),
    "noise named hdf5": (bytes_of("scan.h5", GREY.tobytes()), "cannot be read as HDF5"),
    "noise named nifti": (bytes_of("scan.nii", GREY.tobytes()), "cannot be read as NIfTI"),
    "empty file": (bytes_of("scan.tif", b""), "scan.tif is empty"),
    "png named tiff": (png_named_tiff, "it holds PNG"),
    "unknown suffix": (bytes_of("scan.xyz", b"1"), "unknown format"),
    "empty folder": (slices(), "slices holds no file"),
    "slices of different size": (slices((24, 24), (24, 25)), "all slices have one size and type"),
    "NaN": (with_value(np.nan), "NaN or infinity"),
    "infinity": (with_value(np.inf), "NaN or infinity"),
    "constant": (tiff(np.full((24, 24, 24), 9, np.uint8)), "grey value 9 nearly everywhere"),
    "all zero": (tiff(np.zeros((24, 24, 24), np.uint8)), "grey value 0 nearly everywhere"),
    "colours": (tiff(np.zeros((24, 24, 3), np.uint8), photometric="rgb"), "holds colours"),
    "time series": (tiff(GREY, imagej=True, metadata={"axes": "TYX"}), "(T, Y, X)"),
    "four axes": (npy(np.zeros((4, 24, 24, 24), np.uint8)), "has the axes 4 x 24 x 24 x 24"),
    "complex": (npy(GREY.astype(np.complex64)), "has the type complex64"),
    "text": (npy(np.array([["a", "b"], ["c", "d"]])), "has the type <U1"),
    "one voxel thick": (tiff(GREY[:1], metadata={"axes": "ZYX"}), "has the shape 1 x 24 x 24"),
    "too small": (tiff(GREY[:8]), "needs at least 16 along each axis"),
}


@pytest.mark.parametrize("name", BAD_SCANS)
def test_a_scan_that_is_none_is_refused(name: str, tmp_path: Path, untrained: dict[int, Path]) -> None:
    make, words = BAD_SCANS[name]
    scan = make(tmp_path) or "scan.tif"
    args = ("-o", tmp_path / "out.zarr", "--spacing", "0.65", "--model", untrained[3])
    assert words in refused(tmp_path, "segment", tmp_path / str(scan), *args)


@pytest.mark.parametrize("spacing", [["0"], ["-0.65"], ["nan"], ["inf"], ["0.65", "0", "0.65"], ["1", "2"], ["1"] * 4])
def test_a_voxel_size_that_cannot_be_is_refused(spacing: list[str], tmp_path: Path) -> None:
    tiff(GREY)(tmp_path)
    told = refused(tmp_path, "convert", tmp_path / "scan.tif", tmp_path / "out.tif", "--spacing", *spacing)
    assert f"the voxel size {' '.join(spacing * (3 if len(spacing) == 1 else 1))} µm cannot be" in told


@pytest.mark.parametrize("verb", ["segment", "measure", "report"])
def test_a_missing_voxel_size_is_asked_for(verb: str, tmp_path: Path, untrained: dict[int, Path]) -> None:
    np.save(tmp_path / "scan.npy", GREY)
    more = {"segment": ["-o", "out.tif", "--model"], "measure": ["-o", "out.csv"], "report": ["-o", "out.html"]}[verb]
    args = [str(tmp_path / part) if part.startswith("out") else part for part in more]
    args += {"segment": [str(untrained[3])], "measure": [], "report": ["--scan", str(tmp_path / "scan.npy")]}[verb]
    assert "pass it: --spacing Z Y X" in refused(tmp_path, verb, tmp_path / "scan.npy", *args)


def test_voxels_too_coarse_for_the_model_are_refused(tmp_path: Path, untrained: dict[int, Path]) -> None:
    tiff(GREY)(tmp_path)
    args = ("-o", tmp_path / "out.tif", "--spacing", 5, "--model", untrained[3])
    assert "too coarse" in refused(tmp_path, "segment", tmp_path / "scan.tif", *args)


# --- labels --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full((8, 8, 8), -5, np.int16), "holds numbers from -5"),
        (np.full((8, 8, 8), 0.5, np.float32), "holds fractions"),
        (np.full((8, 8, 8), np.nan, np.float32), "NaN"),
        (np.full((8, 8, 8), 2**40, np.int64), "1099511627776"),
        (np.zeros((8, 8, 8), np.complex64), "has the type complex64"),
    ],
)
def test_labels_that_are_none_are_refused(labels: np.ndarray, words: str, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "truth.npy", np.ones((8, 8, 8), np.int32))
    args = ("--spacing", 1, "-o", tmp_path / "cells.csv")
    assert words in refused(tmp_path, "measure", tmp_path / "labels.npy", *args)
    assert words in refused(tmp_path, "evaluate", tmp_path / "labels.npy", tmp_path / "truth.npy")
    out = tmp_path / "labels.tif"
    assert words in refused(tmp_path, "convert", tmp_path / "labels.npy", out, "--labels")


def test_arrays_of_different_shape_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((8, 8, 8), np.int32))
    np.save(tmp_path / "b.npy", np.ones((8, 8, 9), np.uint8))
    first, second = tmp_path / "a.npy", tmp_path / "b.npy"
    assert "labels of shape (8, 8, 8) and truth of shape (8, 8, 9)" in refused(tmp_path, "evaluate", first, second)
    assert "tissue of shape" in refused(tmp_path, "evaluate", first, first, "--tissue", second)
    out = ("--spacing", 1, "-o", tmp_path / "c.csv")
    assert "scan of shape" in refused(tmp_path, "measure", first, "--scan", second, *out)
    page = ("--spacing", 1, "-o", tmp_path / "c.html")
    assert "has the shape" in refused(tmp_path, "report", first, "--scan", second, *page)


def test_a_report_of_labels_alone_asks_for_the_scan(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((8, 8, 8), np.int32))
    assert "pass the scan: --scan FILE" in refused(tmp_path, "report", tmp_path / "a.npy")


# --- models and plans -----------------------------------------------------------------------------------------------------


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    tiff(GREY)(tmp_path)
    args = ("-o", tmp_path / "out.tif", "--spacing", 0.65, "--model", "leaf-4d")
    assert "there is no model 'leaf-4d'" in refused(tmp_path, "segment", tmp_path / "scan.tif", *args)


def damage_weights(model: Path) -> None:
    content = bytearray((model / "weights.safetensors").read_bytes())
    content[-1] ^= 255
    (model / "weights.safetensors").write_bytes(content)


def cut_weights(model: Path) -> None:
    content = (model / "weights.safetensors").read_bytes()
    (model / "weights.safetensors").write_bytes(content[:1000])


def lose_weights(model: Path) -> None:
    (model / "weights.safetensors").unlink()


def damage_about(model: Path) -> None:
    (model / "model.json").write_text("{", encoding="utf-8")


def misspell_about(model: Path) -> None:
    about = json.loads((model / "model.json").read_text(encoding="utf-8"))
    about["network"]["levles"] = about["network"].pop("levels")
    (model / "model.json").write_text(json.dumps(about), encoding="utf-8")


@pytest.mark.parametrize("damage", [damage_weights, cut_weights, lose_weights, damage_about, misspell_about])
def test_a_damaged_model_is_refused(damage: Callable[[Path], None], tmp_path: Path, untrained: dict[int, Path]) -> None:
    shutil.copytree(untrained[3], tmp_path / "model")
    damage(tmp_path / "model")
    tiff(GREY)(tmp_path)
    args = ("-o", tmp_path / "out.tif", "--spacing", 0.65, "--model", tmp_path / "model")
    assert "model cannot be read" in refused(tmp_path, "segment", tmp_path / "scan.tif", *args)


def test_a_model_of_other_axes_is_refused(tmp_path: Path, untrained: dict[int, Path]) -> None:
    tiff(GREY[0])(tmp_path)
    args = ("-o", tmp_path / "out.tif", "--spacing", 0.65, "--model", untrained[3])
    assert "has 2 axes; the model untrained-3d reads volumes" in refused(
        tmp_path, "segment", tmp_path / "scan.tif", *args
    )


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("tile = 128", "did you mean 'tile_"),
        ("overlap = -1", "an overlap is not negative"),
        ("tile_3d = 'large'", "tile_3d = 'large'"),
        ("tile_3d =", "a plan is a TOML file"),
        ("[decoding]\nmin_size = 3", "did you mean 'min_size_vox'"),
    ],
)
def test_a_plan_with_a_mistake_is_refused(plan: str, words: str, tmp_path: Path, untrained: dict[int, Path]) -> None:
    tiff(GREY)(tmp_path)
    (tmp_path / "plan.toml").write_text(plan, encoding="utf-8")
    args = ("-o", tmp_path / "out.tif", "--spacing", 0.65, "--model", untrained[3], "--plan", tmp_path / "plan.toml")
    assert words in refused(tmp_path, "segment", tmp_path / "scan.tif", *args)


def test_a_gpu_that_is_not_there_is_told(tmp_path: Path, untrained: dict[int, Path]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    tiff(GREY)(tmp_path)
    args = ("-o", tmp_path / "out.tif", "--spacing", 0.65, "--model", untrained[3], "--device", "cuda")
    assert "pass --device cpu" in refused(tmp_path, "segment", tmp_path / "scan.tif", *args)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--seed", "-1"], "seed = -1"),
        (["--seed", "1", "--kind", "grap"], "did you mean 'grape'?"),
        (["--seed", "1", "--shape", "8"], "at least 16 voxels"),
        (["--seed", "1", "--spacing", "20"], "voxels of 0.1 to 3"),
        (["--seed", "1", "--shape", "16"], "cells of 18 µm and more would be larger than the volume"),
        (["--seed", "1", "--kind", "none.toml"], "none.toml cannot be read"),
    ],
)
def test_a_leaf_that_cannot_be_made_is_refused(args: list[str], words: str, tmp_path: Path) -> None:
    assert words in refused(tmp_path, "phantom", tmp_path / "leaf", *args)


def test_cells_that_cannot_be_scanned_are_refused(tmp_path: Path, leaf: Path) -> None:
    out, cells = tmp_path / "again", ("--labels", leaf / "labels.tif")
    np.save(tmp_path / "small.npy", np.zeros((20, 20, 20), np.uint8))
    np.save(tmp_path / "bare.npy", np.ones((20, 20, 20), np.int32))
    assert "both must show the same volume" in refused(
        tmp_path, "phantom", out, *cells, "--tissue", tmp_path / "small.npy"
    )
    assert "pass it: --spacing" in refused(tmp_path, "phantom", out, "--labels", tmp_path / "bare.npy")
    assert "is missing" in refused(tmp_path, "phantom", out, "--labels", tmp_path / "none.tif")


@pytest.mark.parametrize("args", [["--labels", "a.tif", "--kind", "hard"], ["--tissue", "a.tif"]])
def test_options_of_growing_and_of_scanning_do_not_mix(args: list[str], tmp_path: Path) -> None:
    result = run("phantom", tmp_path / "leaf", *args)
    assert result.exit_code == 2
    assert "--labels" in " ".join(result.output.split())


def test_examples_that_are_none_are_refused(tmp_path: Path, leaf: Path) -> None:
    (tmp_path / "empty").mkdir()
    out = ("-o", tmp_path / "model")
    assert "there is nothing to train on" in refused(tmp_path, "train", *out)
    assert "an example has a file labels.*" in refused(tmp_path, "train", tmp_path / "empty", *out)
    assert "is no folder" in refused(tmp_path, "train", tmp_path / "nothing", *out)
    assert "do not fit" in refused(tmp_path, "train", leaf, *out)


# --- outputs ---------------------------------------------------------------------------------------------------------------


def outputs_of(verb: str, leaf: Path, out: Path) -> list[object]:
    """Return a command whose output is this path."""
    if verb == "phantom":
        return [verb, out, "--seed", 1, "--shape", 32]
    if verb == "convert":
        return [verb, leaf / "gridrec.tif", out]
    if verb == "evaluate":
        return [verb, leaf / "labels.tif", leaf / "labels.tif", "--json", out]
    if verb == "train":
        return [verb, leaf, leaf, "-o", out]
    source = "labels.tif" if verb in ("measure", "report") else "gridrec.tif"
    return [verb, leaf / source, "-o", out, *(["--scan", leaf / "gridrec.tif"] if verb == "report" else [])]


SUFFIXES = {
    "segment": ".zarr",
    "measure": ".csv",
    "report": ".html",
    "convert": ".tif",
    "evaluate": ".json",
    "phantom": "",
}


@pytest.mark.parametrize("verb", SUFFIXES)
def test_an_output_in_a_folder_that_is_missing_or_none_is_refused_at_once(
    verb: str, tmp_path: Path, leaf: Path
) -> None:
    (tmp_path / "file").write_text("")
    for place in ("nowhere", "file"):
        told = refused(tmp_path, *outputs_of(verb, leaf, tmp_path / place / f"out{SUFFIXES[verb]}"))
        assert "cannot be written" in told


@pytest.mark.parametrize("verb", [verb for verb, suffix in SUFFIXES.items() if suffix])
def test_an_output_of_another_suffix_is_refused(verb: str, tmp_path: Path, leaf: Path) -> None:
    told = refused(tmp_path, *outputs_of(verb, leaf, tmp_path / "out.doc"))
    assert "out.doc has the suffix .doc" in told
    assert f"name it out{SUFFIXES[verb]}." in told or "name it out." in told
    assert "has the suffix (none)" in refused(tmp_path, *outputs_of(verb, leaf, tmp_path / "out"))


@pytest.mark.parametrize("verb", SUFFIXES)
def test_a_folder_with_other_things_is_never_replaced(verb: str, tmp_path: Path, leaf: Path) -> None:
    out = tmp_path / f"thesis{SUFFIXES[verb]}"
    out.mkdir()
    (out / "chapter-1.txt").write_text("all my work")
    assert "a folder with other things in it" in refused(tmp_path, *outputs_of(verb, leaf, out))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder in which nobody may write")
@pytest.mark.parametrize("verb", [verb for verb, suffix in SUFFIXES.items() if suffix])
def test_a_place_where_nobody_may_write_is_refused_at_once(verb: str, tmp_path: Path, leaf: Path) -> None:
    told = refused(tmp_path, *outputs_of(verb, leaf, Path("/proc") / f"out{SUFFIXES[verb]}"))
    assert "the folder /proc must be writable" in told


FULL_DISK = """
import resource, sys
from mesophyll.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # a file that grows beyond meets what a full disk gives
sys.argv = ["mesophyll", *sys.argv[1:]]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of file sizes")
@pytest.mark.parametrize(
    "verb", ["convert", *(pytest.param(verb, marks=pytest.mark.slow) for verb in ("phantom", "segment"))]
)
def test_a_full_disk_leaves_nothing_half_written(
    verb: str, tmp_path: Path, leaf: Path, untrained: dict[int, Path]
) -> None:
    args = outputs_of(verb, leaf, tmp_path / f"out{SUFFIXES[verb]}")
    args += ["--model", untrained[3]] if verb == "segment" else []
    args[-1:] = [64] if verb == "phantom" else args[-1:]
    command = [sys.executable, "-c", FULL_DISK, *map(str, args), "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: ")
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "cannot be written" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_an_older_result_stays_where_a_new_one_fails(tmp_path: Path, leaf: Path) -> None:
    io.write(tmp_path / "out.tif", Volume(GREY, (1.0,) * 3))
    content = (tmp_path / "out.tif").read_bytes()
    np.save(tmp_path / "bad.npy", np.full((20, 20, 20), np.nan))
    refused(tmp_path, "convert", tmp_path / "bad.npy", tmp_path / "out.tif")
    assert (tmp_path / "out.tif").read_bytes() == content


def test_through_a_real_command_line_an_error_is_one_line_on_standard_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mesophyll", "info", str(tmp_path / "nothing.tif")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    place = tmp_path / "nothing.tif"
    assert ended.stderr == f"Error: {place} is missing; a scan is a file or a folder of slices; check the path.\n"
