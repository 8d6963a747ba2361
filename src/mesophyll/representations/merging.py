"""The ways to merge fragments into cells by what the affinities between them say, each under the name that settings call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.graphs import (
    Offsets,
    RegionGraph,
    average_linkage,
    cannot_link,
    distant_pairs,
    lifted_multicut,
    multicut,
    region_graph,
)

__all__ = ["PARTITIONS", "Evidence"]


@dataclass(frozen=True)
class Evidence:
    """What is known of fragments.

    Parameters
    ----------
    fragments
        Numbered from 1, shape S; 0 outside.
    affinities_CS
        How likely a voxel and the one at an offset are of one cell.
    offsets
        Where each leads.
    strides
        Of the pairs of voxels that are farther apart than touching fragments, one in so many along each axis is looked at.
    classes
        A table by fragment: two of different classes are never one cell; 0 for none. ``None``: all may be one.
    """

    fragments: Labels
    affinities_CS: NDArray[np.float32]
    offsets: Offsets
    strides: int
    classes: NDArray[np.int64] | None = None

    def apart(self, graph: RegionGraph) -> NDArray[np.bool_] | None:
        """Mark the pairs of a graph that are never one."""
        return None if self.classes is None else cannot_link(graph, self.classes)


def _linkage(evidence: Evidence, oneness: float) -> NDArray[np.int32]:
    graph = _touching(evidence)
    return average_linkage(graph, oneness, evidence.apart(graph))


def _multicut(evidence: Evidence, oneness: float) -> NDArray[np.int32]:
    graph = _touching(evidence)
    return multicut(graph, oneness, evidence.apart(graph))


def _lifted(evidence: Evidence, oneness: float) -> NDArray[np.int32]:
    near = _touching(evidence)
    far = distant_pairs(near, evidence.fragments, evidence.affinities_CS, evidence.offsets, evidence.strides)
    return lifted_multicut(near, far, oneness, (evidence.apart(near), evidence.apart(far)))


def _touching(evidence: Evidence) -> RegionGraph:
    return region_graph(evidence.fragments, evidence.affinities_CS, evidence.offsets)


PARTITIONS: Mapping[str, Callable[[Evidence, float], NDArray[np.int32]]] = {
    "linkage": _linkage,
    "multicut": _multicut,
    "lifted": _lifted,
}
"""Fragments and the affinity above which two are one, to a table from fragments to cells."""
