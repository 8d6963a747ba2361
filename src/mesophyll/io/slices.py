"""A folder of slices, as a beamline delivers a scan: one TIFF or PNG for each plane, in the order of its number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import FileError
from mesophyll.io import images, tiff
from mesophyll.io.base import Found, Wanted
from mesophyll.io.units import Stated

__all__ = ["find"]

_KINDS = {"TIFF": (".tif", ".tiff"), "PNG": (".png",)}


@dataclass(frozen=True)
class _Slices:
    """The planes of a volume, each in its file, decoded when it is read."""

    paths: tuple[Path, ...]
    plane: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.paths), *self.plane)

    def __getitem__(self, region: tuple[Any, ...]) -> NDArray[Any]:
        first, rest = region[0], region[1:]
        if not isinstance(first, slice):
            return np.asarray(self._load(self.paths[first])[rest])
        chosen = self.paths[first]
        if not chosen:
            return np.zeros((0, *np.zeros(self.plane, bool)[rest].shape), self.dtype)
        return np.stack([self._load(path)[rest] for path in chosen])

    def _load(self, path: Path) -> NDArray[Any]:
        try:
            plane = images.load(path)
        except Exception as error:  # whatever a foreign library raises on a damaged file
            raise FileError(
                f"{path.name} in {path.parent.name} cannot be read ({error})",
                "every slice must be whole",
                "copy it again",
            ) from error
        if plane.shape != self.plane or plane.dtype.newbyteorder("=") != self.dtype:
            raise _unlike(path, plane.shape, plane.dtype, self)
        return plane


def _unlike(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], others: _Slices) -> FileError:
    return FileError(
        f"{path.name} in {path.parent.name} is {' x '.join(map(str, shape))} {dtype}, "
        f"{others.paths[0].name} {' x '.join(map(str, others.plane))} {others.dtype}",
        "all slices have one size and type",
        "remove what is no slice of this scan",
    )


def find(wanted: Wanted) -> Found:
    """Find the slices of a folder: its TIFFs or, where there are none, its PNGs; other files are left alone."""
    kind, paths = _slices_in(wanted.path)
    plane, dtype = images.header(paths[0])
    slices = _Slices(paths, plane, dtype)
    _check_alike(slices)
    size = tiff.stated_by(paths[0], ndim=3) if kind == "TIFF" else Stated()
    return Found(slices, f"folder of {len(paths)} {kind} slices", "ZYXS"[: len(slices.shape)], size)


def _slices_in(folder: Path) -> tuple[str, tuple[Path, ...]]:
    names = sorted(folder.iterdir(), key=_natural)
    visible = [path for path in names if path.is_file() and not path.name.startswith(".")]
    for kind, suffixes in _KINDS.items():
        paths = tuple(path for path in visible if path.suffix.lower() in suffixes)
        if paths:
            return kind, paths
    told = ", ".join(path.name for path in visible[:3]) or "no file"
    raise FileError(
        f"{folder} holds {told}, but no slices",
        "a folder is read as TIFF or PNG slices",
        "check the path, or export TIFF",
    )


def _natural(path: Path) -> list[Any]:
    """Sort by the numbers in the name: slice2 before slice10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _check_alike(slices: _Slices) -> None:
    """Open every slice whose file is not as long as the first one; what slips through is met when it is read."""
    length = slices.paths[0].stat().st_size
    for path in slices.paths:
        if path.stat().st_size != length:
            shape, dtype = images.header(path)
            if (shape, dtype) != (slices.plane, slices.dtype):
                raise _unlike(path, shape, dtype, slices)
