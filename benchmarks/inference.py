"""The small 3D network over a tile of 128³ voxels: bfloat16 against float32."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.timing import against
from mesophyll.device import fast_precision, pick
from mesophyll.network import Network

SIDE = 128


def measure() -> Iterator[str]:
    device = pick("auto")
    if fast_precision(device) == torch.float32:
        yield "this machine has no bfloat16; nothing to compare"
        return
    module = Network(3, 1, 4).build().eval().to(device, memory_format=torch.channels_last_3d)
    tile = torch.randn(1, 1, SIDE, SIDE, SIDE, device=device).contiguous(memory_format=torch.channels_last_3d)

    def run(precision: torch.dtype) -> torch.Tensor:
        with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
            return module(tile).float()

    half, full, ratio = against(lambda: run(torch.bfloat16), lambda: run(torch.float32), rounds=3)
    exact = run(torch.float32)
    difference = float((run(torch.bfloat16) - exact).abs().mean() / exact.std())
    yield (
        f"{half:.2f} s against {full:.2f} s, {ratio:.1f} times as fast, {SIDE**3 / half / 1e6:.1f} Mvoxel/s; "
        f"mean difference {difference:.1e} standard deviations"
    )
