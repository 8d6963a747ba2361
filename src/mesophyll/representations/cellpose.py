"""Cells as Cellpose 1 to 3 say and read them: flow first, five times as long, and decoded by their own rule.

What `mesophyll.representations.flows` takes over from Cellpose is the idea; this is the original, channel by channel, for
models that were taught by it. Voxels that end beside the heaps are lost, as they are there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from mesophyll.labels import Labels, remove_small, sequential
from mesophyll.representations.base import SHARES, Representation, as_array, tunable
from mesophyll.representations.decoding.heaps import from_heaps
from mesophyll.representations.decoding.threads import threads_kept
from mesophyll.representations.decoding.walking import walk
from mesophyll.representations.geometry.diffusion import diffusion_flow
from mesophyll.representations.geometry.pieces import as_volume, pieces

__all__ = ["Cellpose"]

_SCALE = 5.0  # a flow of length 1 is 5 in the raw output


@dataclass(frozen=True)
class Cellpose(Representation):
    """Flow along each axis, then foreground: Cellpose's own targets, loss and decoder.

    Parameters
    ----------
    threshold
        Foreground (the sigmoid of the logit) above this is inside a cell; 0.5 is Cellpose's ``cellprob_threshold = 0``.
    steps
        Of Euler's method; Cellpose's ``niter``.
    top, slope
        A cell's end points make a heap: more than ``top`` lie in its highest voxel, more than ``slope`` where it spreads.
    largest
        A cell that fills more than this share of the image (or block) is dropped.
    flow_error
        In images, a cell is dropped where the mean squared difference between the flow that was read and that of the cell is
        above this; 0 asks nothing. Cellpose's ``flow_threshold``.
    min_size_vox
        Smaller cells are dropped.
    """

    threshold: float = tunable(0.5, among=SHARES)
    steps: int = tunable(200, among=(50, 100, 200, 400))
    top: int = tunable(10, among=(5, 10, 20, 40))
    slope: int = tunable(2, among=(1, 2, 4))
    largest: float = 0.4
    flow_error: float = tunable(0.4, among=(0.0, 0.2, 0.4, 0.6, 0.8))
    min_size_vox: int = tunable(15, among=(0, 15, 50, 100, 200, 400))

    def channels(self, ndim: int) -> int:
        """One flow for each axis, and the foreground."""
        return ndim + 1

    @property
    def ceiling(self) -> float:
        """Measured by law 1, in images and volumes."""
        return 0.95

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return flow (at most 1 long, in voxels) and foreground (0 or 1), shape (ndim + 1, *S)."""
        cells, count = pieces(labels_S)
        target = np.empty((labels_S.ndim + 1, *cells.shape), np.float32)
        target[-1] = cells > 0
        target[:-1] = diffusion_flow(cells, count)[-labels_S.ndim :] * target[-1]
        return target.reshape(-1, *labels_S.shape)

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return half the mean squared error of five times the flow, plus the cross-entropy of the logit, where known."""
        output, known = output_BCS.float(), known_BS[:, None]
        target = torch.where(known, target_BCS, 0)  # not a product: what is not known may be NaN
        error = (output[:, :-1] - _SCALE * torch.nan_to_num(target[:, :-1])).square().mean(dim=1) / 2
        error = torch.where(torch.isfinite(target[:, 0]), error, 0)
        surprise = functional.binary_cross_entropy_with_logits(output[:, -1], target[:, -1], reduction="none")
        return torch.where(known_BS, error + surprise, 0).sum() / known_BS.sum().clamp(min=1)

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """A fifth of the flow, the sigmoid of the logit."""
        return torch.cat([output_BCS[:, :-1] / _SCALE, torch.sigmoid(output_BCS[:, -1:])], dim=1)

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Forget the flow: it leads to a point that a section does not show."""
        forgotten = target_CS.copy()
        forgotten[:-1, sections_S] = np.nan
        return forgotten

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; the flow along each flipped axis changes its sign."""
        mirrored = np.flip(output_CS, tuple(1 + axis for axis in axes)).copy()
        mirrored[list(axes)] *= -1
        return mirrored

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Flow along the section's own axes, and the foreground."""
        return (*(axis for axis in range(3) if axis != across), 3)

    @threads_kept()
    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Walk along the flow, make a cell of each heap of ends, drop what is not like its flow, fill holes."""
        output = as_array(output_CS)
        spatial = output.shape[1:]
        volume = as_volume(spatial)
        inside = np.ascontiguousarray(output[-1] > self.threshold).reshape(volume)
        flow = np.zeros((3, *volume), np.float32)
        flow[-len(spatial) :] = output[:-1].reshape(-1, *volume)
        labels = from_heaps(walk(flow, inside, self.steps), inside, top=self.top, slope=self.slope)
        labels = sequential(_without_large(labels, self.largest * labels.size))
        if len(spatial) == 2 and self.flow_error > 0:
            labels = _like_their_flow(labels, flow, self.flow_error)
        labels = sequential(remove_small(labels, self.min_size_vox))
        return sequential(remove_small(_filled(labels), self.min_size_vox)).reshape(spatial)


def _without_large(labels: Labels, most: float) -> Labels:
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.where((sizes > most)[labels], 0, labels).astype(np.int32)


def _like_their_flow(labels: Labels, flow: NDArray[np.float32], most: float) -> Labels:
    """Drop the cells whose own flow differs from the one that was read, on average over their voxels."""
    count = int(labels.max(initial=0))
    apart = np.square(diffusion_flow(labels, count) - flow).sum(axis=0)
    numbers = labels.ravel()
    error = np.bincount(numbers, apart.ravel(), count + 1) / np.maximum(np.bincount(numbers, minlength=count + 1), 1)
    error[0] = 0
    return np.where((error > most)[labels], 0, labels).astype(np.int32)


def _filled(labels: Labels) -> Labels:
    """Fill the holes of each cell, but not with what belongs to another one: that would swallow it."""
    filled = labels.copy()
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            free = filled[box] == 0
            holes = ndimage.binary_fill_holes((labels[box] == number).squeeze())
            filled[box][free & holes.reshape(free.shape)] = number
    return filled
