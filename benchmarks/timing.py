"""Time a call, and compare it with another in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

__all__ = ["against", "seconds"]


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def against(ours: Callable[[], Any], other: Callable[[], Any], rounds: int = 5) -> tuple[float, float, float]:
    """Median seconds of both and the median ratio; in turn, so that a noisy machine disturbs both alike. One warm-up."""
    ours(), other()
    pairs = [(seconds(ours), seconds(other)) for _ in range(rounds)]
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(b / a for a, b in pairs)
