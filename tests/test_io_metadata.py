"""Voxel sizes, axes and slices as other programs write them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import h5py
import nibabel
import nrrd
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from mesophyll import io
from mesophyll.io.units import micrometres
from mesophyll.volume import Volume

SCAN = np.random.default_rng(0).integers(0, 250, (4, 12, 14)).astype(np.uint8)


@pytest.mark.parametrize(
    ("length", "unit", "size_um"),
    [
        (650, "nm", 0.65),
        (0.65, "µm", 0.65),
        (0.65, "μm", 0.65),
        (0.65, "um", 0.65),
        (0.65, "micron", 0.65),
        (0.65, "\\u00B5m", 0.65),
        (0.65, "Micrometer", 0.65),
        (0.65, '"um"', 0.65),
        (0.00065, "mm", 0.65),
        (6.5e-5, "cm", 0.65),
        (1 / 25400, "inch", 1.0),
        (6.5e-7, "m", 0.65),
        (6500, "Å", 0.65),
        (6500, "angstrom", 0.65),
        (1, "pixel", None),
        (1, "", None),
        (0, "µm", None),
        (-1, "µm", None),
        (float("nan"), "µm", None),
        (float("inf"), "µm", None),
    ],
)
def test_lengths_in_any_unit_become_micrometres(length, unit, size_um):
    assert micrometres(length, unit) == size_um


# -------------------------------------------------------------------------------------------------------- TIFF


def imagej(path, scan=SCAN, *, pixels_per_unit=(2, 4), **metadata):
    tifffile.imwrite(
        path, scan, imagej=True, resolution=pixels_per_unit, metadata={"axes": "ZYX"[-scan.ndim :]} | metadata
    )
    return path


@pytest.mark.parametrize(
    ("metadata", "spacing"),
    [
        ({"unit": "um", "spacing": 3}, (3, 0.25, 0.5)),
        ({"unit": "\\u00B5m", "spacing": 3}, (3, 0.25, 0.5)),
        ({"unit": "micron", "spacing": 3.0}, (3, 0.25, 0.5)),
        ({"unit": "nm", "spacing": 300}, (0.3, 0.00025, 0.0005)),
        ({"unit": "mm", "spacing": 3}, (3000, 250, 500)),
        ({"unit": "um"}, (0.5, 0.25, 0.5)),  # slices taken as far apart as pixels
        ({"unit": "pixel", "spacing": 3}, None),
        ({"unit": "um", "spacing": 0}, None),
        ({"unit": "um", "spacing": -3}, None),
        ({}, None),
    ],
)
def test_imagej_states_the_voxel_size(tmp_path, metadata, spacing):
    scan = io.read(imagej(tmp_path / "scan.tif", **metadata))
    assert scan.spacing_um == spacing
    np.testing.assert_array_equal(scan.read(), SCAN)


def test_what_was_stated_in_vain_is_told(tmp_path):
    path = imagej(tmp_path / "scan.tif", unit="um", spacing=0)
    assert io.describe(path)["spacing_source"] == "none: ImageJ metadata states 0 um x 0.25 um x 0.5 um"
    assert io.describe(path)["spacing_um"] is None


@pytest.mark.parametrize(
    ("resolution", "unit", "spacing"),
    [
        ((72, 72), "INCH", None),
        ((300, 300), "INCH", (25400 / 300,) * 2),  # 85 µm: within what a micro-CT can have
        ((39076.923, 39076.923), "INCH", (0.65, 0.65)),
        ((20000, 10000), "CENTIMETER", (1.0, 0.5)),
        ((20000, 72), "CENTIMETER", None),
        ((1, 1), "NONE", None),
        ((20000, 10000), "NONE", None),
    ],
)
def test_a_printers_resolution_is_no_voxel_size(tmp_path, resolution, unit, spacing):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, SCAN[0], resolution=resolution, resolutionunit=unit)
    assert io.read(path).spacing_um == (None if spacing is None else pytest.approx(spacing, rel=1e-6))


@pytest.mark.parametrize(
    ("metadata", "spacing"),
    [
        ({"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 3}, (3, 0.25, 0.5)),
        (
            {f"PhysicalSize{axis}": 650 for axis in "XYZ"} | {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"},
            (0.65,) * 3,
        ),
        ({f"PhysicalSize{axis}": 1 for axis in "XYZ"} | {f"PhysicalSize{axis}Unit": "pixel" for axis in "XYZ"}, None),
        ({"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}, None),
        ({}, None),
    ],
)
def test_ome_tiff_states_the_voxel_size(tmp_path, metadata, spacing):
    path = tmp_path / "scan.ome.tif"
    tifffile.imwrite(path, SCAN, metadata={"axes": "ZYX"} | metadata)
    assert io.describe(path)["format"] == "OME-TIFF"
    assert io.read(path).spacing_um == spacing


@pytest.mark.parametrize(
    "how",
    [
        {"metadata": None},
        {"metadata": None, "compression": "zlib"},
        {"metadata": None, "compression": "lzw", "predictor": 2},
        {"compression": "zstd", "tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"ome": True, "metadata": {"axes": "TCZYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
        {"rowsperstrip": 5},
    ],
    ids=str,
)
def test_every_make_of_tiff_reads_the_same(tmp_path, how):
    scan = SCAN.astype(np.uint16) * 257
    path = tmp_path / "scan.tif"
    shape = (1, 1, *scan.shape) if how.get("ome") else scan.shape
    tifffile.imwrite(path, scan.reshape(shape), photometric="minisblack", **how)
    back = io.read(path)
    assert (back.shape, back.data.dtype) == (scan.shape, np.dtype(np.uint16))
    np.testing.assert_array_equal(back.read(), scan)
    np.testing.assert_array_equal(back.data[1:3, 4:9, 2:], scan[1:3, 4:9, 2:])


def test_pages_that_do_not_lie_together_are_one_stack(tmp_path):
    path = tmp_path / "scan.tif"
    with tifffile.TiffWriter(path) as tif:
        for plane in SCAN:
            tif.write(plane, metadata=None, contiguous=False)
    np.testing.assert_array_equal(io.read(path).read(), SCAN)


def test_a_single_page_is_a_2d_scan(tmp_path):
    path = tmp_path / "slice.TIF"
    tifffile.imwrite(path, SCAN[0])
    assert io.read(path).shape == SCAN[0].shape


def test_a_text_of_another_program_is_no_provenance(tmp_path):
    for text in ("by hand", "[1, 2]", '"x"', '{"mesophyll": 3}', '{"other": {}}'):
        path = imagej(tmp_path / "scan.tif", Info=text)
        assert io.read_notes(path) == {}


def test_a_real_slice_states_its_pixel(tmp_path):
    path = Path(__file__).parents[2] / "shared" / "data" / "grape440" / "gridrec.tif"
    if not path.exists():
        pytest.skip("the grape slice lies beside the project, not in it")
    scan = io.read(path)
    assert scan.ndim == 2
    assert scan.data[100:110, 100:110].shape == (10, 10)
    assert io.describe(path)["sample_max"] > 0


# ------------------------------------------------------------------------------------------------------ slices


def test_slices_follow_their_numbers_and_stray_files_are_left_alone(tmp_path):
    for number, plane in enumerate(SCAN, start=8):  # slice8, 9, 10, 11
        tifffile.imwrite(tmp_path / f"Slice{number}.tif", plane)
    for stray in ("Thumbs.db", "scan.log", ".DS_Store", "._Slice8.tif", "preview.png"):
        (tmp_path / stray).write_bytes(b"\0" * 20)
    (tmp_path / "dark").mkdir()
    scan = io.read(tmp_path)
    np.testing.assert_array_equal(scan.read(), SCAN)
    np.testing.assert_array_equal(scan.data[1:3, 4:9, 2:5], SCAN[1:3, 4:9, 2:5])
    np.testing.assert_array_equal(scan.data[2, :, 3], SCAN[2, :, 3])
    assert scan.data[4:4].shape == (0, 12, 14)
    assert scan.name == tmp_path.name
    assert io.describe(tmp_path)["format"] == "folder of 4 TIFF slices"


def test_slices_sort_by_every_number_in_their_names(tmp_path):
    names = ["a1_2", "a1_10", "a2_1", "a10_1"]
    for name, plane in zip(names, SCAN, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", plane)
    np.testing.assert_array_equal(io.read(tmp_path).read(), SCAN)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_slices_of_any_depth(tmp_path, dtype):
    for number, plane in enumerate(SCAN.astype(dtype)):
        imagej(tmp_path / f"{number:04}.tif", plane, unit="um")
    scan = io.read(tmp_path)
    assert scan.data.dtype == np.dtype(dtype)
    assert scan.spacing_um == (0.5, 0.25, 0.5)
    np.testing.assert_array_equal(scan.read(), SCAN)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_png_slices_and_single_pngs(tmp_path, dtype):
    scan = SCAN.astype(dtype) * (257 if dtype == "uint16" else 1)
    for number, plane in enumerate(scan):
        Image.fromarray(plane).save(tmp_path / f"{number}.png")
    back = io.read(tmp_path)
    assert back.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(back.read(), scan)
    np.testing.assert_array_equal(io.read(tmp_path / "2.png").read(), scan[2])
    assert back.spacing_um is None


def test_a_png_with_a_palette_gives_its_numbers(tmp_path):
    image = Image.fromarray(SCAN[0] % 8)
    image = image.convert("P")
    image.putpalette(list(range(256)) * 3)
    image.save(tmp_path / "tissue.png")
    np.testing.assert_array_equal(io.read_labels(tmp_path / "tissue.png").read(), np.asarray(image))


def test_a_black_and_white_png_is_a_labelling(tmp_path):
    mask = SCAN[0] > 100
    Image.fromarray(mask).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(io.read_labels(tmp_path / "mask.png").read(), mask)


# -------------------------------------------------------------------------------------------------------- HDF5


def test_hdf5_takes_the_first_image_and_states_its_voxel(tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["comment"] = "text"
        file["curve"] = np.zeros(5)
        file["raw"] = SCAN
        file["raw"].attrs["element_size_um"] = (3.0, 0.25, 0.5)
        file["label"] = SCAN.astype(np.int32)
        file["group/other"] = SCAN[::-1] + 1
    np.testing.assert_array_equal(io.read(path).read(), SCAN)
    np.testing.assert_array_equal(io.read(f"{path}:/raw").read(), SCAN)
    assert io.read(f"{path}:raw").spacing_um == (3.0, 0.25, 0.5)
    np.testing.assert_array_equal(io.read(f"{path}:/group/other").read(), SCAN[::-1] + 1)
    labels = io.read_labels(path)
    assert labels.data.dtype == np.int32
    np.testing.assert_array_equal(labels.read(), SCAN)


def test_ilastik_names_the_axes_of_an_hdf5(tmp_path):
    path = tmp_path / "scan.h5"
    tags = {"axes": [{"key": key} for key in "tzyxc"]}
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("exported_data", data=SCAN[None, ..., None])
        dataset.attrs["axistags"] = json.dumps(tags)
        dataset.attrs["element_size_um"] = (3.0, 0.25, 0.5)
    scan = io.read(path)
    np.testing.assert_array_equal(scan.read(), SCAN)
    np.testing.assert_array_equal(scan.data[1:3, 2], SCAN[1:3, 2])
    assert scan.spacing_um == (3.0, 0.25, 0.5)


def test_a_plane_with_one_channel_takes_the_voxel_of_its_plane(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        dataset = file.create_dataset("exported_data", data=SCAN[0][..., None])
        dataset.attrs["axistags"] = json.dumps({"axes": [{"key": key} for key in "yxc"]})
        dataset.attrs["element_size_um"] = (3.0, 0.25, 0.5)
    assert io.read(tmp_path / "scan.h5").spacing_um == (0.25, 0.5)


# -------------------------------------------------------------------------------------------------------- NRRD


SIZES = {"space directions": np.diag([0.5, 0.25, 3.0])}


@pytest.mark.parametrize(
    ("header", "spacing"),
    [
        (SIZES | {"space dimension": 3, "space units": ["um"] * 3}, (3, 0.25, 0.5)),
        (SIZES | {"space dimension": 3, "space units": ["mm"] * 3}, (3000, 250, 500)),
        ({"spacings": [0.5, 0.25, 3], "units": ["micron"] * 3}, (3, 0.25, 0.5)),
        ({"space directions": SIZES["space directions"] / 1000, "space": "left-posterior-superior"}, (3, 0.25, 0.5)),
        (SIZES | {"space": "left-posterior-superior"}, None),  # 3 mm is no voxel of a micro-CT
        ({"spacings": [0.0, 0.0, 0.0], "units": ["um"] * 3}, None),
        ({"spacings": [np.nan, np.nan, np.nan]}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_nrrd_states_the_voxel_size(tmp_path, header, spacing, encoding):
    path = tmp_path / "scan.nrrd"
    nrrd.write(str(path), SCAN.T, header | {"encoding": encoding})
    scan = io.read(path)
    assert scan.spacing_um == spacing
    np.testing.assert_array_equal(scan.read(), SCAN)


@pytest.mark.parametrize(
    ("size", "unit", "spacing"), [(0.65, "µm", 0.65), (6.5e-7, "m", 0.65), (0.65, "m", 0.65), (0.65, "A", None)]
)
def test_an_nrrd_in_micrometres_is_not_taken_for_metres(tmp_path, size, unit, spacing):
    path = tmp_path / "scan.nrrd"
    lines = ["NRRD0004", "type: uint8", "dimension: 2", "sizes: 3 2", "encoding: raw"]
    lines += [f"spacings: {size} {size}", f'units: "{unit}" "{unit}"', "", ""]
    path.write_bytes("\n".join(lines).encode() + bytes(6))
    assert io.read(path).spacing_um == (None if spacing is None else (spacing, spacing))


def test_turned_axes_of_an_nrrd_keep_their_lengths(tmp_path):
    path = tmp_path / "scan.nrrd"
    turned = np.array([[0, 0.5, 0], [0.25, 0, 0], [0, 0, -3.0]])
    header = {"space dimension": 3, "space directions": turned, "space units": ["um"] * 3, "space origin": [1, 2, 3]}
    nrrd.write(str(path), SCAN.T, header)
    assert io.read(path).spacing_um == (3, 0.25, 0.5)
    assert io.read(path).origin_um == (0, 0, 0)


@pytest.mark.parametrize("dtype", ["<i2", ">u2", "<f4", ">f8", "<u4"])
@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_nrrd_of_every_type_and_byte_order(tmp_path, dtype, encoding):
    path = tmp_path / "scan.nrrd"
    scan = (SCAN.astype(int) * 3).astype(dtype)
    nrrd.write(str(path), scan.T, {"encoding": encoding})
    np.testing.assert_array_equal(io.read(path).read(), scan)
    assert io.read(path).data.dtype == scan.dtype.newbyteorder("=")


def test_a_detached_nrrd_header_finds_its_data(tmp_path):
    path = tmp_path / "scan.nhdr"
    nrrd.write(str(path), SCAN.T, {"encoding": "gzip"}, detached_header=True)
    np.testing.assert_array_equal(io.read(path).read(), SCAN)


def test_nrrd_writes_what_its_own_library_reads(tmp_path):
    path = tmp_path / "scan.nrrd"
    for kind in ("image", "labels"):
        io.write(path, Volume(SCAN, (3, 0.25, 0.5), (30, 20, 10)), kind=kind, notes={"name": "µ\nleaf"})
        data, header = nrrd.read(str(path))
        np.testing.assert_array_equal(data.T, SCAN)
        np.testing.assert_array_equal(header["space directions"], np.diag([0.5, 0.25, 3.0]))
        np.testing.assert_array_equal(header["space origin"], [10, 20, 30])
        assert header["space units"] == ["um", "um", "um"]
        assert io.read_notes(path) == {"name": "µ\nleaf"}


# ------------------------------------------------------------------------------------------------------- NIfTI


@pytest.mark.parametrize(
    ("unit", "zooms", "spacing"),
    [
        ("micron", (0.5, 0.25, 3), (3, 0.25, 0.5)),
        ("mm", (0.0005, 0.00025, 0.003), (3, 0.25, 0.5)),
        ("meter", (5e-7, 2.5e-7, 3e-6), (3, 0.25, 0.5)),
        ("unknown", (0.0005, 0.00025, 0.003), (3, 0.25, 0.5)),
        ("unknown", (1, 1, 1), None),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_states_the_voxel_size(tmp_path, unit, zooms, spacing, suffix):
    path = tmp_path / f"scan{suffix}"
    image = nibabel.Nifti1Image(SCAN.T, np.diag([*zooms, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    scan = io.read(path)
    assert scan.spacing_um == (None if spacing is None else pytest.approx(spacing, rel=1e-6))
    np.testing.assert_array_equal(scan.read(), SCAN)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_scaled_nifti_gives_grey_values(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    image = nibabel.Nifti1Image(SCAN.T, np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, path)
    scan = io.read(path)
    assert scan.data.dtype == np.float32
    np.testing.assert_allclose(scan.read(), np.asarray(nibabel.load(path).dataobj).T, rtol=1e-6)
    np.testing.assert_allclose(scan.data[1:3, 2:5], scan.read()[1:3, 2:5])


def test_nifti_writes_what_its_own_library_reads(tmp_path):
    for suffix in (".nii", ".nii.gz"):
        path = tmp_path / f"scan{suffix}"
        io.write(path, Volume(SCAN, (3, 0.25, 0.5), (30, 20, 10)), notes={"seed": 1})
        image = nibabel.load(path)
        np.testing.assert_array_equal(np.asarray(image.dataobj).T, SCAN)
        assert image.header.get_xyzt_units()[0] == "micron"
        np.testing.assert_allclose(image.affine, [[0.5, 0, 0, 10], [0, 0.25, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])


def test_long_nifti_axes_need_the_second_version(tmp_path):
    path = tmp_path / "strip.nii"
    strip = np.arange(2 * 40_000, dtype=np.uint32).reshape(2, 40_000)
    io.write(path, Volume(strip, (1, 1)))
    assert isinstance(nibabel.load(path), nibabel.Nifti2Image)
    np.testing.assert_array_equal(io.read(path).read(), strip)


# ------------------------------------------------------------------------------------------------------- NumPy


def test_numpy_files_in_any_order(tmp_path):
    np.save(tmp_path / "fortran.npy", np.asfortranarray(SCAN))
    np.savez(tmp_path / "one.npz", SCAN)
    np.savez_compressed(tmp_path / "two.npz", raw=SCAN, other=np.asfortranarray(SCAN[::-1]))
    np.testing.assert_array_equal(io.read(tmp_path / "fortran.npy").read(), SCAN)
    np.testing.assert_array_equal(io.read(tmp_path / "one.npz").read(), SCAN)
    np.testing.assert_array_equal(io.read(f"{tmp_path / 'two.npz'}:raw").read(), SCAN)
    np.testing.assert_array_equal(io.read(f"{tmp_path / 'two.npz'}:other").data[1], SCAN[::-1][1])


# ---------------------------------------------------------------------------------------------------- OME-Zarr


def ome_zarr(path, scan, version, axes, scale, **multiscale):
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("s0", data=scan, chunks=tuple(min(5, length) for length in scan.shape))
    group.create_array("s1", data=scan[..., ::2, ::2])
    half = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": [step / 2 for step in scale]}]
    levels = [{"path": name, "coordinateTransformations": half} for name in ("s0", "s1")]
    ome = {"multiscales": [{"version": version, "axes": axes, "datasets": levels, **multiscale}]}
    group.attrs.update(ome if version == "0.4" else {"ome": {"version": version} | ome})
    return path


def axes_of(letters, unit):
    kinds = {"t": "time", "c": "channel"}
    return [{"name": axis, "type": kinds.get(axis, "space")} | ({} if axis in kinds else unit) for axis in letters]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("unit", "scale", "spacing"),
    [
        ({"unit": "micrometer"}, [3, 0.25, 0.5], (3, 0.25, 0.5)),
        ({"unit": "nanometer"}, [3000, 250, 500], (3, 0.25, 0.5)),
        ({"unit": "micrometer"}, [0, 0.25, 0.5], None),
        ({}, [1, 1, 1], None),
    ],
)
def test_ome_zarr_states_the_voxel_size(tmp_path, version, unit, scale, spacing):
    path = ome_zarr(tmp_path / "scan.zarr", SCAN, version, axes_of("zyx", unit), scale)
    scan = io.read(path)
    assert io.describe(path)["format"] == f"OME-Zarr {version}"
    assert scan.spacing_um == spacing
    np.testing.assert_array_equal(scan.read(), SCAN)


def test_single_channels_and_times_of_an_ome_zarr_are_dropped(tmp_path):
    axes = axes_of("tczyx", {"unit": "micrometer"})
    shift = [{"type": "scale", "scale": [1, 1, 2, 2, 2]}, {"type": "translation", "translation": [0, 0, 5, 0, 1]}]
    path = ome_zarr(
        tmp_path / "scan", SCAN[None, None], "0.4", axes, [1, 1, 3, 0.25, 0.5], coordinateTransformations=shift
    )
    scan = io.read(path)  # a folder without the suffix, told by its metadata
    np.testing.assert_array_equal(scan.read(), SCAN)
    np.testing.assert_array_equal(scan.data[1:3, 4], SCAN[1:3, 4])
    assert scan.spacing_um == (6, 0.5, 1)
    assert scan.origin_um == (3 + 5, 0.25, 0.5 + 1)


def test_the_first_image_of_a_converted_collection_is_read(tmp_path):
    group = zarr.open_group(tmp_path / "scan.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    ome_zarr(tmp_path / "scan.zarr" / "0", SCAN, "0.4", axes_of("zyx", {}), [1, 1, 1])
    np.testing.assert_array_equal(io.read(tmp_path / "scan.zarr").read(), SCAN)


def test_a_bare_zarr_array_is_a_scan_without_voxel_size(tmp_path):
    zarr.create_array(tmp_path / "scan.zarr", data=SCAN)
    assert io.read(tmp_path / "scan.zarr").spacing_um is None
    np.testing.assert_array_equal(io.read(tmp_path / "scan.zarr").read(), SCAN)


def test_labels_of_other_programs_beside_an_image_are_found(tmp_path):
    path = ome_zarr(tmp_path / "scan.zarr", SCAN, "0.4", axes_of("zyx", {}), [1, 1, 1])
    ome_zarr(path / "labels" / "nuclei", SCAN // 9, "0.4", axes_of("zyx", {}), [1, 1, 1])
    zarr.open_group(path / "labels", mode="a", zarr_format=2).attrs["labels"] = ["nuclei"]
    np.testing.assert_array_equal(io.read_labels(path).read(), SCAN // 9)


def test_gzipped_files_are_unpacked_once(tmp_path):
    path = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(SCAN.T, np.eye(4)), path)
    data = io.read(path).data
    np.testing.assert_array_equal(data[1], SCAN[1])
    path.write_bytes(gzip.compress(b"gone"))
    np.testing.assert_array_equal(data[2], SCAN[2])
