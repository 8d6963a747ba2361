"""What a person says about their labels, because no file says it: where they lie, and what an empty voxel means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mesophyll.errors import SettingsError

__all__ = ["NOTHING_STATED", "Statement", "parse_slices"]


@dataclass(frozen=True)
class Statement:
    """What is said about labels.

    Parameters
    ----------
    slices
        The slices that are labelled completely, counted from 1 as people and ImageJ count: 0 in them is background.
        "all": every one. None: only the cells are known.
    axis
        Along which axis slices are counted: 0 for Z of a volume.
    unlabelled
        The value of voxels of which nobody says anything. By default 0, or -1 in a file that holds it. Where it is not 0,
        0 is background.
    offset
        How many voxels of the scan lie before the labels along each axis, for labels of a part of the scan.
    """

    slices: tuple[int, ...] | Literal["all"] | None = None
    axis: int = 0
    unlabelled: int | None = None
    offset: tuple[int, ...] | None = None

    def planes(self, part: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Any, ...] | None:
        """Return which slices of a scan a stack of planes shows, as an index; None where it is no such stack.

        Parameters
        ----------
        part
            The shape of the stack: one plane for each slice that is named, in their order. A single one may be without the
            axis.
        shape
            The scan's.
        """
        if not isinstance(self.slices, tuple) or part == shape:
            return None
        before, after = shape[: self.axis], shape[self.axis + 1 :]
        stack = (*before, len(self.slices), *after)
        if part != stack and not (len(self.slices) == 1 and part == before + after):
            return None
        return self.named(len(shape))

    def named(self, ndim: int) -> tuple[Any, ...]:
        """Return an index of the slices that are named, or of everything."""
        if not isinstance(self.slices, tuple):
            return (slice(None),) * ndim
        return (*(slice(None),) * self.axis, np.array(self.slices) - 1)

    def check(self, shape: Sequence[int], name: str) -> None:
        """Compare the statement with the scan that it is about.

        Raises
        ------
        SettingsError
            On an axis that the scan lacks, a slice before the first or past the last, or one named twice; on an offset of
            another number of axes.
        """
        letters = "ZYX"[-len(shape) :]
        if not 0 <= self.axis < len(shape):
            raise SettingsError(
                f"axis {self.axis}", f"{name} has the axes {', '.join(letters)}", "choose one of them (--axis)"
            )
        if self.offset is not None and len(self.offset) != len(shape):
            raise SettingsError(
                f"the offset has {len(self.offset)} numbers",
                f"{name} has the axes {', '.join(letters)}",
                "pass one number for each of them",
            )
        if isinstance(self.slices, tuple):
            _check_slices(
                self.slices, shape[self.axis], f"{name} has {shape[self.axis]} slices along {letters[self.axis]}"
            )


def _check_slices(slices: tuple[int, ...], count: int, rule: str) -> None:
    for number in slices:
        if not 1 <= number <= count:
            remedy = "the first slice is 1, not 0" if number == 0 else f"name slices from 1 to {count}"
            raise SettingsError(f"slice {number}", f"{rule}, counted from 1", remedy)
    if len(set(slices)) < len(slices):
        twice = next(number for number in slices if slices.count(number) > 1)
        raise SettingsError(f"slice {twice} is named twice", "each labelled slice is named once", "leave one out")


def parse_slices(text: str) -> tuple[int, ...] | Literal["all"]:
    """Read ``5,9,12-14`` (counted from 1, ends included), or ``all``.

    Raises
    ------
    SettingsError
        On anything else.
    """
    if text.strip() == "all":
        return "all"
    slices: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        ends = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if ends[0] > ends[1]:
            raise SettingsError(
                f"{text!r} names no slices", "slices are numbers from 1 on", "write for example 5,9,12-14, or all"
            )
        slices += range(ends[0], ends[1] + 1)
    return tuple(slices)


NOTHING_STATED = Statement()
"""Labels of the whole scan of which only the cells are known."""
