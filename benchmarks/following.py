"""Flows of 128³ voxels to cells: 8 passes of scaling and squaring against 200 Euler steps, both compiled, same gathering."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np

from benchmarks.timing import against
from mesophyll.evaluation import match
from mesophyll.phantom import make
from mesophyll.representations import Flows
from mesophyll.representations.decoding.following import follow, keep, sample
from mesophyll.representations.decoding.gathering import gather

STEPS = 200


def measure() -> Iterator[str]:
    method = Flows()
    truth = make(5, shape=(128, 128, 128)).labels
    perfect = method.encode(truth)
    for noise in (0.0, 0.3):
        output = perfect.copy()
        output[1:] += np.random.default_rng(0).normal(0, noise, output[1:].shape).astype(np.float32)
        inside = output[0] > method.threshold

        def ours(flow: Any = output[1:], inside: Any = inside) -> Any:
            return gather(follow(flow, inside, method.passes), inside, method.min_arrivals, method.min_size_vox)

        def steps(flow: Any = output[1:], inside: Any = inside) -> Any:
            return gather(euler(flow, inside, STEPS), inside, method.min_arrivals, method.min_size_vox)

        fast, slow, ratio = against(ours, steps, rounds=3)
        same = match(ours(), steps()).to_dict()
        yield (
            f"flow noise {noise}: {fast:.2f} s against {slow:.2f} s, {ratio:.1f} times as fast; "
            f"{same['cells']} and {same['truth_cells']} cells, AP@0.5 between them {same['AP']['0.5']:.3f}; "
            f"AP@0.5 against truth {match(ours(), truth).to_dict()['AP']['0.5']:.3f}"
        )


def euler(flow: Any, inside: Any, steps: int) -> Any:
    moved = np.zeros_like(flow)
    _euler(flow, inside, moved, steps)
    return moved


@numba.njit(cache=True, parallel=True)
def _euler(flow: Any, inside: Any, moved: Any, steps: Any) -> None:
    depth, height, width = inside.shape
    for z in numba.prange(depth):
        for y in range(height):
            for x in range(width):
                if inside[z, y, x]:
                    pz, py, px = np.float32(z), np.float32(y), np.float32(x)
                    for _ in range(steps):
                        dz, dy, dx = sample(flow, inside, pz, py, px)
                        pz, py, px = keep(pz + dz, depth), keep(py + dy, height), keep(px + dx, width)
                    moved[0, z, y, x], moved[1, z, y, x], moved[2, z, y, x] = pz - z, py - y, px - x
