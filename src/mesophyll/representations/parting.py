"""Join fragments of cells between which a flow does not part.

On the two sides of a wall the flows of two cells lead away from each other. Between two fragments of one cell they lead the same
way, beside its axis, or towards each other, across it; that holds however often noise has broken a cell. So a sink too many is
mended here, where one sink for two cells never would be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.graphs import average_linkage, region_graph

__all__ = ["joined"]

_AT_A_WALL = 2.0
"""By so much two unit flows part that lead straight away from each other."""


def joined(fragments: Labels, flow: NDArray[np.float32], parting: float) -> Labels:
    """Return cells: fragments merged, those first between which the flow parts least, by average linkage.

    Parameters
    ----------
    fragments
        1, 2, 3, ...; 0 outside; shape (Z, Y, X).
    flow
        Along each axis, at most 1, shape (3, Z, Y, X).
    parting
        Two stay apart where the flow parts by more than this a voxel, on average over the faces that they share.
    """
    ways = [tuple(int(step) for step in way) for way in np.eye(fragments.ndim, dtype=int)]
    graph = region_graph(fragments, 1 - _parts(flow) / _AT_A_WALL, ways)
    return average_linkage(graph, 1 - parting / _AT_A_WALL)[fragments]


def _parts(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return along each axis how much more the next voxel's flow leads onwards than a voxel's own, shape (3, Z, Y, X)."""
    parts = np.zeros_like(flow)
    for axis, along in enumerate(flow):
        lower: tuple[Any, ...] = (slice(None),) * axis + (slice(None, -1),)
        parts[axis][lower] = np.diff(along, axis=axis)
    return parts
