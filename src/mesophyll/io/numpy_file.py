"""NumPy: .npy, memory-mapped, and .npz, unpacked. They know no voxel size."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from mesophyll.errors import FileError
from mesophyll.io.base import Content, Found, Wanted
from mesophyll.io.slabs import planes
from mesophyll.io.unpacked import Unpacked
from mesophyll.volume import LazyArray

__all__ = ["find", "write"]


def find(wanted: Wanted) -> Found:
    """Find the array of an .npy, or of an .npz the only one or the one named after a colon."""
    if zipfile.is_zipfile(wanted.path):
        return Found(_member(wanted.path, wanted.inner), "NumPy archive")
    array: LazyArray = np.load(wanted.path, mmap_mode="r", allow_pickle=False)
    return Found(array, "NumPy")


def _member(path: Path, inner: str) -> Unpacked:
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy"): name for name in archive.namelist()}
        chosen = inner.lstrip("/") or (next(iter(names)) if len(names) == 1 else "")
        if chosen not in names:
            raise FileError(
                f"{path.name} holds the arrays {', '.join(names) or 'none at all'}",
                "one of them must be meant",
                f"pass {path.name}:{next(iter(names), 'name')}",
            )
        with archive.open(names[chosen]) as stream:
            shape, fortran, dtype = _header(stream)

    @contextmanager
    def open_stream() -> Iterator[Any]:
        with zipfile.ZipFile(path) as archive, archive.open(names[chosen]) as stream:
            _header(stream)
            yield stream

    return Unpacked(open_stream, shape, dtype, order="F" if fortran else "C")


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return reader(stream)


def write(path: Path, content: Content) -> None:
    """Write an .npy plane by plane; voxel size and notes have no place in it."""
    data = content.volume.data
    header = {"descr": npy.dtype_to_descr(np.dtype(data.dtype)), "fortran_order": False, "shape": tuple(data.shape)}
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, header)
        for plane in planes(data):
            file.write(plane.data)
