"""A scan as it is read while a network looks at it: plain files at the model's spacing, on the disk of the work."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from mesophyll.image import Image
from mesophyll.progress import Progress, track
from mesophyll.scratch import check_room, mapped
from mesophyll.volume import LazyArray, Resampled, Swapped

__all__ = ["stage"]

_STAGED_VOXELS = 2**25  # of the scan as it lies in its files; so many are read at a time

# A voxel, at most: two scans 8, a tissue map 1, labels 4, the blocks' own labels with their halos 10; and so much a channel.
_SCRATCH_BYTES, _OUTPUT_BYTES = 24, 2


def stage(image: Image, channels: int, scratch: Path, progress: Progress) -> Image:
    """Copy what lies in files into plain files, at the model's spacing, if there is room for that and all that follows.

    What follows is as many ``channels`` of outputs, and the labels that are made of them.

    Tiles overlap and cut across pages: a compressed page would be unpacked, and a fine scan averaged, again for each.
    """
    check_room(scratch, math.prod(image.shape) * (_SCRATCH_BYTES + channels * _OUTPUT_BYTES))
    image = _staged(image, scratch / "scan.npy", progress)
    if image.second is not None:
        image = replace(image, second=_staged(image.second, scratch / "second.npy", progress))
    if image.tissue is None:
        return image
    return replace(image, tissue=_copied(image.tissue, scratch / "tissue.npy", "reading the tissue map", progress))


def _staged(image: Image, path: Path, progress: Progress) -> Image:
    scan = _copied(image.volume.data, path, "reading the scan", progress)
    return replace(image, volume=replace(image.volume, data=scan))


def _copied(data: LazyArray, path: Path, task: str, progress: Progress) -> LazyArray:
    if isinstance(data, np.ndarray):
        return data
    if isinstance(data, Swapped):  # page by page, as the file lies
        return np.asarray(_copied(data.source, path, task, progress)).swapaxes(*data.axes)
    copy = mapped(path, data.shape, data.dtype)
    source = data.source.shape if isinstance(data, Resampled) else data.shape
    rows = max(_STAGED_VOXELS * data.shape[0] // math.prod(source), 1)
    slabs = [slice(start, min(start + rows, data.shape[0])) for start in range(0, data.shape[0], rows)]
    for slab in track(slabs, task, progress):
        copy[slab] = data[(slab, *(slice(0, length) for length in data.shape[1:]))]
    return copy
