"""What a seed draws from: a least and a greatest value, all between them equally likely."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import fields
from typing import Any

import numpy as np

from mesophyll.errors import SettingsError

__all__ = ["NONE", "ONE", "Range", "check", "draw"]

Range = tuple[float, float]

NONE: Range = (0.0, 0.0)
ONE: Range = (1.0, 1.0)


def draw(rng: np.random.Generator, span: Range) -> float:
    """Draw one value from a range."""
    return float(rng.uniform(*span))


def check(
    part: Any, *, shares: Collection[str] = (), above_0: Collection[str] = (), signed: Collection[str] = ()
) -> None:
    """Refuse values of a dataclass that nothing could be drawn from.

    Parameters
    ----------
    part
        Its fields are ranges and numbers; others are passed over.
    shares, above_0, signed
        The names of fields that lie between 0 and 1, that are above 0, that may be negative; all others are 0 or more.

    Raises
    ------
    SettingsError
        Where a value lies outside, or a range ends below its beginning.
    """
    for name in (each.name for each in fields(part)):
        value = getattr(part, name)
        ends = value if isinstance(value, tuple) else (value, value)
        if not all(isinstance(end, int | float) for end in ends):
            continue
        low, high = ends
        least, most = (-math.inf if name in signed else 0), (1 if name in shares else math.inf)
        if not (least <= low <= high <= most and math.isfinite(high)) or (name in above_0 and low <= 0):
            said = "between 0 and 1" if name in shares else "above 0" if name in above_0 else "0 or more"
            raise SettingsError(
                f"{type(part).__name__.lower()}: {name} = {value}",
                f"{name} is {'a number' if name in signed else said}; of a range, the least value comes first",
                f"correct {name}",
            )
