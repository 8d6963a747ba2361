"""Each number one piece: what a partition cuts off becomes a cell of its own, or is given back if it is a crumb."""

from __future__ import annotations

import cc3d
import numba
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


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _touching(pieces, crumb, found):  # type: ignore[no-untyped-def]
    """Count the faces between a crumb and anything else, and write them down where there is room."""
    deep, high, wide = pieces.shape
    count = 0
    for k in range(deep):
        for j in range(high):
            for i in range(wide):
                own = pieces[k, j, i]
                if not crumb[own]:
                    continue
                for step in range(6):
                    sign, axis = 2 * (step % 2) - 1, step // 2
                    kk, jj, ii = k + sign * (axis == 0), j + sign * (axis == 1), i + sign * (axis == 2)
                    if min(kk, jj, ii) < 0 or kk >= deep or jj >= high or ii >= wide:
                        continue
                    other = pieces[kk, jj, ii]
                    if other != own and not crumb[other]:
                        if count < len(found):
                            found[count, 0], found[count, 1] = own, other
                        count += 1
    return count


def _contacts(pieces: Labels, crumb: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return one row (crumb, neighbour) for each face between them."""
    found = np.empty((_touching(pieces, crumb, np.empty((0, 2), dtype=np.int64)), 2), dtype=np.int64)
    _touching(pieces, crumb, found)
    return found
