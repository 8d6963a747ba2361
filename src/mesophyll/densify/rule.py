"""Are two fragments one cell? A logistic rule on five figures, learnt from phantoms and moved by the user's cells.

Source of the idea of merging by a learnt rule: Nunez-Iglesias and others, *Machine learning of hierarchical clustering to
segment 2D and 3D images*, PLoS ONE 2013.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mesophyll.densify.contacts import Floats, Meetings
from mesophyll.densify.learnt import LEARNT
from mesophyll.logistic import fitted
from mesophyll.volume import Spacing

__all__ = ["Rule", "moved", "rule_for"]

_TRUST = 3.0
"""How firmly a rule keeps to what phantoms taught: the precision of a normal prior around each weight."""

_AS_MANY_CELLS = 3.0
"""The phantoms' typical size counts as much as so many cells of the user."""


@dataclass(frozen=True)
class Rule:
    """The weights of the figures, and the typical size of a cell in voxels."""

    weights: Floats
    typical_vox: float

    def figures(self, pairs: Meetings) -> Floats:
        """Return what the rule looks at, shape (pairs, 6), without a unit.

        The depth of the neck as a share of the lower of both peaks; how bright a ridge runs through the contact; how wide the
        contact is beside the smaller of both; the sizes of the smaller and of both together as multiples of the typical
        size, in logarithms; 1.
        """
        smaller = np.maximum(pairs.smaller, 1)
        return np.stack(
            [
                pairs.saddle / np.maximum(pairs.peak, 1e-6),
                pairs.ridge / pairs.area,
                pairs.area ** (1 / (pairs.ndim - 1)) / smaller ** (1 / pairs.ndim),
                np.log(smaller / self.typical_vox),
                np.log(pairs.both / self.typical_vox),
                np.ones_like(pairs.area),
            ],
            axis=-1,
        )

    def probability(self, pairs: Meetings) -> Floats:
        """Return for each pair the probability that both are one cell."""
        return np.asarray(expit(self.figures(pairs) @ self.weights), np.float64)


def rule_for(tissue: int, sizes_vox: NDArray[np.float64], spacing_um: Spacing) -> Rule:
    """Return the rule of a tissue as phantoms taught it, for cells of the user's size.

    Parameters
    ----------
    tissue
        One of `base.CELL_TISSUES`.
    sizes_vox
        The sizes of the user's cells of this tissue, of which there may be none.
    spacing_um
        The voxel's edge lengths.
    """
    weights, typical_um3 = LEARNT[tissue]
    phantom = typical_um3 ** (len(spacing_um) / 3) / float(np.prod(spacing_um))
    total = np.log(sizes_vox).sum() + _AS_MANY_CELLS * np.log(phantom)
    return Rule(np.array(weights), float(np.exp(total / (len(sizes_vox) + _AS_MANY_CELLS))))


def moved(rule: Rule, pairs: Meetings, same: NDArray[np.bool_], trust: float = _TRUST) -> Rule:
    """Return the rule after it has seen pairs of which it is known whether they are one cell.

    A logistic regression whose prior are the rule's own weights: few pairs move it little.
    """
    return replace(rule, weights=fitted(rule.figures(pairs), same, rule.weights, trust))
