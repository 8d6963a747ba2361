"""Cells as flows: a foreground, and at every voxel of a cell the way to one point of it (Cellpose and its kin), or to its axis.

Four targets, one decoder. Channel 0 is the foreground; channels 1 .. ndim are the flow along the axes in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mesophyll.labels import Labels, remove_small, sequential
from mesophyll.representations.base import SHARES, SIZES_VOX, Representation, as_array, tunable
from mesophyll.representations.choosing import Fragments, overlaps
from mesophyll.representations.choosing.clusters import Clusters
from mesophyll.representations.choosing.convergence import convergence_fragments, divergence
from mesophyll.representations.decoding.following import follow, follow_tensor
from mesophyll.representations.decoding.gathering import gather
from mesophyll.representations.decoding.threads import threads_kept
from mesophyll.representations.geometry.diffusion import diffusion_flow
from mesophyll.representations.geometry.medial import medial_flow
from mesophyll.representations.geometry.paths import centroids, depths, interior_points, unit_steps, waypoints
from mesophyll.representations.geometry.pieces import as_volume, pieces
from mesophyll.representations.learning.losses import mean_where
from mesophyll.representations.linking.parting import flow_oneness, joined

__all__ = ["TARGETS", "Flows"]

FlowTarget = Literal["centre", "interior", "diffusion", "skeleton"]

_NEARER = 3
"""A cell's axis is so much nearer than its middle that so many passes less lead there; with more, noise leads along it."""


def _centre(cells: Labels, count: int) -> NDArray[np.float32]:
    """``tanh(c - v)``, c the centroid of the cell and v the voxel (section 3 of the report)."""
    offset = centroids(cells, count)[cells].transpose(3, 0, 1, 2) - np.indices(cells.shape)
    return np.asarray(np.tanh(offset), dtype=np.float32)


def _interior(cells: Labels, count: int) -> NDArray[np.float32]:
    """Return unit steps on the shortest way, inside the cell, to a point deep inside it; 0 at the point."""
    depth = depths(cells)
    return unit_steps(waypoints(cells, interior_points(cells, count, depth), depth))


TARGETS: dict[FlowTarget, Callable[[Labels, int], NDArray[np.float32]]] = {
    "centre": _centre,
    "interior": _interior,
    "diffusion": diffusion_flow,
    "skeleton": medial_flow,
}
"""Flow of the cells 1 .. count, each of one piece: (cells (Z, Y, X), count) to (3, Z, Y, X)."""


@dataclass(frozen=True)
class Flows(Representation):
    """Foreground and flow.

    Parameters
    ----------
    target
        Where the flow leads: ``centre`` is the report's ``tanh(c - v)``, ``interior`` a unit step towards a point deep inside
        the cell by the shortest way within it, ``diffusion`` Cellpose's gradient of heat from the centre, ``skeleton`` the
        gradient of depth, which leads to the cell's medial axis. Along the axis nothing holds a voxel: what arrives there in
        many places is made one cell by `parting`.
    foreground_loss
        ``mae`` as in the report's equation 1, or ``bce``, cross-entropy, which still pulls where the output is surely wrong.
    alpha, beta
        Weights of the foreground and of the flow in equation 1.
    threshold
        Foreground above this is inside a cell.
    passes
        Cells are found after 2**passes steps; on the way to a ``skeleton``, which is short, after an eighth of them.
    min_arrivals
        So many voxels must end in a box of 3 voxels' side to make a cell.
    parting
        Of the target ``skeleton``: what arrives in two places is one cell unless the flow parts between the two by more than
        this a voxel, on average over the faces that they share. At a wall it parts by about 1.3, within a cell by 0.1.
    min_size_vox
        Smaller cells are dropped.
    """

    target: FlowTarget = "interior"
    foreground_loss: Literal["mae", "bce"] = "bce"
    alpha: float = 1.0
    beta: float = 5.0
    threshold: float = tunable(0.5, among=SHARES)
    passes: int = tunable(8, among=(5, 6, 7, 8, 9))
    min_arrivals: int = tunable(5, among=(2, 5, 10, 20, 40))
    parting: float = tunable(0.5, among=SHARES, only={"target": "skeleton"})
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def channels(self, ndim: int) -> int:
        """Foreground and one flow for each axis."""
        return 1 + ndim

    @property
    def ceiling(self) -> float:
        """Measured by law 1. The straight way to the centre leaves lobed cells, and its tanh forgets how far it is."""
        return {"centre": 0.5, "interior": 0.98, "diffusion": 0.95, "skeleton": 0.98}[self.target]

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground (0 or 1) and flow (at most 1 long, in voxels), shape (1 + ndim, *S)."""
        cells, count = pieces(labels_S)
        target = np.empty((1 + labels_S.ndim, *cells.shape), np.float32)
        target[0] = cells > 0
        target[1:] = TARGETS[self.target](cells, count)[-labels_S.ndim :] * target[0]
        return target.reshape(-1, *labels_S.shape)

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return equation 1 of the report: foreground everywhere known, flow inside cells where it is known."""
        output = output_BCS.float()
        target = torch.where(known_BS[:, None], target_BCS, 0)  # not a product: what is not known may be NaN
        foreground, inside = target[:, 0], target[:, 0].bool() & torch.isfinite(target[:, 1])
        if self.foreground_loss == "bce":
            per_voxel = functional.binary_cross_entropy_with_logits(output[:, 0], foreground, reduction="none")
        else:
            per_voxel = (torch.sigmoid(output[:, 0]) - foreground).abs()
        error = (torch.tanh(output[:, 1:]) - torch.nan_to_num(target[:, 1:])).square().mean(dim=1)
        return self.alpha * mean_where(per_voxel, known_BS) + self.beta * mean_where(error, inside)

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid for the foreground, tanh for the flow."""
        return torch.cat([torch.sigmoid(output_BCS[:, :1]), torch.tanh(output_BCS[:, 1:])], dim=1)

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; the flow along each flipped axis changes its sign."""
        mirrored = np.flip(output_CS, tuple(1 + axis for axis in axes)).copy()
        mirrored[[1 + axis for axis in axes]] *= -1
        return mirrored

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Foreground, and the flow along the section's own axes."""
        return (0, *(1 + axis for axis in range(3) if axis != across))

    @threads_kept()
    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Follow the flow and gather what ends together. A tensor is followed on its own device."""
        spatial = tuple(output_CS.shape[1:])
        volume = as_volume(spatial)
        passes = self.passes - _NEARER * (self.target == "skeleton")
        if isinstance(output_CS, torch.Tensor):
            inside_tensor = (output_CS[0] > self.threshold).reshape(volume)
            step = output_CS.new_zeros((3, *volume), dtype=torch.float32)
            step[-len(spatial) :] = output_CS[1:].reshape(-1, *volume)
            moved = follow_tensor(step, inside_tensor, passes).cpu().numpy()
            inside, flow = inside_tensor.cpu().numpy(), step.cpu().numpy()
        else:
            inside = np.ascontiguousarray(output_CS[0] > self.threshold).reshape(volume)
            flow = _along_all_axes(output_CS[1:])
            moved = follow(flow, inside, passes)
        if self.target == "skeleton":
            oneness = flow_oneness(flow, self.parting)
            fragments = gather(moved, inside, self.min_arrivals, min_size_vox=1, oneness=oneness)
            return sequential(remove_small(joined(fragments, oneness), self.min_size_vox)).reshape(spatial)
        return gather(moved, inside, self.min_arrivals, self.min_size_vox).reshape(spatial)

    @threads_kept()
    def fragments(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Fragments:
        """Return fragments by where the flow runs together, beside the cells by where it ends."""
        output = as_array(output_CS)
        foreground = np.ascontiguousarray(output[0]).reshape(as_volume(output.shape[1:]))
        flow = _along_all_axes(output[1:])
        spread = divergence(flow)
        labels = convergence_fragments(spread, foreground > self.threshold)
        ends = self.decode(output_CS).reshape(foreground.shape)
        clusters = Clusters.of(labels, foreground, flow, spread)
        return Fragments(labels, clusters, overlaps(labels, ends), output.shape[1:], self.min_size_vox)


def _along_all_axes(flow_CS: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a flow of as many channels as axes as one along Z, Y and X, shape (3, Z, Y, X); 0 along those that it lacks."""
    volume = as_volume(flow_CS.shape[1:])
    flow = np.zeros((3, *volume), np.float32)
    flow[-len(flow_CS) :] = flow_CS.reshape(-1, *volume)
    return flow
