"""What every format has in common: a file is found first and judged afterwards.

A format's module tells what stands in the file (`Found`): its array, the array's axes, and where its voxel size comes
from. `judged` decides whether that is a scan or a labelling. `FileArray` is the lazy array that leaves this room: it
reads where it is indexed, in the machine's byte order, refuses NaN and turns every reading error into a `FileError`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region
from mesophyll.errors import FileError, LabelsError, MesophyllError, VolumeError
from mesophyll.io.units import Stated
from mesophyll.volume import LazyArray, Volume

__all__ = ["Content", "FileArray", "Found", "Wanted", "check_thick", "judged", "planes", "regions"]

SLAB_VOX = 2**24
"""How many voxels are held in memory at once while a volume is written."""


@dataclass(frozen=True)
class Wanted:
    """What a format's ``find`` is asked for.

    Parameters
    ----------
    path
        A file or folder that exists.
    inner
        The array meant in a file of several, empty where none is named.
    labels
        Whether labels are wanted rather than a scan, where a file holds both.
    """

    path: Path
    inner: str = ""
    labels: bool = False


@dataclass(frozen=True)
class Content:
    """What a format's ``write`` puts into a file.

    Parameters
    ----------
    volume
        With lazy data, of a type that every format holds.
    labels
        Whether the data are labels, int32.
    notes
        Provenance, a table that JSON can hold; a format without a place for it leaves it out.
    """

    volume: Volume
    labels: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What stands in a file, before it is judged.

    Parameters
    ----------
    data
        The array, lazy, with all its axes.
    format
        The format in words, ``"ImageJ TIFF"``.
    axes
        One letter for each axis: Z, Y, X in space, T time, C channel, S colour; empty where the file does not say.
    stated
        The voxel size and where it was stated, one number for each spatial axis.
    origin_um
        Where the first voxel's centre lies; empty where the file does not say.
    notes
        The provenance that this package wrote.
    """

    data: LazyArray
    format: str
    axes: str = ""
    stated: Stated = field(default_factory=Stated)
    origin_um: tuple[float, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


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
            block = np.array(self.source[index], dtype=self.dtype)
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


def judged(found: Found, name: str, *, labels: bool) -> tuple[int, ...]:
    """Return which axes of the array stand for space, in the order (Z, Y, X), or say why this is no volume.

    Raises
    ------
    VolumeError
        On colours, channels, time points, more than three axes, a single plane given as a volume, and values that
        are no grey values.
    LabelsError
        On labels that are no whole numbers by their type.
    """
    shape = tuple(int(length) for length in found.data.shape)
    _check_type(np.dtype(found.data.dtype), name, labels=labels)
    axes = found.axes or "ZYX"[-len(shape) :] if len(shape) in (2, 3) else found.axes
    if "S" in axes:
        raise VolumeError(
            f"{name} holds colours, {_shape(shape)}",
            "a scan has one grey value for each voxel",
            "convert it to 8 or 16 bit grey (in ImageJ: Image > Type > 8-bit)",
        )
    keep = tuple(axis for axis, letter in enumerate(axes) if letter not in "TC" or shape[axis] > 1)
    if len(keep) not in (2, 3) or any(axes[axis] in "TC" for axis in keep):
        raise _too_many(axes, shape, name)
    check_thick(tuple(shape[axis] for axis in keep), name)
    return keep


def _too_many(axes: str, shape: tuple[int, ...], name: str) -> VolumeError:
    told = f" ({', '.join(axes)})" if axes else ""
    if "T" in axes and "Z" not in axes:
        remedy = "if they are slices, set them so (in ImageJ: Image > Properties, Slices)"
    else:
        remedy = "save each channel or time point as a file of its own"
    return VolumeError(f"{name} has the axes {_shape(shape)}{told}", "a scan has the axes (Y, X) or (Z, Y, X)", remedy)


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(str(length) for length in shape)


def check_thick(shape: Sequence[int], name: str) -> None:
    """Refuse a volume that is one voxel thick along an axis, and an empty one."""
    if min(shape, default=0) > 1:
        return
    raise VolumeError(
        f"{name} has the shape {_shape(shape)}",
        "every axis of a scan has at least 2 voxels",
        "give a single plane as a 2D image of shape (Y, X)" if len(shape) == 3 else "pass a larger image",
    )


def _check_type(dtype: np.dtype[Any], name: str, *, labels: bool) -> None:
    if labels and dtype.kind not in "buif":
        raise LabelsError(f"{name} has the type {dtype}", "labels are whole numbers", "save them as an integer image")
    if not labels and dtype.kind not in "uif":
        remedy = "read it as labels" if dtype.kind == "b" else "save its magnitude as 32-bit float"
        raise VolumeError(f"{name} has the type {dtype}", "grey values are real numbers", remedy)


def planes(data: LazyArray) -> Iterator[NDArray[Any]]:
    """Yield the planes of a volume one after another, in C order; a 2D image is one plane.

    Several planes are read at once, as many as `SLAB_VOX` allows: a lazy source then works on whole blocks.
    """
    if len(data.shape) == 2:
        yield np.ascontiguousarray(data[:, :])
        return
    depth = max(SLAB_VOX // math.prod(data.shape[1:]), 1)
    for start in range(0, data.shape[0], depth):
        yield from np.ascontiguousarray(data[start : start + depth, :, :])


def regions(shape: Sequence[int], chunk: Sequence[int]) -> Iterator[Region]:
    """Yield boxes that tile a volume, each of whole chunks and of about `SLAB_VOX` voxels at most."""
    steps = list(chunk)
    for axis in reversed(range(len(shape))):  # rows grow first, so that what lies together is read together
        room = max(SLAB_VOX // math.prod(steps), 1)
        steps[axis] *= min(room, -(-shape[axis] // steps[axis]))
    spans = [
        [slice(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(shape, steps, strict=True)
    ]
    yield from itertools.product(*spans)
