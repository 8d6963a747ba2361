"""Logistic regression with a prior: little evidence moves the weights little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = ["Floats", "fitted"]

Floats = NDArray[np.float64]

_ROUNDS = 30
"""Newton's method settles in fewer."""


def fitted(seen: Floats, yes: NDArray[np.bool_], prior: Floats, trust: float) -> Floats:
    """Return weights that say ``yes`` with the probability ``expit(seen @ weights)``.

    Parameters
    ----------
    seen
        Figures, shape (cases, weights).
    yes
        What was the case.
    prior
        The weights before anything was seen.
    trust
        The precision of a normal prior around each of them.
    """
    weights = prior.copy()
    for _ in range(_ROUNDS):
        probability = expit(seen @ weights)
        slope = seen.T @ (probability - yes) + trust * (weights - prior)
        bend = (seen.T * (probability * (1 - probability))) @ seen + trust * np.eye(len(weights))
        weights = weights - np.linalg.solve(bend, slope)
    return weights
