"""A training example: one labelled leaf with all its scans, as a folder of files or as one OME-Zarr."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mesophyll.cuts import Cut
from mesophyll.errors import FileError, LabelsError
from mesophyll.io import files, formats
from mesophyll.io.atomic import replacing
from mesophyll.io.base import Content
from mesophyll.io.files import plain
from mesophyll.labels import UNKNOWN, check, split_pieces
from mesophyll.position import upright
from mesophyll.volume import Volume

__all__ = ["Example", "read_example", "write_example"]

_LABELS, _TISSUE, _CONFIDENCE = "labels", "tissue", "confidence"
_BESIDE = (_TISSUE, _CONFIDENCE)
"""What may lie beside labels and scans."""


@dataclass(frozen=True)
class Example:
    """A labelled leaf.

    Parameters
    ----------
    name
        The folder's name.
    scans
        One or more scans of the same voxels (gridrec, paganin, ...), in the order of their names.
    labels
        The cells: 0 background, > 0 cells, -1 unknown.
    tissue
        The tissue map, 255 where it is unknown, or None.
    confidence
        How far to trust each voxel of the labels, from 0 to 1, or None.
    """

    name: str
    scans: tuple[Volume, ...]
    labels: Volume
    tissue: Volume | None = None
    confidence: Volume | None = None

    def section(self, cut: Cut) -> Example:
        """Return what a section shows of it, as images; what it cuts into pieces are cells of their own there."""
        labels = cut.flat(self.labels)
        cells = split_pieces(check(labels.read(), self.labels.name))
        tissue, confidence = (volume and cut.flat(volume) for volume in (self.tissue, self.confidence))
        return Example(self.name, tuple(map(cut.flat, self.scans)), replace(labels, data=cells), tissue, confidence)

    def upright(self, through: int) -> Example:
        """Return it made upright, where this axis leads through the leaf; see `mesophyll.position.upright`."""
        tissue, confidence = (volume and upright(volume, through) for volume in (self.tissue, self.confidence))
        scans = tuple(upright(scan, through) for scan in self.scans)
        return Example(self.name, scans, upright(self.labels, through), tissue, confidence)


def read_example(folder: str | Path) -> Example:
    """Read a folder with ``labels.*`` or ``tissue.*``, or both, and scans of other names; or an OME-Zarr.

    Without ``labels.*``, nobody knows any cell: all labels are -1. ``confidence.*`` says how far to trust them.

    An OME-Zarr is an image with its labels, and perhaps a label image ``tissue`` and other images in groups within it, of
    which one may be ``confidence``.

    Raises
    ------
    FileError
        Where the folder holds no labels, or no scan, or two files of one name.
    LabelsError
        Where shapes or voxel sizes disagree.
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileError(f"{place} is no folder", "an example is a folder with labels and scans", "check the path")
    if formats.format_of(place).module == "ome_zarr":
        return _checked(_from_zarr(place))
    found = _files(place)
    if not {_LABELS, _TISSUE} & set(found) or set(found) <= {_LABELS, *_BESIDE}:
        raise FileError(
            f"{place} holds {', '.join(sorted(path.name for path in found.values())) or 'nothing that can be read'}",
            "an example has a file labels.* or tissue.*, and a scan of another name",
            "add what is missing",
        )
    scans = tuple(files.read(path) for name, path in sorted(found.items()) if name not in (_LABELS, *_BESIDE))
    tissue, confidence = (files.read(found[name]) if name in found else None for name in _BESIDE)
    labels = files.read_labels(found[_LABELS]) if _LABELS in found else _unknown(scans[0])
    return _checked(Example(place.name, scans, labels, tissue, confidence))


def _unknown(scan: Volume) -> Volume:
    return Volume(np.broadcast_to(np.int32(UNKNOWN), scan.shape), name=_LABELS)


def write_example(path: str | Path, example: Example, notes: Mapping[str, Any]) -> None:
    """Write what `read_example` reads, whole or not at all: one OME-Zarr where the path ends so, else a folder of TIFFs.

    Arrays may be lazy. In an OME-Zarr the first scan is the image, the others lie in groups of their names.
    """
    with replacing(path) as partial:
        if Path(path).suffix.lower() == ".zarr":
            _write_zarr(partial, example, plain(notes))
            return
        partial.mkdir()
        for scan in example.scans:
            files.write(partial / f"{scan.name}.tif", scan, notes=notes)
        files.write(partial / f"{_LABELS}.tif", example.labels, kind="labels", notes=notes)
        if example.tissue:
            files.write(partial / f"{_TISSUE}.tif", example.tissue, kind="tissue", notes=notes)
        if example.confidence:
            files.write(partial / f"{_CONFIDENCE}.tif", example.confidence, notes=notes)


def _write_zarr(partial: Path, example: Example, notes: dict[str, Any]) -> None:
    from mesophyll.io import ome_zarr

    first, *others = example.scans
    ome_zarr.write(partial, Content(first, notes=notes))
    for scan in others:
        ome_zarr.write(partial / scan.name, Content(scan, notes=notes))
    if example.confidence:
        ome_zarr.write(partial / _CONFIDENCE, Content(example.confidence, notes=notes))
    for name, volume in ((ome_zarr.CELLS, example.labels), (_TISSUE, example.tissue)):
        if volume is not None:
            ome_zarr.write_labels(partial, volume, name)


def _from_zarr(place: Path) -> Example:
    if not (place / "labels").is_dir():
        raise FileError(f"{place} holds no labels", "an example has labels and a scan", "pass a result")
    others = sorted(group.parent for group in place.glob("*/zarr.json") if (group.parent / "0" / "zarr.json").exists())
    scans = (files.read(place), *(files.read(image) for image in others if image.name != _CONFIDENCE))
    tissue, confidence = (
        files.read(path) if path.is_dir() else None for path in (place / "labels" / _TISSUE, place / _CONFIDENCE)
    )
    return Example(place.name, scans, files.read_labels(place), tissue, confidence)


def _files(place: Path) -> dict[str, Path]:
    """Return what can be read in a folder, by name without suffix; other files are left alone."""
    found: dict[str, Path] = {}
    for path in sorted(place.iterdir()):
        suffix = formats.suffix_of(path)
        if path.name.startswith(".") or suffix not in formats.FORMATS:
            continue
        name = path.name[: -len(suffix)].lower()
        if name in found:
            raise FileError(
                f"{place} holds {found[name].name} and {path.name}",
                "one file of each name is meant",
                "remove one of them",
            )
        found[name] = path
    return found


def _checked(example: Example) -> Example:
    """Compare shapes and voxel sizes; a volume that states no voxel size takes the labels' or the first scan's."""
    beside = [volume for volume in (example.tissue, example.confidence) if volume]
    volumes = [example.labels, *example.scans, *beside]
    reference = next((volume for volume in volumes if volume.spacing_um is not None), example.labels)
    for volume in volumes:
        if volume.shape != example.labels.shape:
            raise LabelsError(
                f"{example.name}: {volume.name} has the shape {volume.shape}, "
                f"{example.labels.name} {example.labels.shape}",
                "all files of an example show the same voxels",
                "crop or resample them alike",
            )
        if not _agree(volume, reference):
            raise LabelsError(
                f"{example.name}: {volume.name} has voxels of {volume.spacing_um} µm, "
                f"{reference.name} of {reference.spacing_um} µm",
                "all files of an example show the same voxels",
                "correct the voxel size of one of them",
            )
    tissue, confidence = (volume and _placed(volume, reference) for volume in (example.tissue, example.confidence))
    scans = tuple(_placed(scan, reference) for scan in example.scans)
    return Example(example.name, scans, _placed(example.labels, reference), tissue, confidence)


def _placed(volume: Volume, reference: Volume) -> Volume:
    return replace(volume, spacing_um=reference.spacing_um)


def _agree(first: Volume, second: Volume) -> bool:
    if first.spacing_um is None or second.spacing_um is None:
        return True
    return all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(first.spacing_um, second.spacing_um, strict=False))
