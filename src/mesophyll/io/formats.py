"""The table of formats: which module finds and writes the files of a suffix."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesophyll.errors import FileError, MesophyllError
from mesophyll.io.base import Found, Wanted

__all__ = ["FORMATS", "WRITABLE", "Format", "format_of", "find", "split_inner", "suffix_of", "writer_of"]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Parameters
    ----------
    name
        What help texts call it.
    module
        The module of this room that knows it: imported when first needed, with its library.
    writable
        Whether it can be written, too.
    """

    name: str
    module: str
    writable: bool = True


_TIFF = Format("TIFF", "tiff")
_HDF5 = Format("HDF5", "hdf5")
_NIFTI = Format("NIfTI", "nifti")
_ZARR = Format("OME-Zarr", "ome_zarr")
_FOLDER = Format("folder of slices", "slices", writable=False)

FORMATS: dict[str, Format] = {
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".zarr": _ZARR,
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".nrrd": Format("NRRD", "nrrd_file"),
    ".nhdr": Format("NRRD with a detached header", "nrrd_file", writable=False),
    ".nii": _NIFTI,
    ".nii.gz": _NIFTI,
    ".npy": Format("NumPy", "numpy_file"),
    ".npz": Format("NumPy archive", "numpy_file", writable=False),
    ".png": Format("PNG", "images", writable=False),
}
"""What can be read, by suffix; besides these, a folder of TIFF or PNG slices."""

WRITABLE: tuple[str, ...] = tuple(suffix for suffix, kind in FORMATS.items() if kind.writable)
"""The suffixes that can be written."""

_ZARR_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")

_MAGIC = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\x89PNG": "PNG",
    b"\x89HDF": "HDF5",
    b"NRRD": "NRRD",
    b"\x93NUM": "NumPy",
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"\xff\xd8\xff": "JPEG",
}
"""How files begin: only to tell in an error what a file with a wrong suffix really is."""

_INSIDE = {".nii.gz": "gzip", ".npz": "zip", ".nhdr": "NRRD"}
"""Where a sound file begins in another way than its format's name says."""


def split_inner(path: str | Path) -> tuple[Path, str]:
    """Split ``file.h5:/inner/dataset`` into the file and what is meant in it; of other paths the second is empty."""
    match = re.fullmatch(r"(.+\.(?:h5|hdf5|npz)):(.+)", str(path), re.IGNORECASE)
    if match is None or Path(path).exists():
        return Path(path), ""
    return Path(match[1]), match[2]


def format_of(path: Path) -> Format:
    """Return the format of a file or folder that exists, or raise a `FileError`."""
    if not path.exists():
        raise FileError(f"{path} is missing", "a scan is a file or a folder of slices", "check the path")
    if path.is_dir():
        return _ZARR if path.suffix == ".zarr" or any((path / mark).exists() for mark in _ZARR_MARKS) else _FOLDER
    kind = FORMATS.get(suffix_of(path))
    if kind is None or kind is _ZARR:
        raise FileError(
            f"{path.name} is of an unknown format",
            f"read are {', '.join(FORMATS)} and folders of TIFF or PNG slices",
            "save it as TIFF",
        )
    return kind


def suffix_of(path: Path) -> str:
    """Return the suffix in small letters; ``.nii.gz`` is one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def find(path: str | Path, *, labels: bool) -> Found:
    """Find what stands in a file or folder; whatever its library raises becomes a `FileError`."""
    file, inner = split_inner(path)
    kind = format_of(file)
    module = _module(kind)
    try:
        found: Found = module.find(Wanted(file, inner, labels))
    except (MesophyllError, MemoryError):
        raise
    except Exception as error:  # a damaged file can break a foreign library in any way
        raise _unreadable(file, kind, error) from error
    return found


def _unreadable(path: Path, kind: Format, error: Exception) -> FileError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, PermissionError):
        return FileError(f"{path} cannot be opened", "it must be readable", "change its permissions")
    if path.is_file() and path.stat().st_size == 0:
        return FileError(f"{path.name} is empty", f"a {kind.name} file holds an image", "copy or export it again")
    content = _content(path)
    if content is not None and content != _INSIDE.get(suffix_of(path), kind.name):
        return FileError(
            f"{path.name} is not {kind.name}: it holds {content}", "a suffix tells the format", "rename the file"
        )
    return FileError(
        f"{path.name} cannot be read as {kind.name} ({reason})", "it is damaged or cut off", "copy or export it again"
    )


def _content(path: Path) -> str | None:
    if path.is_dir():
        return None
    with path.open("rb") as file:
        start = file.read(8)
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)


def writer_of(path: Path) -> Any:
    """Return the module that writes files of this suffix, or raise a `FileError`."""
    kind = FORMATS.get(suffix_of(path))
    if kind is None or not kind.writable:
        raise FileError(
            f"{path.name} has no suffix that can be written", f"written are {', '.join(WRITABLE)}", "choose one of them"
        )
    return _module(kind)


def _module(kind: Format) -> Any:
    return importlib.import_module(f"mesophyll.io.{kind.module}")
