"""Numba's loops and torch may share one OpenMP: starting the loops sets the number of threads of both.

Left so, a network that runs after cells were decoded takes as many threads as Numba likes, whatever the user chose, and no
longer gives the same numbers as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["threads_kept"]


@contextmanager
def threads_kept() -> Iterator[None]:
    """Leave torch's number of threads as it was found."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
