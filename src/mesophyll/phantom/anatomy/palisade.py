"""The palisade: columns that stand under the upper epidermis, in one layer or several."""

from __future__ import annotations

import numpy as np

from mesophyll import tissues
from mesophyll.phantom.anatomy.bodies import Body
from mesophyll.phantom.anatomy.contacts import arm, meet, pairs
from mesophyll.phantom.anatomy.description import Palisade
from mesophyll.phantom.anatomy.fields import Waves, nearest, scatter
from mesophyll.phantom.anatomy.frame import MARGIN_UM, Frame
from mesophyll.phantom.grid import Floats
from mesophyll.phantom.ranges import draw

__all__ = ["grow"]

STEM = 0.72
"""The radius of a column with arms, as a share of one without."""


def grow(rng: np.random.Generator, palisade: Palisade, frame: Frame, share: float) -> list[Body]:
    """Draw the columns: pressed together at the top, tapering downwards so that wedge gaps open.

    Parameters
    ----------
    share
        Their length as a share of the mesophyll, all layers together.
    """
    if share <= 0:
        return []
    layers = int(rng.integers(*palisade.layers, endpoint=True))
    width = draw(rng, palisade.width_um) * np.sqrt(frame.fullness)
    length = share * frame.mesophyll_um / layers
    return [body for layer in range(layers) for body in _layer(rng, palisade, frame, width, (layer * length, length))]


def _layer(
    rng: np.random.Generator, palisade: Palisade, frame: Frame, width: float, span: tuple[float, float]
) -> list[Body]:
    """Draw one layer of columns; ``span`` is where it begins below the upper skin, and how high it is."""
    deep, _, wide = frame.extent_um
    seeds = scatter(rng, [-MARGIN_UM] * 2, [deep + MARGIN_UM, wide + MARGIN_UM], width, rounds=5)
    count = len(seeds)
    around = nearest(seeds, seeds, 7)[0][:, 1:].mean(axis=1)
    radius = 0.275 * (around + width)
    length = span[1] * rng.uniform(0.85, 1.15, count)
    length[rng.uniform(size=count) < draw(rng, palisade.missing)] *= 0.45
    taper = draw(rng, palisade.taper) * rng.uniform(0.88, 1.12, count)
    lean = [Waves.random(rng, 0.06, (60.0, 200.0)), Waves.random(rng, 0.06, (60.0, 200.0))]
    slope = np.column_stack([part(*seeds.T) for part in lean]) + rng.normal(0, 0.04, (count, 2))
    top = frame.upper_inner(*seeds.T) + span[0] + radius * rng.uniform(0.35, 0.8, count)
    bow = rng.normal(0, 0.5, (count, 2))
    arms = int(rng.integers(*palisade.arms, endpoint=True))
    size = radius * (STEM if arms else 1.0)

    def at(share: float, size: Floats) -> Floats:
        depth = share * np.maximum(length - radius * taper, 0.0)
        place = seeds + slope * depth[:, None] + bow * np.sin(np.pi * share)
        return np.column_stack([place[:, 0], top + depth, place[:, 1], size])

    middle = at(0.5, size * (0.3 + 0.7 * taper))
    ends = np.stack([at(0.0, size), at(1.0, size * taper)], axis=1)
    columns = list(np.concatenate([np.stack([middle, middle], axis=1), ends], axis=2))
    for storey in range(arms):
        columns = _reach(rng, columns, at((storey + 0.5) / arms, 0.55 * radius), 1.6 * width)
    return [Body(tissues.PALISADE, own) for own in columns]


def _reach(rng: np.random.Generator, columns: list[Floats], storey: Floats, farthest: float) -> list[Floats]:
    """Give columns arms to their neighbours; ``storey`` is where on each they begin, and their radius."""
    centres, radius = storey[:, :3], storey[:, 3]
    centres = centres + np.column_stack([rng.normal(0, size, len(radius)) for size in (0.0, 0.8, 0.0)])
    own: list[list[Floats]] = [[] for _ in columns]
    for cell, target in meet(rng, centres, pairs(centres[:, [0, 2]], farthest)):
        if abs(target[1] - centres[cell, 1]) < 2 * radius[cell]:
            own[cell].append(arm(centres[cell], radius[cell], target, radius[cell] * rng.uniform(0.8, 1.0)))
    return [
        np.concatenate([cones, *([np.array(added)] if added else [])])
        for cones, added in zip(columns, own, strict=True)
    ]
