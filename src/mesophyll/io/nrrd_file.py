"""NRRD, the format of 3D Slicer: raw data memory-mapped, compressed data unpacked. Its axes run fastest first."""

from __future__ import annotations

import bz2
import gzip
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import nrrd
import numpy as np

from mesophyll.errors import FileError
from mesophyll.io.base import Content, Found, Wanted
from mesophyll.io.slabs import planes
from mesophyll.io.units import Stated, stated
from mesophyll.io.unpacked import Unpacked
from mesophyll.volume import LazyArray, Volume

__all__ = ["find", "write"]

_TYPES = {
    "i1": "int8 int8_t|signed char",
    "u1": "uint8 uint8_t uchar|unsigned char",
    "i2": "int16 int16_t short|short int|signed short|signed short int",
    "u2": "uint16 uint16_t ushort|unsigned short|unsigned short int",
    "i4": "int32 int32_t int|signed int",
    "u4": "uint32 uint32_t uint|unsigned int",
    "i8": "int64 int64_t longlong|long long|long long int|signed long long|signed long long int",
    "u8": "uint64 uint64_t ulonglong|unsigned long long|unsigned long long int",
    "f4": "float",
    "f8": "double",
}
_DTYPES = {
    name: code for code, names in _TYPES.items() for name in (*names.split("|")[0].split(), *names.split("|")[1:])
}
_OPENERS: dict[str, Any] = {"gzip": gzip.open, "gz": gzip.open, "bzip2": bz2.open, "bz2": bz2.open}
_COLOURS = ("rgb-color", "rgba-color", "3-color", "4-color", "hsv-color", "xyz-color")
_KIND_OF_AXIS = {"time": "T", "list": "C", "vector": "C", "point": "C"} | dict.fromkeys(_COLOURS, "S")
_NOTES = "mesophyll"


@dataclass(frozen=True)
class _Place:
    """Where the data begin: in the file itself or, with a detached header, in another one."""

    path: Path
    offset: int


def find(wanted: Wanted) -> Found:
    """Find the array of an .nrrd, or of an .nhdr with the data in one file beside it."""
    with wanted.path.open("rb") as file:
        header = nrrd.read_header(file)
        place = _place(wanted.path, header, file.tell())
    axes = _axes(header)
    notes = json.loads(header.get(_NOTES, "{}"))
    return Found(_array(wanted.path, place, header), "NRRD", axes, _stated(header, axes), _origin(header, axes), notes)


def _place(path: Path, header: Mapping[str, Any], offset: int) -> _Place:
    detached = header.get("data file", header.get("datafile"))
    if detached is None:
        return _Place(path, offset)
    if not (path.parent / str(detached)).is_file():
        raise FileError(
            f"{path.name} has its data in {detached}",
            "they must lie in one file beside the header",
            "save it as one .nrrd",
        )
    return _Place(path.parent / str(detached), 0)


def _array(path: Path, place: _Place, header: Mapping[str, Any]) -> LazyArray:
    dtype = _dtype(header)
    shape = tuple(int(length) for length in reversed(header["sizes"]))
    encoding, skip = str(header["encoding"]).lower(), int(header.get("byte skip", header.get("byteskip", 0)))
    if encoding == "raw":
        size = math.prod(shape) * dtype.itemsize
        offset = place.path.stat().st_size - size if skip == -1 else place.offset + skip
        return np.memmap(place.path, dtype, "r", offset, shape)
    if encoding not in _OPENERS or skip or int(header.get("line skip", header.get("lineskip", 0))):
        raise FileError(
            f"{path.name} is encoded as {encoding}{' with skipped bytes or lines' if encoding in _OPENERS else ''}",
            "read are raw, gzip and bzip2",
            "save it again as raw or gzip",
        )

    @contextmanager
    def open_stream() -> Iterator[Any]:
        with place.path.open("rb") as file:
            file.seek(place.offset)
            with _OPENERS[encoding](file) as stream:
                yield stream

    return Unpacked(open_stream, shape, dtype)


def _dtype(header: Mapping[str, Any]) -> np.dtype[Any]:
    code = _DTYPES[str(header["type"]).lower()]
    order = {"little": "<", "big": ">"}[str(header.get("endian", "little")).lower()]
    return np.dtype(order + code)


def _axes(header: Mapping[str, Any]) -> str:
    """Return the axes' letters, slowest first; what is not said to be colour or time stands for space."""
    kinds = [str(kind).lower() for kind in header.get("kinds", ["domain"] * int(header["dimension"]))]
    spatial = iter("XYZ")
    letters = [_KIND_OF_AXIS.get(kind) or next(spatial, "?") for kind in kinds]
    return "".join(reversed(letters))


def _stated(header: Mapping[str, Any], axes: str) -> Stated:
    """Read the voxel size; a medical space without a unit is in mm, as Slicer takes it, where that can be."""
    spatial = [place for place, letter in enumerate(reversed(axes)) if letter in "XYZ"][::-1]
    if "space directions" in header:
        matrix = np.asarray(header["space directions"], dtype=float)
        lengths, units = np.sqrt(np.nansum(matrix**2, axis=1)), header.get("space units")
        units = None if units is None else [*units, *[units[0]] * len(lengths)]
        place = "space directions"
    elif "spacings" in header:
        lengths, units = np.asarray(header["spacings"], dtype=float), header.get("units")
        place = "spacings"
    else:
        return Stated()
    if units is None:
        steps = [float(lengths[axis]) for axis in spatial]
        return stated(steps, ["mm"] * len(steps), f"{place} (no unit, taken as mm)", unless_implausible=True)
    steps = [float(lengths[axis]) for axis in spatial]
    return stated(steps, [_unit(str(units[axis]), float(lengths[axis])) for axis in spatial], place)


def _unit(word: str, length: float) -> str:
    """Return a unit; of "µm" the library keeps the m, and no voxel of a micro-CT is a tenth of a millimetre long."""
    return "µm" if word.strip('"') == "m" and length > 1e-4 else word


def _origin(header: Mapping[str, Any], axes: str) -> tuple[float, ...]:
    """Return the first voxel's place where the axes are not turned and the unit is stated."""
    matrix, origin = header.get("space directions"), header.get("space origin")
    known = _stated(header, axes).spacing_um
    if matrix is None or origin is None or known is None or len(known) != len(origin):
        return ()
    steps = np.diag(np.asarray(matrix, dtype=float))
    if not np.array_equal(np.diag(steps), matrix) or (steps <= 0).any():
        return ()
    return tuple(
        float(first) / float(step) * um for first, step, um in zip(origin[::-1], steps[::-1], known, strict=True)
    )


def write(path: Path, content: Content) -> None:
    """Write an attached header and the data: labels gzipped, scans raw, so that they can be memory-mapped."""
    volume = content.volume
    with path.open("wb") as file:
        file.write("\n".join(_header(content)).encode() + b"\n\n")
        if content.labels:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=file, mtime=0) as stream:
                _write_planes(stream, volume)
        else:
            _write_planes(file, volume)


def _write_planes(file: BinaryIO | gzip.GzipFile, volume: Volume) -> None:
    dtype = np.dtype(volume.data.dtype).newbyteorder("<")
    for plane in planes(volume.data):
        file.write(plane.astype(dtype, copy=False).data)


def _header(content: Content) -> list[str]:
    volume = content.volume
    dtype = np.dtype(volume.data.dtype)
    name = {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)
    lines = ["NRRD0005", f"type: {name}", f"dimension: {volume.ndim}", f"sizes: {_row(volume.shape[::-1])}"]
    lines += ["endian: little", f"encoding: {'gzip' if content.labels else 'raw'}"]
    if volume.spacing_um is not None:
        rows = np.diag(volume.spacing_um[::-1])
        lines.insert(3, f"space dimension: {volume.ndim}")
        lines += [f"space directions: {' '.join(_vector(row) for row in rows)}"]
        lines += [f"space origin: {_vector(volume.origin_um[::-1])}"]
        lines += ["space units: " + " ".join(['"um"'] * volume.ndim)]
    return [*lines, *([f"{_NOTES}:={json.dumps(dict(content.notes))}"] if content.notes else [])]


def _row(numbers: tuple[int, ...]) -> str:
    return " ".join(str(number) for number in numbers)


def _vector(numbers: Any) -> str:
    return f"({','.join(repr(float(number)) for number in numbers)})"
