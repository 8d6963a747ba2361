"""What is written reads back equal, lazily, and nothing half-written is ever left."""

from __future__ import annotations

import json
import pickle
import sys
import tempfile
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from mesophyll import io
from mesophyll.volume import Volume

ALL = list(io.WRITABLE)
WITH_SPACING = [suffix for suffix in ALL if suffix != ".npy"]
SHAPES = {"2D": (31, 45), "3D": (5, 31, 45)}
ANISOTROPIC = (1.3, 0.65, 0.1625)


def scan_of(shape, dtype, seed=0):
    values = np.random.default_rng(seed).random(shape)
    return (values * 250 if np.dtype(dtype).kind == "u" else values).astype(dtype)


def labels_of(shape, highest=9, seed=1):
    return np.random.default_rng(seed).integers(0, highest + 1, shape).astype(np.int32)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int16"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("suffix", ALL)
def test_a_scan_reads_back_equal(tmp_path, suffix, shape, dtype):
    scan = scan_of(shape, dtype)
    spacing = ANISOTROPIC[-len(shape) :]
    path = tmp_path / f"scan{suffix}"
    io.write(path, Volume(scan, spacing))
    back = io.read(path)
    assert back.data.dtype == np.dtype(dtype)
    assert back.name == path.name
    np.testing.assert_array_equal(back.read(), scan)
    assert back.spacing_um == (pytest.approx(spacing, rel=1e-6) if suffix in WITH_SPACING else None)


@pytest.mark.parametrize("highest", [9, 70_000], ids=["few", "many"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("suffix", ALL)
def test_labels_read_back_equal_with_the_unknown(tmp_path, suffix, shape, highest):
    labels = labels_of(shape, highest)
    labels[..., 0] = -1
    path = tmp_path / f"labels{suffix}"
    io.write(path, Volume(labels, ANISOTROPIC[-len(shape) :]), kind="labels", notes={"model": "µ", "seed": 3})
    back = io.read_labels(path)
    np.testing.assert_array_equal(back.read(), labels)
    assert io.read_notes(path) == ({"model": "µ", "seed": 3} if suffix in WITH_SPACING else {})
    if suffix in WITH_SPACING:
        assert back.spacing_um == pytest.approx(ANISOTROPIC[-len(shape) :], rel=1e-6)


@pytest.mark.parametrize("suffix", [".zarr", ".nrrd", ".nii", ".nii.gz"])
def test_a_crop_keeps_its_place_in_a_file(tmp_path, suffix):
    whole = Volume(scan_of((6, 20, 20), "uint8"), ANISOTROPIC)
    crop = whole.crop((slice(2, 6), slice(10, 20), slice(4, 20)))
    path = tmp_path / f"crop{suffix}"
    io.write(path, crop)
    assert io.read(path).origin_um == pytest.approx((2.6, 6.5, 0.65), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    scan=hnp.arrays(
        st.sampled_from(["uint8", "uint16", "float32", "int32", ">u2", "float16"]),
        hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=7),
        elements={"allow_nan": False, "allow_infinity": False},
    ),
    suffix=st.sampled_from(ALL),
    spacing=st.floats(0.01, 100),
)
def test_any_shape_and_type_reads_back_equal(scan, suffix, spacing):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"scan{suffix}"
        io.write(path, Volume(scan, (spacing,) * scan.ndim))
        back = io.read(path)
        np.testing.assert_array_equal(back.read(), scan)
        assert back.data.dtype.isnative
        if suffix in WITH_SPACING:
            assert back.spacing_um == pytest.approx((spacing,) * scan.ndim, rel=1e-6)
        del back


# ---------------------------------------------------------------------------------------------- lazy reading


@pytest.mark.parametrize("suffix", ALL)
def test_a_region_is_the_whole_cropped(tmp_path, suffix):
    scan = scan_of((9, 31, 45), "uint16")
    path = tmp_path / f"scan{suffix}"
    io.write(path, Volume(scan))
    data = io.read(path).data
    for region in [np.s_[2:5, 3:9, 40:], np.s_[4], np.s_[..., 7], np.s_[1:3], np.s_[8, 2:4, :], np.s_[3, 4, 5]]:
        np.testing.assert_array_equal(data[region], scan[region])
    np.testing.assert_array_equal(np.asarray(data), scan)
    with pytest.raises(IndexError, match="4 indices for the 3 axes"):
        data[0, 0, 0, 0]


@pytest.mark.parametrize("suffix", ALL)
def test_a_volume_travels_to_another_process_as_an_address(tmp_path, suffix):
    scan = scan_of((4, 200, 200), "uint16")
    path = tmp_path / f"scan{suffix}"
    io.write(path, Volume(scan, ANISOTROPIC))
    parcel = pickle.dumps(io.read(path))
    assert len(parcel) < 2000
    np.testing.assert_array_equal(pickle.loads(parcel).read(), scan)


@pytest.mark.parametrize("suffix", [".tif", ".zarr", ".h5", ".nii.gz"])
def test_threads_read_the_same_file(tmp_path, suffix):
    labels = labels_of((16, 60, 70))
    path = tmp_path / f"labels{suffix}"
    io.write(path, Volume(labels), kind="labels")
    data = io.read_labels(path).data
    with ThreadPoolExecutor(8) as pool:
        planes = list(pool.map(lambda z: data[z], list(range(16)) * 4))
    np.testing.assert_array_equal(np.stack(planes), np.concatenate([labels] * 4))


def test_what_was_read_is_ours(tmp_path):
    path = tmp_path / "scan.npy"
    np.save(path, scan_of((4, 5, 6), "uint8"))
    block = io.read(path).data[1:3]
    block[:] = 0
    assert np.load(path)[1:3].any()


def four_gigabytes(path):
    """Make a file of 4 GB that takes no room on disk."""
    shape = (1024, 2048, 2048)
    if path.suffix == ".tif":
        tifffile.memmap(path, shape=shape, dtype="uint8", bigtiff=True, metadata={"axes": "ZYX"}).flush()
    elif path.suffix == ".npy":
        np.lib.format.open_memmap(path, "w+", "uint8", shape).flush()
    elif path.suffix == ".zarr":
        zarr.create_array(path, shape=shape, chunks=(64, 64, 64), dtype="uint8")
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("raw", shape, "uint8", chunks=(64, 64, 64))
    return shape


@pytest.mark.skipif(sys.platform != "linux", reason="only there files of nothing take no room everywhere")
@pytest.mark.parametrize("suffix", [".tif", ".npy", ".zarr", ".h5"])
def test_four_gigabytes_open_in_no_time_and_memory(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    shape = four_gigabytes(path)
    io.read(path)  # the library is imported here
    tracemalloc.start()
    start = time.perf_counter()
    scan, told = io.read(path), io.describe(path)
    assert not scan.data[500:510, 1000:1100, :50].any()
    seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert scan.shape == told["shape"] == shape
    assert seconds < 2  # 0.1 where nothing else runs
    assert peak < 50e6


class Counting:
    """A lazy source that remembers the largest block that was asked of it."""

    shape = (48, 1024, 1024)
    dtype = np.dtype(np.uint16)
    largest = 0

    def __getitem__(self, region):
        sizes = [len(range(*axis.indices(length))) for axis, length in zip(region, self.shape, strict=True)]
        self.largest = max(self.largest, int(np.prod(sizes)))
        return np.zeros(sizes, self.dtype)


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".zarr", ".h5", ".nrrd", ".nii"])
def test_a_lazy_volume_is_written_in_slabs(tmp_path, suffix):
    source = Counting()
    io.write(tmp_path / f"scan{suffix}", Volume(source))
    assert 0 < source.largest <= 2**24 < np.prod(source.shape)


def test_a_file_can_be_written_onto_itself(tmp_path):
    path = tmp_path / "scan.tif"
    scan = scan_of((4, 20, 20), "uint16")
    io.write(path, Volume(scan, (1, 1, 1)))
    io.write(path, io.read(path, spacing_um=2))
    assert io.read(path).spacing_um == (2, 2, 2)
    np.testing.assert_array_equal(io.read(path).read(), scan)


def test_the_arrays_of_the_caller_stay_as_they_are(tmp_path):
    scan, labels = scan_of((4, 20, 20), "float32"), labels_of((4, 20, 20))
    before = scan.copy(), labels.copy()
    scan.flags.writeable = labels.flags.writeable = False
    for suffix in ALL:
        io.write(tmp_path / f"scan{suffix}", Volume(scan))
        io.write(tmp_path / f"labels{suffix}", Volume(labels), kind="labels")
    np.testing.assert_array_equal(scan, before[0])
    np.testing.assert_array_equal(labels, before[1])


# ------------------------------------------------------------------------------------------ for other programs


def test_a_label_tiff_is_one_that_imagej_opens(tmp_path):
    path = tmp_path / "labels.tif"
    labels = labels_of((5, 31, 45))
    io.write(path, Volume(labels, ANISOTROPIC), kind="labels", notes={"seed": 3})
    with tifffile.TiffFile(path) as tif:
        told = tif.imagej_metadata
        assert (told["images"], told["slices"], told["unit"], told["spacing"]) == (5, 5, "um", 1.3)
        assert json.loads(told["Info"]) == {"mesophyll": {"seed": 3}}
        assert len(tif.pages) == 5  # ImageJ walks along the pages of a compressed stack
        for page in tif.pages:
            assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
            assert page.predictor == 1
        x, y = (tif.pages[0].tags[name].value for name in ("XResolution", "YResolution"))
        assert (x[1] / x[0], y[1] / y[0]) == pytest.approx((0.1625, 0.65))
        assert not tif.is_bigtiff
    array = tifffile.imread(path)
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array, labels)


@pytest.mark.parametrize(
    ("lowest", "highest", "dtype"),
    [(0, 65_535, "uint16"), (0, 65_536, "float32"), (-1, 9, "float32"), (0, 2**24, "float32")],
)
def test_label_tiffs_are_uint16_where_that_fits_and_float32_else(tmp_path, lowest, highest, dtype):
    path = tmp_path / "labels.tif"
    labels = np.array([[lowest, 1], [highest, highest - 1]], np.int32)
    io.write(path, Volume(labels), kind="labels")
    assert tifffile.imread(path).dtype == dtype
    np.testing.assert_array_equal(tifffile.imread(path).astype(int), labels)


def test_a_scan_beyond_imagej_becomes_an_ome_tiff(tmp_path, monkeypatch):
    from mesophyll.io import tiff

    monkeypatch.setattr(tiff, "_IMAGEJ_BYTES", 1000)  # instead of 4 GB
    path = tmp_path / "scan.tif"
    scan = scan_of((5, 31, 45), "uint8")
    io.write(path, Volume(scan, ANISOTROPIC), notes={"seed": 3})
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
        assert tif.is_ome
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [pixels[f"PhysicalSize{letter}"] for letter in "ZYX"] == list(ANISOTROPIC)
    assert pixels["PhysicalSizeXUnit"] == "µm"
    back = io.read(path)
    np.testing.assert_array_equal(back.read(), scan)
    assert back.spacing_um == ANISOTROPIC
    assert io.read_notes(path) == {"seed": 3}


def test_an_ome_zarr_has_levels_that_lie_over_each_other(tmp_path):
    path = tmp_path / "scan.zarr"
    z, y, x = np.indices((6, 80, 520), dtype=np.float32)
    ramp = z + 2 * y + 3 * x
    io.write(path, Volume(ramp, (1.0, 0.5, 0.25), (10.0, 20.0, 30.0)))
    group = zarr.open_group(path, mode="r")
    multiscale = group.attrs["ome"]["multiscales"][0]
    assert [level["path"] for level in multiscale["datasets"]] == ["0", "1", "2"]
    assert group["1"].shape == (6, 40, 260)
    assert group["2"].shape == (6, 40, 130)  # a thin axis stays
    for level in multiscale["datasets"]:
        scale, translation = (np.array(list(change.values())[1]) for change in level["coordinateTransformations"])
        place_um = np.stack(np.indices(group[level["path"]].shape), -1) * scale + translation
        at = (place_um - [10, 20, 30]) / [1.0, 0.5, 0.25]
        np.testing.assert_allclose(group[level["path"]][:], at @ [1, 2, 3], rtol=1e-5)


def test_coarse_levels_of_labels_hold_no_new_numbers(tmp_path):
    path = tmp_path / "labels.zarr"
    labels = np.zeros((300, 300), np.int32)
    labels[:, 150:] = 7
    io.write(path, Volume(labels), kind="labels")
    coarse = zarr.open_group(path, mode="r")["1"]
    assert coarse.dtype == np.int32
    np.testing.assert_array_equal(np.unique(coarse[:]), [0, 7])


# ------------------------------------------------------------------------------------------ results, examples


def test_a_result_keeps_scan_labels_and_notes_together(tmp_path):
    path = tmp_path / "leaf.zarr"
    scan, labels = scan_of((5, 31, 45), "uint16"), labels_of((5, 31, 45))
    notes = {"model": "flows", "plan": {"size": "small", "spacing_um": [1, 2, 3]}}
    io.write_result(path, Volume(scan, ANISOTROPIC, name="scan.tif"), Volume(labels), notes)
    result = io.read_result(path)
    np.testing.assert_array_equal(result.scan.read(), scan)
    np.testing.assert_array_equal(result.labels.read(), labels)
    assert result.notes == io.read_notes(path) == notes
    assert result.scan.spacing_um == result.labels.spacing_um == ANISOTROPIC
    np.testing.assert_array_equal(io.read_labels(path).read(), labels)
    np.testing.assert_array_equal(io.read_labels(path / "labels" / "cells").read(), labels)
    np.testing.assert_array_equal(io.read(path).read(), scan)


def test_a_result_follows_ome_zarr(tmp_path):
    path = tmp_path / "leaf.zarr"
    io.write_result(path, Volume(scan_of((5, 31, 45), "uint8"), ANISOTROPIC), Volume(labels_of((5, 31, 45))), {})
    group = zarr.open_group(path, mode="r")
    assert group.attrs["ome"]["version"] == group["labels"].attrs["ome"]["version"] == "0.5"
    assert group["labels"].attrs["ome"]["labels"] == ["cells"]
    cells = group["labels/cells"].attrs["ome"]
    assert cells["image-label"]["source"] == {"image": "../../"}
    axes = cells["multiscales"][0]["axes"]
    assert axes == [{"name": letter, "type": "space", "unit": "micrometer"} for letter in "zyx"]
    assert cells["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"] == list(ANISOTROPIC)


def test_a_result_replaces_an_older_one(tmp_path):
    path = tmp_path / "leaf.zarr"
    for value in (1, 2):
        io.write_result(path, Volume(np.full((20, 20), value, np.uint8)), Volume(labels_of((20, 20))), {"n": value})
    assert io.read_notes(path) == {"n": 2}
    assert io.read(path).read().max() == 2
    assert [item.name for item in tmp_path.iterdir()] == ["leaf.zarr"]


def example_folder(folder, **files):
    folder.mkdir()
    for name, (array, spacing) in files.items():
        io.write(folder / f"{name}.tif", Volume(array, spacing), kind="labels" if name == "labels" else "image")
    return folder


def test_an_example_is_labels_tissue_and_any_scans(tmp_path):
    shape, spacing = (4, 20, 20), (1.0, 1.0, 1.0)
    scan, labels = scan_of(shape, "uint8"), labels_of(shape)
    folder = example_folder(
        tmp_path / "leaf_03",
        paganin=(scan, spacing),
        gridrec=(scan // 2, None),
        labels=(labels, spacing),
        tissue=(scan % 8, spacing),
    )
    (folder / "notes.txt").write_text("by hand")
    example = io.read_example(folder)
    assert example.name == "leaf_03"
    assert [volume.name for volume in example.scans] == ["gridrec.tif", "paganin.tif"]
    np.testing.assert_array_equal(example.scans[0].read(), scan // 2)
    np.testing.assert_array_equal(example.labels.read(), labels)
    np.testing.assert_array_equal(example.tissue.read(), scan % 8)
    assert example.scans[0].spacing_um == spacing  # what one file states holds for all


def test_a_result_is_an_example(tmp_path):
    path = tmp_path / "leaf.zarr"
    labels = labels_of((20, 20))
    io.write_result(path, Volume(scan_of((20, 20), "uint8"), (1, 1)), Volume(labels), {})
    example = io.read_example(path)
    np.testing.assert_array_equal(example.labels.read(), labels)
    assert len(example.scans) == 1
    assert example.tissue is None


def test_a_description_tells_what_a_file_holds(tmp_path):
    path = tmp_path / "scan.tif"
    io.write(path, Volume(scan_of((5, 31, 45), "uint16"), ANISOTROPIC), notes={"a": 1})
    told = io.describe(path)
    assert told["format"] == "ImageJ TIFF"
    assert (told["shape"], told["axes"], told["dtype"]) == ((5, 31, 45), "ZYX", "uint16")
    assert told["spacing_um"] == ANISOTROPIC
    assert told["spacing_source"] == "ImageJ metadata: 1.3 um x 0.65 um x 0.1625 um"
    assert told["bytes_on_disk"] == path.stat().st_size
    assert 0 <= told["sample_min"] < told["sample_max"] < 250
    assert told["sample_finite"]
    json.dumps(told)


def test_the_caller_overrides_the_voxel_size(tmp_path):
    path = tmp_path / "scan.tif"
    io.write(path, Volume(scan_of((5, 31, 45), "uint16"), ANISOTROPIC))
    assert io.read(path, spacing_um=0.5).spacing_um == (0.5, 0.5, 0.5)
    assert io.read(path, spacing_um=(3, 2, 1)).spacing_um == (3, 2, 1)
