"""Fragments of cells from affinities: far too many of them, so that no wall is missed, for a graph of them to be merged.

A fragment that lies in two cells is never mended. So walls are looked for twice: between neighbours, where each has its place,
and in the mean of all short affinities around a voxel, which is low beside a wall that its neighbours do not see.
"""

from __future__ import annotations

import numpy as np
from bioimage_cpp.segmentation import watershed_from_affinities
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.linking.graphs import Offsets, ends
from mesophyll.representations.linking.joining import likely_pieces, peaks
from mesophyll.representations.linking.smoothing import smoothed_within

__all__ = ["fragments"]


def fragments(
    affinities_CS: NDArray[np.float32],
    offsets: Offsets,
    inside: NDArray[np.bool_],
    smoothing_vox: float,
    classes_S: NDArray[np.integer] | None = None,
) -> Labels:
    """Return fragments, shape S, numbered from 1; 0 outside.

    Where the mean of a voxel's affinities is highest among its neighbours lies a seed; seeds grow over the strongest pair of
    neighbours first (watershed cuts: Cousty et al., TPAMI 2009). No two neighbours that are likelier two than one join.

    Parameters
    ----------
    affinities_CS
        How likely a voxel and the one at an offset are of one cell: first for the next one along each axis, then others.
    offsets
        Where each leads.
    inside
        Where fragments may lie, shape S.
    smoothing_vox
        Standard deviation of a Gaussian that smooths the mean in which seeds are looked for: the larger, the fewer fragments.
    classes_S
        A code for each voxel, 0 or more: no seed lies in two of them. ``None``: all are one.
    """
    ndim = inside.ndim
    neighbours, ways = affinities_CS[:ndim], offsets[:ndim]
    near = _mean_of_both_ends(affinities_CS, offsets, inside)
    smooth = smoothed_within(near[None], inside, smoothing_vox)[0]
    kinds = 1 if classes_S is None else 1 + classes_S.astype(np.int32)
    seeds = likely_pieces(np.where(peaks(smooth, neighbours) & inside, kinds, 0), neighbours)
    edges = neighbours.copy()
    for edge, way in zip(edges, ways, strict=True):
        here, there = ends(inside.shape, way)
        edge[here] *= np.minimum(near[here], near[there])
    return np.asarray(watershed_from_affinities(edges, ways, seeds, mask=inside), dtype=np.int32)


def _mean_of_both_ends(
    affinities_CS: NDArray[np.float32], offsets: Offsets, inside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the mean of all affinities to and from each voxel, shape S; with what lies outside, none is one."""
    total, count = np.zeros((2, *inside.shape), np.float32)
    for affinity, offset in zip(affinities_CS, offsets, strict=True):
        here, there = ends(inside.shape, offset)
        said = affinity[here] * (inside[here] & inside[there])
        for end in (here, there):
            total[end] += said
            count[end] += 1
    return np.asarray(total / np.maximum(count, 1))
