"""The spongy mesophyll: lobed cells that reach out to each other, to the columns above and to the skins.

Two ways to draw one: bodies with arms (`grow`), and clusters of seeds for tissue that was one and came apart (`cluster`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.phantom.anatomy.bodies import Body
from mesophyll.phantom.anatomy.contacts import arm, meet, pairs
from mesophyll.phantom.anatomy.description import Spongy
from mesophyll.phantom.anatomy.fields import nearest, scatter
from mesophyll.phantom.anatomy.frame import MARGIN_UM, Frame
from mesophyll.phantom.grid import Floats
from mesophyll.phantom.ranges import draw

__all__ = ["cluster", "grow"]

TYPICAL_UM = 20.5
"""The distance of centres at which the radii of a description hold."""


def grow(rng: np.random.Generator, spongy: Spongy, frame: Frame, share: float, columns: list[Body]) -> list[Body]:
    """Draw cells of a body each, with arms to some of their neighbours, the columns above and the skins.

    Parameters
    ----------
    share
        Where they begin, as a share of the mesophyll.
    columns
        The palisade; without one, the cells reach for the upper skin as well.
    """
    spacing = draw(rng, spongy.distance_um) * np.sqrt(frame.fullness)
    flat = draw(rng, spongy.paradermal)
    centres = _centres(rng, spongy, frame, share, (spacing, flat))
    core = rng.uniform(*spongy.core_um, len(centres)) * draw(rng, spongy.body) * spacing / TYPICAL_UM
    both = pairs(centres, 1.8 * spacing)
    kept = rng.uniform(size=len(both)) < draw(rng, spongy.links) * _level(centres, both, flat)
    reach = meet(rng, centres, both[kept])
    if columns:
        ends = np.array([column.cones[1, 4:7] for column in columns])
        reach += _upwards(rng, centres, ends, 1.3 * spacing)
    else:
        reach += _onto(rng, centres, frame.upper_inner(centres[:, 0], centres[:, 2]), 0.8 * spacing)
    reach += _onto(rng, centres, frame.lower_inner(centres[:, 0], centres[:, 2]), 0.8 * spacing)
    cones = [[_trunk(rng, centre, radius)] for centre, radius in zip(centres, core, strict=True)]
    for cell, target in reach:
        radius = draw(rng, spongy.arm_um) * spacing / TYPICAL_UM
        cones[cell].append(arm(centres[cell], core[cell], target, min(radius, core[cell])))
    return [Body(tissues.SPONGY, np.array(own)) for own in cones]


def cluster(rng: np.random.Generator, spongy: Spongy, frame: Frame, share: float) -> list[Body]:
    """Draw cells as clusters of balls, as many as they have lobes: what `junctions.Parted` takes as seeds."""
    spacing = draw(rng, spongy.distance_um) * np.sqrt(frame.fullness)
    flat = draw(rng, spongy.paradermal)
    lobe = spacing / np.cbrt(draw(rng, spongy.lobes))
    centres = _centres(rng, spongy, frame, share, (spacing, flat))
    balls = _centres(rng, spongy, frame, share, (lobe, flat))
    if not (len(centres) and len(balls)):
        return []
    stray = rng.normal(0, 0.12 * lobe, balls.shape)
    owner = nearest(centres, balls + stray)[1][:, 0]
    radius = lobe * rng.uniform(0.2, 0.42, (len(balls), 1))
    cones = np.concatenate([balls, radius, balls, radius], axis=1)
    order = np.argsort(owner, kind="stable")
    owned = np.split(cones[order], np.flatnonzero(np.diff(owner[order])) + 1)
    return [Body(tissues.SPONGY, own) for own in owned]


def _centres(
    rng: np.random.Generator, spongy: Spongy, frame: Frame, share: float, apart: tuple[float, float]
) -> Floats:
    """Scatter centres within view, denser across the depth than along the leaf, and in layers as far as it is flat.

    ``apart`` is the distance of neighbours, and how much they keep to layers.
    """
    deep, _, wide = frame.extent_um
    spacing, flat = apart
    bottom, top = (spongy.flatness * up for up in _seen(frame, max((1 - share) * frame.mesophyll_um, 2.0)))
    low, high = [-MARGIN_UM, bottom, -MARGIN_UM], [deep + MARGIN_UM, top, wide + MARGIN_UM]
    points = scatter(rng, low, high, spacing, rounds=2)
    up = points[:, 1] / spongy.flatness
    layer = 0.8 * spacing / spongy.flatness
    up = up + flat * ((np.floor(up / layer) + rng.normal(0.5, 0.12, len(up))) * layer - up)
    points[:, 1] = frame.lower_inner(points[:, 0], points[:, 2]) + 3.0 - up
    return points


def _seen(frame: Frame, height: float) -> tuple[float, float]:
    """Return between which heights above the lower skin the lowest ``height`` µm of the mesophyll are in view."""
    deep, high, wide = frame.extent_um
    skin = frame.lower_inner(np.linspace(0, deep, 9)[:, None], np.linspace(0, wide, 9))
    bottom = min(max(float(skin.min()) - high - MARGIN_UM, 0.0), height)
    return bottom, max(min(float(skin.max()) + MARGIN_UM, height), bottom + 2.0)


def _level(centres: Floats, both: NDArray[np.intp], flat: float) -> Floats:
    """Return how likely a pair still touches where cells lie in layers: the less, the steeper its way."""
    way = centres[both[:, 0]] - centres[both[:, 1]]
    return np.asarray(1 - flat * np.abs(way[:, 1]) / np.maximum(np.linalg.norm(way, axis=1), 1e-6))


def _upwards(rng: np.random.Generator, centres: Floats, ends: Floats, farthest: float) -> list[tuple[int, Floats]]:
    """Let most columns stand on the spongy cell that is nearest."""
    apart, below = (part[:, 0] for part in nearest(centres, ends))
    touching = np.flatnonzero((apart < farthest) & (rng.uniform(size=len(ends)) < 0.7))
    return [(int(below[column]), ends[column] + [0.0, 3.0, 0.0]) for column in touching]


def _onto(rng: np.random.Generator, centres: Floats, skin: Floats, farthest: float) -> list[tuple[int, Floats]]:
    """Let half of the cells near a skin (its height at each cell) stand on it."""
    touching = np.flatnonzero((abs(skin - centres[:, 1]) < farthest) & (rng.uniform(size=len(centres)) < 0.5))
    beyond = skin + np.sign(skin - centres[:, 1])
    return [(int(cell), np.array([centres[cell, 0], beyond[cell], centres[cell, 2]])) for cell in touching]


def _trunk(rng: np.random.Generator, centre: Floats, radius: float) -> NDArray[np.float64]:
    """Build a cell's body: from a sphere to a short cone that lies along the leaf."""
    turn, length = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.8) * radius
    along = length * np.array([np.cos(turn), rng.normal(0, 0.25), np.sin(turn)])
    return np.concatenate([centre, [radius], centre + along, [0.92 * radius]])
