"""Arrays that may be larger than memory: files of which the system keeps in memory what fits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import FileError

__all__ = ["check_room", "mapped"]


def check_room(folder: Path, needed: int) -> None:
    """Raise a `FileError` where a disk has fewer bytes left: filling up under a mapped file, it would end the program."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FileError(
            f"{folder} has {free / 1e9:.1f} GB left",
            f"a scan of this size needs {needed / 1e9:.1f} GB for a while",
            "make room, or write the result to another disk",
        )


def mapped(path: Path, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array of zeros in a new file."""
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    return array
