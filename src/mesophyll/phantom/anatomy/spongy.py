"""The spongy mesophyll: lobed cells that reach out to each other, to the columns above and to the skin below."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from mesophyll import tissues
from mesophyll.phantom.anatomy.bodies import Body
from mesophyll.phantom.anatomy.description import Spongy
from mesophyll.phantom.anatomy.fields import nearest, scatter
from mesophyll.phantom.anatomy.frame import MARGIN_UM, Frame
from mesophyll.phantom.grid import Floats
from mesophyll.phantom.ranges import draw

__all__ = ["grow"]

PRESSED_UM = 1.2
"""How far two arms overlap before they press their faces flat."""


def grow(rng: np.random.Generator, spongy: Spongy, frame: Frame, share: float, columns: list[Body]) -> list[Body]:
    """Draw the spongy cells: a body each, and arms to some of its neighbours, the columns above and the skin below.

    Parameters
    ----------
    share
        Where they begin, as a share of the mesophyll.
    columns
        The palisade.
    """
    spacing = draw(rng, spongy.distance_um) * np.sqrt(frame.fullness)
    centres = _centres(rng, frame, share, spacing, spongy.flatness)
    core = rng.uniform(*spongy.core_um, len(centres)) * draw(rng, spongy.body) * spacing / 20.5
    reach = _neighbours(rng, centres, 1.8 * spacing, draw(rng, spongy.links))
    ends = np.array([column.cones[1, 4:7] for column in columns])
    reach += _upwards(rng, centres, ends, 1.3 * spacing) + _downwards(rng, centres, frame, 0.8 * spacing)
    cones = [[_trunk(rng, centre, radius)] for centre, radius in zip(centres, core, strict=True)]
    for cell, target in reach:
        arm = draw(rng, spongy.arm_um) * spacing / 20.5
        cones[cell].append(_arm(centres[cell], core[cell], target, min(arm, core[cell])))
    return [Body(tissues.SPONGY, np.array(own)) for own in cones]


def _centres(rng: np.random.Generator, frame: Frame, share: float, spacing: float, flat: float) -> Floats:
    """Scatter centres, denser across the depth than along the leaf."""
    deep, _, wide = frame.extent_um
    height = max((1 - share) * frame.mesophyll_um, 2.0)
    low = np.array([-MARGIN_UM, 0.0, -MARGIN_UM])
    points = scatter(rng, low, [deep + MARGIN_UM, flat * height, wide + MARGIN_UM], spacing, rounds=2)
    bottom = frame.lower_inner(points[:, 0], points[:, 2])
    points[:, 1] = bottom + 3.0 - points[:, 1] / flat
    return points


def _neighbours(rng: np.random.Generator, centres: Floats, farthest: float, share: float) -> list[tuple[int, Floats]]:
    """Choose neighbours that touch, and where: each such pair is two arms with one target."""
    if len(centres) < 5:
        return []
    corners = Delaunay(centres).simplices
    pairs = np.unique(np.sort(corners[:, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]].reshape(-1, 2)), axis=0)
    near = np.linalg.norm(np.diff(centres[pairs], axis=1)[:, 0], axis=1) < farthest
    kept = pairs[near & (rng.uniform(size=len(pairs)) < share)]
    where = rng.uniform(0.42, 0.58, (len(kept), 1))
    targets = centres[kept[:, 0]] * where + centres[kept[:, 1]] * (1 - where)
    return [(int(cell), target) for pair, target in zip(kept, targets, strict=True) for cell in pair]


def _upwards(rng: np.random.Generator, centres: Floats, ends: Floats, farthest: float) -> list[tuple[int, Floats]]:
    """Let most columns stand on the spongy cell that is nearest."""
    apart, below = (part[:, 0] for part in nearest(centres, ends))
    touching = np.flatnonzero((apart < farthest) & (rng.uniform(size=len(ends)) < 0.7))
    return [(int(below[column]), ends[column] + [0.0, 3.0, 0.0]) for column in touching]


def _downwards(rng: np.random.Generator, centres: Floats, frame: Frame, farthest: float) -> list[tuple[int, Floats]]:
    """Let half of the lowest cells stand on the lower skin."""
    skin = frame.lower_inner(centres[:, 0], centres[:, 2])
    touching = np.flatnonzero((skin - centres[:, 1] < farthest) & (rng.uniform(size=len(centres)) < 0.5))
    return [(int(cell), np.array([centres[cell, 0], skin[cell] + 1.0, centres[cell, 2]])) for cell in touching]


def _trunk(rng: np.random.Generator, centre: Floats, radius: float) -> NDArray[np.float64]:
    """Build a cell's body: from a sphere to a short cone that lies along the leaf."""
    turn, length = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.8) * radius
    along = length * np.array([np.cos(turn), rng.normal(0, 0.25), np.sin(turn)])
    return np.concatenate([centre, [radius], centre + along, [0.92 * radius]])


def _arm(centre: Floats, core: float, target: Floats, radius: float) -> Floats:
    """Build an arm whose round tip reaches just beyond the target."""
    way = target - centre
    length = max(float(np.linalg.norm(way)), 1e-6)
    tip = max(length - radius + PRESSED_UM, 0.0)
    return np.concatenate([centre, [min(1.2 * radius, core)], centre + way * (tip / length), [radius]])
