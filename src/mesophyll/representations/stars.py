"""Cells as star-convex bodies: at every voxel how deep it lies in its cell, and how far it is to the cell's end all around.

StarDist (Schmidt et al., MICCAI 2018; Weigert et al., WACV 2020). Channel 0 is the foreground, channel 1 the object
probability, the rest are distances along rays. The foreground is not theirs: it says where a cell reaches beyond its star.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.errors import SettingsError
from mesophyll.labels import Labels
from mesophyll.representations.base import SHARES, SIZES_VOX, Representation, tunable
from mesophyll.representations.decoding.gathering import settle
from mesophyll.representations.decoding.suppression import paint, proposals
from mesophyll.representations.geometry.paths import relative_depths
from mesophyll.representations.geometry.pieces import pieces
from mesophyll.representations.geometry.rays import cast, mirror_rays, star
from mesophyll.representations.learning.losses import mean_where, surprise

__all__ = ["Stars"]


@dataclass(frozen=True)
class Stars(Representation):
    """Foreground, object probability and distances along rays (StarDist).

    Parameters
    ----------
    halo
        As ever; and rays are cut at this length, so that nothing farther away counts.
    rays
        How many, a multiple of 8: at equal angles in images, spread evenly over the sphere in volumes. A 3D output takes much
        room: two bytes a voxel and ray.
    distance_weight
        Of the distances beside the two cross-entropies; StarDist's lambda_d.
    threshold
        Foreground above this is inside a cell.
    probability
        Object probability above this proposes a star.
    overlap
        A star is dropped that shares more than this of its voxels with a surer one, or of the surer one's, if these are fewer.
    min_size_vox
        Smaller cells are dropped.
    """

    rays: int = 64
    distance_weight: float = 0.2
    threshold: float = tunable(0.5, among=SHARES)
    probability: float = tunable(0.5, among=SHARES)
    overlap: float = tunable(0.4, among=(0.2, 0.3, 0.4, 0.5, 0.6))
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def __post_init__(self) -> None:
        if self.halo < 1:
            raise SettingsError(f"halo = {self.halo}", "rays are cut at the halo: it is above 0", "take 32")
        if self.rays < 8 or self.rays % 8:
            raise SettingsError(
                f"rays = {self.rays}", "rays come in mirrored sets: a multiple of 8", "take 32, 64 or 96"
            )

    def channels(self, ndim: int) -> int:  # noqa: ARG002 - as many rays in images as in volumes
        """Foreground, object probability and the rays."""
        return 2 + self.rays

    @property
    def ceiling(self) -> float:
        """Measured by laws 1 and 9, of cells that are convex; lobed ones are cut into stars."""
        return 0.95

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground (0 or 1), depth as a share of the cell's greatest, distances in voxels, shape (2 + rays, *S)."""
        cells, count = pieces(labels_S)
        target = np.empty((2 + self.rays, *cells.shape), np.float32)
        target[0] = cells > 0
        target[1] = relative_depths(cells, count)
        cast(target[2:], cells, star(labels_S.ndim, self.rays, self.halo).rays, self.halo)
        return target.reshape(-1, *labels_S.shape)

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return two cross-entropies and the mean absolute error of the distances, inside cells, the more the deeper."""
        output = output_BCS.float()
        chance = torch.where(known_BS, torch.nan_to_num(target_BCS[:, 1]), 0)
        error = (output[:, 2:] - torch.nan_to_num(target_BCS[:, 2:])).abs().mean(dim=1)
        return (
            surprise(output[:, 0], target_BCS[:, 0], known_BS)
            + surprise(output[:, 1], target_BCS[:, 1], known_BS)
            + self.distance_weight * mean_where(chance * error, chance > 0)
        )

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid for foreground and probability; distances are not below 0."""
        return torch.cat([torch.sigmoid(output_BCS[:, :2]), output_BCS[:, 2:].clamp(min=0)], dim=1)

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; each ray becomes its mirror image."""
        flipped = np.flip(output_CS, tuple(1 + axis for axis in axes))
        return np.concatenate([flipped[:2], mirror_rays(flipped[2:], axes)])

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Refuse: the rays of a section lie in its plane, and no ray of a volume lies there."""
        raise SettingsError(
            f"the rays of sections across axis {across}",
            "rays of images are not those of volumes",
            "go through the volume slice by slice: volume_by = 'slices'",
        )

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Let peaks of the probability propose stars, keep one for each cell, and bring them to the foreground."""
        proposed = proposals(output_CS, self.threshold, self.probability)
        # Among equals the largest is first: along the middle of a long cell all are as deep, and see as far as each other.
        first = np.lexsort([-np.square(proposed.said[:, 2:]).sum(axis=1), -proposed.said[:, 1]])
        middles, lengths = proposed.places[first], proposed.said[first, 2:]
        body, volume = star(output_CS.ndim - 1, self.rays, self.halo), proposed.inside.shape
        labels, _ = paint(
            volume, len(middles), lambda some: body.draw(middles[some], lengths[some], volume), self.overlap
        )
        return settle(labels, proposed.inside, self.min_size_vox).reshape(output_CS.shape[1:])
