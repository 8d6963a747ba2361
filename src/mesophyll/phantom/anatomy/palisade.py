"""The palisade: columns that stand under the upper epidermis."""

from __future__ import annotations

import numpy as np

from mesophyll import tissues
from mesophyll.phantom.anatomy.bodies import Body
from mesophyll.phantom.anatomy.description import Palisade
from mesophyll.phantom.anatomy.fields import Waves, nearest, scatter
from mesophyll.phantom.anatomy.frame import MARGIN_UM, Frame
from mesophyll.phantom.grid import Floats
from mesophyll.phantom.ranges import draw

__all__ = ["grow"]


def grow(rng: np.random.Generator, palisade: Palisade, frame: Frame, share: float) -> list[Body]:
    """Draw the columns: pressed together at the top, tapering downwards so that wedge gaps open.

    Parameters
    ----------
    share
        Their length as a share of the mesophyll.
    """
    width = draw(rng, palisade.width_um) * np.sqrt(frame.fullness)
    deep, _, wide = frame.extent_um
    seeds = scatter(rng, [-MARGIN_UM] * 2, [deep + MARGIN_UM, wide + MARGIN_UM], width, rounds=5)
    count = len(seeds)
    around = nearest(seeds, seeds, 7)[0][:, 1:].mean(axis=1)
    radius = 0.29 * (around + width)
    length = share * frame.mesophyll_um * rng.uniform(0.85, 1.15, count)
    length[rng.uniform(size=count) < draw(rng, palisade.missing)] *= 0.45
    taper = draw(rng, palisade.taper) * rng.uniform(0.88, 1.12, count)
    lean = [Waves.random(rng, 0.06, (60.0, 200.0)), Waves.random(rng, 0.06, (60.0, 200.0))]
    slope = np.column_stack([part(*seeds.T) for part in lean]) + rng.normal(0, 0.04, (count, 2))
    top = frame.upper_inner(*seeds.T) + radius * rng.uniform(0.35, 0.8, count)
    bow = rng.normal(0, 0.5, (count, 2))

    def at(share: float, size: Floats) -> Floats:
        depth = share * (length - radius * taper)
        place = seeds + slope * depth[:, None] + bow * np.sin(np.pi * share)
        return np.column_stack([place[:, 0], top + depth, place[:, 1], size])

    middle = at(0.5, radius * (0.4 + 0.6 * taper))
    ends = np.stack([at(0.0, radius), at(1.0, radius * taper)], axis=1)
    cones = np.concatenate([np.stack([middle, middle], axis=1), ends], axis=2)
    return [Body(tissues.PALISADE, own) for own in cones]
