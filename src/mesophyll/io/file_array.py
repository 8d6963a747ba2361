"""The lazy array that leaves this room: it reads where it is indexed, in the machine's byte order, and checks it.

Grey values must be finite: NaN is met, and named with its place, where it is read. Whatever a library raises on a
damaged file becomes a `FileError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import FileError, MesophyllError, VolumeError
from mesophyll.volume import LazyArray

__all__ = ["FileArray"]


@dataclass(frozen=True, eq=False)
class FileArray:
    """An array in a file, read where it is indexed; pickled as an address, it is opened again elsewhere.

    Parameters
    ----------
    source
        The format's own lazy array.
    name
        What errors call it.
    keep
        Which axes of the source stand for space; the others have length one.
    labels
        Labels may hold anything here, `mesophyll.labels.check` judges them; grey values must be finite.
    reopen
        A function and its arguments that build this array again, for pickling.
    """

    source: LazyArray = field(repr=False)
    name: str
    keep: tuple[int, ...]
    labels: bool
    reopen: tuple[Callable[..., FileArray], tuple[Any, ...]] = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis, (Y, X) or (Z, Y, X)."""
        return tuple(int(self.source.shape[axis]) for axis in self.keep)

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return len(self.keep)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a voxel, in the machine's byte order."""
        native: np.dtype[Any] = np.dtype(self.source.dtype).newbyteorder("=")
        return native

    def __getitem__(self, region: Any) -> NDArray[Any]:
        index = self._index(region)
        try:
            block = _in_memory(self.source[index], self.dtype)
        except (MesophyllError, MemoryError, IndexError):
            raise
        except Exception as error:  # whatever a foreign library raises on a damaged file
            raise FileError(
                f"{self.name} cannot be read at {_words(region)} ({_first_line(error)})",
                "a file must be whole to the last voxel",
                "copy or export it again",
            ) from error
        if not self.labels and block.dtype.kind == "f" and not np.isfinite(block).all():
            raise VolumeError(
                f"{self.name} holds NaN or infinity at {_words(region)}",
                "grey values are finite numbers",
                "replace them, for example by the grey of air",
            )
        return block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - numpy's protocol
        return np.asarray(self[...], dtype=dtype)

    def __reduce__(self) -> tuple[Callable[..., FileArray], tuple[Any, ...]]:
        return self.reopen

    def _index(self, region: Any) -> tuple[Any, ...]:
        """Widen an index of the spatial axes to one of all the source's axes."""
        given = list(region) if isinstance(region, tuple) else [region]
        missing = [slice(None)] * (self.ndim - sum(part is not Ellipsis for part in given))
        at = next((place for place, part in enumerate(given) if part is Ellipsis), len(given))
        spatial = given[:at] + missing + given[at + 1 :]
        if len(spatial) != self.ndim:
            raise IndexError(f"{len(spatial)} indices for the {self.ndim} axes of {self.name}")
        index: list[Any] = [0] * len(self.source.shape)
        for axis, part in zip(self.keep, spatial, strict=True):
            index[axis] = part
        return tuple(index)


def _in_memory(block: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Copy what is still a view of the file: it must not change, or vanish, with the file."""
    return np.array(block, dtype) if isinstance(block, np.memmap) else np.asarray(block, dtype)


def _words(region: Any) -> str:
    """Write a region as one reads it: ``[0:64, 10, :]``."""
    parts = region if isinstance(region, tuple) else (region,)
    return f"[{', '.join(_word(part) for part in parts)}]"


def _word(part: Any) -> str:
    if not isinstance(part, slice):
        return "..." if part is Ellipsis else str(part)
    return f"{'' if part.start is None else part.start}:{'' if part.stop is None else part.stop}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
