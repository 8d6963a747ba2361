"""Cells as affinities: whether a voxel and another one, some way off, lie in the same cell.

Nothing is said of a cell's middle, so no shape is too lobed. Neighbours tell where walls are; voxels farther apart tell it
again, from both sides of a wall that is hard to see (Lee et al., arXiv 1706.00120; Wolf et al., TPAMI 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mesophyll.errors import SettingsError
from mesophyll.labels import UNKNOWN, Labels, remove_small, sequential
from mesophyll.representations.base import SPACING_UM, Representation
from mesophyll.representations.graphs import (
    Offsets,
    average_linkage,
    distant_pairs,
    lifted_multicut,
    multicut,
    region_graph,
)
from mesophyll.representations.mutex import mutex_pieces, semantic_pieces, smoothed_within

__all__ = ["Affinities"]

Decoder = Literal["mutex", "semantic", "linkage", "multicut", "lifted"]


@dataclass(frozen=True)
class Affinities(Representation):
    """Foreground, and whether a voxel and those at some distances from it are of one cell.

    Parameters
    ----------
    spacing_um
        The edge length of the model's voxels, by which lengths in µm become voxels; a training sets it to that of its plan.
    long_um
        Distances along each axis, besides that of the next voxel.
    diagonal_um
        Distances along both diagonals of each pair of axes.
    overlap
        Weight of the overlap (Dice), of voxels that are one cell and of voxels that are not, beside the cross-entropy.
    threshold
        Foreground above this is inside a cell.
    decoder
        ``mutex``: the mutex watershed. ``semantic``: the same, which settles at once what is a cell, instead of by the
        threshold. ``linkage``, ``multicut`` and ``lifted`` merge its pieces by average linkage, multicut and lifted multicut.
    smoothing_vox
        Affinities are smoothed by a Gaussian of this standard deviation, inside cells, before pieces are made of them.
    strides
        Of the pairs that are farther apart than neighbours, the mutex watershed looks at one in so many along each axis.
    oneness
        Pieces with a mean affinity above this are one cell.
    min_size_vox
        Smaller cells are dropped.
    """

    spacing_um: float = SPACING_UM
    long_um: tuple[float, ...] = (1.95, 3.9, 7.8)
    diagonal_um: tuple[float, ...] = (3.9,)
    overlap: float = 1.0
    threshold: float = 0.5
    decoder: Decoder = "linkage"
    smoothing_vox: float = 0.5
    strides: int = 2
    oneness: float = 0.5
    min_size_vox: int = 20

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

    def at(self, spacing_um: float) -> Affinities:
        """Return the same lengths in other voxels."""
        return replace(self, spacing_um=spacing_um)

    def channels(self, ndim: int) -> int:
        """Foreground and one for each offset."""
        return 1 + len(self.offsets(ndim))

    @property
    def ceiling(self) -> float:
        """Measured by law 1."""
        return 1.0

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground and affinities (0 or 1), shape (1 + offsets, *S).

        A pair that reaches out of the array is 0; one of a cell and an unknown voxel is NaN, as is all of an unknown voxel.
        """
        target = np.zeros((self.channels(labels_S.ndim), *labels_S.shape), np.float32)
        target[0] = labels_S > 0
        for affinity, offset in zip(target[1:], self.offsets(labels_S.ndim), strict=True):
            here, there = _ends(labels_S.shape, offset)
            one, other = labels_S[here], labels_S[there]
            affinity[here] = np.where((one > 0) & (other == UNKNOWN), np.nan, (one > 0) & (one == other))
        target[:, labels_S == UNKNOWN] = np.nan
        return target

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return the loss of the foreground plus the mean of those of the affinities, which weigh inside cells where known."""
        weighs = known_BS[:, None] & torch.isfinite(target_BCS)
        target = torch.where(weighs, target_BCS, 0)  # not a product: what is not known may be NaN
        weighs[:, 1:] &= target[:, :1] > 0
        each = [self._cost(output_BCS[:, c].float(), target[:, c], weighs[:, c]) for c in range(target.shape[1])]
        return each[0] + torch.stack(each[1:]).mean()

    def _cost(self, output: torch.Tensor, target: torch.Tensor, weighs: torch.Tensor) -> torch.Tensor:
        """Cross-entropy, plus one minus the mean Dice of the ones and of the zeros: the zeros are few, and count as much."""
        surprise = functional.binary_cross_entropy_with_logits(output, target, reduction="none")
        said = torch.sigmoid(output)
        missed = (_missed(said, target, weighs) + _missed(1 - said, 1 - target, weighs)) / 2
        return torch.where(weighs, surprise, 0).sum() / weighs.sum().clamp(min=1) + self.overlap * missed

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid."""
        return torch.sigmoid(output_BCS)

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Forget that two cells are two, but for neighbours: above or below the section they may be one.

        A section does tell that two voxels of a piece are one cell, that a cell and the air are none, and where a wall lies.
        """
        forgotten = target_CS.copy()
        ndim = sections_S.ndim
        for affinity, offset in zip(forgotten[1 + ndim :], self.offsets(ndim)[ndim:], strict=True):
            here, there = _ends(sections_S.shape, offset)
            affinity[here][sections_S[here] & (affinity[here] == 0) & (target_CS[0][there] > 0)] = np.nan
        return forgotten

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; where an offset leads the other way now, the affinity is that of the pair's other end.

        Pairs that lead out of the array come in again at the other side, so that mirrored twice is what it was.
        """
        flipped = np.flip(output_CS, tuple(1 + axis for axis in axes)).copy()
        offsets = self.offsets(output_CS.ndim - 1)
        mirrored = flipped.copy()
        for channel, offset in enumerate(offsets, start=1):
            seen = tuple(-step if axis in axes else step for axis, step in enumerate(offset))
            if seen in offsets:
                mirrored[channel] = flipped[1 + offsets.index(seen)]
            else:
                back = flipped[1 + offsets.index(_reversed(seen))]
                mirrored[channel] = np.roll(back, _reversed(offset), tuple(range(len(offset))))
        return mirrored

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Foreground, and the affinities within the section's own plane."""
        within = self.offsets(3)
        return (0, *(1 + within.index((*way[:across], 0, *way[across:])) for way in self.offsets(2)))

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Make pieces by the mutex watershed, and merge them by the decoder that is set."""
        output = output_CS.cpu().numpy() if isinstance(output_CS, torch.Tensor) else output_CS
        ndim = output.ndim - 1
        offsets, inside = self.offsets(ndim), output[0] > self.threshold
        affinities = smoothed_within(output[1:], inside, self.smoothing_vox)
        if self.decoder == "semantic":
            cells = semantic_pieces(affinities, offsets, output[0], self.strides)
        else:
            cells = mutex_pieces(affinities, offsets, inside, self.strides)
        if self.decoder in PARTITIONS:
            cells = PARTITIONS[self.decoder](cells, affinities, offsets, self.oneness)[cells]
        return sequential(remove_small(cells, self.min_size_vox))


Partition = Callable[[Labels, NDArray[np.float32], Offsets, float], NDArray[np.int32]]


def _linked(pieces: Labels, affinities: NDArray[np.float32], offsets: Offsets, oneness: float) -> NDArray[np.int32]:
    return average_linkage(region_graph(pieces, affinities, offsets), oneness)


def _cut(pieces: Labels, affinities: NDArray[np.float32], offsets: Offsets, oneness: float) -> NDArray[np.int32]:
    return multicut(region_graph(pieces, affinities, offsets), oneness)


def _lifted(pieces: Labels, affinities: NDArray[np.float32], offsets: Offsets, oneness: float) -> NDArray[np.int32]:
    near, far = region_graph(pieces, affinities, offsets), distant_pairs(pieces, affinities, offsets)
    return lifted_multicut(near, far, oneness)


PARTITIONS: dict[str, Partition] = {"linkage": _linked, "multicut": _cut, "lifted": _lifted}


def _ends(shape: tuple[int, ...], offset: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return where the first and where the second voxels of all pairs lie that are within an array."""
    here = tuple(
        slice(max(-step, 0), max(length - max(step, 0), 0)) for length, step in zip(shape, offset, strict=True)
    )
    there = tuple(
        slice(max(step, 0), max(length + min(step, 0), 0)) for length, step in zip(shape, offset, strict=True)
    )
    return here, there


def _reversed(offset: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-step for step in offset)


def _missed(said: torch.Tensor, true: torch.Tensor, weighs: torch.Tensor) -> torch.Tensor:
    """One minus the Dice where it weighs; nothing where there is nothing to find."""
    said, true = torch.where(weighs, said, 0), torch.where(weighs, true, 0)
    size = true.sum()
    return torch.where(size > 0, 1 - 2 * (said * true).sum() / (said.sum() + size).clamp(min=1), 0)
