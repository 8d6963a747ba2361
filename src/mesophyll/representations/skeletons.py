"""Cells as skeletons and affinities: where a cell is deepest it begins, and neighbours tell how far it goes.

Skeletons are seeds that are seldom shared by two cells, even where the wall between them is not seen, for they lie far from it;
they are over-complete, and what they cut too often average linkage mends (Lin et al., MICCAI 2023; Bailoni et al., CVPR 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.labels import Labels, remove_small, sequential
from mesophyll.representations.affinities import Affinities
from mesophyll.representations.base import SHARES, SIZES_VOX, SPACING_UM, Representation, as_array, tunable
from mesophyll.representations.decoding.basins import basins
from mesophyll.representations.geometry.medial import axis_nearness
from mesophyll.representations.geometry.paths import depths, least_depths
from mesophyll.representations.geometry.pieces import pieces
from mesophyll.representations.learning.losses import mean_where
from mesophyll.representations.linking.graphs import average_linkage, region_graph
from mesophyll.representations.linking.joining import likely_pieces

__all__ = ["Skeletons"]


@dataclass(frozen=True)
class Skeletons(Representation):
    """Foreground, affinities of neighbours and of some voxels farther apart, and how near the cell's skeleton is.

    Parameters
    ----------
    spacing_um
        The edge length of the model's voxels, by which lengths in µm become voxels; a training sets it to that of its plan.
    long_um
        Distances along each axis at which affinities are learnt, besides that of the next voxel.
    overlap
        Weight of the affinities' overlap (Dice) beside their cross-entropy.
    beta
        Weight of the skeleton's squared error beside foreground and affinities.
    threshold
        Foreground above this is inside a cell.
    seeds_above
        What is nearer to a skeleton than this is a seed: 1 on it, 1/2 half-way to the surface.
    oneness
        Fragments with a mean affinity above this are one cell.
    min_size_vox
        Smaller cells are dropped.
    """

    spacing_um: float = SPACING_UM
    long_um: tuple[float, ...] = (2.6, 5.2)
    overlap: float = 1.0
    beta: float = 5.0
    threshold: float = tunable(0.5, among=SHARES)
    seeds_above: float = tunable(0.7, among=(0.4, 0.5, 0.6, 0.7, 0.8))
    oneness: float = tunable(0.5, among=SHARES)
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def __post_init__(self) -> None:
        _ = self._affinities  # it knows which lengths are none

    @property
    def _affinities(self) -> Affinities:
        """The part that speaks of pairs; the skeleton's channel follows its channels."""
        return Affinities(spacing_um=self.spacing_um, long_um=self.long_um, diagonal_um=(), overlap=self.overlap)

    @property
    def reach(self) -> int:
        """That of the affinities."""
        return self._affinities.reach

    def at(self, spacing_um: float) -> Skeletons:
        """Return the same lengths in other voxels."""
        return replace(self, spacing_um=spacing_um)

    def channels(self, ndim: int) -> int:
        """Foreground, affinities, and the skeleton as the last."""
        return self._affinities.channels(ndim) + 1

    @property
    def ceiling(self) -> float:
        """Measured by law 1."""
        return 1.0

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground and affinities (0 or 1), and how near the skeleton is (from 0 to 1), shape (channels, *S).

        The last is NaN where unknown voxels are as near as a surface.
        """
        cells, _ = pieces(labels_S)
        depth = depths(cells)
        near = np.where(least_depths(labels_S.reshape(cells.shape), depth), np.nan, axis_nearness(cells, depth))
        skeleton = near.reshape(1, *labels_S.shape).astype(np.float32)
        return np.concatenate([self._affinities.encode(labels_S), skeleton])

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return the loss of foreground and affinities, plus the skeleton's squared error inside cells where it is known."""
        apart = self._affinities.loss(output_BCS[:, :-1], target_BCS[:, :-1], known_BS)
        weighs = known_BS & (target_BCS[:, 0] > 0) & torch.isfinite(target_BCS[:, -1])
        target = torch.where(weighs, target_BCS[:, -1], 0)  # not a product: what is not known may be NaN
        error = (torch.sigmoid(output_BCS[:, -1].float()) - target).square()
        return apart + self.beta * mean_where(error, weighs)

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid."""
        return torch.sigmoid(output_BCS)

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Forget what the affinities forget, and the skeleton: how deep a voxel lies, a section does not show."""
        affinities = self._affinities.forget(target_CS[:-1], sections_S)
        return np.concatenate([affinities, np.where(sections_S, np.float32(np.nan), target_CS[-1:])])

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Mirror the affinities; flip the skeleton."""
        flipped = np.flip(output_CS[-1:], tuple(1 + axis for axis in axes))
        return np.concatenate([self._affinities.mirror(output_CS[:-1], axes), flipped])

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Those of the affinities, and the skeleton."""
        return (*self._affinities.in_volume(across), self.channels(3) - 1)

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Let the pieces of the skeletons grow into fragments, and merge those by average linkage."""
        output = as_array(output_CS)
        ndim = output.ndim - 1
        inside, neighbours = output[0] > self.threshold, output[1 : 1 + ndim]
        seeds = likely_pieces(inside & (output[-1] > self.seeds_above), neighbours)
        filled = basins(1 - (_mean_of_faces(neighbours) + output[-1]) / 2, seeds, inside)
        fragments = likely_pieces(filled, neighbours)  # a cell may be cut from its skeleton by a block's edge
        graph = region_graph(fragments, output[1:-1], self._affinities.offsets(ndim))
        return sequential(remove_small(average_linkage(graph, self.oneness)[fragments], self.min_size_vox))


def _mean_of_faces(neighbours_CS: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean affinity of each voxel to those beyond its faces, shape S, where there are any."""
    total, faces = np.zeros((2, *neighbours_CS.shape[1:]), np.float32)
    for axis, affinity in enumerate(neighbours_CS):
        first = (slice(None),) * axis + (slice(None, -1),)
        second = (slice(None),) * axis + (slice(1, None),)
        for side in (first, second):
            total[side] += affinity[first]
            faces[side] += 1
    return np.asarray(total / np.maximum(faces, 1))
