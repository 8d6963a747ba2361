"""Learn to choose cells among candidates, from fragments whose true cells are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mesophyll.errors import LabelsError
from mesophyll.labels import UNKNOWN, Labels
from mesophyll.logistic import Floats
from mesophyll.perceptron import Perceptron, fitted
from mesophyll.representations.choosing.chooser import Chooser, Fragments, figures_with_ends, overlaps
from mesophyll.representations.choosing.clusters import Clusters
from mesophyll.representations.choosing.figures import figures_of_pairs
from mesophyll.representations.choosing.nested import Nested, nested

__all__ = ["learnt"]

_KNOWN = 0.5
"""Of what has fewer known voxels than this share, nothing is learnt."""

_IOUS = np.arange(1, 10) / 10

_NOT_KNOWN, _CELLS = 0, 2
"""Columns of a table of what truly lies where: 0 is not known, 1 background, from 2 on cells."""

Cases = tuple[Floats, Floats]
"""Figures, and the share that is the case."""


def learnt(examples: Iterable[tuple[Fragments, Labels]]) -> Chooser:
    """Learn from pieces of scans.

    How right candidates are is learnt from trees that are grown by what was learnt of pairs in the other half of the pieces:
    of pairs by which it was fitted, a network says more than it knows.

    Parameters
    ----------
    examples
        Fragments, and the true cells of the same voxels, -1 where nobody knows. They are looked at one after the other.

    Raises
    ------
    LabelsError
        Where there are fewer than two pieces, or too little in them is known.
    """
    told = [_Told.of(seen, truth) for seen, truth in examples]
    pairs = [one.pairs() for one in told]
    halves = [pairs[turn::2] for turn in range(2)]
    _check(halves)
    likely = [_fitted(half) for half in halves]
    trees = [one.candidates(likely[1 - place % 2]) for place, one in enumerate(told)]
    return Chooser(_fitted(pairs), _fitted(trees))


@dataclass(frozen=True)
class _Told:
    """What is known of the fragments of one piece.

    Parameters
    ----------
    clusters, ended
        Of the fragments.
    truth
        How many voxels of each fragment (rows) are not known, are background, are of each true cell (columns).
    """

    clusters: Clusters
    ended: sparse.csr_array
    truth: sparse.csr_array

    @classmethod
    def of(cls, seen: Fragments, labels: Labels) -> _Told:
        """Count what truly lies where; the fragments' voxels are needed no more."""
        return cls(seen.clusters, seen.ended, overlaps(seen.labels, labels.reshape(seen.labels.shape) - UNKNOWN))

    def pairs(self) -> Cases:
        """Return the figures of the pairs of fragments that are known, and whether both lie mostly in the same cell."""
        cells = self.truth[:, _CELLS:]
        if not cells.shape[1]:
            return figures_of_pairs(self.clusters)[:0], np.zeros(0)
        most, owner = cells.max(axis=1).toarray().ravel(), np.asarray(cells.argmax(axis=1)).ravel()
        one, other = self.clusters.pairs.T
        known = _known(self.truth)
        told = known[one] & known[other]
        same = (owner[one] == owner[other]) & (most[one] > 0) & (most[other] > 0)
        return figures_of_pairs(self.clusters)[told], same[told].astype(np.float64)

    def candidates(self, likely: Perceptron) -> Cases:
        """Return the figures of the candidates that are known, and the share of the IoU thresholds that each reaches."""
        tree = nested(self.clusters, likely.of)
        inside = (tree.members @ self.truth).tocsr()
        told = _known(inside)
        told[0] = False  # the outside
        return figures_with_ends(tree, self.ended)[told], self._right(tree, inside)[told]

    def _right(self, tree: Nested, inside: sparse.csr_array) -> Floats:
        known = inside.sum(axis=1) - inside[:, [_NOT_KNOWN]].toarray().ravel()
        cells, whole = inside[:, _CELLS:].tocoo(), self.truth[:, _CELLS:].sum(axis=0)
        best = np.zeros(len(tree.parts))
        np.maximum.at(best, cells.row, cells.data / (known[cells.row] + whole[cells.col] - cells.data))
        return np.asarray((best[:, None] >= _IOUS).mean(axis=1))


def _fitted(cases: Sequence[Cases]) -> Perceptron:
    figures, shares = (np.concatenate([one[part] for one in cases]) for part in range(2))
    return fitted(figures, shares)


def _check(halves: Sequence[Sequence[Cases]]) -> None:
    """See that there is something to learn in each half, and right and wrong in both together."""
    shares = [np.concatenate([np.zeros(0), *(told for _, told in half)]) for half in halves]
    every = np.concatenate(shares)
    if not all(map(len, shares)) or every.min() == every.max():
        raise LabelsError(
            f"of {len(every)} pairs of fragments that are known, {int(every.sum())} are one cell",
            "it is learnt from some that are and some that are not, in two scans or blocks at least",
            "pass more scans in which all cells are labelled",
        )


def _known(table: sparse.csr_array) -> NDArray[np.bool_]:
    return np.asarray(table[:, [_NOT_KNOWN]].toarray().ravel() <= (1 - _KNOWN) * table.sum(axis=1))
