"""Scans and labels in and out: read, write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mesophyll import labels as labelling
from mesophyll.errors import SettingsError, VolumeError
from mesophyll.io import formats
from mesophyll.io.atomic import replacing
from mesophyll.io.base import Content, Found
from mesophyll.io.file_array import FileArray
from mesophyll.io.judgement import check_thick, judged
from mesophyll.volume import LazyArray, Volume, check_spacing

__all__ = ["file_array", "plain", "read", "read_labels", "read_notes", "storable", "write"]


def read(path: str | Path, *, spacing_um: float | Sequence[float] | None = None) -> Volume:
    """Read a scan: a file of any format in `FORMATS`, or a folder of slices.

    Nothing but metadata is loaded: the data are read where they are indexed, and grey values are then checked to be
    finite.

    Parameters
    ----------
    path
        The file or folder; a dataset of an HDF5 file as ``scan.h5:/raw``.
    spacing_um
        The voxel's edge lengths in µm, in the order (Z, Y, X), or one number for all; what the file states otherwise.

    Returns
    -------
    Volume
        Axes (Y, X) or (Z, Y, X); the spacing is None where neither file nor caller states one.
    """
    return _volume(path, labels=False, spacing_um=spacing_um)


def read_labels(path: str | Path) -> Volume:
    """Read labels, lazily; of an OME-Zarr or HDF5 result, its labels.

    The values are as stored: `mesophyll.labels.check` turns what was read into int32 and judges it.
    """
    return _volume(path, labels=True, spacing_um=None)


def read_notes(path: str | Path) -> dict[str, Any]:
    """Read the provenance that `write` or `write_result` left in a file; empty where there is none."""
    return dict(formats.find(path, labels=True).notes)


def _volume(path: str | Path, *, labels: bool, spacing_um: float | Sequence[float] | None) -> Volume:
    found = formats.find(path, labels=labels)
    array = file_array(found, path, labels=labels)
    spacing = found.stated.spacing_um if spacing_um is None else check_spacing(spacing_um, array.ndim)
    return Volume(array, spacing, found.origin_um, array.name)


def file_array(found: Found, path: str | Path, *, labels: bool) -> FileArray:
    """Return the spatial axes of what was found as a lazy array, judged."""
    name = Path(path).name
    keep = judged(found, name, labels=labels)
    return FileArray(found.data, name, keep, labels, reopen=(_reopen, (str(Path(path).absolute()), labels)))


def _reopen(path: str, labels: bool) -> FileArray:  # noqa: FBT001 - called by pickle, by position
    return file_array(formats.find(path, labels=labels), path, labels=labels)


def write(
    path: str | Path,
    volume: Volume,
    *,
    kind: Literal["image", "labels", "tissue"] = "image",
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Write a volume in the format of the path's suffix, in bounded memory; whole, or not at all.

    Parameters
    ----------
    path
        Its suffix is one of `WRITABLE`. An older file is replaced.
    volume
        The data may be lazy.
    kind
        Labels are written as int32; to TIFF as what ImageJ opens (uint16 where they fit, else float32, exactly). A tissue map
        keeps its type; where coarser levels are written, its codes are not averaged.
    notes
        Provenance, a table that JSON can hold; NumPy files have no place for it.
    """
    if kind not in ("image", "labels", "tissue"):
        raise SettingsError(
            f"kind = {kind!r}", "a volume is written as 'image', 'labels' or 'tissue'", "choose one of them"
        )
    check_thick(volume.shape, volume.name)
    writer = formats.writer_of(Path(path))
    ready = replace(volume, data=storable(volume, labels=kind == "labels"))
    content = Content(ready, kind != "image", plain(notes or {}))
    with replacing(path) as partial:
        writer.write(partial, content)


def plain(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notes as JSON will give them back, or say what in them it cannot hold."""
    try:
        return dict(json.loads(json.dumps(notes)))
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"the notes cannot be written ({error})",
            "they are a table that JSON can hold",
            "use text, numbers and lists",
        ) from None


@dataclass(frozen=True)
class _Converted:
    """A lazy array in the type in which it is stored."""

    source: LazyArray
    dtype: np.dtype[Any]
    name: str
    labels: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.source.shape)

    def __getitem__(self, region: Any) -> NDArray[Any]:
        block = np.asarray(self.source[region])
        return labelling.check(block, self.name) if self.labels else block.astype(self.dtype, copy=False)


def storable(volume: Volume, *, labels: bool) -> LazyArray:
    """Return the data in a type that every format holds: labels as int32, grey values in up to 32 bits or float64."""
    dtype = np.dtype(volume.data.dtype)
    if labels:
        return _Converted(volume.data, np.dtype(np.int32), volume.name, labels=True)
    if dtype.kind not in "uif" or (dtype.kind in "ui" and dtype.itemsize > 4):
        raise VolumeError(
            f"{volume.name} has the type {dtype}",
            "a scan is written in 8, 16 or 32 bits or as float",
            "write it as labels" if dtype.kind == "b" else "convert it to uint16 or float32",
        )
    wanted = np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind == "f" else dtype.newbyteorder("=")
    return _Converted(volume.data, wanted, volume.name, labels=False)
