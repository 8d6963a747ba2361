"""Arrays that can only be inflated from front to back: unpacked once into a temporary file, then memory-mapped."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["Unpacked"]


@dataclass(eq=False)
class Unpacked:
    """A compressed array; its first reading unpacks it, and later ones cost nothing.

    Parameters
    ----------
    open_stream
        Opens the compressed stream at the array's first byte, as a context manager.
    shape
        The number of voxels along each axis.
    dtype
        The type of a voxel, with its byte order.
    order
        "C" where the last axis runs fastest, "F" where the first does.
    """

    open_stream: Callable[[], AbstractContextManager[Any]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["C", "F"] = "C"
    _mapped: np.memmap[Any, Any] | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __getitem__(self, region: Any) -> Any:
        with self._lock:
            if self._mapped is None:
                self._mapped = self._unpack()
            return self._mapped[region]

    def _unpack(self) -> np.memmap[Any, Any]:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the map
        with self.open_stream() as stream:
            shutil.copyfileobj(stream, file, 2**20)
        file.flush()
        return np.memmap(file, self.dtype, "r", 0, self.shape, self.order)
