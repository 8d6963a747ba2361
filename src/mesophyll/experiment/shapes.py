"""What shape a cell has, in the three words of the report: roundish cells work, it says, and stretched ones do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["SHAPES", "shapes"]

SHAPES = ("round", "elongated", "lobed")

ELONGATED = 2.0
"""Longer than so many times its width."""

LOBED = {2: 0.85, 3: 0.75}
"""Less of its convex hull filled than this, by the number of axes: a cylinder or a box fills all of it, a Y about half."""


def shapes(cells: pd.DataFrame) -> NDArray[np.str_]:
    """Return the word for each row of `mesophyll.traits.measure`; what is both long and lobed is lobed."""
    ndim = 3 if "volume_um3" in cells else 2
    lobed = cells["solidity"].to_numpy() < LOBED[ndim]
    long = cells["length_um"].to_numpy() >= ELONGATED * cells["width_um"].to_numpy()
    return np.where(lobed, "lobed", np.where(long, "elongated", "round"))
