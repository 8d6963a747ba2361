"""Which axis of a scan leads through the leaf: a model that knows upright leaves looks at it in every position, and tells.

What a network says, where it learnt means and probabilities, is the mean of all that may be there; so it varies the less, the
less it knows (the law of total variance). A leaf that lies as none did from which it learnt tells it less, and that position is
taken as the right one in which its outputs vary most.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region
from mesophyll.inference.looking import sight
from mesophyll.inference.plan import SegmentationPlan
from mesophyll.inference.sections import Still
from mesophyll.model import Model
from mesophyll.position import AXES, THROUGH
from mesophyll.volume import Volume

__all__ = ["find_through", "told"]

_SIDE = 96
_PIECES = 2
"""Along each axis, where there is room for so many."""


def find_through(
    model: Model,
    scan: Volume,
    *,
    tissue: Volume | None = None,
    second: Volume | None = None,
    plan: SegmentationPlan,
) -> int:
    """Return the axis of a scan that leads through the leaf, for `mesophyll.position.upright`.

    For a model that knows leaves in any position it is Y, and nothing is exchanged. Where ``plan.through`` says which it is,
    that is believed. ``tissue`` and ``second`` are what the model reads beside the scan.
    """
    if model.position == "any":
        return THROUGH
    if plan.through != "auto":
        return AXES.index(plan.through)
    other = second if model.scans == 2 else None
    image = model.prepare(scan, tissue, other)
    pieces = [image.read(piece) for piece in _pieces(image.shape)]
    return int(np.argmax(told(model, pieces, plan)))


def told(model: Model, pieces: list[NDArray[np.float32]], plan: SegmentationPlan) -> NDArray[np.float64]:
    """Return how much a model's outputs vary over pieces, shape (C, Z, Y, X), if this or that axis leads through the leaf."""
    variances = np.zeros(len(AXES))
    channels = model.representation.channels(3)
    with sight(model, plan) as see:
        for axis, seen in itertools.product(range(len(AXES)), pieces):
            piece = Still(np.ascontiguousarray(seen.swapaxes(1 + axis, 1 + THROUGH)))
            outputs = np.zeros((channels, *piece.shape), np.float32)
            see(piece, outputs)
            variances[axis] += np.nanvar(outputs.reshape(channels, -1), axis=1).sum()
    return variances / len(pieces)


def _pieces(shape: tuple[int, ...]) -> Iterator[Region]:
    """Yield the places of a few cubes, evenly spread over a volume."""
    rows = []
    for length in shape:
        side = min(length, _SIDE)
        count = min(_PIECES, -(-length // side))
        rows.append([slice(int(start), int(start) + side) for start in np.linspace(0, length - side, count + 2)[1:-1]])
    return itertools.product(*rows)
