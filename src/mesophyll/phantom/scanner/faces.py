"""Where a leaf begins and ends: the heights of its two faces, known at knots of its plane before any voxel is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.phantom.grid import Floats, Grid
from mesophyll.volume import LazyArray

__all__ = ["Faces"]

KNOT_UM = 4.0
"""The distance of the knots along z and along x."""

FAR_UM = 1e6
"""The height of a face that is not there."""

_SLAB = 32  # planes that are read at once: a chunk of a file is then unpacked once or twice, not for each plane


@dataclass(frozen=True)
class Faces:
    """The heights of a leaf's upper and lower face, in µm from the volume's corner.

    Parameters
    ----------
    upper_um, lower_um
        Shape (Z, X) of the knots; `FAR_UM` above (below) where no leaf is, or where it goes beyond the volume.
    knot_um
        The distance of the knots along z and along x; the first lies at the volume's corner.
    """

    upper_um: Floats
    lower_um: Floats
    knot_um: tuple[float, float] = (KNOT_UM, KNOT_UM)

    @classmethod
    def nowhere(cls) -> Faces:
        """Return the faces of a volume of which nobody knows where the leaf begins and ends."""
        return cls(np.full((1, 1), -FAR_UM), np.full((1, 1), FAR_UM))

    @classmethod
    def find(cls, tissue: LazyArray, volume: Grid) -> Faces:
        """Look the faces up in a tissue map: the first and the last voxel of a column that is not background."""
        deep, _, wide = (count * step for count, step in zip(volume.shape, volume.spacing_um, strict=True))
        ks = _voxels(deep, volume.spacing_um[0], volume.shape[0])
        columns = _voxels(wide, volume.spacing_um[2], volume.shape[2])
        leaf = np.empty((len(ks), volume.shape[1], len(columns)), bool)
        for start in range(0, volume.shape[0], _SLAB):
            mine = (ks >= start) & (ks < start + _SLAB)
            if mine.any():
                slab = np.asarray(tissue[start : min(start + _SLAB, volume.shape[0]), :, :])
                leaf[mine] = slab[ks[mine] - start][:, :, columns] != tissues.BACKGROUND
        step = volume.spacing_um[1]
        upper = np.where(leaf.any(axis=1) & ~leaf[:, 0], leaf.argmax(axis=1) * step, -FAR_UM)
        below = (volume.shape[1] - leaf[:, ::-1].argmax(axis=1)) * step
        return cls(upper, np.where(leaf.any(axis=1) & ~leaf[:, -1], below, FAR_UM))

    def at(self, z: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Return both heights at places along z and along x, shape (Z, X) each."""
        upper, lower = (_read(height, (z, x), self.knot_um) for height in (self.upper_um, self.lower_um))
        return upper, lower


def _voxels(length_um: float, step_um: float, count: int) -> NDArray[np.intp]:
    """Return the voxels at the knots along one axis; the last knot lies at the volume's end or beyond."""
    knots = np.arange(int(np.ceil(length_um / KNOT_UM)) + 1) * KNOT_UM
    return np.asarray(np.minimum(knots / step_um, count - 1), np.intp)


def _read(height: Floats, places: tuple[Floats, Floats], knot_um: tuple[float, float]) -> Floats:
    """Read a map between its knots, linearly; it is continued beyond them."""
    for axis, (place, knot) in enumerate(zip(places, knot_um, strict=True)):
        position = np.clip(place / knot, 0, height.shape[axis] - 1)
        lower = np.minimum(position.astype(np.intp), max(height.shape[axis] - 2, 0))
        upper = np.minimum(lower + 1, height.shape[axis] - 1)
        weight = (position - lower).reshape([-1 if other == axis else 1 for other in range(2)])
        height = height.take(lower, axis) * (1 - weight) + height.take(upper, axis) * weight
    return height
