"""What every format's module works with: it is asked for a `Wanted`, answers with a `Found`, and writes a `Content`.

A module tells what stands in the file; whether that is a scan or a labelling is judged in one place, `judgement`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesophyll.io.units import Stated
from mesophyll.volume import LazyArray, Volume

__all__ = ["Content", "Found", "Wanted"]


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
        Whether the data are labels, int32, or a tissue map, uint8: numbers without any in between.
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
