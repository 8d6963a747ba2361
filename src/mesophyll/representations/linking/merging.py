"""The ways to merge fragments into cells by what the affinities between them say, each under the name that settings call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.linking.graphs import (
    Offsets,
    RegionGraph,
    average_linkage,
    cannot_link,
    distant_pairs,
    lifted_multicut,
    majority,
    multicut,
    region_graph,
    spread,
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
    classes_S
        A code for each voxel, 0 for none: what lies mostly in two different ones is never one cell. ``None``: all may be.
    """

    fragments: Labels
    affinities_CS: NDArray[np.float32]
    offsets: Offsets
    strides: int
    classes_S: NDArray[np.integer] | None = None

    @cached_property
    def touching(self) -> RegionGraph:
        """The pairs of fragments that share a face."""
        return region_graph(self.fragments, self.affinities_CS, self.offsets)

    @cached_property
    def distant(self) -> RegionGraph:
        """The pairs that only an offset leads from one to the other of."""
        return distant_pairs(self.touching, self.fragments, self.affinities_CS, self.offsets, self.strides)

    def apart(self, graph: RegionGraph) -> NDArray[np.bool_] | None:
        """Mark the pairs of a graph that are never one cell."""
        if self.classes_S is None:
            return None
        return cannot_link(graph, spread(self.touching, majority(self.fragments, self.classes_S)))


def _linkage(evidence: Evidence, oneness: float) -> NDArray[np.int32]:
    return average_linkage(evidence.touching, oneness, evidence.apart(evidence.touching))


def _multicut(evidence: Evidence, oneness: float) -> NDArray[np.int32]:
    return multicut(evidence.touching, oneness, evidence.apart(evidence.touching))


def _lifted(evidence: Evidence, oneness: float) -> NDArray[np.int32]:
    near, far = evidence.touching, evidence.distant
    return lifted_multicut(near, far, oneness, (evidence.apart(near), evidence.apart(far)))


PARTITIONS: Mapping[str, Callable[[Evidence, float], NDArray[np.int32]]] = {
    "linkage": _linkage,
    "multicut": _multicut,
    "lifted": _lifted,
}
"""Fragments and the affinity above which two are one, to a table from fragments to cells."""
