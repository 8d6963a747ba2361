"""What is random but belongs to something: numbers that follow from a pair of cells or from a place, whoever asks."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["mix", "of_pair", "share"]


@numba.njit(cache=True, nogil=True)
def mix(key: Any) -> Any:
    """Scramble 64 bits (the finaliser of SplitMix64)."""
    key = (key + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def of_pair(first: Any, second: Any, seed: Any) -> Any:
    """Return 64 bits that belong to a pair of cells, in whatever order they are named; the seed is a `numpy.uint64`."""
    key = (np.uint64(min(first, second)) << np.uint64(32)) ^ np.uint64(max(first, second))
    return mix(key ^ mix(seed))


@numba.njit(cache=True, nogil=True)
def share(key: Any) -> Any:
    """Turn mixed bits into a number from 0 to 1, 1 left out."""
    return np.float64(key >> np.uint64(11)) / 9007199254740992.0
