"""Outputs to cells by every method: seconds for 64³ and 128³ voxels, and how they grow, as a multiple of n log n.

``python -m benchmarks.decoding 64 128 256 cellpose`` takes the sides and the methods that are named. All are the middle of one
leaf, for the cells of a larger leaf are larger; outputs are those of a network that is not quite sure: perfect targets with
Gaussian noise.
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


def measure(sides: Sequence[int] = SIDES, names: Sequence[str] = tuple(METHODS)) -> Iterator[str]:
    yield "  ".join([f"{'':34}", *(f"{side}³".rjust(8) for side in sides), "growth / that of n log n"])
    whole = make(5, shape=(max(sides),) * 3).labels
    leaves = [
        np.ascontiguousarray(whole[(slice((max(sides) - side) // 2, (max(sides) + side) // 2),) * 3]) for side in sides
    ]
    for name, method in [(each, method) for each in names for method in choices(METHODS[each])]:
        took = [_decoding(method, method.encode(labels)) for labels in leaves]
        each_step = [spent / (side**3 * math.log(side**3)) for spent, side in zip(took, sides, strict=True)]
        growth = ", ".join(f"{second / first:.2f}" for first, second in pairwise(each_step))
        yield "  ".join([label(name, method).ljust(34), *(f"{spent:6.2f} s" for spent in took), growth])


def _decoding(method: Representation, target: np.ndarray) -> float:
    """The least of some, after one that compiles: other work on the machine can only make it slower."""
    output = noisy(target, UNSURE)
    method.decode(output)
    return min(seconds(lambda: method.decode(output)) for _ in range(ROUNDS))


if __name__ == "__main__":
    named = sys.argv[1:]
    sides, names = [int(each) for each in named if each.isdigit()], [each for each in named if not each.isdigit()]
    for line in measure(sides or SIDES, names or tuple(METHODS)):
        print(line, flush=True)
