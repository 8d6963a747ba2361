"""Upper and lower epidermis told apart by where they lie, for conventions that have one value for both."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mesophyll.errors import LabelsError, SettingsError

__all__ = ["is_upper", "parse_upper"]

_SMOOTHING = 5.0
"""Voxels over which the mid-surface is smoothed along the leaf."""


def is_upper(mesophyll: NDArray[np.bool_], axis: int, *, first: bool) -> NDArray[np.bool_]:
    """Mark the side of the mesophyll's mid-surface on which the upper epidermis lies.

    The mid-surface is, at each place of the leaf, the mean position of the mesophyll - its cells and its air - along the axis
    that leads through the leaf; smoothed along the leaf, and taken from around where a place has no mesophyll (veins, what
    nobody labelled). It is right where each line along the axis crosses the leaf once; not for a rolled leaf.

    Parameters
    ----------
    mesophyll
        Shape (Y, X) or (Z, Y, X).
    axis
        Leads through the leaf, from one epidermis to the other.
    first
        Whether the upper epidermis lies at the axis's first voxels.

    Raises
    ------
    LabelsError
        Where there is no mesophyll.
    """
    if not mesophyll.any():
        raise LabelsError(
            "no voxel is labelled as mesophyll",
            "upper and lower epidermis are told apart by which side of the mesophyll they lie on",
            "label some mesophyll, or give the two epidermes values of their own",
        )
    places = np.arange(mesophyll.shape[axis], dtype=np.float32)
    lines = np.moveaxis(mesophyll, axis, -1)
    count = lines.sum(-1).astype(np.float32)
    total = (lines * places).sum(-1)
    weight = _around(count)
    middle = np.where(weight > 0, _around(total) / np.maximum(weight, 1e-6), total.sum() / count.sum())
    below = places < middle[..., None]
    return np.moveaxis(below if first else ~below, -1, axis)


def _around(surface: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(surface, _SMOOTHING, mode="nearest"))


def parse_upper(text: str, ndim: int) -> tuple[int, bool]:
    """Read on which side the upper epidermis lies, ``-Y`` for small Y: the axis through the leaf, whether at its beginning.

    Raises
    ------
    SettingsError
        On anything but a sign and an axis of the map.
    """
    letters = "ZYX"[-ndim:]
    match = re.fullmatch(rf"([+-])([{letters}{letters.lower()}])", text.strip())
    if match is None:
        raise SettingsError(
            f"{text!r} is no side of the map",
            f"a side is a sign and an axis, {', '.join(letters)}",
            "write for example -Y where the upper epidermis lies at small Y",
        )
    return letters.index(match[2].upper()), match[1] == "-"
