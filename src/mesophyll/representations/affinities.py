"""Cells as affinities: whether a voxel and another one, some way off, lie in the same cell.

Nothing is said of a cell's middle, so no shape is too lobed. Neighbours tell where walls are; voxels farther apart tell it
again, from both sides of a wall that is hard to see (Lee et al., arXiv 1706.00120; Wolf et al., TPAMI 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.errors import SettingsError
from mesophyll.labels import Labels, remove_small, sequential
from mesophyll.representations.base import SHARES, SIZES_VOX, as_array, tunable
from mesophyll.representations.linking.fragments import fragments
from mesophyll.representations.linking.graphs import ends
from mesophyll.representations.linking.merging import PARTITIONS, Evidence
from mesophyll.representations.linking.mutex import mutex_pieces, semantic_pieces
from mesophyll.representations.linking.smoothing import smoothed_within
from mesophyll.representations.pairwise import Pairwise
from mesophyll.tissues import AIRSPACE, BACKGROUND, UNKNOWN_CODE

__all__ = ["Affinities"]

_PERHAPS = 0.1  # where less is foreground, no neighbour makes a voxel a cell's

Decoder = Literal["mutex", "semantic", "linkage", "multicut", "lifted"]


@dataclass(frozen=True)
class Affinities(Pairwise):
    """Foreground, and whether a voxel and those at some distances from it are of one cell.

    Parameters
    ----------
    long_um
        Distances along each axis, besides that of the next voxel. Fragments are made by the first of them, and merged by all.
    diagonal_um
        Distances along both diagonals of each pair of axes.
    threshold
        Foreground above this is inside a cell.
    decoder
        ``mutex``: the mutex watershed. ``semantic``: the same, which settles at once what is a cell, instead of by the
        threshold. ``linkage``, ``multicut`` and ``lifted`` merge many small fragments: by average linkage, by multicut, or by
        multicut that also counts pairs of fragments which do not touch.
    smoothing_vox
        Standard deviation of a Gaussian, inside cells, that smooths the affinities of which the mutex watershed makes cells, or
        the mean affinity in which seeds of fragments are looked for.
    strides
        Of the pairs that the mutex watershed may part, and of those between fragments that do not touch, one in so many along
        each axis is looked at.
    oneness
        Fragments with a mean affinity above this are one cell rather than two.
    min_size_vox
        Smaller cells are dropped.
    """

    long_um: tuple[float, ...] = (1.95, 3.9, 7.8)
    diagonal_um: tuple[float, ...] = (3.9,)
    threshold: float = tunable(0.5, among=SHARES)
    decoder: Decoder = tunable("lifted", among=get_args(Decoder))
    smoothing_vox: float = tunable(0.5, among=(0.0, 0.5, 1.0))
    strides: int = 2
    oneness: float = tunable(0.5, among=SHARES)
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def __post_init__(self) -> None:
        for name in ("spacing_um", "strides"):
            if not getattr(self, name) > 0:  # this way round, for NaN
                raise SettingsError(f"{name} = {getattr(self, name)}", f"{name} is above 0", f"correct {name}")
        for offset in self.offsets(3):
            if self.offsets(3).count(offset) > 1 or not any(offset):
                raise SettingsError(
                    f"long_um = {self.long_um} and diagonal_um = {self.diagonal_um} at {self.spacing_um:g} µm a voxel",
                    f"each is another number of voxels, two at least; two or more lead to {offset}",
                    "leave one out, or make it longer",
                )

    def offsets(self, ndim: int) -> list[tuple[int, ...]]:
        """Return where each affinity leads, in voxels: next neighbours, long ways, diagonals, in the order of the channels."""
        axes = np.eye(ndim, dtype=int)
        straight = [round(length / self.spacing_um) for length in self.long_um]
        slanting = [round(length / self.spacing_um / np.sqrt(2)) for length in self.diagonal_um]
        ways = [axis * steps for steps in (1, *straight) for axis in axes]
        ways += [
            steps * (axes[one] + sign * axes[other])
            for steps in slanting
            for one in range(ndim)
            for other in range(one + 1, ndim)
            for sign in (1, -1)
        ]
        return [tuple(int(step) for step in way) for way in ways]

    @property
    def reach(self) -> int:
        """The longest way along an axis."""
        return max(abs(step) for offset in self.offsets(3) for step in offset)

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; where an offset leads the other way now, the affinity is told at the pair's other end.

        Those of pairs that then lead out of the array are NaN.
        """
        flipped = np.flip(output_CS, tuple(1 + axis for axis in axes))
        ndim = output_CS.ndim - 1
        offsets = self.offsets(ndim)
        mirrored = np.full_like(output_CS, np.nan)
        mirrored[0] = flipped[0]
        for affinity, offset in zip(mirrored[1:], offsets, strict=True):
            seen = tuple(-step if axis in axes else step for axis, step in enumerate(offset))
            if seen in offsets:
                affinity[:] = flipped[1 + offsets.index(seen)]
            else:
                here, there = ends(affinity.shape, offset)
                affinity[here] = flipped[1 + offsets.index(tuple(-step for step in seen))][there]
        return mirrored

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Find cells by the decoder that is set."""
        output = as_array(output_CS)
        if self.merges:
            return self._merged(output, None)
        offsets, decided = self.offsets(output.ndim - 1), self.decoder == "semantic"
        inside = output[0] > (_PERHAPS if decided else self.threshold)
        affinities = smoothed_within(output[1:], inside, self.smoothing_vox)
        if decided:
            return self._numbered(semantic_pieces(affinities, offsets, inside, self.strides, output[0]))
        return self._numbered(mutex_pieces(affinities, offsets, inside, self.strides))

    @property
    def merges(self) -> bool:
        """Whether the decoder merges fragments, so that tissues can keep some apart."""
        return self.decoder in PARTITIONS

    def decode_beside(self, output_CS: NDArray[np.float32] | torch.Tensor, tissue_S: NDArray[np.integer]) -> Labels:
        """Find cells, each in one tissue: fragments of two tissues are never merged.

        Parameters
        ----------
        output_CS
            As `decode` takes it.
        tissue_S
            Codes of `mesophyll.tissues` of the same voxels. What it calls background, airspace or unknown has no say.
        """
        if not self.merges:
            raise SettingsError(
                f"decoder = {self.decoder!r} beside a tissue map",
                "tissues keep fragments apart, and the mutex watershed merges none",
                f"set decoder to one of {', '.join(PARTITIONS)}",
            )
        says_nothing = np.isin(tissue_S, (BACKGROUND, AIRSPACE, UNKNOWN_CODE))
        return self._merged(as_array(output_CS), np.where(says_nothing, 0, tissue_S))

    def _merged(self, output_CS: NDArray[np.float32], tissue_S: NDArray[np.integer] | None) -> Labels:
        offsets, affinities = self.offsets(output_CS.ndim - 1), output_CS[1:]
        inside = output_CS[0] > self.threshold
        short = slice(2 * inside.ndim)  # the neighbours and the first of the long ways
        parts = fragments(affinities[short], offsets[short], inside, self.smoothing_vox, tissue_S)
        evidence = Evidence(parts, affinities, offsets, self.strides, tissue_S)
        return self._numbered(PARTITIONS[self.decoder](evidence, self.oneness)[parts])

    def _numbered(self, cells: Labels) -> Labels:
        return sequential(remove_small(cells, self.min_size_vox))
