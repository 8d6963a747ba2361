"""From evidence to the probability that a cell is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mesophyll.confidence.figures import EVIDENCE
from mesophyll.errors import LabelsError, SettingsError
from mesophyll.logistic import Floats, fitted

__all__ = ["Confidence", "calibrated"]

_TRUST = 3.0
"""The precision of a normal prior around 0 for each weight: what few cells say moves them little."""

_FAR = 3.0
"""Evidence further from what was met, in standard deviations, says no more than evidence that far."""


@dataclass(frozen=True)
class Confidence:
    """How sure a model's cells are: a logistic curve over their evidence, calibrated on leaves whose cells are known.

    Parameters
    ----------
    mean, scale
        Of each figure of `EVIDENCE`, over the cells it was calibrated by.
    weights
        Of 1, and of each figure as so many ``scale`` from its ``mean``.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        lengths = (len(self.mean) + 1, len(self.scale) + 1, len(self.weights))
        if lengths != (len(EVIDENCE) + 1,) * 3 or not min(self.scale) > 0:
            raise SettingsError(
                f"a confidence of {len(self.mean)} means, {len(self.scale)} scales and {len(self.weights)} weights",
                f"there are {len(EVIDENCE)} figures, with a scale above 0 and a weight each, and one weight more",
                "calibrate the model again with `mesophyll tune`",
            )

    def of(self, evidence: Floats) -> NDArray[np.float32]:
        """Return the probability that each cell is right, shape (n,), given what `mesophyll.confidence.evidence` says of it."""
        return np.asarray(expit(_seen(evidence, self.mean, self.scale) @ self.weights), np.float32)


def calibrated(evidence: Floats, right: NDArray[np.bool_]) -> Confidence:
    """Calibrate by cells of which it is known whether they are right (Platt scaling, on several figures).

    Parameters
    ----------
    evidence
        Of each cell, shape (n, `EVIDENCE`).
    right
        Whether it is, shape (n,).

    Raises
    ------
    LabelsError
        Where all cells are right, or all are wrong.
    """
    if right.all() or not right.any():
        raise LabelsError(
            f"of {len(right)} cells found, {int(right.sum())} are right",
            "how sure a cell is, is learnt from right ones and wrong ones",
            "pass more labelled scans",
        )
    mean, scale = evidence.mean(axis=0), np.maximum(evidence.std(axis=0), 1e-6)
    told = tuple(mean.tolist()), tuple(scale.tolist())
    seen = _seen(evidence, *told)
    return Confidence(*told, tuple(fitted(seen, right, np.zeros(seen.shape[1]), _TRUST).tolist()))


def _seen(evidence: Floats, mean: tuple[float, ...], scale: tuple[float, ...]) -> Floats:
    figures = np.clip((evidence - np.array(mean)) / np.array(scale), -_FAR, _FAR)
    return np.concatenate([np.ones((len(figures), 1)), figures], axis=1)
