"""Cells as shape patches: every voxel says which of the voxels around it are of its own cell.

A patch is a piece of one cell, so patches that overlap and agree are put together like tiles (PatchPerPix: Hirsch, Mais and
Kainmueller, ECCV 2020; a close kin is Bailoni et al., Pattern Recognition 2021). As there, a dense patch would have too many
channels for a volume, and a code stands for it: the patch at the points of a coarse lattice, and at the voxel's own neighbours.

To decode, all patches that speak of two voxels come to a consensus on them; each is scored by how well it agrees with it; the
best are picked until they cover the foreground; voxels go to the picked patch that most speaks for; and a graph of the picked
ones, weighted by the consensus across them, is parted into cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.errors import SettingsError
from mesophyll.labels import Labels
from mesophyll.representations.base import SHARES, SIZES_VOX, as_array, tunable
from mesophyll.representations.decoding.covering import cover, share_out
from mesophyll.representations.decoding.gathering import settle
from mesophyll.representations.decoding.threads import threads_kept
from mesophyll.representations.geometry.lattices import around, nearest_points
from mesophyll.representations.geometry.pieces import as_volume
from mesophyll.representations.linking.consensus import consensus, scores
from mesophyll.representations.linking.merging import PARTITIONS, Evidence
from mesophyll.representations.pairwise import Pairwise

__all__ = ["Patches"]

_STRIDES = 2  # of the pairs of patches that do not touch, one in so many along each axis is looked at

Decoder = Literal["linkage", "multicut", "lifted"]


@dataclass(frozen=True)
class Patches(Pairwise):
    """Foreground, and which of the voxels at some points around are of the voxel's cell (after PatchPerPix).

    Parameters
    ----------
    step_um
        The distance between points of the lattice, along each axis.
    steps
        Points lie at most so many of these distances from the voxel.
    threshold
        Foreground above this is inside a cell.
    rounds
        So many times each voxel goes to the picked patch that most speaks for.
    decoder
        The graph of patches is parted by average linkage (``linkage``), by multicut, or by multicut that also counts pairs of
        patches which do not touch (``lifted``).
    oneness
        Patches between which the mean consensus is above this are one cell rather than two.
    min_size_vox
        Smaller cells are dropped.
    """

    step_um: float = 1.95
    steps: int = 2
    threshold: float = tunable(0.5, among=SHARES)
    rounds: int = tunable(2, among=(1, 2, 3))
    decoder: Decoder = tunable("linkage", among=get_args(Decoder))
    oneness: float = tunable(0.5, among=SHARES)
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def __post_init__(self) -> None:
        for name in ("spacing_um", "steps"):
            if not getattr(self, name) > 0:  # this way round, for NaN
                raise SettingsError(f"{name} = {getattr(self, name)}", f"{name} is above 0", f"correct {name}")
        if not self.step_um / self.spacing_um > 0.5:
            raise SettingsError(
                f"step_um = {self.step_um} at {self.spacing_um:g} µm a voxel",
                "a step leads to another voxel",
                "make step_um longer",
            )

    @property
    def _stride(self) -> int:
        """A step of the lattice, in voxels."""
        return round(self.step_um / self.spacing_um)

    def offsets(self, ndim: int) -> list[tuple[int, ...]]:
        """Return where the points lie, in voxels, in the order of the channels; each has its opposite."""
        points = around(ndim, self.steps, self._stride).tolist()
        return [tuple(point) for point in points if any(point)]

    @property
    def reach(self) -> int:
        """The way to the farthest point."""
        return self.steps * self._stride

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; each point becomes its mirror image."""
        flipped = np.flip(output_CS, tuple(1 + axis for axis in axes))
        points = [(0,) * (output_CS.ndim - 1), *self.offsets(output_CS.ndim - 1)]
        seen = [tuple(-step if axis in axes else step for axis, step in enumerate(point)) for point in points]
        return flipped[[points.index(point) for point in seen]]

    @threads_kept()
    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Pick patches, and make cells of those that go together."""
        ndim, volume = output_CS.ndim - 1, as_volume(output_CS.shape[1:])
        points = np.pad(around(ndim, self.steps, self._stride), [(0, 0), (3 - ndim, 0)])
        output = as_array(output_CS).reshape(-1, *volume)
        inside = output[0] > self.threshold
        held = np.insert(output[1:], len(points) // 2, 1, axis=0)  # what is in the middle, a patch holds
        np.multiply(held.clip(0, 1, out=held), inside, out=held)
        likely = consensus(held, points)
        window = nearest_points(points, self._stride)
        picked = cover(scores(held, likely, points), inside, likely, points, window)
        for _ in range(self.rounds):
            picked = share_out(picked, likely, points)
        ways = [tuple(point) for point in points[len(points) // 2 + 1 :].tolist()]
        cells = PARTITIONS[self.decoder](Evidence(picked, likely, ways, _STRIDES), self.oneness)
        return settle(cells[picked], inside, self.min_size_vox).reshape(output_CS.shape[1:])
