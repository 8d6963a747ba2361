"""Outputs to cells by every method: seconds for 64³ and 128³ voxels, and how they grow, beside n log n.

``python -m benchmarks.decoding 64 128 256`` takes the sides that are named. The leaf is the same but for its size; outputs are
those of a network that is not quite sure: perfect targets with Gaussian noise.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from benchmarks.oracle import choices, label, noisy
from benchmarks.timing import seconds
from mesophyll.phantom import make
from mesophyll.representations import Representation
from mesophyll.representations.methods import METHODS

SIDES = (64, 128)
UNSURE = 0.1
ROUNDS = 2


def measure(sides: Sequence[int] = SIDES) -> Iterator[str]:
    ideal = [_n_log_n(second) / _n_log_n(first) for first, second in pairwise(sides)]
    yield "  ".join([f"{'':34}", *(f"{side}³".rjust(8) for side in sides), f"growth; n log n: {_told(ideal)}"])
    leaves = [make(5, shape=(side,) * 3).labels for side in sides]
    for name, method in [(each, method) for each in METHODS for method in choices(METHODS[each])]:
        took = [_decoding(method, method.encode(labels)) for labels in leaves]
        growth = [second / first for first, second in pairwise(took)]
        yield "  ".join([label(name, method).ljust(34), *(f"{each:6.2f} s" for each in took), _told(growth)])


def _decoding(method: Representation, target: np.ndarray) -> float:
    """The least of some, after one that compiles: other work on the machine can only make it slower."""
    output = noisy(target, UNSURE)
    method.decode(output)
    return min(seconds(lambda: method.decode(output)) for _ in range(ROUNDS))


def _n_log_n(side: int) -> float:
    return side**3 * math.log(side**3)


def _told(growth: Sequence[float]) -> str:
    return ", ".join(f"{each:.1f}" for each in growth)


if __name__ == "__main__":
    for line in measure([int(side) for side in sys.argv[1:]] or SIDES):
        print(line, flush=True)
