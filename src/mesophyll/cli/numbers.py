"""``--spacing Z Y X``, ``--shape Z Y X`` and ``--offset Z Y X``: options that take one number, or one for each axis.

An option of the command line takes a fixed number of values. So the numbers that follow one of these options are joined
by commas before the line is parsed: ``--spacing 1 0.5 0.5 leaf.tif`` becomes ``--spacing 1,0.5,0.5 leaf.tif``, which may
also be typed. (A file whose whole name is a number is written ``./12``.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

__all__ = ["Numbers", "Offset", "Shape", "Spacing", "gather", "one_or_all"]

_OPTIONS = ("--spacing", "--shape", "--offset")


class Numbers(tuple[float, ...]):
    """What was given, in the order of the axes."""

    __slots__ = ()


def gather(args: Sequence[str]) -> list[str]:
    """Join the numbers that follow one of the options into one value."""
    gathered: list[str] = []
    numbers: list[str] | None = None  # those that followed so far; None where no such option came before
    for arg in args:
        if numbers is not None and _is_number(arg):
            numbers.append(arg)
            continue
        gathered += [",".join(numbers)] if numbers else []
        gathered.append(arg)
        numbers = [] if arg in _OPTIONS else None
    return gathered + ([",".join(numbers)] if numbers else [])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _spacing(text: str) -> Numbers:
    try:
        return Numbers(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no voxel size; it takes one number in µm, or one for each axis: 0.65, or 1 0.5 0.5"
        ) from None


def _shape(text: str) -> Numbers:
    try:
        lengths = Numbers(int(part) for part in text.split(","))
    except ValueError:
        lengths = Numbers()
    if len(lengths) not in (1, 3):
        raise typer.BadParameter(
            f"{text!r} is no shape; it takes one whole number of voxels, or three: 128, or 96 128 128"
        )
    return lengths


def _offset(text: str) -> Numbers:
    try:
        return Numbers(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no offset; it takes a whole number of voxels for each axis: 20 0 64"
        ) from None


def one_or_all(numbers: Numbers | None) -> float | tuple[float, ...] | None:
    """Return a single number as such: it stands for all axes."""
    return numbers[0] if numbers is not None and len(numbers) == 1 else numbers


Spacing = Annotated[
    Numbers | None,
    typer.Option(
        "--spacing",
        metavar="Z Y X | V",
        parser=_spacing,
        help="Edge lengths of a voxel in µm, or one number for cubic voxels; by default what the file states.",
    ),
]

Shape = Annotated[
    Numbers | None,
    typer.Option("--shape", metavar="Z Y X | N", parser=_shape, help="Number of voxels along each axis."),
]

Offset = Annotated[
    Numbers | None,
    typer.Option(
        "--offset", metavar="Z Y X", parser=_offset, help="How many voxels of the scan lie before the labels of a part."
    ),
]
