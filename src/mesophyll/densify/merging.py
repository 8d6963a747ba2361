"""Merge fragments into cells: always the two that are most probably one, as long as this is more likely than not."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesophyll.densify.contacts import Contacts, Floats, Meetings
from mesophyll.densify.rule import Rule

__all__ = ["Merged", "merge"]

_CRUMB = 0.05
"""A piece of less than this share of a typical cell is no cell: it joins the neighbour that it most probably belongs to."""


@dataclass(frozen=True)
class Merged:
    """What became of fragments, arrays by fragment from 0 on.

    Parameters
    ----------
    root
        The fragment that stands for the cell into which each went.
    bounded
        Of those that stand for a cell: the mean probability that it is not one with what it touches, by area; 1 where it
        touches nothing.
    doubtful
        The same for that one of its neighbours with which it is most probably one.
    touching
        Of those that stand for a cell: faces of voxels that it shares with others.
    cells
        Of those that stand for a cell: the user's cell that it is, 0 for none.
    """

    root: NDArray[np.int64]
    bounded: Floats
    doubtful: Floats
    touching: Floats
    cells: NDArray[np.int64]


def merge(graph: Contacts, rule: Rule, cells: NDArray[np.int64]) -> Merged:
    """Merge fragments.

    Parameters
    ----------
    graph
        Their contacts.
    rule
        Says how probably two are one.
    cells
        For each fragment the user's cell that it belongs to, 0 for none: two different ones are never merged.
    """
    working = _Merging(graph, rule, cells)
    working.merge_the_likely()
    working.merge_crumbs()
    return working.result()


class _Merging:
    """The graph while fragments are merged into each other."""

    def __init__(self, graph: Contacts, rule: Rule, cells: NDArray[np.int64]) -> None:
        self._rule, self._ndim = rule, graph.ndim
        self._size, self._peak, self._cells = graph.size.copy(), graph.peak.copy(), cells.copy()
        self._root = np.arange(len(cells))
        self._age = np.zeros(len(cells), np.int64)  # merges so far; what was queued before the last one is out of date
        self._around: list[dict[int, list[float]]] = [{} for _ in cells]
        for one, other, *contact in zip(
            *(array.tolist() for array in (graph.first, graph.second, graph.area, graph.saddle, graph.ridge)),
            strict=True,
        ):
            self._around[one][other] = self._around[other][one] = contact
        self._queue: list[tuple[float, int, int, int, int]] = []

    def merge_the_likely(self) -> None:
        for one in range(len(self._root)):
            self._enqueue(one, [other for other in self._around[one] if other > one])
        while self._queue:
            _, one, other, *ages = heapq.heappop(self._queue)
            if ages == [self._age[one], self._age[other]]:
                self._join(one, other)
                self._enqueue(one, list(self._around[one]))

    def merge_crumbs(self) -> None:
        least = _CRUMB * self._rule.typical_vox
        small = np.flatnonzero((self._size < least) & (self._cells == 0))
        for crumb in small[np.argsort(self._size[small], kind="stable")].tolist():
            if self._root[crumb] == crumb and self._size[crumb] < least and self._around[crumb]:
                others = list(self._around[crumb])
                best = int(np.argmax(self._probability(crumb, others)))
                self._join(others[best], crumb)

    def result(self) -> Merged:
        for fragment in range(len(self._root)):  # roots of roots
            while self._root[self._root[fragment]] != self._root[fragment]:
                self._root[fragment] = self._root[self._root[fragment]]
        bounded, doubtful = np.ones((2, len(self._root)))
        touching = np.zeros(len(self._root))
        for one, around in enumerate(self._around):
            if around and self._root[one] == one:
                area = np.array([contact[0] for contact in around.values()])
                apart = 1 - self._probability(one, list(around))
                bounded[one], doubtful[one] = np.average(apart, weights=area), apart.min()
                touching[one] = area.sum()
        return Merged(
            self._root, bounded, doubtful, touching, np.where(self._root == np.arange(len(self._root)), self._cells, 0)
        )

    def _enqueue(self, one: int, others: list[int]) -> None:
        allowed = [other for other in others if not self._cells[one] or self._cells[other] in (0, self._cells[one])]
        for other, probability in zip(allowed, self._probability(one, allowed).tolist(), strict=True):
            if probability > 0.5:
                entry = (-probability, one, other, int(self._age[one]), int(self._age[other]))
                heapq.heappush(self._queue, entry)

    def _probability(self, one: int, others: list[int]) -> Floats:
        area, saddle, ridge = np.array([self._around[one][other] for other in others]).reshape(-1, 3).T
        size, sizes = self._size[one], self._size[others]
        peak = np.minimum(self._peak[one], self._peak[others])
        pairs = Meetings(area, saddle, ridge, np.minimum(size, sizes), size + sizes, peak, self._ndim)
        return self._rule.probability(pairs)

    def _join(self, one: int, other: int) -> None:
        """Let the first one swallow the second."""
        self._root[other] = one
        self._age[[one, other]] += 1
        self._size[one] += self._size[other]
        self._peak[one] = max(self._peak[one], self._peak[other])
        self._cells[one] = self._cells[one] or self._cells[other]
        del self._around[one][other]
        for third, contact in self._around[other].items():
            if third != one:
                del self._around[third][other]
                known = self._around[one].get(third)
                joined = contact if known is None else _joined(known, contact)
                self._around[one][third] = self._around[third][one] = joined
        self._around[other] = {}


def _joined(one: list[float], other: list[float]) -> list[float]:
    """Return area, saddle and ridge of two contacts with the same neighbour."""
    return [one[0] + other[0], max(one[1], other[1]), one[2] + other[2]]
