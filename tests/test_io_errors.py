"""Bad input and bad places: one line that says value, rule and remedy, and nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from mesophyll import io
from mesophyll.errors import FileError, LabelsError, MesophyllError, SettingsError, VolumeError
from mesophyll.volume import Volume

SCAN = np.random.default_rng(0).integers(0, 250, (4, 30, 40)).astype(np.uint8)
FILES = [suffix for suffix in io.WRITABLE if suffix != ".zarr"]


def complaint(kind, action, *words):
    """Return the error that an action raises: of one kind, one line, with these words."""
    with pytest.raises(kind) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    return text


# ------------------------------------------------------------------------------------------------------- reading


def test_a_missing_path_is_named(tmp_path):
    complaint(FileError, lambda: io.read(tmp_path / "scan.tif"), "scan.tif is missing", "check the path")
    complaint(FileError, lambda: io.read(tmp_path / "scan.zarr"), "scan.zarr is missing")
    complaint(FileError, lambda: io.read(f"{tmp_path / 'scan.h5'}:/raw"), "scan.h5 is missing")


def test_an_unknown_suffix_is_told_what_can_be_read(tmp_path):
    (tmp_path / "scan.doc").write_text("leaf")
    complaint(FileError, lambda: io.read(tmp_path / "scan.doc"), "unknown format", ".nii.gz", "folders of TIFF")


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize("suffix", [*FILES, ".npz", ".png"])
def test_a_file_cut_off_is_damaged(tmp_path, suffix, kind, share):
    path = tmp_path / f"scan{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, SCAN)
    elif suffix == ".png":
        Image.fromarray(SCAN[0]).save(path)
    else:
        io.write(path, Volume(SCAN), kind=kind)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    complaint(FileError, lambda: io.read(path).read(), path.name, "copy or export it again")


@pytest.mark.parametrize("suffix", [*FILES, ".npz", ".png"])
def test_noise_is_no_file_of_any_format(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    complaint(FileError, lambda: io.read(path), "it is damaged or cut off")


@pytest.mark.parametrize("suffix", [".tif", ".h5", ".nrrd", ".nii.gz"])
def test_a_damaged_middle_is_met_when_it_is_read(tmp_path, suffix):
    path = tmp_path / f"labels{suffix}"
    io.write(path, Volume(SCAN), kind="labels")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :][:60] = b""
    content[len(content) // 2 : len(content) // 2 + 60] = bytes(60)
    path.write_bytes(content)
    labels = io.read_labels(path)
    complaint(FileError, labels.read, f"labels{suffix} cannot be read at [:, :, :]", "whole to the last voxel")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_chain_of_pages_that_breaks_off_is_no_shorter_scan(tmp_path, compression):
    path = tmp_path / "scan.tif"
    with tifffile.TiffWriter(path) as tif:
        for plane in SCAN:
            tif.write(plane, metadata=None, contiguous=False, compression=compression)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    complaint(FileError, lambda: io.read(path), "scan.tif ends before its last image")


def test_a_stack_of_imagej_cut_off_is_no_single_slice(tmp_path):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, SCAN, imagej=True, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path, mode="r+") as tif:  # ImageJ writes one page for a stack beyond 4 GB
        chain = tif.pages[0].offset + 2 + 12 * len(tif.pages[0].tags)
        data = tif.series[0].dataoffset
    content = bytearray(path.read_bytes())
    content[chain : chain + 4] = bytes(4)
    path.write_bytes(content[: data + SCAN.size])
    np.testing.assert_array_equal(io.read(path).read(), SCAN)
    path.write_bytes(content[: data + SCAN.size - 1])
    complaint(FileError, lambda: io.read(path), "scan.tif ends before its last image")


@pytest.mark.parametrize("share", [0.3, 0.97])
def test_a_compressed_page_cut_off_is_met_when_the_file_is_opened(tmp_path, share):
    path = tmp_path / "slice.tif"
    tifffile.imwrite(path, SCAN[0], compression="zlib", metadata=None)
    content = path.read_bytes()
    with tifffile.TiffFile(path) as tif:
        assert tif.pages[0].dataoffsets[0] < 0.3 * len(content)
    path.write_bytes(content[: int(len(content) * share)])
    complaint(FileError, lambda: io.read(path), "slice.tif ends before its last image")


@pytest.mark.parametrize(
    ("made", "named", "told"),
    [
        (".tif", ".npy", "it holds TIFF"),
        (".tif", ".png", "it holds TIFF"),
        (".h5", ".tif", "it holds HDF5"),
        (".npy", ".nrrd", "it holds NumPy"),
        (".nrrd", ".h5", "it holds NRRD"),
        (".nii.gz", ".nii", "it holds gzip"),
    ],
)
def test_a_wrong_suffix_is_told_from_damage(tmp_path, made, named, told):
    io.write(tmp_path / f"scan{made}", Volume(SCAN))
    path = (tmp_path / f"scan{made}").rename(tmp_path / f"wrong{named}")
    complaint(FileError, lambda: io.read(path), f"wrong{named} is not", told, "rename the file")


@pytest.mark.parametrize(
    ("array", "how", "words"),
    [
        (np.zeros((30, 40, 3), np.uint8), {"photometric": "rgb"}, ["holds colours", "8 or 16 bit grey"]),
        (np.zeros((4, 30, 40, 3), np.uint8), {"photometric": "rgb"}, ["holds colours"]),
        (np.zeros((5, 4, 30, 40), np.uint8), {"imagej": True, "metadata": {"axes": "TZYX"}}, ["(T, Z, Y, X)", "time"]),
        (np.zeros((5, 30, 40), np.uint8), {"imagej": True, "metadata": {"axes": "TYX"}}, ["(T, Y, X)", "Properties"]),
        (np.zeros((3, 4, 30, 40), np.uint8), {"ome": True, "metadata": {"axes": "CZYX"}}, ["(C, Z, Y, X)", "channel"]),
        (np.zeros((5, 6, 30, 40), np.uint8), {}, ["5 x 6 x 30 x 40"]),
        (np.zeros((30, 40), np.complex64), {}, ["complex64", "real numbers", "magnitude"]),
    ],
)
def test_a_tiff_of_something_else_is_no_scan(tmp_path, array, how, words):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, array, **how)
    complaint(VolumeError, lambda: io.read(path), "scan.tif", *words)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((1, 30, 40)), ["1 x 30 x 40", "at least 2 voxels", "2D image"]),
        (np.zeros((30, 1, 40)), ["30 x 1 x 40", "2D image"]),
        (np.zeros((0, 30, 40)), ["0 x 30 x 40", "larger image"]),
        (np.zeros((1, 1, 40)), ["1 x 1 x 40", "larger image"]),
        (np.zeros((1, 40)), ["1 x 40", "larger image"]),
        (np.zeros(40), ["the axes 40"]),
        (np.zeros((2, 3, 4, 5)), ["2 x 3 x 4 x 5"]),
        (np.zeros((3, 4), bool), ["bool", "read it as labels"]),
        (np.array([["a", "b"]] * 3), ["<U1", "real numbers"]),
    ],
)
def test_an_array_of_something_else_is_no_scan(tmp_path, array, words):
    np.save(tmp_path / "scan.npy", array)
    complaint(VolumeError, lambda: io.read(tmp_path / "scan.npy"), "scan.npy", *words)


def test_python_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "scan.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    complaint(FileError, lambda: io.read(tmp_path / "scan.npy"), "scan.npy cannot be read as NumPy")


@pytest.mark.parametrize("dtype", ["complex64", "<U1"])
def test_labels_are_numbers(tmp_path, dtype):
    np.save(tmp_path / "labels.npy", np.zeros((3, 4), dtype))
    complaint(LabelsError, lambda: io.read_labels(tmp_path / "labels.npy"), "labels are whole numbers")


def test_true_and_false_are_labels(tmp_path):
    np.save(tmp_path / "mask.npy", np.eye(4, dtype=bool))
    np.testing.assert_array_equal(io.read_labels(tmp_path / "mask.npy").read(), np.eye(4))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_nan_is_met_where_it_is_read(tmp_path, suffix, value):
    scan = SCAN.astype(np.float32)
    scan[3, 5, 6] = value
    io.write(tmp_path / f"scan{suffix}", Volume(scan))
    lazy = io.read(tmp_path / f"scan{suffix}")
    np.testing.assert_array_equal(lazy.data[:3], scan[:3])
    complaint(VolumeError, lambda: lazy.data[2:4, 5:9], "holds NaN or infinity at [2:4, 5:9]", "finite")
    told = io.describe(tmp_path / f"scan{suffix}")
    assert not told["sample_finite"]
    assert told["sample_max"] < 250


def test_images_of_two_sizes_in_one_tiff_are_no_scan(tmp_path):
    with tifffile.TiffWriter(tmp_path / "scan.tif") as tif:
        for plane in [*SCAN, SCAN[0, :10]]:
            tif.write(plane, metadata=None, contiguous=False)
    complaint(FileError, lambda: io.read(tmp_path / "scan.tif"), "4 x 30 x 40, 10 x 40", "one size and type")


def slices(folder, **others):
    folder.mkdir()
    for number, plane in enumerate(SCAN):
        tifffile.imwrite(folder / f"s{number}.tif", plane)
    for name, plane in others.items():
        tifffile.imwrite(folder / f"{name}.tif", plane, photometric="minisblack")
    return folder


@pytest.mark.parametrize(
    ("odd", "told"),
    [(SCAN[0, :10], "10 x 40 uint8"), (SCAN[0].astype(np.uint16), "30 x 40 uint16"), (SCAN, "holds 4 images")],
)
def test_a_slice_unlike_the_others_is_named(tmp_path, odd, told):
    folder = slices(tmp_path / "gridrec", s2=odd)
    complaint(FileError, lambda: io.read(folder), "s2.tif", told)


def test_a_slice_as_long_but_turned_is_met_when_it_is_read(tmp_path):
    folder = slices(tmp_path / "gridrec", s2=np.ascontiguousarray(SCAN[0].T))
    assert io.read(folder).data[:2].shape == (2, 30, 40)
    complaint(FileError, lambda: io.read(folder).data[1:3], "s2.tif in gridrec is 40 x 30 uint8, s0.tif 30 x 40 uint8")


def test_a_damaged_slice_is_named(tmp_path):
    folder = slices(tmp_path / "gridrec")
    path = folder / "s2.tif"
    data = io.read(folder).data
    path.write_bytes(path.read_bytes()[:600])
    complaint(FileError, lambda: data[:], "s2.tif in gridrec cannot be read")


@pytest.mark.parametrize(("content", "told"), [([], "holds no file"), (["readme.txt"], "holds readme.txt")])
def test_a_folder_without_slices_is_no_scan(tmp_path, content, told):
    for name in content:
        (tmp_path / name).write_text("x")
    complaint(FileError, lambda: io.read(tmp_path), told, "TIFF or PNG slices")


def test_a_dataset_that_is_not_there_is_told_what_is(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["raw"] = SCAN
    complaint(FileError, lambda: io.read(f"{tmp_path}/scan.h5:/grey"), "no dataset /grey", "it holds /raw")
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["number"] = 3
    complaint(FileError, lambda: io.read(tmp_path / "empty.h5"), "empty.h5 holds no image")


def test_an_archive_of_several_arrays_asks_which(tmp_path):
    np.savez(tmp_path / "scan.npz", raw=SCAN, labels=SCAN)
    complaint(FileError, lambda: io.read(tmp_path / "scan.npz"), "the arrays raw, labels", "pass scan.npz:raw")


def test_an_nrrd_as_text_is_not_read(tmp_path):
    import nrrd

    nrrd.write(str(tmp_path / "scan.nrrd"), SCAN.T, {"encoding": "ascii"})
    complaint(FileError, lambda: io.read(tmp_path / "scan.nrrd"), "encoded as ascii", "raw, gzip and bzip2")
    nrrd.write(str(tmp_path / "scan.nhdr"), SCAN.T, {"encoding": "raw"}, detached_header=True)
    (tmp_path / "scan.raw").unlink()
    complaint(FileError, lambda: io.read(tmp_path / "scan.nhdr"), "has its data in scan.raw", "beside the header")


def test_a_zarr_without_an_image_is_no_scan(tmp_path):
    zarr.create_group(tmp_path / "scan.zarr")
    complaint(FileError, lambda: io.read(tmp_path / "scan.zarr"), "holds no image", "multiscales")
    (tmp_path / "scan.zarr" / "zarr.json").write_text("{")
    complaint(FileError, lambda: io.read(tmp_path / "scan.zarr"), "cannot be read as OME-Zarr")


def test_a_chunk_cut_off_is_met_when_it_is_read(tmp_path):
    path = tmp_path / "scan.zarr"
    io.write(path, Volume(SCAN))
    chunk = max((item for item in path.rglob("*") if item.is_file()), key=lambda item: item.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[:50])
    complaint(FileError, lambda: io.read(path).data[0], "scan.zarr cannot be read at [0]")


@pytest.mark.parametrize("spacing", [0, -1, float("nan"), (1, 2)])
def test_a_voxel_size_that_cannot_be_is_refused(tmp_path, spacing):
    np.save(tmp_path / "scan.npy", SCAN)
    complaint(VolumeError, lambda: io.read(tmp_path / "scan.npy", spacing_um=spacing), "cannot be", "--spacing")


# ------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("name", ["scan", "scan.png", "scan.doc", "scan.npz"])
def test_what_cannot_be_written_is_told_what_can(tmp_path, name):
    complaint(FileError, lambda: io.write(tmp_path / name, Volume(SCAN)), "no suffix that can be written", ".nii.gz")


def test_a_missing_folder_is_named(tmp_path):
    for suffix in io.WRITABLE:
        action = lambda suffix=suffix: io.write(tmp_path / "new" / f"scan{suffix}", Volume(SCAN))  # noqa: E731
        complaint(FileError, action, "the folder", "new is missing", "make the folder")


@pytest.mark.parametrize("suffix", io.WRITABLE)
def test_a_folder_with_other_things_is_never_replaced(tmp_path, suffix):
    folder = tmp_path / f"holiday{suffix}"
    folder.mkdir()
    (folder / "photo.jpg").write_text("x")
    complaint(FileError, lambda: io.write(folder, Volume(SCAN)), "a folder with other things in it", "another name")
    assert [path.name for path in tmp_path.rglob("*")] == [folder.name, "photo.jpg"]


def test_an_empty_folder_gives_its_name_to_a_result(tmp_path):
    (tmp_path / "scan.zarr").mkdir()
    io.write(tmp_path / "scan.zarr", Volume(SCAN))
    np.testing.assert_array_equal(io.read(tmp_path / "scan.zarr").read(), SCAN)


@pytest.mark.parametrize("suffix", [".tif", ".zarr", ".h5", ".nii.gz"])
def test_a_read_only_place_is_named(tmp_path, suffix):
    place = Path("/sys") if getattr(os, "geteuid", lambda: 1)() == 0 else tmp_path / "locked"
    if place.name == "locked":
        place.mkdir(mode=0o500)
    if os.name == "nt" or not place.is_dir():
        pytest.skip("here no folder is read-only for this user")
    complaint(FileError, lambda: io.write(place / f"scan{suffix}", Volume(SCAN)), "cannot be written", "choose another")


class Breaking:
    """A lazy source that fails half-way."""

    shape = (64, 600, 600)
    dtype = np.dtype(np.uint8)

    def __getitem__(self, region):
        if any((axis.start or 0) > 0 for axis in region):
            raise FileError("scan.tif cannot be read", "it must be whole", "copy it again")
        return np.zeros(
            [len(range(*axis.indices(size))) for axis, size in zip(region, self.shape, strict=True)], np.uint8
        )


@pytest.mark.parametrize("suffix", io.WRITABLE)
def test_a_failure_half_way_leaves_the_older_file(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    io.write(path, Volume(SCAN))
    complaint(FileError, lambda: io.write(path, Volume(Breaking())), "scan.tif cannot be read")
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    np.testing.assert_array_equal(io.read(path).read(), SCAN)


FULL_DISK = """
import resource, sys
import numpy as np
from mesophyll import io
from mesophyll.errors import FileError
from mesophyll.volume import Volume

scan = np.random.default_rng(0).integers(0, 255, (64, 80, 80)).astype(np.uint8)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for suffix in io.WRITABLE:
    for kind in ("image", "labels"):
        try:
            io.write(f"{sys.argv[1]}/scan{suffix}", Volume(scan), kind=kind)
        except FileError as error:
            print(suffix, kind, error)
"""


@pytest.mark.skipif(os.name == "nt", reason="only POSIX limits the size of files")
def test_a_full_disk_is_said_so_and_left_clean(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [suffix, kind] for suffix in io.WRITABLE for kind in ("image", "labels")
    ]
    assert all("the disk is full; nothing half-written is kept; free some space" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), io.replacing(tmp_path / "model") as partial:
        partial.mkdir()
        (partial / "model.json").write_text("{}")
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_ours_is_replaced_whole(tmp_path):
    for names in (["model.json", "old.txt"], ["model.json", "new.txt"]):
        with io.replacing(tmp_path / "model") as partial:
            partial.mkdir()
            for name in names:
                (partial / name).write_text(name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["model", "model.json", "new.txt"]


def test_a_replacement_keeps_its_suffix_until_it_is_whole(tmp_path):
    with io.replacing(tmp_path / "table.csv") as partial:
        assert partial.parent == tmp_path
        assert partial.suffix == ".csv"
        assert partial.name.startswith(".")
        partial.write_text("a,b")
        assert not (tmp_path / "table.csv").exists()
    assert (tmp_path / "table.csv").read_text() == "a,b"


def test_a_place_can_be_checked_before_a_long_job(tmp_path):
    io.check_place(tmp_path / "leaf.zarr")
    complaint(FileError, lambda: io.check_place(tmp_path / "new" / "leaf.zarr"), "is missing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(1, 30, 40), (30, 1), (0, 3, 3)])
def test_what_could_not_be_read_is_not_written(tmp_path, shape):
    complaint(VolumeError, lambda: io.write(tmp_path / "scan.tif", Volume(np.zeros(shape))), "at least 2 voxels")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["int64", "uint64", "complex64", "bool"])
def test_types_that_no_format_shares_are_refused(tmp_path, dtype):
    complaint(
        VolumeError,
        lambda: io.write(tmp_path / "scan.tif", Volume(np.zeros((3, 4), dtype))),
        dtype,
        "convert" if dtype != "bool" else "as labels",
    )


def test_labels_that_are_none_are_not_written(tmp_path):
    labels = Volume(np.full((3, 4), 0.5), name="cells")
    complaint(LabelsError, lambda: io.write(tmp_path / "cells.nrrd", labels, kind="labels"), "cells holds fractions")
    many = Volume(np.full((3, 4), 2**24 + 1, np.int32))
    complaint(LabelsError, lambda: io.write(tmp_path / "cells.tif", many, kind="labels"), "16777217", "write .zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_kind_that_is_none_is_refused(tmp_path):
    complaint(SettingsError, lambda: io.write(tmp_path / "a.tif", Volume(SCAN), kind="mask"), "'mask'", "'labels'")


def test_notes_that_json_cannot_hold_are_refused(tmp_path):
    complaint(SettingsError, lambda: io.write(tmp_path / "a.tif", Volume(SCAN), notes={"a": object()}), "the notes")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------- results, examples


def test_a_result_needs_labels_of_its_scan(tmp_path):
    scan, labels = Volume(SCAN, name="scan.tif"), Volume(SCAN[1:].astype(np.int32))
    complaint(LabelsError, lambda: io.write_result(tmp_path / "a.zarr", scan, labels, {}), "(3, 30, 40)", "scan.tif")
    complaint(FileError, lambda: io.write_result(tmp_path / "a.tif", scan, scan, {}), "call it a.zarr")
    io.write(tmp_path / "scan.zarr", scan)
    complaint(FileError, lambda: io.read_result(tmp_path / "scan.zarr"), "is no result: it holds no labels")
    complaint(FileError, lambda: io.read_example(tmp_path / "scan.zarr"), "holds no labels")
    complaint(FileError, lambda: io.read_result(tmp_path / "none.zarr"), "none.zarr is no result")


def example(folder, **files):
    folder.mkdir()
    for name, (array, spacing) in files.items():
        io.write(folder / f"{name}.tif", Volume(array, spacing))
    return folder


def test_an_example_needs_labels_and_a_scan(tmp_path):
    complaint(FileError, lambda: io.read_example(tmp_path / "none"), "is no folder")
    complaint(FileError, lambda: io.read_example(example(tmp_path / "a")), "nothing that can be read", "labels.*")
    complaint(FileError, lambda: io.read_example(example(tmp_path / "b", gridrec=(SCAN, None))), "holds gridrec.tif")
    only = example(tmp_path / "c", labels=(SCAN, None), tissue=(SCAN, None))
    complaint(FileError, lambda: io.read_example(only), "labels.tif, tissue.tif", "a scan of another name")
    twice = example(tmp_path / "d", labels=(SCAN, None), gridrec=(SCAN, None))
    np.save(twice / "gridrec.npy", SCAN)
    complaint(FileError, lambda: io.read_example(twice), "gridrec.npy and gridrec.tif", "remove one")


def test_the_files_of_an_example_show_the_same_voxels(tmp_path):
    shapes = example(tmp_path / "a", labels=(SCAN, None), gridrec=(SCAN[1:], None))
    complaint(
        LabelsError, lambda: io.read_example(shapes), "a: gridrec.tif has the shape (3, 30, 40)", "crop or resample"
    )
    sizes = example(tmp_path / "b", labels=(SCAN, (1, 1, 1)), gridrec=(SCAN, (1, 1, 2)))
    complaint(LabelsError, lambda: io.read_example(sizes), "gridrec.tif has voxels of (1.0, 1.0, 2.0) µm", "correct")


def test_every_error_is_one_of_ours(tmp_path):
    for name in ("a.tif", "a.npy", "a.h5", "a.nrrd", "a.nii", "a.png", "a.npz", "a.nii.gz", "a.nhdr"):
        (tmp_path / name).write_bytes(b"")
        text = complaint(MesophyllError, lambda name=name: io.read(tmp_path / name), f"{name} is empty")
        assert text.endswith("copy or export it again.")
