"""From what a network says to cells: blocks decoded, stitched."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.blocks import Block, Region, grid, intersect, relative
from mesophyll.device import pick
from mesophyll.inference.looking import by_slices
from mesophyll.inference.plan import SegmentationPlan
from mesophyll.labels import Labels
from mesophyll.model import Model
from mesophyll.progress import Progress, silent, track
from mesophyll.scratch import mapped
from mesophyll.stitching import agreements, merge, successors

__all__ = ["decode", "find_cells", "leave_out"]

Read = Callable[[NDArray[np.float32] | torch.Tensor], Labels]
"""From an activated output to labels."""


def find_cells(
    model: Model,
    outputs: NDArray[np.float16],
    *,
    scratch: Path,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> Labels:
    """Return the cells in what `look` returned: shape S, in a file of the scratch folder."""
    labels = mapped(scratch / "labels.npy", outputs.shape[1:], np.int32)
    through = _decode_slices if by_slices(model, labels.ndim, plan) else decode
    read = model.read if plan.choose else model.representation.decode
    through(read, outputs, labels, scratch=scratch, plan=plan, progress=progress)
    return labels


def leave_out(labels: Labels, cells: NDArray[np.bool_], plan: SegmentationPlan) -> None:
    """Take cells out of ``labels``, 0, 1, ..., n, and number the others 1, 2, 3, ...; ``cells`` tells which, shape (n,)."""
    numbers = np.concatenate([[0], np.where(cells, 0, np.cumsum(~cells))]).astype(np.int32)
    for block in grid(labels.shape, plan.block, 0):
        labels[block.write] = numbers[labels[block.write]]


def decode(
    read: Read,
    outputs: NDArray[np.float16],
    labels: Labels,
    *,
    scratch: Path,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> None:
    """Find the cells of each block, stitch them, and write them into ``labels``, shape S, numbered 1, 2, 3, ..."""
    blocks = grid(labels.shape, plan.block, plan.block_halo)
    on_gpu = pick(plan.device).type == "cuda"
    counts, own = [], []
    for block in track(blocks, "finding cells", progress):
        output = np.asarray(outputs[(slice(None), *block.read)], dtype=np.float32)
        found = read(torch.from_numpy(output).cuda() if on_gpu else output)
        np.save(_place(scratch, block), found)
        counts.append(int(found.max(initial=0)))
        own.append(np.flatnonzero(np.bincount(found[block.inner].ravel())))
    pairs = [
        (first.index, second.index, _agreements(first, second, shared, scratch, plan.agreement))
        for first, second in track(list(itertools.combinations(blocks, 2)), "stitching blocks", progress)
        if (shared := intersect(first.read, second.read))
    ]
    tables = merge(counts, pairs)
    # What was seen in the halo of one block only is written nowhere, and its number is given to another.
    kept = np.unique(np.concatenate([[0], *(table[cells] for table, cells in zip(tables, own, strict=True))]))
    for block, table in zip(blocks, tables, strict=True):
        numbers = np.searchsorted(kept, table).astype(np.int32)
        labels[block.write] = numbers[np.load(_place(scratch, block), mmap_mode="r")[block.inner]]


def _decode_slices(
    read: Read,
    outputs: NDArray[np.float16],
    labels: Labels,
    *,
    scratch: Path,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> None:
    """Find the cells of each slice along Z on its own and write those that follow each other as one cell."""
    counts: list[int] = []
    pairs: list[tuple[int, int, NDArray[np.int64]]] = []
    for here in track(range(len(labels)), "finding cells", progress):
        decode(read, outputs[:, here], labels[here], scratch=scratch, plan=plan)
        counts.append(int(labels[here].max(initial=0)))
        if here:
            found = successors(labels[here - 1], labels[here], plan.slice_agreement)
            pairs.append((here - 1, here, found))
    for here, table in enumerate(merge(counts, pairs)):
        labels[here] = table[labels[here]]


def _place(scratch: Path, block: Block) -> Path:
    return scratch / f"block-{block.index:06d}.npy"


def _agreements(first: Block, second: Block, shared: Region, scratch: Path, iou: float) -> NDArray[np.int64]:
    seen = [np.load(_place(scratch, block), mmap_mode="r")[relative(shared, block.read)] for block in (first, second)]
    return agreements(np.asarray(seen[0]), np.asarray(seen[1]), iou)
