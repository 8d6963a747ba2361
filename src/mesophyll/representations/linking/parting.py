"""Join fragments of cells between which a flow does not part.

On the two sides of a wall the flows of two cells lead away from each other. Between two fragments of one cell they lead the
same way, beside its axis, or towards each other, across it; that holds however often noise has broken a cell. So a sink too
many is mended here, where one sink for two cells never would be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.linking.graphs import average_linkage, region_graph

__all__ = ["flow_oneness", "joined"]

_AT_A_WALL = 2.0
"""By so much two unit flows part that lead straight away from each other."""


def flow_oneness(flow: NDArray[np.float32], parting: float = _AT_A_WALL / 2) -> NDArray[np.float32]:
    """Return how likely each voxel and the next one along each axis are one cell, shape (3, Z, Y, X).

    It falls with how much more the next voxel's flow leads onwards than the voxel's own, and is 1/2 where that is ``parting``.
    """
    likely = np.ones_like(flow)
    for axis, along in enumerate(flow):
        lower: tuple[Any, ...] = (slice(None),) * axis + (slice(None, -1),)
        likely[axis][lower] -= np.diff(along, axis=axis) / (2 * parting)
    return likely


def joined(fragments: Labels, oneness: NDArray[np.float32]) -> Labels:
    """Return cells: fragments merged, those first that are most likely one, while that is above 1/2.

    Parameters
    ----------
    fragments
        1, 2, 3, ...; 0 outside; shape (Z, Y, X).
    oneness
        Of each voxel and the next one along each axis, shape (3, Z, Y, X); of two fragments it is the mean over the faces that
        they share.
    """
    ways = [tuple(int(step) for step in way) for way in np.eye(fragments.ndim, dtype=int)]
    return average_linkage(region_graph(fragments, oneness, ways))[fragments]
