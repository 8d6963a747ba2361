"""Each kind of leaf, by both makers, in figures; run by hand: ``python -m benchmarks.phantoms``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cc3d
import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import seconds
from mesophyll import tissues
from mesophyll.phantom import KINDS, anatomy
from mesophyll.phantom.anatomy.pieces import CRUMB_UM3
from mesophyll.phantom.grid import Grid

SHAPE, SPACING = (96, 200, 120), (0.8, 0.8, 0.8)
EXTENT = tuple(round(count * step, 6) for count, step in zip(SHAPE, SPACING, strict=True))
VOXEL_UM3 = float(np.prod(SPACING))


def measure(kinds: Sequence[str] = tuple(KINDS)) -> Iterator[str]:
    yield "kind       made     s  cells  porosity (range)       crumbs  least µm³  tissue: cells, median µm³, touching"
    for kind in kinds:
        for seed, grown in ((1, 0.0), (2, 1.0)):
            yield row(kind, seed, grown)


def row(kind: str, seed: int, grown: float) -> str:
    described = KINDS[kind].anatomy
    leaf = anatomy.grow(np.random.default_rng(seed), replace(described, grown=grown), EXTENT)
    labels, tissue = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.uint8)
    spent = seconds(lambda: anatomy.rasterise(leaf, labels, tissue, SPACING, side=256))
    assert cc3d.connected_components(labels, connectivity=6, return_N=True)[1] == labels.max()
    air = int(np.sum(tissue == tissues.AIRSPACE))
    cells = int(np.sum(np.isin(tissue, [tissues.PALISADE, tissues.SPONGY])))
    size = np.bincount(labels.ravel())[1:] * VOXEL_UM3
    low, high = described.porosity
    return (
        f"{kind:10} {'grown' if grown else 'pressed':7} {spent:4.1f}  {labels.max():5}  "
        f"{air / (air + cells):.3f} ({low:.2f} to {high:.2f})  {crumbs(leaf):.4%}  {size.min():9.0f}  "
        + "; ".join(by_tissue(labels, tissue, size))
    )


def crumbs(leaf: anatomy.Leaf) -> float:
    """The share of cells' voxels that lie in pieces too small to be cells."""
    pieces = cc3d.connected_components(leaf.number(Grid(SHAPE, SPACING)).numbers, connectivity=6)
    size = np.bincount(pieces.ravel())[1:]
    return float(size[size * VOXEL_UM3 < CRUMB_UM3].sum() / size.sum())


def by_tissue(labels: NDArray[np.int32], tissue: NDArray[np.uint8], size: NDArray[np.float64]) -> Iterator[str]:
    of_cell = np.zeros(labels.max() + 1, np.uint8)
    of_cell[labels] = tissue
    total, touching = faces(labels)
    for code in np.unique(of_cell[1:]):
        own = np.flatnonzero(of_cell[1:] == code) + 1
        share = touching[own].sum() / total[own].sum()
        yield f"{tissues.name_of(int(code))}: {len(own)}, {np.median(size[own - 1]):.0f}, {share:.2f}"


def faces(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many faces of voxels each number shows to others, and how many of them to cells."""
    total, touching = np.zeros((2, int(labels.max()) + 1), np.int64)
    for axis in range(3):
        first = labels.take(range(labels.shape[axis] - 1), axis).ravel()
        second = labels.take(range(1, labels.shape[axis]), axis).ravel()
        face = first != second
        for own, other in ((first[face], second[face]), (second[face], first[face])):
            total += np.bincount(own, minlength=len(total))
            touching += np.bincount(own[other > 0], minlength=len(total))
    return total, touching


if __name__ == "__main__":
    for line in measure(sys.argv[1:] or tuple(KINDS)):
        print(line, flush=True)
