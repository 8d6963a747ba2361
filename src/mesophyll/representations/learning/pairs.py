"""What it costs to be wrong about pairs of voxels of which few lie across a wall."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["foreground_and_pairs_loss"]


def foreground_and_pairs_loss(
    output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor, overlap: float
) -> torch.Tensor:
    """Return the loss of the foreground, channel 0, plus the mean of those of the pairs, which weigh inside cells only.

    Each is the mean cross-entropy plus ``overlap`` times one minus the Dice, the mean of that of the ones and that of the
    zeros: pairs across a wall are few, and count as much there as those within a cell.
    """
    weighs = known_BS[:, None] & torch.isfinite(target_BCS)
    target = torch.where(weighs, target_BCS, 0)  # not a product: what is not known may be NaN
    weighs[:, 1:] &= target[:, :1] > 0
    output = output_BCS.float()
    surprise = functional.binary_cross_entropy_with_logits(output, target, reduction="none")
    mean = _sum(torch.where(weighs, surprise, 0)) / _sum(weighs).clamp(min=1)
    said = torch.sigmoid(output)
    missed = (_missed(said, target, weighs) + _missed(1 - said, 1 - target, weighs)) / 2
    cost = mean + overlap * missed
    return cost[0] + cost[1:].mean()


def _missed(said: torch.Tensor, true: torch.Tensor, weighs: torch.Tensor) -> torch.Tensor:
    """Return one minus the Dice of each channel where it weighs; nothing where there is nothing to find."""
    said, true = torch.where(weighs, said, 0), torch.where(weighs, true, 0)
    size = _sum(true)
    return torch.where(size > 0, 1 - 2 * _sum(said * true) / (_sum(said) + size).clamp(min=1), 0)


def _sum(values_BCS: torch.Tensor) -> torch.Tensor:
    """Return the sum of each channel."""
    return values_BCS.sum([0, *range(2, values_BCS.ndim)])
