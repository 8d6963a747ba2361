"""What a file holds, told without loading it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.io import formats
from mesophyll.io.files import file_array
from mesophyll.volume import LazyArray

__all__ = ["describe"]

_SAMPLE_VOX = (8, 256, 256)
"""The sample is a box of at most this shape in the middle of the volume: few planes, since each may be a file."""


def describe(path: str | Path) -> dict[str, Any]:
    """Tell a file's format, shape, axes, type, voxel size and its source, size on disk, and the greys of a sample.

    Returns
    -------
    dict
        Plain values under the keys ``file``, ``format``, ``shape``, ``axes``, ``dtype``, ``spacing_um``,
        ``spacing_source``, ``bytes_on_disk``, ``sample`` (its shape), ``sample_min`` and ``sample_max`` (of its finite
        values), ``sample_finite`` (whether all are), ``notes``.
    """
    found = formats.find(path, labels=False)
    array = file_array(found, path, labels=np.dtype(found.data.dtype).kind == "b")
    sample = _sample(replace(array, labels=True))  # NaN is told here, not refused
    finite = sample[np.isfinite(sample)]
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
        "sample_min": finite.min().item() if finite.size else None,
        "sample_max": finite.max().item() if finite.size else None,
        "sample_finite": finite.size == sample.size,
        "notes": dict(found.notes),
    }


def _sample(data: LazyArray) -> NDArray[Any]:
    box = [min(size, length) for size, length in zip(_SAMPLE_VOX[-len(data.shape) :], data.shape, strict=True)]
    starts = [(length - size) // 2 for length, size in zip(data.shape, box, strict=True)]
    return np.asarray(data[tuple(slice(start, start + size) for start, size in zip(starts, box, strict=True))])


def _bytes_on_disk(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
