"""Candidates for cells, each within the next: fragments, those that are likeliest one joined, these joined again, and so on.

A tree of candidates, of which cells are chosen (Liu et al., *Watershed merge tree classification*, ICPR 2012). Which of two
that touch are joined first is a matter of how likely they are one, asked anew of whatever was joined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mesophyll.logistic import Floats
from mesophyll.representations.choosing.clusters import Clusters, Ints
from mesophyll.representations.choosing.figures import figures_of_candidates, figures_of_pairs

__all__ = ["TREE_FIGURES", "Nested", "best_cut", "nested"]

TREE_FIGURES = ("likelihood of its parts", "least likelihood within", "size of its parts", "fragments")
"""What speaks for a candidate by how it came about: how likely its two parts are one, how likely the least likely two within it
are, the logarithm of the ratio of its parts' sizes, and how many fragments it is made of."""

_LEVELS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.03)
"""Those likelier one than this are joined before others are asked; what is less likely than the last is never joined."""

Likely = Callable[[Floats], Floats]
"""From the figures of pairs to how likely each is one cell."""


@dataclass(frozen=True)
class Nested:
    """A tree of candidates: first a leaf for each of K fragments, number 0 the outside, then each after its two parts.

    Parameters
    ----------
    parts
        The two parts of each, shape (n, 2); 0 of the leaves.
    figures
        Of each candidate, those of clusters and `TREE_FIGURES`, shape (n, F).
    roots
        Those that are part of no other one.
    leaves
        K.
    """

    parts: Ints
    figures: Floats
    roots: Ints
    leaves: int

    @property
    def sizes(self) -> Floats:
        """Voxels of each candidate, shape (n,)."""
        return np.asarray(np.exp(self.figures[:, 0]))

    @cached_property
    def members(self) -> sparse.csr_array:
        """Which fragments (columns) each candidate (rows) holds: 1, else 0; shape (n, K)."""
        held: list[Ints] = [np.array([leaf]) for leaf in range(self.leaves)]
        for one, other in self.parts[self.leaves :]:
            held.append(np.concatenate([held[one], held[other]]))
        ends = np.cumsum([0, *map(len, held)])
        return sparse.csr_array((np.ones(ends[-1]), np.concatenate(held), ends), (len(held), self.leaves))

    def fragments_of(self, chosen: Ints) -> NDArray[np.int32]:
        """Return a table from fragments to the candidates chosen, 1, 2, 3, ... in their order; 0 for those of none."""
        number = np.zeros(len(self.parts), np.int32)
        number[chosen] = np.arange(1, len(chosen) + 1)
        for whole in range(len(self.parts) - 1, self.leaves - 1, -1):  # a part comes before what it is part of
            if number[whole]:
                number[self.parts[whole]] = number[whole]
        return number[: self.leaves]


def nested(clusters: Clusters, likely: Likely) -> Nested:
    """Join fragments step by step, and return all that came about.

    In each step, all pairs are joined that are each other's likeliest partner, above a level that sinks; so the number of
    steps hardly grows with the number of fragments.
    """
    leaves = len(clusters.sums)
    said = likely(figures_of_pairs(clusters))
    parts, figures = [np.zeros((leaves, 2), np.int64)], [figures_of_candidates(clusters, said)]
    formed, stands_for, count = [np.ones(leaves)], np.arange(leaves), leaves
    for level in _LEVELS:
        while len(joined := _partners(clusters.pairs, said, level, leaves)):
            these = clusters.pairs[joined]
            parts.append(stands_for[these])
            formed.append(said[joined])
            stands_for[these[:, 0]] = count + np.arange(len(these))
            stands_for[these[:, 1]] = 0
            count += len(these)
            clusters = clusters.merged(these)
            said = likely(figures_of_pairs(clusters))
            figures.append(figures_of_candidates(clusters, said)[these[:, 0]])
    whole = np.concatenate(parts)
    told = np.concatenate(figures)
    history = _history(whole, np.concatenate(formed), told[:, 0], leaves)
    return Nested(whole, np.concatenate([told, history], axis=1), stands_for[stands_for > 0], leaves)


def best_cut(tree: Nested, worth: Floats) -> Ints:
    """Return the candidates that hold each fragment once and are worth most together, by dynamic programming.

    Parameters
    ----------
    tree
        The candidates.
    worth
        Of each, shape (n,).
    """
    best, whole = worth.copy(), np.ones(len(worth), bool)
    for candidate in range(tree.leaves, len(worth)):
        apart = best[tree.parts[candidate]].sum()
        if apart > best[candidate]:
            best[candidate], whole[candidate] = apart, False
    chosen, open_ = list[int](), tree.roots.tolist()
    while open_:
        candidate = open_.pop()
        if whole[candidate]:
            chosen.append(candidate)
        else:
            open_ += tree.parts[candidate].tolist()
    return np.sort(np.array(chosen, np.int64))


def _partners(pairs: Ints, likely: Floats, level: float, count: int) -> Ints:
    """Return the places of the pairs, at least as likely as the level, that are each other's likeliest; of equals, the last."""
    rank = np.empty(len(likely), np.int64)
    rank[np.argsort(likely, kind="stable")] = np.arange(len(likely))
    best = np.full(count, -1)
    np.maximum.at(best, pairs, rank[:, None])
    return np.flatnonzero((likely >= level) & (rank[:, None] == best[pairs]).all(axis=1))


def _history(parts: Ints, formed: Floats, sizes: Floats, leaves: int) -> Floats:
    """Return the `TREE_FIGURES` of each candidate."""
    least, fragments = formed.copy(), np.ones(len(parts))
    for candidate in range(leaves, len(parts)):
        one, other = parts[candidate]
        least[candidate] = min(formed[candidate], least[one], least[other])
        fragments[candidate] = fragments[one] + fragments[other]
    ratio = np.abs(sizes[parts[:, 0]] - sizes[parts[:, 1]])
    return np.stack([formed, least, ratio, fragments], axis=1)
