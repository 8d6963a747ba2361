"""Cells as boundaries: what lies under a cell's surface, and what lies deep enough inside to be a seed.

Three classics, which differ in what they learn of the inside. Channel 0 is the foreground, channel 1 the boundary: a band of a
cell's own voxels under its surface, so that touching cells have one each. Background, boundary and interior are three classes
there, told by two questions: is this a cell, and, if it is, is it the cell's boundary?
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import cc3d
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mesophyll.errors import SettingsError
from mesophyll.labels import Labels, remove_small, sequential
from mesophyll.representations.base import SHARES, SIZES_VOX, SPACING_UM, Representation, as_array, tunable
from mesophyll.representations.decoding.basins import basins
from mesophyll.representations.geometry.paths import depths, interior_points, least_depths
from mesophyll.representations.geometry.pieces import pieces
from mesophyll.representations.learning.losses import mean_where
from mesophyll.representations.linking.smoothing import smoothed_within

__all__ = ["Boundaries"]

Variant = Literal["interior", "centroid", "distance"]


@dataclass(frozen=True)
class Boundaries(Representation):
    """Foreground, boundary, and, but for one variant, the cell's middle or the distance from its surface.

    Parameters
    ----------
    variant
        What makes a seed. ``interior``: each piece of a cell without its boundary (Caicedo et al., Cytometry A 95, 2019).
        ``centroid``: a ball in the cell's middle, one a cell (Eschweiler et al., ISBI 2019). ``distance``: what is no boundary
        and, by a distance that is learnt as well, deep below the surface (Lin et al., NucMM, MICCAI 2021; their distance
        is signed, here the foreground tells the sign).
    spacing_um
        The edge length of the model's voxels, by which lengths in µm become voxels; a training sets it to that of its plan.
    width_um
        Of the boundary, from the surface inwards; a voxel at least.
    radius_um
        Of the ball of ``centroid``, around the deep voxel nearest the centroid; that itself may lie outside a bent cell.
    scale_um
        The distance of ``distance`` is ``tanh(depth / scale_um)``.
    seed_depth_um
        Of a seed of ``distance``, at least.
    beta
        Weight of the distance's squared error beside the cross-entropies.
    threshold
        Of foreground, boundary and centroid: above it they are there.
    smoothing_vox
        Standard deviation of a Gaussian, inside cells, that smooths centroid or distance before seeds are looked for: voxels
        that err, each on its own, would join two of them. A boundary is too thin for it.
    min_seed_vox
        Smaller seeds are none.
    min_size_vox
        Smaller cells are dropped.
    """

    variant: Variant = "interior"
    spacing_um: float = SPACING_UM
    width_um: float = 0.65
    radius_um: float = 1.3
    scale_um: float = 5.2
    seed_depth_um: float = tunable(1.3, among=(0.65, 1.3, 1.95, 2.6), only={"variant": "distance"})
    beta: float = 5.0
    threshold: float = tunable(0.5, among=SHARES)
    smoothing_vox: float = tunable(0.5, among=(0.0, 0.5, 0.75))
    min_seed_vox: int = tunable(4, among=(1, 4, 10, 30))
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def __post_init__(self) -> None:
        for name in ("spacing_um", "width_um", "radius_um", "scale_um", "seed_depth_um"):
            if not getattr(self, name) > 0:  # this way round, for NaN
                raise SettingsError(f"{name} = {getattr(self, name)}", f"{name} is above 0", f"correct {name}")

    def at(self, spacing_um: float) -> Boundaries:
        """Return the same lengths in other voxels."""
        return replace(self, spacing_um=spacing_um)

    def channels(self, ndim: int) -> int:  # noqa: ARG002 - nothing points anywhere
        """Foreground and boundary; then centroid, or distance."""
        return 2 if self.variant == "interior" else 3

    @property
    def ceiling(self) -> float:
        """Measured on phantoms, at IoU 0.8; a crowd of round cells comes back whole.

        Seeds are never merged, so a cell with a neck is as many as it has seeds; and what is all boundary, as a thin arm is,
        goes to the nearest.
        """
        return 0.89

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground and boundary, 0 or 1; then centroid, 0 or 1, or distance, from 0 to 1; shape (channels, *S).

        Boundary and distance are NaN where it is not known whether a surface is that near, for unknown voxels are.
        """
        cells, count = pieces(labels_S)
        depth = depths(cells)
        doubtful = least_depths(labels_S.reshape(cells.shape), depth)
        wide = max(self.width_um / self.spacing_um, 1)
        boundary = np.where(doubtful & (depth <= wide), np.nan, (cells > 0) & (depth <= wide))
        target = [cells > 0, boundary]
        if self.variant == "centroid":
            target.append(self._balls(cells, count, depth))
        elif self.variant == "distance":
            target.append(np.where(doubtful, np.nan, np.tanh(depth * self.spacing_um / self.scale_um)))
        return np.stack(target).astype(np.float32).reshape(-1, *labels_S.shape)

    def _balls(self, cells: Labels, count: int, depth: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Mark what of a cell lies in the ball around its middle."""
        middle = interior_points(cells, count, depth)[cells].transpose(3, 0, 1, 2)
        far = np.square(middle - np.indices(cells.shape)).sum(axis=0) * self.spacing_um**2
        return np.asarray((cells > 0) & (far <= self.radius_um**2))

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropies, each balanced between yes and no, of the foreground, and within cells of the others.

        Of ``distance``, the last is `beta` times the mean squared error.
        """
        output, known = output_BCS.float(), known_BS[:, None] & torch.isfinite(target_BCS)
        target = torch.where(known, target_BCS, 0)  # not a product: what is not known may be NaN
        weighs = torch.cat([known[:, :1], known[:, 1:] & (target[:, :1] > 0)], dim=1)
        asked = 2 if self.variant == "distance" else target.shape[1]
        cost = torch.stack([_balanced(output[:, c], target[:, c], weighs[:, c]) for c in range(asked)]).sum()
        if self.variant == "distance":
            error = (torch.sigmoid(output[:, 2]) - target[:, 2]).square()
            cost = cost + self.beta * mean_where(error, weighs[:, 2])
        return cost

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid."""
        return torch.sigmoid(output_BCS)

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """No channel points anywhere: flip them."""
        return np.flip(output_CS, tuple(1 + axis for axis in axes))

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Flood the foreground from the seeds: over the boundary last, or, of ``distance``, over the deepest first."""
        output = as_array(output_CS)
        inside = np.asarray(output[0] > self.threshold)
        connectivity = 6 if inside.ndim == 3 else 4  # by edges, too, two holes in a wall would meet nine times as often
        seeds = cc3d.connected_components(self._seeds(output, inside), connectivity=connectivity).astype(np.int32)
        height = 1 - output[2] if self.variant == "distance" else output[1]
        cells = basins(height, sequential(remove_small(seeds, self.min_seed_vox)), inside)
        return sequential(remove_small(cells, self.min_size_vox))

    def _seeds(self, output_CS: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        within: NDArray[np.bool_] = inside & (output_CS[1] <= self.threshold)
        if self.variant == "interior":
            return within
        middle = smoothed_within(output_CS[2:], inside, self.smoothing_vox)[0]
        if self.variant == "centroid":
            return np.asarray(inside & (middle > self.threshold))
        return np.asarray(within & (middle > math.tanh(self.seed_depth_um / self.scale_um)))


def _balanced(output: torch.Tensor, target: torch.Tensor, weighs: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy, the mean of those over yes and over no: a thin boundary counts as much as all the inside."""
    each = functional.binary_cross_entropy_with_logits(output, target, reduction="none")
    sides = [weighs & (target == side) for side in (0, 1)]
    occur = torch.stack([side.any() for side in sides]).sum()
    return torch.stack([mean_where(each, side) for side in sides]).sum() / occur.clamp(min=1)
