"""How cells reach for each other: which are neighbours, and the arm that leads to where they touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from mesophyll.phantom.grid import Floats

__all__ = ["arm", "meet", "pairs"]

PRESSED_UM = 1.2
"""How far two arms overlap before they press their faces flat."""


def pairs(points: Floats, farthest: float) -> NDArray[np.intp]:
    """Return the neighbours among points (n, axes) that are less than ``farthest`` apart: shape (pairs, 2)."""
    axes = points.shape[1]
    if len(points) < axes + 2:
        return np.empty((0, 2), np.intp)
    corners = Delaunay(points).simplices
    first, second = np.triu_indices(axes + 1, 1)
    both = np.unique(np.sort(np.stack([corners[:, first], corners[:, second]], axis=-1).reshape(-1, 2)), axis=0)
    return np.asarray(both[np.linalg.norm(points[both[:, 0]] - points[both[:, 1]], axis=1) < farthest], np.intp)


def meet(rng: np.random.Generator, centres: Floats, both: NDArray[np.intp]) -> list[tuple[int, Floats]]:
    """Choose where each pair touches: two entries for each, a cell and the place that its arm reaches for."""
    where = rng.uniform(0.42, 0.58, (len(both), 1))
    targets = centres[both[:, 0]] * where + centres[both[:, 1]] * (1 - where)
    return [(int(cell), target) for pair, target in zip(both, targets, strict=True) for cell in pair]


def arm(centre: Floats, core: float, target: Floats, radius: float) -> Floats:
    """Build an arm, a cone whose round tip reaches just beyond the target; ``core`` is the radius of the body it leaves."""
    way = target - centre
    length = max(float(np.linalg.norm(way)), 1e-6)
    tip = max(length - radius + PRESSED_UM, 0.0)
    return np.concatenate([centre, [min(1.2 * radius, core)], centre + way * (tip / length), [radius]])
