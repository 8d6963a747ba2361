"""What several losses are made of: means over the voxels of which something is known."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["mean_where", "surprise"]


def mean_where(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over a mask; 0 over an empty one."""
    return torch.where(mask, values, 0).sum() / mask.sum().clamp(min=1)


def surprise(output: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of logits, of one shape with the target, where it is known: neither masked nor NaN."""
    known = known & torch.isfinite(target)
    each = functional.binary_cross_entropy_with_logits(output, torch.where(known, target, 0), reduction="none")
    return mean_where(each, known)
