"""What it costs when the embeddings of one cell lie apart, or those of two cells together: the losses of four papers.

An embedding is a point for each voxel. All costs compare points with each other by who shares a cell in truth; nothing is
clustered, so autograd needs nothing but these lines. Cells count alike, whatever their size.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from mesophyll.representations.learning.sharing import Sharing, mean_of

__all__ = ["cosine", "length", "lovasz", "masks", "overlap", "pull_and_push", "turn_and_cross"]


def pull_and_push(ends: torch.Tensor, cells: Sharing, pull: float, push: float) -> torch.Tensor:
    """Return how far voxels lie from their cell's mean, plus how near to each other the means of two cells lie.

    De Brabandere et al., arXiv:1708.02551 (2017), equations 1 and 2: squared hinges, of the distance to the mean beyond
    ``pull`` (their delta_v) and of the distance between two means below twice ``push`` (delta_d). They compare all cells
    with each other; where embeddings know their place, those that face each other will do.

    Parameters
    ----------
    ends
        The embedding of each voxel, shape (N, D).
    cells
        Who shares a cell.
    pull, push
        In the unit of the embedding; that of the cost is ``push``.
    """
    means = cells.mean(ends)
    stray = (length(ends - means[cells.cell]) - pull).relu()
    one, other = cells.neighbours()
    near = (2 * push - length(means[one] - means[other])).relu()
    return (cells.mean(stray.square()).mean() + near.square().sum() / max(len(near), 1)) / push**2


def turn_and_cross(codes: torch.Tensor, cells: Sharing) -> torch.Tensor:
    """Return how far embeddings are turned from their cell's mean, plus how far those of its neighbours are from crossing it.

    Payer et al., MICCAI 2018, equation 1: one minus the mean cosine with the cell's own mean, plus the mean squared cosine
    with it of voxels in neighbouring cells: those shall stand at a right angle.

    Parameters
    ----------
    codes
        The embedding of each voxel, in factors as `cosine` takes them, shape (N, F, ndim).
    cells
        Who shares a cell.
    """
    means = functional.normalize(cells.mean(codes), dim=1)
    voxel, other = cells.facing
    turned = 1 - cells.mean(cosine(codes, means[cells.cell]))
    crossed = mean_of(cosine(codes[voxel], means[other]).square(), other, len(means))
    return (turned + crossed).mean()


def cosine(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the cosine of two embeddings, each the tensor product of one factor for each axis, shape (N, F, ndim).

    A factor is F numbers, together 1 long; the cosine of two products is the product of the cosines of their factors.
    """
    return (one * other).sum(1).prod(-1)


def masks(
    ends: torch.Tensor, cells: Sharing, centres: torch.Tensor, widths: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the soft masks of all cells: how much each voxel belongs to its own cell (N,), and to those that it faces (M,).

    A voxel belongs to a cell by ``exp(-d**2 / 2)``, d the way from its embedding to the cell's centre in units of the
    cell's width, one for each axis (Neven et al., CVPR 2019, equations 5 and 6). Centres and widths have the shape (K, D).
    """
    voxel, other = cells.facing
    return _kernel(ends, centres, widths, cells.cell), _kernel(ends[voxel], centres, widths, other)


def _kernel(ends: torch.Tensor, centres: torch.Tensor, widths: torch.Tensor, cell: torch.Tensor) -> torch.Tensor:
    return torch.exp(-0.5 * ((ends - centres[cell]) / widths[cell]).square().sum(-1))


def overlap(ends: torch.Tensor, cells: Sharing, pull: float) -> torch.Tensor:
    """Return one minus the Dice of each cell with the soft mask around its mean, on average.

    Wolny et al., CVPR 2022 (SPOCO): a kernel around the embedding of an anchor, one half at a distance of ``pull``, takes an
    instance out of the embedding in a way that has a gradient. Their anchor is a voxel of the cell, drawn at random; a mean
    needs no draw.
    """
    means = cells.mean(ends)
    width = pull / math.sqrt(2 * math.log(2))
    own, others = masks(ends, cells, means, torch.full_like(means, width))
    covered = own.new_zeros(len(means)).index_add(0, cells.cell, own)
    squares = own.new_zeros(len(means)).index_add(0, cells.cell, own.square())
    squares = squares.index_add(0, cells.facing[1], others.square())
    return (1 - 2 * covered / (squares + torch.bincount(cells.cell, minlength=len(means)))).mean()


def lovasz(own: torch.Tensor, others: torch.Tensor, cells: Sharing) -> torch.Tensor:
    """Return the Lovász hinge of the soft masks: a convex stand-in for one minus their IoU with the cells, on average.

    Berman et al., CVPR 2018, section 3: a mask's errors, largest first, each weighed by what it adds to one minus the IoU
    when all larger ones are made. Each mask is a stretch of one sorted list, so that all are done at once.
    """
    mask = torch.cat([cells.cell, cells.facing[1]])
    true = torch.cat([torch.ones_like(own), torch.zeros_like(others)])
    errors = torch.cat([2 - 2 * own, 2 * others])  # 1 - s, s the sign of truth times the logit 2 * soft - 1
    order = torch.argsort(errors.detach(), descending=True, stable=True)
    order = order[torch.argsort(mask[order], stable=True)]
    mask, true, errors = mask[order], true[order], errors[order]
    sizes = torch.bincount(mask, minlength=len(cells.points))
    start = (sizes.cumsum(0) - sizes)[mask]
    missed, total = _so_far(true, start), torch.bincount(cells.cell, minlength=len(sizes))[mask]
    jaccard = 1 - (total - missed) / (total + _so_far(1 - true, start))
    first = torch.arange(len(mask), device=mask.device) == start
    added = jaccard - torch.where(first, 0, jaccard.roll(1))
    return (errors.relu() * added).sum() / len(sizes)


def _so_far(values: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """Sum from where a value's own stretch starts up to it."""
    sums = values.double().cumsum(0)
    return (sums - (sums - values)[start]).to(values.dtype)


def length(vectors: torch.Tensor) -> torch.Tensor:
    """Return the lengths of vectors (..., D); its gradient at 0 is 0."""
    return (vectors.square().sum(-1) + 1e-12).sqrt()
