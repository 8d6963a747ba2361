"""What a seed draws from: a least and a greatest value, all between them equally likely."""

from __future__ import annotations

import numpy as np

__all__ = ["NONE", "ONE", "Range", "draw"]

Range = tuple[float, float]

NONE: Range = (0.0, 0.0)
ONE: Range = (1.0, 1.0)


def draw(rng: np.random.Generator, span: Range) -> float:
    """Draw one value from a range."""
    return float(rng.uniform(*span))
