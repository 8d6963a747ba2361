"""TIFF: single images and stacks, BigTIFF, as ImageJ and OME write them, raw or compressed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from mesophyll.errors import FileError, LabelsError
from mesophyll.io.base import Content, Found, Wanted
from mesophyll.io.slabs import planes
from mesophyll.io.units import Stated, stated
from mesophyll.volume import LazyArray, Volume

__all__ = ["find", "stated_by", "unbroken", "write"]

_EXACT_IN_FLOAT32 = 2**24
_IMAGEJ_BYTES = 2**32 - 2**25
"""A classic TIFF ends at 4 GiB; room for the metadata is left, as tifffile leaves it."""

_UNITS = {2: "inch", 3: "cm"}
_KNOWN_AXES = "ZYXTCS"


def find(wanted: Wanted) -> Found:
    """Find the images of a TIFF: memory-mapped where raw, decoded page by page where compressed."""
    with unbroken(wanted.path):
        tif = tifffile.TiffFile(wanted.path)
        try:
            found = _found(tif, wanted.path)
        except BaseException:
            tif.close()
            raise
    return found


def _found(tif: Any, path: Path) -> Found:
    series = tif.series
    if len(series) != 1:
        shapes = ", ".join(" x ".join(map(str, level.shape)) for level in series[:4])
        raise FileError(
            f"{path.name} holds {len(series)} stacks of images ({shapes})",
            "the slices of a scan have one size and type",
            "save the stack alone in a file",
        )
    first = series[0]
    _check_complete(tif, first, path)
    axes = _axes(first.axes)
    kind = {"imagej": "ImageJ TIFF", "ome": "OME-TIFF"}.get(first.kind, "BigTIFF" if tif.is_bigtiff else "TIFF")
    return Found(
        _array(tif, first, path), kind, axes, _stated(tif, sum(letter in "ZYX" for letter in axes)), notes=_notes(tif)
    )


def _axes(letters: str) -> str:
    """Name the axes; pages of which the file says nothing are slices."""
    named = [letter if letter in _KNOWN_AXES else "?" for letter in letters]
    return "".join(named).replace("?", "Z" if named.count("?") == 1 and "Z" not in named else "?")


def _array(tif: Any, series: Any, path: Path) -> LazyArray:
    if series.dataoffset is not None:
        tif.close()
        mapped: LazyArray = np.memmap(
            path, tif.byteorder + series.dtype.char, "r", series.dataoffset, tuple(series.shape)
        )
        return mapped
    mode = "strile" if series.keyframe.is_tiled else "page"  # strips are too small to be fetched one by one
    pages: Any = zarr.open_array(series.aszarr(chunkmode=mode), mode="r")
    return pages  # type: ignore[no-any-return]


def _check_complete(tif: Any, series: Any, path: Path) -> None:
    """Say where a file ends before its images do: of a stack cut off, tifffile still shows the first one."""
    last = series.pages[len(series.pages) - 1]
    ends = [offset + count for page in (series.keyframe, last) if page for offset, count in _segments(page)]
    promised = (tif.imagej_metadata or {}).get("images", 1)
    if promised > series.size // series.keyframe.size or last is None or max(ends, default=0) > tif.filehandle.size:
        raise _cut_off(path)


def _segments(page: Any) -> Iterator[tuple[int, int]]:
    return zip(page.dataoffsets, page.databytecounts, strict=False)


def _cut_off(path: Path) -> FileError:
    return FileError(
        f"{path.name} ends before its last image", "a file must be whole to the last voxel", "copy or export it again"
    )


@contextmanager
def unbroken(path: Path) -> Iterator[None]:
    """Raise what tifffile only logs: a chain of pages that leads beyond the file's end. Other complaints stay silent."""
    log, records = logging.getLogger("tifffile"), []

    def keep(record: logging.LogRecord) -> bool:
        records.append(record)
        return False

    def broken() -> bool:
        return any(record.levelno >= logging.ERROR and "page" in record.getMessage() for record in records)

    log.addFilter(keep)
    try:
        yield
    except Exception as error:
        if broken():
            raise _cut_off(path) from error
        raise
    finally:
        log.removeFilter(keep)
    if broken():
        raise _cut_off(path)


def stated_by(path: Path, ndim: int) -> Stated:
    """Read the voxel size that a TIFF states: of a single slice, too, for the volume that it belongs to."""
    with tifffile.TiffFile(path) as tif:
        return _stated(tif, ndim)


def _stated(tif: Any, ndim: int) -> Stated:
    if tif.is_ome:
        return _stated_ome(tif.ome_metadata, ndim)
    page = tif.pages.first
    if tif.is_imagej:
        return _stated_imagej(page, tif.imagej_metadata, ndim)
    return _stated_tags(page, ndim)


def _stated_ome(xml: str, ndim: int) -> Stated:
    image = tifffile.xml2dict(xml)["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    letters = "ZYX"[-ndim:]
    lengths = [float(pixels.get(f"PhysicalSize{letter}", 0)) for letter in letters]
    units = [pixels.get(f"PhysicalSize{letter}Unit", "µm") for letter in letters]  # OME's own default
    return stated(lengths, units, "OME-XML") if any(lengths) else Stated()


def _stated_imagej(page: Any, metadata: Mapping[str, Any], ndim: int) -> Stated:
    unit = str(metadata.get("unit", ""))
    in_plane = [_length(page, tag) for tag in ("YResolution", "XResolution")]
    printed = unit in ("inch", "cm")  # ImageJ takes these over from a printer's resolution
    depth = metadata.get("spacing")
    place = "ImageJ metadata"
    if depth is None and ndim == 3:
        place += " (distance of slices not stated, taken as in the plane)"
    lengths = [*([in_plane[1] if depth is None else float(depth)] * (ndim - 2)), *in_plane]
    return stated(lengths, [unit] * ndim, place, unless_implausible=printed) if unit else _stated_tags(page, ndim)


def _stated_tags(page: Any, ndim: int) -> Stated:
    """Read the resolution tags of a page; a printer's resolution, 72 dpi, is no voxel size."""
    unit = _UNITS.get(int(page.tags.valueof("ResolutionUnit", 1)))
    if unit is None:
        return Stated()
    in_plane = [_length(page, tag) for tag in ("YResolution", "XResolution")]
    place = "resolution tags" + (" (distance of slices taken as in the plane)" if ndim == 3 else "")
    return stated([*in_plane[1:] * (ndim - 2), *in_plane], [unit] * ndim, place, unless_implausible=True)


def _length(page: Any, tag: str) -> float:
    """Return the length of a pixel from its resolution, pixels per unit, a fraction; 0 where it is not stated."""
    pixels, units = page.tags.valueof(tag, (0, 1))
    return units / pixels if pixels else 0.0


def _notes(tif: Any) -> dict[str, Any]:
    if tif.is_ome:
        image = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]
        text = (image[0] if isinstance(image, list) else image).get("Description", "")
    else:
        text = (tif.imagej_metadata or {}).get("Info", "")
    try:
        table = json.loads(text).get("mesophyll")
    except (ValueError, AttributeError, TypeError):  # another program's text
        return {}
    return table if isinstance(table, dict) else {}


def write(path: Path, content: Content) -> None:
    """Write a TIFF that ImageJ opens: labels compressed, as uint16 where they fit and else as float32.

    What ImageJ's own format cannot hold - other types, and more than 4 GB - becomes an OME-TIFF.
    """
    volume = content.volume
    dtype = _label_type(volume) if content.labels else np.dtype(volume.data.dtype)
    size = int(np.prod(volume.shape)) * dtype.itemsize
    imagej = dtype.name in ("uint8", "uint16", "float32") and size < _IMAGEJ_BYTES
    pages = (np.asarray(plane, dtype) for plane in planes(volume.data))
    with tifffile.TiffWriter(path, imagej=imagej, ome=not imagej, bigtiff=size >= _IMAGEJ_BYTES) as tif:
        tif.write(
            pages,
            shape=volume.shape,
            dtype=dtype,
            photometric="minisblack",
            compression="zlib" if content.labels else None,
            metadata=(_imagej_metadata if imagej else _ome_metadata)(volume, content.notes),
            **(_imagej_resolution(volume) if imagej else {}),
        )


def _label_type(volume: Volume) -> np.dtype[Any]:
    """Return the smallest type that ImageJ opens and that holds every label exactly; a tissue map keeps its bytes."""
    if volume.data.dtype == np.uint8:
        return np.dtype(np.uint8)
    low, high = 0, 0
    for plane in planes(volume.data):
        low, high = min(low, int(plane.min())), max(high, int(plane.max()))
    if low >= 0 and high <= np.iinfo(np.uint16).max:
        return np.dtype(np.uint16)
    if high <= _EXACT_IN_FLOAT32:
        return np.dtype(np.float32)
    raise LabelsError(
        f"the labels run up to {high}",
        f"a TIFF for ImageJ holds whole numbers up to {_EXACT_IN_FLOAT32}",
        "renumber the cells from 1, or write .zarr",
    )


def _imagej_metadata(volume: Volume, notes: Mapping[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "ZYX"[-volume.ndim :]}
    if volume.spacing_um is not None:
        metadata |= {"unit": "um"} | ({"spacing": volume.spacing_um[0]} if volume.ndim == 3 else {})
    return metadata | ({"Info": json.dumps({"mesophyll": notes})} if notes else {})


def _imagej_resolution(volume: Volume) -> dict[str, Any]:
    if volume.spacing_um is None:
        return {}
    y, x = volume.spacing_um[-2:]
    return {"resolution": (1 / x, 1 / y), "resolutionunit": "NONE"}


def _ome_metadata(volume: Volume, notes: Mapping[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "ZYX"[-volume.ndim :]}
    letters = "ZYX"[-volume.ndim :]
    for letter, step in zip(letters, volume.spacing_um or (), strict=False):
        metadata |= {f"PhysicalSize{letter}": step, f"PhysicalSize{letter}Unit": "µm"}
    return metadata | ({"Description": json.dumps({"mesophyll": notes})} if notes else {})
