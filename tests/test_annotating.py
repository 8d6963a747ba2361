"""``mesophyll annotate`` and ``presets``: from files to an example, told in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile

from conftest import run
from mesophyll import io
from mesophyll.labels import UNKNOWN
from mesophyll.training.patches import Source, sample
from test_annotation import HAND
from test_bad_input import refused


@pytest.fixture
def painted(leaf: Path, tmp_path: Path) -> Path:
    """Return the cells of the small leaf, painted on slices 5 and 20, as a stack of the scan's shape."""
    truth = io.read_labels(leaf / "labels.tif").read()
    values = np.zeros_like(truth)
    values[[4, 19]] = truth[[4, 19]]
    tifffile.imwrite(tmp_path / "painted.tif", values, photometric="minisblack")
    return tmp_path / "painted.tif"


def test_painted_slices_become_an_example(leaf: Path, painted: Path, tmp_path: Path) -> None:
    truth = io.read_labels(leaf / "labels.tif").read()
    result = run("annotate", leaf / "gridrec.tif", "--labels", painted, "--slices", "5,20", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    for words in ("from painted.tif", "slices 5 and 20 along Z, counted from 1", "4.2 % of the voxels are known"):
        assert words in result.stdout
    example = io.read_example(tmp_path / "out")
    labels = example.labels.read()
    assert np.array_equal(labels[[4, 19]], truth[[4, 19]])
    assert (np.delete(labels, [4, 19], 0) == UNKNOWN).all()
    assert [scan.name for scan in example.scans] == ["gridrec.tif"]
    assert np.array_equal(example.scans[0].read(), io.read(leaf / "gridrec.tif").read())
    assert example.scans[0].spacing_um == pytest.approx((0.65, 0.65, 0.65))


def test_an_example_can_be_one_zarr_with_its_tissues(leaf: Path, painted: Path, tmp_path: Path) -> None:
    args = ("--tissue", leaf / "tissue.tif", "--slices", "5,20", "--expect", "palisade, spongy")
    result = run("annotate", leaf / "gridrec.tif", "--labels", painted, *args, "-o", tmp_path / "out.zarr")
    assert result.exit_code == 0, result.stderr
    example = io.read_example(tmp_path / "out.zarr")
    assert example.tissue is not None
    codes, truth = example.tissue.read(), io.read(leaf / "tissue.tif").read()
    assert np.array_equal(codes[[4, 19]], truth[[4, 19]])
    assert (np.delete(codes, [4, 19], 0) == UNKNOWN).all()


def test_traced_cells_become_an_example(leaf: Path, tmp_path: Path) -> None:
    cell = roifile.ImagejRoi.frompoints([(10, 20), (20, 20), (20, 30), (10, 30)], name="cell")
    cell.position = 7
    roifile.roiwrite(tmp_path / "RoiSet.zip", [cell], mode="w")
    result = run("annotate", leaf / "gridrec.tif", "--labels", tmp_path / "RoiSet.zip", "-o", tmp_path / "out")
    assert "1 cells from RoiSet.zip, on slice 7 along Z, counted from 1" in result.stdout
    labels = io.read_example(tmp_path / "out").labels.read()
    assert (labels[6, 20:30, 10:20] == 1).all()
    assert (labels > 0).sum() == 100
    assert (labels == 0).sum() == 0


def test_tissues_alone_leave_every_cell_unknown(leaf: Path, tmp_path: Path) -> None:
    run("annotate", leaf / "gridrec.tif", "--tissue", leaf / "tissue.tif", "-o", tmp_path / "out")
    example = io.read_example(tmp_path / "out")
    assert (example.labels.read() == UNKNOWN).all()
    assert example.tissue is not None
    assert np.array_equal(example.tissue.read(), io.read(leaf / "tissue.tif").read())


def test_a_scan_called_labels_is_called_otherwise_in_the_example(leaf: Path, painted: Path, tmp_path: Path) -> None:
    io.write(tmp_path / "labels.tif", io.read(leaf / "gridrec.tif"))
    run("annotate", tmp_path / "labels.tif", "--labels", painted, "-o", tmp_path / "out")
    assert [scan.name for scan in io.read_example(tmp_path / "out").scans] == ["scan.tif"]


def test_patches_of_an_example_know_what_is_known_and_nothing_else(leaf: Path, painted: Path, tmp_path: Path) -> None:
    """What is unknown has no gradient: that is law 4 of every representation, and -1 must reach it."""
    import torch

    from mesophyll.model import Image
    from mesophyll.representations import Flows

    run("annotate", leaf / "gridrec.tif", "--labels", painted, "--slices", "5,20", "-o", tmp_path / "out")
    example = io.read_example(tmp_path / "out")
    image = Image(example.scans[0], 0.0, 255.0, None)
    source = Source("out", (image,), example.labels.data, tuple(slice(0, length) for length in example.labels.shape))
    patch = sample(source, (24, 24, 24), 4, np.random.default_rng(0))
    labels = patch.labels_S[patch.core]
    known = labels != UNKNOWN
    assert 0 < known.sum() <= 2 * 24 * 24  # one slice or two of 24
    method = Flows()
    target = torch.from_numpy(method.encode(labels))[None]
    output = torch.zeros_like(target, requires_grad=True)
    method.loss(output, target, torch.from_numpy(known)[None]).backward()
    gradient = output.grad.abs().sum(1)[0].numpy()
    assert (gradient[~known] == 0).all()
    assert (gradient[known] > 0).any()


# --- presets -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "map.tif", HAND, photometric="minisblack")
    return tmp_path / "map.tif"


def test_the_presets_are_listed() -> None:
    listed = run("presets").stdout
    assert all(name in listed for name in ("leaf-traits-hand", "rippner", "usda", "mesophyll"))


def test_a_map_is_previewed_under_its_likely_preset_and_nothing_is_written(hand: Path, tmp_path: Path) -> None:
    result = run("presets", hand, "--mesophyll", "spongy")
    assert "map.tif seems to follow: leaf-traits-hand. Nothing is applied until you say --preset." in result.stdout
    for words in ("170", "0 background", "upper or lower epidermis", "spongy (a mesophyll cell; --mesophyll)"):
        assert words in result.stdout
    assert list(tmp_path.iterdir()) == [hand]


def test_a_map_of_no_preset_is_shown_under_the_nearest(hand: Path, tmp_path: Path) -> None:
    values = HAND.copy()
    values[0, 0, 0] = 42
    tifffile.imwrite(hand, values, photometric="minisblack")
    shown = run("presets", hand).stdout
    assert "No preset knows all values of map.tif; the nearest is leaf-traits-hand" in shown
    assert "? (not in this preset)" in shown


def test_a_preset_is_applied_where_it_is_named_and_said(hand: Path, tmp_path: Path) -> None:
    io.write(tmp_path / "scan.tif", io.read(hand))
    args = ("--tissue", hand, "--preset", "leaf-traits-hand", "--mesophyll", "spongy", "--upper", "+Y")
    result = run("annotate", tmp_path / "scan.tif", *args, "-o", tmp_path / "out")
    assert "tissues of map.tif by the preset leaf-traits-hand:" in result.stdout
    tissue = io.read_example(tmp_path / "out").tissue
    assert tissue is not None
    assert sorted(np.unique(tissue.read())) == [0, 1, 2, 4, 6, 7]
    assert (tissue.read()[:, 2:4] == 2).all()  # the upper one lies at large Y


# --- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--labels", "painted.tif", "--slices", "49"), "slice 49; the scan has 48 slices along Z, counted from 1"),
        (("--labels", "painted.tif", "--slices", "five"), "'five' names no slices"),
        (("--labels", "missing.tif"), "missing.tif is missing"),
        (("--labels", "painted.tif", "--offset", "1", "0", "0"), "reaches out of the scan"),
        (("--tissue", "map.tif"), "has the shape 3 x 14 x 12, the scan 48 x 64 x 56"),
        (("--tissue", "painted.tif"), "the preset mesophyll knows 0, 1, 2, 3, 4, 5, 6, 7"),
        (("--tissue", "tissue.tif", "--preset", "avizo"), "the preset 'avizo' is unknown"),
        (("--tissue", "tissue.tif", "--expect", "xylem"), "'xylem' is no tissue"),
        (("--tissue", "tissue.tif", "--upper", "up"), "'up' is no side of the map"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    args: tuple[str, ...], words: str, leaf: Path, painted: Path, hand: Path, tmp_path: Path
) -> None:
    (tmp_path / "tissue.tif").write_bytes((leaf / "tissue.tif").read_bytes())
    full = [tmp_path / arg if str(arg).endswith(".tif") else arg for arg in args]
    assert words in refused(tmp_path, "annotate", leaf / "gridrec.tif", *full, "-o", tmp_path / "out")


def test_a_command_that_says_too_little_is_bad_usage(leaf: Path, painted: Path, tmp_path: Path) -> None:
    for args in ((), ("--labels", painted, "--expect", "vein")):
        assert run("annotate", leaf / "gridrec.tif", *args, "-o", tmp_path / "out").exit_code == 2


def test_a_folder_with_other_things_in_it_is_not_written_into(leaf: Path, painted: Path, tmp_path: Path) -> None:
    told = refused(tmp_path, "annotate", leaf / "gridrec.tif", "--labels", painted, "-o", tmp_path)
    assert "it is a folder with other things in it" in told
