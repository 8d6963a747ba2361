"""Which voxels of a batch share a cell, read back from targets that know no number of any cell.

A target says at every voxel of a cell which way leads to one point of that cell. Voxels that point at the same voxel share a
cell, and no two cells share a point, because it lies in only one of them. So a target tells who belongs to whom without a
name, and still does where it is cropped, shifted or mirrored.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch

__all__ = ["Sharing", "mean_of", "sharing"]

_STEPS = (1, 3)  # voxels so far apart along an axis face each other: a wall may be drawn as two voxels of background
_SPAN = 2**15  # more than any coordinate of a point, within a patch or beside it


@dataclass(frozen=True)
class Sharing:
    """The N voxels of a batch that lie in cells, and its K cells.

    Parameters
    ----------
    cell
        Of each voxel, from 0, shape (N,).
    places
        Of the voxels within their patches, shape (N, ndim), float.
    points
        One voxel of each cell, in the same coordinates, shape (K, ndim), float.
    whole
        Cells that were seen whole; of the others only a section is known, and their points mean nothing, shape (K,).
    facing
        Pairs (voxel, cell), shape (M,) each: a voxel, and another cell that it faces. The same pair may occur more than once.
    """

    cell: torch.Tensor
    places: torch.Tensor
    points: torch.Tensor
    whole: torch.Tensor
    facing: tuple[torch.Tensor, torch.Tensor]

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean of values (N, ...) over each cell, shape (K, ...)."""
        return mean_of(values, self.cell, len(self.points))

    def neighbours(self) -> torch.Tensor:
        """Return the pairs of cells that face each other, shape (2, P), both ways round."""
        voxel, other = self.facing
        count = len(self.points)
        pairs = torch.unique(self.cell[voxel] * count + other)  # of single numbers: far faster than of rows
        return torch.stack([pairs // count, pairs % count])


def mean_of(values: torch.Tensor, group: torch.Tensor, count: int) -> torch.Tensor:
    """Return the mean of values (N, ...) over each of ``count`` groups, shape (count, ...); 0 over an empty one."""
    sizes = torch.bincount(group, minlength=count).clamp(min=1).reshape(-1, *[1] * (values.ndim - 1))
    return torch.zeros_like(values[:1]).expand(count, *values.shape[1:]).index_add(0, group, values) / sizes


def sharing(inside: torch.Tensor, offsets: torch.Tensor, whole: torch.Tensor) -> Sharing:
    """Group voxels by what they point at.

    Parameters
    ----------
    inside
        The voxels that lie in cells and are known, shape (B, *S).
    offsets
        Of these N voxels, in their order: the way to a point of the cell, in voxels, shape (N, ndim).
    whole
        Of these voxels: whether the cell was seen whole, shape (N,).
    """
    image, *where = inside.nonzero().unbind(1)
    places = torch.stack(where, dim=1).to(offsets.dtype)
    points = (places + offsets).round()
    key = image
    for coordinate in points.long().unbind(1):
        key = key * (2 * _SPAN) + coordinate.clamp(-_SPAN, _SPAN - 1) + _SPAN
    keys, cell = torch.unique(key, return_inverse=True)
    one_of = torch.zeros_like(keys).scatter(0, cell, torch.arange(len(cell), device=cell.device))
    whole = whole[one_of]
    return Sharing(cell, places, points[one_of], whole, _facing(inside, cell, whole))


def _facing(inside: torch.Tensor, cell: torch.Tensor, whole: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return voxels and the other cells that they face.

    Across a gap only whole cells do: two pieces of a section that do not touch may be one cell.
    """
    number = torch.full(inside.shape, -1, dtype=torch.long, device=cell.device)
    number[inside] = torch.arange(len(cell), device=cell.device)
    voxels, others = [], []
    for axis, step in itertools.product(range(1, inside.ndim), _STEPS):
        length = max(inside.shape[axis] - step, 0)
        pairs = torch.stack(
            [number.narrow(axis, start, length).flatten() for start in (0, inside.shape[axis] - length)]
        )
        pairs = pairs[:, (pairs >= 0).all(dim=0)]
        own = cell[pairs]
        apart = own[0] != own[1]
        if step > 1:
            apart &= whole[own].all(dim=0)
        voxels.append(pairs[:, apart].flatten())
        others.append(own[:, apart].flip(0).flatten())
    return torch.cat(voxels), torch.cat(others)
