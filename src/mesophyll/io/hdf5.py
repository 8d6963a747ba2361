"""HDF5, as ilastik, PlantSeg and Fiji write it: one array of a file, its voxel size in ``element_size_um``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import FileError
from mesophyll.io.base import Content, Found, Wanted
from mesophyll.io.slabs import regions
from mesophyll.io.units import Stated, stated

__all__ = ["find", "write"]

_SCAN, _LABELS, _NOTES = "raw", "labels", "mesophyll"
_LABEL_WORDS = ("label", "seg", "cells")
_CHUNK = {2: (512, 512), 3: (64, 64, 64)}


@dataclass(frozen=True)
class _Dataset:
    """A dataset by its address: opened for each reading, so that no lock stays and any process may read it."""

    path: Path
    inner: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, region: Any) -> NDArray[Any]:
        with h5py.File(self.path, "r") as file:
            return np.asarray(file[self.inner][region])


def find(wanted: Wanted) -> Found:
    """Find the dataset named after a colon, or the first with two or three axes.

    A dataset is taken for labels by its name; of several of a kind, the one at the top of the file is meant.
    """
    with h5py.File(wanted.path, "r") as file:
        dataset = _named(file, wanted) if wanted.inner else _first(file, wanted)
        address = _Dataset(wanted.path, dataset.name, tuple(dataset.shape), dataset.dtype)
        axes = _axes(dataset)
        return Found(address, f"HDF5, {dataset.name}", axes, _stated(dataset, axes), notes=_notes(file))


def _named(file: Any, wanted: Wanted) -> Any:
    dataset = file.get(wanted.inner)
    if not isinstance(dataset, h5py.Dataset):
        raise FileError(
            f"{wanted.path.name} holds no dataset {wanted.inner}",
            f"it holds {', '.join(item.name for item in _datasets(file)) or 'none at all'}",
            "name one of them after the colon",
        )
    return dataset


def _first(file: Any, wanted: Wanted) -> Any:
    datasets = _datasets(file)
    if not datasets:
        raise FileError(f"{wanted.path.name} holds no image", "a dataset of 2 or 3 axes is looked for", "export one")
    return min(
        datasets, key=lambda item: (len(item.shape) > 3, _is_labels(item) != wanted.labels, item.name.count("/"))
    )


def _datasets(file: Any) -> list[Any]:
    """Return the datasets that could be an image, in the order of the file."""
    found: list[Any] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and len(item.shape) >= 2 and item.dtype.kind in "buifc":
            found.append(item)

    file.visititems(visit)
    return found


def _is_labels(dataset: Any) -> bool:
    return any(word in dataset.name.lower() for word in _LABEL_WORDS)


def _axes(dataset: Any) -> str:
    """Return the axes that ilastik states (``axistags``), or nothing."""
    tags = dataset.attrs.get("axistags")
    if tags is None:
        return ""
    return "".join(str(axis["key"]).upper() for axis in json.loads(tags)["axes"])


def _stated(dataset: Any, axes: str) -> Stated:
    size = dataset.attrs.get("element_size_um")
    if size is None:
        return Stated()
    ndim = sum(letter in "ZYX" for letter in axes) or min(len(dataset.shape), 3)
    lengths = [float(step) for step in np.atleast_1d(size)][-ndim:]
    return stated(lengths, ["µm"] * len(lengths), "element_size_um")


def _notes(file: Any) -> dict[str, Any]:
    """Return the provenance: a dataset of text, since an attribute ends at 64 kB."""
    return dict(json.loads(file[_NOTES][()])) if isinstance(file.get(_NOTES), h5py.Dataset) else {}


def write(path: Path, content: Content) -> None:
    """Write ``/raw`` or ``/labels``, in compressed chunks."""
    try:
        with h5py.File(path, "w", rdcc_nbytes=0) as file:  # with chunks in its cache HDF5 crashes on a full disk
            _write_dataset(file, content)
            if content.notes:
                file[_NOTES] = json.dumps(dict(content.notes))
    except RuntimeError as error:  # what h5py raises where the file cannot be closed
        raise OSError(str(error)) from error


def _write_dataset(file: Any, content: Content) -> None:
    volume = content.volume
    chunks = tuple(min(step, length) for step, length in zip(_CHUNK[volume.ndim], volume.shape, strict=True))
    dataset = file.create_dataset(
        _LABELS if content.labels else _SCAN,
        volume.shape,
        volume.data.dtype,
        chunks=chunks,
        compression="gzip",
        compression_opts=1,
        shuffle=True,
    )
    if volume.spacing_um is not None:
        dataset.attrs["element_size_um"] = volume.spacing_um
    for region in regions(volume.shape, chunks):
        dataset[region] = volume.data[region]
