"""OME-Zarr: images and labels with a few pyramid levels; 0.4 (zarr v2) and 0.5 (zarr v3) read, 0.5 written."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from mesophyll.blocks import Region, shape_of
from mesophyll.errors import FileError
from mesophyll.io.base import Content, Found, Wanted
from mesophyll.io.slabs import SLAB_VOX, regions
from mesophyll.io.units import Stated, stated
from mesophyll.volume import Volume

__all__ = ["CELLS", "find", "read_confidence", "write", "write_labels"]

CELLS = "cells"
"""The name of the labels beside a scan."""

_NUMBER, _SURE = "label-value", "confidence"
"""Of the properties of labels: the key that OME-Zarr says, and ours."""

_VERSION = "0.5"
_CHUNK = {2: (512, 512), 3: (64, 64, 64)}
_SMALLEST = 256
"""The pyramid ends where its longest axis is no longer than this."""
_MOST_LEVELS = 5


def find(wanted: Wanted) -> Found:
    """Find the finest level of an image; as labels, those beside the image where there are any."""
    node: Any = zarr.open(wanted.path, mode="r")
    if isinstance(node, zarr.Array):
        return Found(node, "Zarr array", notes=_notes(node))
    node = node["0"] if "bioformats2raw.layout" in _ome(node) and "0" in node else node  # its first image
    group = _labels_of(node) if wanted.labels else node
    multiscales = _ome(group).get("multiscales")
    if not multiscales:
        raise FileError(
            f"{wanted.path.name} holds no image",
            "an OME-Zarr image is a group with multiscales",
            "pass the folder of one",
        )
    level = multiscales[0]["datasets"][0]
    axes = _axes(multiscales[0])
    array: Any = group[level["path"]]
    spacing, origin = _placed(multiscales[0], level, axes)
    letters = "".join(str(axis["name"]).upper() for axis in axes)
    return Found(array, f"OME-Zarr {_version(group)}", letters, spacing, origin, _notes(node))


def _labels_of(group: zarr.Group) -> zarr.Group:
    """Return the labels beside an image; the group itself where it has none."""
    if "labels" not in group:
        return group
    beside: Any = group["labels"]
    names = list(_ome(beside).get("labels", [])) or sorted(beside.group_keys())
    if not names:
        return group
    chosen: zarr.Group = beside[CELLS if CELLS in names else names[0]]
    return chosen


def _ome(group: Any) -> dict[str, Any]:
    """Return the OME metadata: under "ome" since 0.5, at the top before."""
    attributes = dict(group.attrs)
    return dict(attributes.get("ome", attributes))


def _version(group: Any) -> str:
    ome = _ome(group)
    return str(ome.get("version") or ome["multiscales"][0].get("version", "0.4"))


def _axes(multiscale: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the axes as tables; before 0.4 they were bare letters, before 0.3 always tczyx."""
    axes = multiscale.get("axes", ["t", "c", "z", "y", "x"])
    return [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]


def _placed(
    multiscale: Mapping[str, Any], level: Mapping[str, Any], axes: list[dict[str, Any]]
) -> tuple[Stated, tuple[float, ...]]:
    """Return the voxel size and the origin from the level's transformations and, on top, the whole image's."""
    steps, origin = np.ones(len(axes)), np.zeros(len(axes))
    changes = [*level.get("coordinateTransformations", []), *multiscale.get("coordinateTransformations", [])]
    for change in changes:
        scale = np.asarray(change.get("scale", np.ones(len(axes))), float)
        shift = np.asarray(change.get("translation", np.zeros(len(axes))), float)
        steps, origin = steps * scale, origin * scale + shift
    spatial = [place for place, axis in enumerate(axes) if str(axis["name"]).lower() in "zyx"]
    units = [str(axes[place].get("unit", "")) for place in spatial]
    if not any(units):
        return Stated(), ()
    size = stated([float(steps[place]) for place in spatial], units, "OME-Zarr metadata")
    if size.spacing_um is None:
        return size, ()
    ratios = [um / float(steps[place]) for um, place in zip(size.spacing_um, spatial, strict=True)]
    return size, tuple(float(origin[place]) * ratio for place, ratio in zip(spatial, ratios, strict=True))


def _notes(node: Any) -> dict[str, Any]:
    notes = node.attrs.get("mesophyll")
    return dict(notes) if isinstance(notes, Mapping) else {}


def write(path: Path, content: Content) -> None:
    """Write a group that is a multiscale image, or a multiscale label image."""
    group = zarr.create_group(path, zarr_format=3)
    _write_levels(group, content.volume, labels=content.labels)
    if content.notes:
        group.attrs["mesophyll"] = dict(content.notes)


def write_labels(
    path: Path, volume: Volume, name: str = CELLS, confidence: Sequence[float] | NDArray[Any] = ()
) -> None:
    """Add labels, under a name of their own, to an image that `write` made; and how sure the cells 1, 2, 3, ... are."""
    image = zarr.open_group(path, mode="r+")
    beside = image.require_group("labels")
    beside.attrs["ome"] = {"version": _VERSION, "labels": [*_ome(beside).get("labels", []), name]}
    about = {"source": {"image": "../../"}} | _properties(confidence)
    _write_levels(beside.create_group(name), volume, labels=True, about=about)


def _properties(confidence: Sequence[float] | NDArray[Any]) -> dict[str, Any]:
    """Return how sure cells are as OME-Zarr states what is true of single labels."""
    told = [{_NUMBER: cell, _SURE: round(float(sure), 4)} for cell, sure in enumerate(confidence, start=1)]
    return {"properties": told} if told else {}


def read_confidence(path: Path) -> dict[int, float]:
    """Read how sure the cells of an image's labels are, by their numbers; of those of which it is stated."""
    group = _labels_of(zarr.open_group(path, mode="r"))
    told = _ome(group).get("image-label", {}).get("properties", [])
    return {int(one[_NUMBER]): float(one[_SURE]) for one in told if _SURE in one}


def _write_levels(
    group: zarr.Group, volume: Volume, *, labels: bool, about: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Write an image level by level; of labels, ``about`` tells what else OME-Zarr states of them."""
    data: Any = volume.data
    factors = [(1,) * volume.ndim]
    level = _create(group, "0", volume.shape, data.dtype)
    for region in regions(volume.shape, level.chunks):
        _store(level, region, data[region])
    while max(level.shape) > _SMALLEST and len(factors) < _MOST_LEVELS:
        halved = tuple(2 if length >= 64 else 1 for length in level.shape)  # a thin axis stays as it is
        level = _write_next(group, str(len(factors)), level, halved, labels=labels)
        factors.append(tuple(old * new for old, new in zip(factors[-1], halved, strict=True)))
    group.attrs["ome"] = _metadata(volume, factors, labels=labels, about=about)


def _create(group: zarr.Group, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
    chunks = tuple(min(step, length) for step, length in zip(_CHUNK[len(shape)], shape, strict=True))
    letters = "zyx"[-len(shape) :]
    return group.create_array(name, shape=shape, chunks=chunks, dtype=dtype, dimension_names=tuple(letters))


def _store(level: Any, region: Region, block: NDArray[Any]) -> None:
    """Write a block chunk by chunk: of several at once, some would still be written after one has failed."""
    shape = shape_of(region)
    for part in regions(shape, level.chunks, size=1):
        place = tuple(slice(box.start + at.start, box.start + at.stop) for box, at in zip(region, part, strict=True))
        level[place] = block[part]


def _write_next(group: zarr.Group, name: str, finer: Any, halved: tuple[int, ...], *, labels: bool) -> Any:
    shape = tuple(length // factor for length, factor in zip(finer.shape, halved, strict=True))
    level = _create(group, name, shape, finer.dtype)
    for region in regions(shape, level.chunks, SLAB_VOX // math.prod(halved)):
        source = tuple(slice(axis.start * by, axis.stop * by) for axis, by in zip(region, halved, strict=True))
        _store(level, region, _reduced(finer[source], halved, labels=labels))
    return level


def _reduced(block: NDArray[Any], factors: tuple[int, ...], *, labels: bool) -> NDArray[Any]:
    """Halve a block along some axes: grey values by their mean, labels by taking every second voxel."""
    if labels:
        every_second: NDArray[Any] = block[tuple(slice(None, None, factor) for factor in factors)]
        return every_second
    corners = itertools.product(*(range(factor) for factor in factors))
    voxels = (block[tuple(map(slice, corner, block.shape, factors))] for corner in corners)
    kind = np.result_type(block.dtype, np.float32)
    mean: NDArray[Any] = sum((voxel.astype(kind) for voxel in voxels), np.zeros((), kind)) / math.prod(factors)
    coarser: NDArray[Any] = (np.rint(mean) if block.dtype.kind in "ui" else mean).astype(block.dtype)
    return coarser


def _metadata(
    volume: Volume, factors: list[tuple[int, ...]], *, labels: bool, about: Mapping[str, Any]
) -> dict[str, Any]:
    unit = {} if volume.spacing_um is None else {"unit": "micrometer"}
    axes = [{"name": letter, "type": "space", **unit} for letter in "zyx"[-volume.ndim :]]
    steps = volume.spacing_um or (1.0,) * volume.ndim
    datasets = [
        {"path": str(level), "coordinateTransformations": _transformations(steps, volume.origin_um, by)}
        for level, by in enumerate(factors)
    ]
    multiscale = {"name": volume.name, "axes": axes, "datasets": datasets, "type": "nearest" if labels else "mean"}
    metadata: dict[str, Any] = {"version": _VERSION, "multiscales": [multiscale]}
    if labels:
        metadata["image-label"] = {"version": _VERSION, **about}
    return metadata


def _transformations(
    steps: tuple[float, ...], origin: tuple[float, ...], factors: tuple[int, ...]
) -> list[dict[str, Any]]:
    """Place a level: a voxel of a coarser level lies in the middle of those that it stands for."""
    scale = [step * factor for step, factor in zip(steps, factors, strict=True)]
    corner = [first + step * (factor - 1) / 2 for first, step, factor in zip(origin, steps, factors, strict=True)]
    return [{"type": "scale", "scale": scale}, {"type": "translation", "translation": corner}]
