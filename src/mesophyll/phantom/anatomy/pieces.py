"""Each number one piece: what a partition cuts off becomes a cell of its own, or is given back if it is a crumb."""

from __future__ import annotations

import itertools

import cc3d
import numpy as np
from numpy.typing import NDArray

from mesophyll.labels import Labels

__all__ = ["tidy"]

CRUMB_UM3 = 30.0
CRUMB_VOX = 8


def tidy(labels: Labels, tissue_of: NDArray[np.uint8], voxel_um3: float) -> tuple[Labels, NDArray[np.uint8]]:
    """Number every piece (connected by faces) 1, 2, 3, ... and dissolve crumbs into what they touch most.

    Parameters
    ----------
    labels
        Shape (Z, Y, X).
    tissue_of
        The tissue of each number, shape (numbers + 1,).
    voxel_um3
        The volume of a voxel.

    Returns
    -------
    labels
        Shape (Z, Y, X).
    tissue_of
        The tissue of each new number; entry 0 is kept.
    """
    pieces = cc3d.connected_components(labels, connectivity=6, out_dtype=np.uint32).astype(np.int32)
    owner = np.zeros(int(pieces.max()) + 1, dtype=np.int64)
    owner[pieces.ravel()] = labels.ravel()
    size = np.bincount(pieces.ravel(), minlength=len(owner))
    crumb = size < max(CRUMB_UM3 / voxel_um3, CRUMB_VOX)
    crumb[0] = False
    heir = _heirs(pieces, crumb)
    kept = np.flatnonzero(~crumb)
    number = np.zeros(len(owner), dtype=np.int32)
    number[kept] = np.arange(len(kept))
    number[crumb] = number[heir[crumb]]
    return number[pieces], tissue_of[owner[kept]]


def _heirs(pieces: Labels, crumb: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each crumb the piece, or the air, that it shares most faces with."""
    contacts = _contacts(pieces, crumb)
    heir = np.zeros(len(crumb), dtype=np.int64)
    if len(contacts):
        pairs, faces = np.unique(contacts, axis=0, return_counts=True)
        order = np.argsort(faces, kind="stable")  # the most faces come last and win
        heir[pairs[order, 0]] = pairs[order, 1]
    return heir


def _contacts(pieces: Labels, crumb: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return one row (crumb, neighbour) for each face between a crumb and what is none."""
    places = np.argwhere(crumb[pieces])
    found = [np.empty((0, 2), dtype=np.int64)]
    for axis, sign in itertools.product(range(3), (-1, 1)):
        beside = places.copy()
        beside[:, axis] += sign
        within = (beside[:, axis] >= 0) & (beside[:, axis] < pieces.shape[axis])
        rows = np.stack([pieces[tuple(places[within].T)], pieces[tuple(beside[within].T)]], axis=1)
        found.append(rows[~crumb[rows[:, 1]]])
    return np.concatenate(found)
