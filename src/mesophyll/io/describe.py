"""What a file holds, told without loading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.io import formats
from mesophyll.io.files import file_array
from mesophyll.volume import LazyArray

__all__ = ["describe"]

_SAMPLE_VOX = 64
"""The sample is a box of at most this many voxels a side in the middle of the volume."""


def describe(path: str | Path) -> dict[str, Any]:
    """Tell a file's format, shape, axes, type, voxel size and its source, size on disk, and the greys of a sample.

    Returns
    -------
    dict
        Plain values under the keys ``file``, ``format``, ``shape``, ``axes``, ``dtype``, ``spacing_um``,
        ``spacing_source``, ``bytes_on_disk``, ``sample`` (its shape) and ``sample_min``, ``sample_max``, ``notes``.
    """
    found = formats.find(path, labels=False)
    kind = np.dtype(found.data.dtype).kind
    array = file_array(found, path, labels=kind == "b")
    sample = _sample(array)
    return {
        "file": str(path),
        "format": found.format,
        "shape": array.shape,
        "axes": "ZYX"[-array.ndim :],
        "dtype": str(array.dtype),
        "spacing_um": found.stated.spacing_um,
        "spacing_source": found.stated.source,
        "bytes_on_disk": _bytes_on_disk(formats.split_inner(path)[0]),
        "sample": sample.shape,
        "sample_min": sample.min().item(),
        "sample_max": sample.max().item(),
        "notes": dict(found.notes),
    }


def _sample(data: LazyArray) -> NDArray[Any]:
    starts = [max((length - _SAMPLE_VOX) // 2, 0) for length in data.shape]
    return np.asarray(data[tuple(slice(start, start + _SAMPLE_VOX) for start in starts)])


def _bytes_on_disk(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
