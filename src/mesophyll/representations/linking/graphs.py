"""Fragments to cells: a graph of the fragments that touch, and ways to part it.

A decoder over-segments first, for a cut too many is mended by a merge and a merge too many never is. What it says of the
cells is *affinities*: channel c is, at voxel v, how likely v and ``v + offsets[c]`` are of one cell. From there::

    graph = region_graph(fragments, affinities, offsets)     # fragments are numbered from 1; 0 lies outside
    cells = average_linkage(graph)[fragments]                # or multicut, or lifted_multicut

Every partition is a table by fragment, 0 for 0, so that it is applied by indexing. Shapes: C channels, S the axes (Y, X) or
(Z, Y, X), E pairs of fragments. bioimage-cpp does most of the work; the tests compare it with slow references.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bioimage_cpp import graph as bic
from numpy.typing import NDArray

from mesophyll.labels import Labels

__all__ = [
    "Offsets",
    "RegionGraph",
    "average_linkage",
    "cannot_link",
    "distant_pairs",
    "ends",
    "lifted_multicut",
    "majority",
    "multicut",
    "region_graph",
    "spread",
]

Offsets = Sequence[tuple[int, ...]]
"""For each channel the way from a voxel to the one that it is compared with, in voxels, in the order of the axes S."""

_SURE = 1e-3  # nothing is more certain than this: the logarithm of the odds stays finite


@dataclass(frozen=True)
class RegionGraph:
    """Pairs of fragments, and what the affinities between them say.

    Parameters
    ----------
    count
        Fragments are numbered 1 .. count; 0 is none.
    pairs
        The two fragments of each pair, the lower one first, shape (E, 2).
    affinity
        Mean over all affinities from a voxel of one to a voxel of the other, shape (E,).
    links
        How many those are, shape (E,).
    """

    count: int
    pairs: NDArray[np.int64]
    affinity: NDArray[np.float64]
    links: NDArray[np.float64]


def ends(shape: tuple[int, ...], offset: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return where the first and where the second voxels of all pairs lie that are within an array."""
    sides = tuple(zip(shape, offset, strict=True))
    here = tuple(slice(max(-step, 0), max(length - max(step, 0), 0)) for length, step in sides)
    there = tuple(slice(max(step, 0), max(length + min(step, 0), 0)) for length, step in sides)
    return here, there


def region_graph(fragments: Labels, affinities_CS: NDArray[np.float32], offsets: Offsets) -> RegionGraph:
    """Return the pairs of fragments that share a face, with the mean over all channels, short and long, that cross it."""
    touching = bic.region_adjacency_graph(fragments, number_of_threads=1)
    said = bic.features.affinity_features(touching, fragments, affinities_CS, offsets, number_of_threads=1)
    pairs = touching.uv_ids()
    cells = pairs[:, 0] > 0  # the lower number comes first; 0 is outside
    mean, links = said[cells].astype(np.float64).T
    return RegionGraph(int(fragments.max(initial=0)), pairs[cells].astype(np.int64), mean, links)


def distant_pairs(
    touching: RegionGraph, fragments: Labels, affinities_CS: NDArray[np.float32], offsets: Offsets, strides: int = 1
) -> RegionGraph:
    """Return the pairs of fragments that do not touch, but that some offset leads from one to the other of.

    There are many; with ``strides``, one affinity in so many along each axis is looked at, and stands for all. Parameters as of
    `region_graph`, of which ``touching`` is the result.
    """
    base, step = touching.count + 1, (slice(None, None, strides),) * fragments.ndim
    numbers, values = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for affinity, offset in zip(affinities_CS, offsets, strict=True):
        here, there = ends(fragments.shape, offset)
        one, other = fragments[here][step].astype(np.int64), fragments[there][step]
        crosses = (one != other) & (one > 0) & (other > 0)
        one, other = one[crosses], other[crosses]
        numbers.append(np.minimum(one, other) * base + np.maximum(one, other))  # one number for both
        values.append(affinity[here][step][crosses])
    pairs, place = np.unique(np.concatenate(numbers), return_inverse=True)
    links = np.bincount(place, minlength=len(pairs)).astype(np.float64)
    mean = np.bincount(place, np.concatenate(values), minlength=len(pairs)) / links
    far = ~np.isin(pairs, touching.pairs @ [base, 1], assume_unique=True)
    both = np.stack([pairs // base, pairs % base], axis=1)
    return RegionGraph(touching.count, both[far], mean[far], links[far] * strides**fragments.ndim)


def majority(fragments: Labels, codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the code that most voxels of each fragment have, the lowest among equals; a table by fragment."""
    kinds = int(codes.max(initial=0)) + 1
    both = fragments.astype(np.int64) * kinds + codes
    counts = np.bincount(both.ravel(), minlength=(int(fragments.max(initial=0)) + 1) * kinds)
    return np.asarray(counts.reshape(-1, kinds).argmax(axis=1))


def spread(graph: RegionGraph, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return classes, a table by fragment, in which one of none (0) has that of its neighbours with which it is likeliest one.

    So it goes on from neighbour to neighbour, a layer of fragments at a time.
    """
    spread, order = classes.copy(), np.argsort(graph.affinity)  # the likeliest comes last, and stays
    one, other = graph.pairs[order].T
    takes, gives = np.stack([one, other], axis=1).ravel(), np.stack([other, one], axis=1).ravel()
    while True:
        reached = (spread[takes] == 0) & (spread[gives] > 0)
        if not reached.any():
            return spread
        spread[takes[reached]] = spread[gives[reached]]


def cannot_link(graph: RegionGraph, classes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the pairs of two different classes, shape (E,); ``classes`` is a table by fragment, 0 where it has none.

    A cell lies in one tissue, so fragments of two tissues are never one cell.
    """
    one, other = classes[graph.pairs].T
    return np.asarray((one != other) & (one > 0) & (other > 0))


def average_linkage(
    graph: RegionGraph, threshold: float = 0.5, apart: NDArray[np.bool_] | None = None
) -> NDArray[np.int32]:
    """Merge, as long as any two are likelier than the threshold to be one, those that are most likely one.

    The likelihood of two clusters is the mean over all links between them: GASP with mean linkage, without constraints (Bailoni
    et al., CVPR 2022).

    Parameters
    ----------
    graph
        What touches.
    threshold
        Mean affinity above which two are one.
    apart
        Pairs that never are, nor what they are merged with, shape (E,), see `cannot_link`.
    """
    policy = bic.agglomeration.GaspClusterPolicy(linkage="mean")
    weights = graph.affinity - threshold
    if apart is None:
        return _table(policy.optimize(_graph(graph), weights, edge_sizes=graph.links))
    first = np.where(apart, -1, weights)  # what must not be comes before all that may be
    return _table(policy.optimize(_graph(graph), first, edge_sizes=graph.links, is_mergeable=~apart))


def multicut(graph: RegionGraph, threshold: float = 0.5, apart: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
    """Choose the partition whose cuts cost least (Keuper et al., ICCV 2015, without lifted edges; heuristics of its section 4).

    A cut between two costs the logarithm of the odds that they are one, times their links; those less likely than the
    threshold pay for being cut. Parameters as of `average_linkage`; two that are ``apart`` are cut whatever the others say.
    """
    objective = bic.multicut.MulticutObjective(_graph(graph), _costs(graph, threshold, apart))
    return _table(bic.multicut.KernighanLinMulticut().optimize(objective))


def lifted_multicut(
    graph: RegionGraph,
    distant: RegionGraph,
    threshold: float = 0.5,
    apart: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None] = (None, None),
) -> NDArray[np.int32]:
    """Choose the partition whose cuts cost least, where those between fragments that do not touch count as well.

    Keuper et al., ICCV 2015. Parameters as of `multicut`; ``distant`` comes from `distant_pairs`, and ``apart`` marks the pairs
    of both graphs.
    """
    near_apart, far_apart = apart
    objective = bic.lifted_multicut.LiftedMulticutObjective(
        _graph(graph),
        _costs(graph, threshold, near_apart),
        lifted_uvs=distant.pairs.astype(np.uint64),
        lifted_costs=_costs(distant, threshold, far_apart),
    )
    return _table(bic.lifted_multicut.LiftedKernighanLinMulticut().optimize(objective))


def _graph(graph: RegionGraph) -> bic.UndirectedGraph:
    return bic.UndirectedGraph.from_unique_edges(graph.count + 1, graph.pairs.astype(np.uint64))


def _costs(graph: RegionGraph, threshold: float, apart: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    likely = np.clip(graph.affinity, _SURE, 1 - _SURE)
    costs = graph.links * (np.log(likely / (1 - likely)) - np.log(threshold / (1 - threshold)))
    return np.asarray(costs if apart is None else np.where(apart, -np.abs(costs).sum() - 1, costs))


def _table(cells: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Number the cells 1, 2, 3, ...; fragment 0, which has no pairs, is one of its own and stays 0."""
    _, numbers = np.unique(cells[1:], return_inverse=True)
    return np.concatenate([[0], numbers + 1]).astype(np.int32)
