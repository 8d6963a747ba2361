"""What the user's cells say about the rule: pairs of fragments of which it is known whether they are one cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll.densify.contacts import find
from mesophyll.densify.fragments import Fragments
from mesophyll.densify.given import Given
from mesophyll.densify.rule import Rule, moved

__all__ = ["UNCLEAR", "calibrated", "owners"]

_MOSTLY = 0.7
"""A fragment belongs to a cell if so much of what is known of it lies in the cell."""

_HARDLY = 0.1
"""It belongs to none of them if no more of it lies in any."""

UNCLEAR = -1


def calibrated(rule: Rule, fragments: Fragments, given: Given) -> Rule:
    """Move a rule by the user's cells; fragments were cut without knowing of them."""
    graph = find(fragments)
    cells = given.whole if given.whole.any() else given.traced
    owner = owners(fragments, cells, given.spoken)
    one, other = owner[graph.first], owner[graph.second]
    telling = (np.maximum(one, other) > 0) & (np.minimum(one, other) != UNCLEAR)  # none: neighbours of no given cell
    return moved(rule, graph.meetings(telling), (one == other)[telling]) if telling.any() else rule


def owners(fragments: Fragments, cells: NDArray[np.int32], spoken: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each fragment, from 0 on, the cell in which it lies: 0 for none, -1 where this is not clear.

    Parameters
    ----------
    fragments
        In pieces.
    cells
        The user's.
    spoken
        Where it is known which cell a voxel belongs to.
    """
    count, most = len(fragments.cells), int(cells.max()) + 1
    where = spoken & (fragments.labels > 0)
    pairs, voxels = np.unique(fragments.labels[where].astype(np.int64) * most + cells[where], return_counts=True)
    fragment, cell = pairs // most, pairs % most
    seen = np.bincount(fragment, voxels, minlength=count)
    share = voxels / seen[fragment]
    owner = np.full(count, UNCLEAR, np.int64)
    inside = np.bincount(fragment[cell > 0], voxels[cell > 0], minlength=count)
    owner[(seen > 0) & (inside <= _HARDLY * seen)] = 0
    clear = (cell > 0) & (share >= _MOSTLY)
    owner[fragment[clear]] = cell[clear]
    return owner
