"""Seeds that grow until they fill the foreground; what none of them reaches is not lost."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.graphs import flood

__all__ = ["basins"]


def basins(height: NDArray[np.float32], seeds: Labels, inside: NDArray[np.bool_]) -> Labels:
    """Return the basins of seeds in a height, 1, 2, 3, ..., shape S; a piece of the inside without a seed is one of its own.

    Parameters
    ----------
    height
        Where walls are, shape S; it is flooded from below.
    seeds
        Numbered 1, 2, 3, ...; shape S. What of them lies outside is ignored.
    inside
        What is filled, shape S.
    """
    filled = flood(height, seeds, inside)
    left = cc3d.connected_components(inside & (filled == 0), connectivity=6 if inside.ndim == 3 else 4)
    return np.where(left > 0, left.astype(np.int32) + seeds.max(initial=0), filled).astype(np.int32)
