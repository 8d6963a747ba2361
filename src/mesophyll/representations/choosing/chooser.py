"""Cells chosen among nested candidates, by what was learnt of right ones and wrong ones.

Where no wall is seen, a flow says little at the place itself. But a waist, two places where it runs together, or a strange form
tell that there are two cells, and that is learnt: from fragments of flows whose true cells are known (`learnt`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mesophyll.labels import Labels, remove_small, sequential
from mesophyll.logistic import Floats
from mesophyll.perceptron import Perceptron
from mesophyll.representations.choosing.clusters import Clusters
from mesophyll.representations.choosing.figures import CANDIDATE_FIGURES, PAIR_FIGURES
from mesophyll.representations.choosing.nested import TREE_FIGURES, Nested, best_cut, nested

__all__ = ["Chooser", "Fragments", "figures_with_ends", "overlaps"]

_WORTH = 0.4
"""A candidate counts for how right it is less this. The more is taken off, the fewer and larger cells are chosen; a share of
right cells of about this would be lowered by any that is less right."""

_BY_SIZE = 0.5
"""And it counts by its size to this power. By 0, where a hundred candidates are hardly right, all of them as one would count
for more than they do, and giants be made of veins; by 1, a hundred cells would count no more than one as large as them all."""

END_FIGURES = ("agreement with the ends", "share in them", "share of them")
"""What the cells say that are found by where the flow ends: the best IoU of a candidate with one of them, which share of it
lies in that one, and which share of that one lies in it."""


@dataclass(frozen=True)
class Fragments:
    """What a network said of a piece of a scan, as fragments of cells.

    Parameters
    ----------
    labels
        Numbered from 1; 0 outside; shape (Z, Y, X).
    clusters
        What is known of them.
    ended
        How many voxels of each (rows) lie in each cell that is found by where the flow ends (columns), 0 for none.
    shape
        S, of which (Z, Y, X) is the volume.
    min_size_vox
        Smaller cells are dropped.
    """

    labels: Labels
    clusters: Clusters
    ended: sparse.csr_array
    shape: tuple[int, ...]
    min_size_vox: int


def figures_with_ends(tree: Nested, ended: sparse.csr_array) -> Floats:
    """Return all figures of candidates, shape (n, F).

    Parameters
    ----------
    tree
        The candidates.
    ended
        How many voxels of each fragment (rows) lie in each cell by the flow's ends (columns), 0 for none.
    """
    found, whole = (tree.members @ ended).tocoo(), ended.sum(axis=0)
    sizes = found.sum(axis=1)
    inside = found.col > 0
    row, column, common = found.row[inside], found.col[inside], found.data[inside]
    told = np.stack(
        [common / (sizes[row] + whole[column] - common), common / sizes[row], common / whole[column]], axis=1
    )
    best = np.zeros((len(sizes), len(END_FIGURES)))
    order = np.argsort(told[:, 0], kind="stable")  # the best comes last, and stays
    best[row[order]] = told[order]
    return np.concatenate([tree.figures, best], axis=1)


def overlaps(labels: Labels, other: Labels) -> sparse.csr_array:
    """Return how many voxels each number of one labelling (rows) shares with each of another (columns), both from 0 on."""
    shape = (int(labels.max(initial=0)) + 1, int(other.max(initial=0)) + 1)
    return sparse.coo_array((np.ones(labels.size), (labels.ravel(), other.ravel())), shape).tocsr()


@dataclass(frozen=True)
class Chooser:
    """What was learnt.

    Parameters
    ----------
    pairs
        How likely two that touch are one cell, from `PAIR_FIGURES`.
    cells
        How right a candidate is, from `CANDIDATE_FIGURES`, `TREE_FIGURES` and `END_FIGURES`: the share of the IoU thresholds
        0.1 to 0.9 that it reaches.
    """

    pairs: Perceptron
    cells: Perceptron

    def choose(self, seen: Fragments) -> Labels:
        """Return cells, numbered 1, 2, 3, ..., shape S; every fragment is part of one, but for those that are too small."""
        tree = nested(seen.clusters, self.pairs.of)
        right = self.cells.of(figures_with_ends(tree, seen.ended))
        chosen = best_cut(tree, (right - _WORTH) * tree.sizes**_BY_SIZE)
        cells = tree.fragments_of(chosen)[seen.labels]
        return sequential(remove_small(cells, seen.min_size_vox)).reshape(seen.shape)

    def arrays(self) -> dict[str, Floats]:
        """Return all its numbers, by name."""
        parts = {"pairs": self.pairs, "cells": self.cells}
        return {f"{part}.{name}": value for part, net in parts.items() for name, value in net.arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.floating]]) -> Chooser:
        """Build one from what `arrays` returns; a `ValueError` where it does not fit."""
        figures = {"pairs": len(PAIR_FIGURES), "cells": len(CANDIDATE_FIGURES) + len(TREE_FIGURES) + len(END_FIGURES)}
        return cls(
            **{
                part: Perceptron.from_arrays(
                    {
                        name.removeprefix(f"{part}."): value
                        for name, value in arrays.items()
                        if name.startswith(f"{part}.")
                    },
                    count,
                )
                for part, count in figures.items()
            }
        )
