"""What a score would have been with other cells, other leaves and other trainings: all three drawn anew, layer by layer.

A training begins with weights drawn at random, a leaf is one of many, and so are its cells. A draw takes leaves, within
each of them true cells, each with all predictions that belong to it, and trainings. Predictions that lie outside all cells
belong to none: their numbers are drawn by themselves (Poisson). (Bootstrap in layers: Davison and Hinkley, Bootstrap Methods
and their Application, 1997, section 3.8; over trainings: Agarwal et al., NeurIPS 2021.)

Leaves and trainings are few. Of n of them n - 1 are drawn, with replacement: drawing n would make intervals too narrow, by a
fifth for three (Rao and Wu, Journal of the American Statistical Association 83, 1988).

The seeds are fixed, so the same results give the same intervals, and two methods are judged on the same draws of a leaf.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mesophyll.evaluation.base import THRESHOLDS
from mesophyll.evaluation.fates import Fates
from mesophyll.evaluation.intervals import DRAWS, QUANTILES, SEED, Interval

__all__ = ["Mask", "Trainings", "ends", "of_all", "of_draws", "times_drawn"]

Mask = NDArray[np.bool_]
"""Which cells count, of all leaves one after the other."""

Trainings = Sequence[Sequence[Fates]]
"""What became of the true cells: by training of one method, then by leaf. All trainings are judged on the same leaves."""

# Streams of chance; each but that of the leaves has one for a method and one for another.
_NOWHERE, _LEAVES, _TRAININGS = 1, 3, 4

Numbers = NDArray[np.float64]


def of_all(trainings: Trainings, among: Mask | None = None) -> float:
    """Return the mean AP of the cells of all leaves together, mean over the trainings."""
    found = []
    for training in trainings:
        parts = [_units(leaf, mask) for leaf, mask in zip(training, _split(training, among), strict=True)]
        hits = np.sum([part[0].sum(axis=0) for part in parts], axis=0)
        claims = np.sum([part[1].sum(axis=0) + part[2] for part in parts], axis=0)
        found.append(_mean_ap(hits, claims))
    return float(np.mean(found))


def of_draws(methods: Sequence[Trainings], among: Mask | None = None) -> list[Numbers]:
    """Return the mean AP of each of two methods at most, on each draw: shape (draws,).

    Where both were trained equally often the same trainings are drawn of both, the first of one with the first of the other;
    else each method's by themselves.
    """
    alike = len({len(method) for method in methods}) == 1
    return [
        (values * _shares(len(method), _TRAININGS + (0 if alike else place))).sum(axis=1)
        for place, (method, values) in enumerate(zip(methods, _on_leaves(methods, among), strict=True))
    ]


def ends(values: Numbers, tries: int = 1) -> Interval:
    """Return the interval in which 95 % of the draws lie; so much wider that it holds for several tries at once."""
    low, high = np.quantile(values, (QUANTILES[0] / tries, 1 - (1 - QUANTILES[1]) / tries))
    return float(low), float(high)


def times_drawn(cells: int, rng: np.random.Generator) -> Numbers:
    """Return how often each cell is drawn, shape (draws, cells); as floats, of which a product is a fast one."""
    if not cells:
        return np.zeros((DRAWS, 0))
    # Counted, not drawn as a multinomial: that asks for a binomial of each cell in each draw, and takes five times as long.
    drawn = rng.integers(cells, size=(DRAWS, cells)) + np.arange(DRAWS)[:, None] * cells
    return np.bincount(drawn.ravel(), minlength=DRAWS * cells).reshape(DRAWS, cells).astype(np.float64)


def _on_leaves(methods: Sequence[Trainings], among: Mask | None) -> list[Numbers]:
    """Return for each method the mean AP of each training on each draw of leaves and cells, shape (draws, trainings)."""
    rng, some = np.random.default_rng(SEED), methods[0][0]
    weights = _shares(len(some), _LEAVES) * len(some)
    hits = [np.zeros((len(method), DRAWS, len(THRESHOLDS))) for method in methods]
    claims = [np.zeros_like(one) for one in hits]
    for place, mask in enumerate(_split(some, among)):
        times = times_drawn(int(len(some[place].cells) if mask is None else mask.sum()), rng)
        weight = weights[:, place, None]
        for one, method in enumerate(methods):
            for number, training in enumerate(method):
                found, claimed, nowhere = _units(training[place], mask)
                beside = np.random.default_rng([SEED, _NOWHERE + one, number, place]).poisson(nowhere, DRAWS)
                hits[one][number] += weight * (times @ found)
                claims[one][number] += weight * (times @ claimed + beside[:, None])
    return [_mean_ap(*pair).T for pair in zip(hits, claims, strict=True)]


def _shares(count: int, stream: int) -> Numbers:
    """Return which share of a draw each of several has, shape (draws, count); they add up to one."""
    drawn = max(count - 1, 1)
    return np.random.default_rng([SEED, stream]).multinomial(drawn, np.full(count, 1 / count), size=DRAWS) / drawn


def _split(training: Sequence[Fates], among: Mask | None) -> list[Mask | None]:
    """Return which cells of each leaf count."""
    if among is None:
        return [None] * len(training)
    return list(np.split(among, np.cumsum([len(leaf.cells) for leaf in training])[:-1]))


def _units(leaf: Fates, among: Mask | None) -> tuple[Numbers, Numbers, int]:
    """Return hits and TP + FP + FN of each cell that counts, and how many predictions belong to no cell."""
    extra = np.bincount(leaf.alone, minlength=len(leaf.cells) + 1)
    hits, claims = leaf.hits.astype(np.float64), (leaf.claims + extra[:-1, None]).astype(np.float64)
    return (hits, claims, int(extra[-1])) if among is None else (hits[among], claims[among], 0)


def _mean_ap(hits: Numbers, claims: Numbers) -> Numbers:
    """Return the mean AP, over the last axis; where there is neither cell nor prediction it is 1."""
    ap = np.divide(hits, claims, out=np.ones_like(hits), where=claims > 0)
    return np.asarray(ap.mean(axis=-1))
