"""A share guessed from a few figures, by a network of one hidden layer that is fitted as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from mesophyll.logistic import Floats

__all__ = ["Perceptron", "fitted"]

_FAR = 5.0
"""A figure further from what was met, in standard deviations, says no more than one that far."""

_TRUST = 3.0
"""The precision of a normal prior around 0 for each weight."""

_ROUNDS = 400
"""Of L-BFGS; what comes after them changes the loss in its fourth digit."""


@dataclass(frozen=True)
class Perceptron:
    """From F figures to a share between 0 and 1.

    Parameters
    ----------
    mean, scale
        Of each figure, over the cases by which it was fitted, shape (F,).
    hidden
        Weights of each hidden unit, of 1 and of the figures, shape (1 + F, H).
    out
        Weights of 1 and of the hidden units, shape (1 + H,).
    """

    mean: Floats
    scale: Floats
    hidden: Floats
    out: Floats

    def of(self, figures: Floats) -> Floats:
        """Return the share of each case, shape (n,), from figures of shape (n, F)."""
        return np.asarray(expit(_with_one(np.tanh(_seen(figures, self.mean, self.scale) @ self.hidden)) @ self.out))

    def arrays(self) -> dict[str, Floats]:
        """Return all its numbers, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.floating]], figures: int) -> Perceptron:
        """Build one from what `arrays` returns; a `ValueError` where it is not for so many figures."""
        told = {one.name: np.asarray(arrays[one.name], np.float64) for one in fields(cls)}
        hidden = len(told["out"]) - 1
        if [value.shape for value in told.values()] != [(figures,), (figures,), (1 + figures, hidden), (1 + hidden,)]:
            raise ValueError(f"a perceptron of other figures than the {figures} that there are")
        return cls(**told)


def fitted(
    figures: Floats,
    share: NDArray[np.number] | NDArray[np.bool_],
    *,
    hidden: int = 32,
    searches: int = 4,
    seed: int = 0,
) -> Perceptron:
    """Return the perceptron whose shares have the least cross-entropy with those that are known.

    Where a search ends depends on where it starts, and the mean of several, before it becomes a share, errs less than any: it
    is itself a perceptron, of all their units.

    Parameters
    ----------
    figures
        Of each case, shape (n, F).
    share
        What is the case, from 0 to 1, shape (n,).
    hidden
        Units of the hidden layer in each search.
    searches
        So many are averaged.
    seed
        Of the weights that the first search starts from; the next has the next.
    """
    mean, scale = figures.mean(axis=0), np.maximum(figures.std(axis=0), 1e-6)
    seen, wanted = _seen(figures, mean, scale).astype(np.float32), np.asarray(share, np.float32)
    found = [_search(seen, wanted, hidden, seed + turn) for turn in range(searches)]
    units = np.concatenate([inner for inner, _ in found], axis=1)
    out = np.concatenate([sum(outer[:1] for _, outer in found), *(outer[1:] for _, outer in found)]) / searches
    return Perceptron(mean, scale, units, out)


def _search(seen: NDArray[np.float32], wanted: NDArray[np.float32], hidden: int, seed: int) -> tuple[Floats, Floats]:
    """Return the weights, of the hidden units and of what comes out, at which one search ends."""
    rows = seen.shape[1]
    start = np.random.default_rng(seed).normal(size=rows * hidden + hidden + 1)
    start *= np.concatenate([np.full(rows * hidden, rows**-0.5), np.full(hidden + 1, hidden**-0.5)])

    def loss(weights: Floats) -> tuple[float, Floats]:
        inner, outer = weights[: rows * hidden].reshape(rows, hidden), weights[rows * hidden :]
        units = np.tanh(seen @ inner.astype(np.float32))
        said = _with_one(units) @ outer.astype(np.float32)
        cost = float((np.logaddexp(0, said) - wanted * said).sum())
        apart = expit(said) - wanted
        back = apart[:, None] * outer[None, 1:].astype(np.float32) * (1 - units**2)
        slope = np.concatenate([(seen.T @ back).ravel(), _with_one(units).T @ apart])
        cases = len(wanted)
        return (cost + _TRUST / 2 * float(weights @ weights)) / cases, (slope + _TRUST * weights) / cases

    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}).x
    return best[: rows * hidden].reshape(rows, hidden), best[rows * hidden :]


def _seen(figures: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.asarray(_with_one(np.clip((figures - mean) / scale, -_FAR, _FAR)), np.float64)


def _with_one(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.concatenate([np.ones((len(values), 1), values.dtype), values], axis=1)
