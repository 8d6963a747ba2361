"""NIfTI, plain (memory-mapped) and gzipped (unpacked). Its axes run (X, Y, Z), its usual unit is mm."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import nibabel
import numpy as np
from nibabel.nifti1 import Nifti1Extension
from numpy.typing import NDArray

from mesophyll.io.base import Content, Found, Wanted
from mesophyll.io.slabs import planes
from mesophyll.io.units import Stated, stated
from mesophyll.io.unpacked import Unpacked
from mesophyll.volume import LazyArray, Volume

__all__ = ["find", "write"]

_UNITS = {"mm": "mm", "micron": "µm", "meter": "m"}
_LONGEST = np.iinfo(np.int16).max
"""NIfTI-1 counts voxels in 16 bits; longer axes need NIfTI-2."""

_COMMENT = 6
"""The code of a header extension that holds text."""


@dataclass(frozen=True)
class _Scaled:
    """Stored numbers turned into grey values, ``number * slope + inter``, where they are read."""

    stored: LazyArray
    slope: float
    inter: float

    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.stored.shape)

    def __getitem__(self, region: Any) -> NDArray[np.float32]:
        block: NDArray[np.float32] = np.asarray(self.stored[region]).astype(np.float32) * self.slope + self.inter
        return block.astype(np.float32, copy=False)


def find(wanted: Wanted) -> Found:
    """Find the array of a .nii or .nii.gz."""
    image: Any = nibabel.load(wanted.path)
    header, proxy = image.header, image.dataobj
    shape = tuple(int(length) for length in reversed(proxy.shape))
    stored = _stored(wanted.path, proxy, shape)
    scaled = (float(proxy.slope), float(proxy.inter)) != (1.0, 0.0)
    data = _Scaled(stored, float(proxy.slope), float(proxy.inter)) if scaled else stored
    axes = "CTZYX"[-len(shape) :] if len(shape) <= 5 else ""
    size = _stated(header, min(len(shape), 3))
    return Found(data, type(image).__name__.replace("Image", ""), axes, size, _origin(header, size), _notes(header))


def _stored(path: Path, proxy: Any, shape: tuple[int, ...]) -> LazyArray:
    dtype, offset = proxy.dtype, int(proxy.offset)
    if path.name.lower().endswith(".gz"):

        @contextmanager
        def open_stream() -> Iterator[Any]:
            with gzip.open(path) as stream:
                stream.seek(offset)
                yield stream

        return Unpacked(open_stream, shape, dtype)
    return np.memmap(path, dtype, "r", offset, shape)


def _stated(header: Any, ndim: int) -> Stated:
    """Read the voxel size; without a unit it is in mm, as every reader takes it, where that can be."""
    lengths = [float(step) for step in header.get_zooms()[:ndim]][::-1]
    unit = _UNITS.get(header.get_xyzt_units()[0])
    lengths = [float(f"{step:.7g}") for step in lengths]  # stored as float32
    place = "NIfTI header" if unit else "NIfTI header (no unit, taken as mm)"
    return stated(lengths, [unit or "mm"] * ndim, place, unless_implausible=unit is None)


def _origin(header: Any, size: Stated) -> tuple[float, ...]:
    """Return the first voxel's place where the axes are not turned."""
    affine = header.get_best_affine()
    steps = np.diag(affine)[:3]
    if size.spacing_um is None or not np.allclose(np.diag(steps), affine[:3, :3]) or (steps <= 0).any():
        return ()
    in_voxels = (affine[:3, 3] / steps)[: len(size.spacing_um)][::-1]
    return tuple(float(f"{place * um:.7g}") for place, um in zip(in_voxels, size.spacing_um, strict=True))


def _notes(header: Any) -> dict[str, Any]:
    for extension in header.extensions:
        if extension.get_code() == _COMMENT:
            try:
                table = json.loads(extension.get_content().rstrip(b"\0"))
            except ValueError:  # another program's comment
                continue
            if isinstance(table, dict) and isinstance(table.get("mesophyll"), dict):
                return dict(table["mesophyll"])
    return {}


def write(path: Path, content: Content) -> None:
    """Write NIfTI-1, or NIfTI-2 where an axis is too long for it."""
    header = _header(content.volume, content.notes)
    with path.open("wb") as file:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=file, mtime=0) as stream:
                _write_all(stream, header, content.volume)
        else:
            _write_all(file, header, content.volume)


def _header(volume: Volume, notes: Mapping[str, Any]) -> Any:
    kind = nibabel.Nifti1Header if max(volume.shape) <= _LONGEST else nibabel.Nifti2Header
    header = kind(endianness="<")
    header.set_data_dtype(np.dtype(volume.data.dtype))
    header.set_data_shape(volume.shape[::-1])
    if volume.spacing_um is not None:
        header.set_xyzt_units("micron")
        header.set_zooms(volume.spacing_um[::-1])
        steps = (*volume.spacing_um[::-1], 1.0)[:3]
        affine = np.diag([*steps, 1.0])
        affine[: volume.ndim, 3] = volume.origin_um[::-1]
        header.set_sform(affine, code="scanner")
    else:
        header.set_zooms((0.0,) * volume.ndim)
    if notes:
        header.extensions.append(Nifti1Extension(_COMMENT, json.dumps({"mesophyll": notes}).encode()))
    header["magic"] = header.single_magic
    header.set_data_offset(header.single_vox_offset + header.extensions.get_sizeondisk())
    header.set_slope_inter(1.0, 0.0)
    return header


def _write_all(file: BinaryIO | gzip.GzipFile, header: Any, volume: Volume) -> None:
    header.write_to(file)
    dtype = np.dtype(volume.data.dtype).newbyteorder("<")
    for plane in planes(volume.data):
        file.write(plane.astype(dtype, copy=False).data)
