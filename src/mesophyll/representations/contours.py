"""Cells of images as outlines: every pixel proposes the whole outline of its cell, in harmonics.

Contour Proposal Networks (Upschulte et al., Medical Image Analysis 77, 2022). Channel 0 is the foreground, channel 1 the
score, channels 2 and 3 the way to the middle of the outline, the rest its elliptic Fourier descriptors. Two things differ. The
score is how deep a pixel lies, not whether it lies in a cell: of the many proposals for a cell only peaks are compared. And
what the harmonics round off is mended with the foreground, where they learn a field by which outlines are moved.
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
from mesophyll.representations.geometry.fourier import describe, fill, mirror_signs, outlines
from mesophyll.representations.geometry.paths import relative_depths
from mesophyll.representations.geometry.pieces import pieces
from mesophyll.representations.learning.losses import mean_where, surprise

__all__ = ["Contours"]

_POINTS = 96  # of an outline that is drawn: sides of half a pixel in a cell of 15


@dataclass(frozen=True)
class Contours(Representation):
    """Foreground, score and outline in elliptic Fourier descriptors (Contour Proposal Networks), of images only.

    Parameters
    ----------
    order
        How many harmonics an outline has; 1 is an ellipse.
    contour_weight
        Of the outlines beside the two cross-entropies.
    threshold
        Foreground above this is inside a cell.
    score
        A score above this proposes an outline.
    overlap
        An outline is dropped that shares more than this of its pixels with a surer one, or of the surer one's, if these are
        fewer.
    refine
        Take from a cell what is not foreground, and give it the foreground around it that no outline holds.
    min_size_vox
        Smaller cells are dropped.
    """

    order: int = 6
    contour_weight: float = 1.0
    threshold: float = tunable(0.5, among=SHARES)
    score: float = tunable(0.5, among=SHARES)
    overlap: float = tunable(0.4, among=(0.2, 0.3, 0.4, 0.5, 0.6))
    refine: bool = tunable(default=True, among=(True, False))
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def __post_init__(self) -> None:
        if self.order < 1:
            raise SettingsError(f"order = {self.order}", "an outline has one harmonic at least", "take 6")

    @property
    def axes(self) -> tuple[int, ...]:
        """Only in an image has a cell one outline."""
        return (2,)

    def channels(self, ndim: int) -> int:
        """Foreground, score, the way to the middle, and four numbers for each harmonic."""
        self.check_axes(ndim)
        return 4 + 4 * self.order

    @property
    def ceiling(self) -> float:
        """Measured by law 1."""
        return 0.98

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground (0 or 1), depth as a share of the cell's greatest, and, in pixels, the outline, shape (C, Y, X)."""
        self.check_axes(labels_S.ndim)
        cells, count = pieces(labels_S)
        image = cells[0]
        middles, descriptors = describe(image, count, self.order)
        target = np.zeros((self.channels(2), *image.shape), np.float32)
        target[0] = image > 0
        target[1] = relative_depths(cells, count)[0]
        target[2:4] = (middles[image].transpose(2, 0, 1) - np.indices(image.shape)) * target[0]
        target[4:] = descriptors.reshape(count + 1, -1)[image].transpose(2, 0, 1)
        return target

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return two cross-entropies and the mean absolute error of the outline, inside cells."""
        output = output_BCS.float()
        inside = known_BS & (target_BCS[:, 0] > 0) & torch.isfinite(target_BCS[:, 2])
        error = (output[:, 2:] - torch.nan_to_num(target_BCS[:, 2:])).abs().mean(dim=1)
        return (
            surprise(output[:, 0], target_BCS[:, 0], known_BS)
            + surprise(output[:, 1], target_BCS[:, 1], known_BS)
            + self.contour_weight * mean_where(error, inside)
        )

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid for foreground and score; the outline as it is."""
        return torch.cat([torch.sigmoid(output_BCS[:, :2]), output_BCS[:, 2:]], dim=1)

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; what points along a flipped axis changes its sign, and so do waves that run the other way."""
        mirrored = np.flip(output_CS, tuple(1 + axis for axis in axes)).copy()
        for axis in axes:
            mirrored[2 + axis] *= -1
            mirrored[4:] *= mirror_signs(self.order, axis).reshape(-1, 1, 1)
        return mirrored

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Let peaks of the score propose outlines, keep one for each cell, and refine them by the foreground."""
        proposed = proposals(output_CS, self.threshold, self.score)
        outline = proposed.said[:, 2:].astype(np.float64)
        middles = proposed.places[:, 1:] + outline[:, :2]
        polygons = outlines(middles, outline[:, 2:].reshape(-1, self.order, 2, 2), _POINTS)
        volume = proposed.inside.shape
        labels, _ = paint(volume, len(polygons), lambda some: fill(polygons[some], volume[1:]), self.overlap)
        inside = proposed.inside if self.refine else labels > 0
        return settle(labels, inside, self.min_size_vox).reshape(output_CS.shape[1:])
