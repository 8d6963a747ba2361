"""Whether what stands in a file is a scan or a labelling: its type, its axes, its thickness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mesophyll.errors import LabelsError, VolumeError
from mesophyll.io.base import Found

__all__ = ["check_thick", "judged"]


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
    plane = len(shape) == 3 and sorted(shape)[0] == 1 < sorted(shape)[1]
    raise VolumeError(
        f"{name} has the shape {_shape(shape)}",
        "every axis of a scan has at least 2 voxels",
        "give a single plane as a 2D image of shape (Y, X)" if plane else "pass a larger image",
    )


def _check_type(dtype: np.dtype[Any], name: str, *, labels: bool) -> None:
    if labels and dtype.kind not in "buif":
        raise LabelsError(f"{name} has the type {dtype}", "labels are whole numbers", "save them as an integer image")
    if not labels and dtype.kind not in "uif":
        remedy = "read it as labels" if dtype.kind == "b" else "save its magnitude as 32-bit float"
        raise VolumeError(f"{name} has the type {dtype}", "grey values are real numbers", remedy)
