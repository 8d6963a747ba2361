"""Where numbers are crunched, and how precisely."""

from __future__ import annotations

from typing import Literal, get_args

import numba
import torch

from mesophyll.errors import SettingsError

__all__ = ["Device", "fast_precision", "keep_to", "pick"]

Device = Literal["auto", "cpu", "cuda"]


def pick(device: Device) -> torch.device:
    """Return the device asked for; ``auto`` takes the GPU where there is one."""
    if device not in get_args(Device):
        raise SettingsError(
            f"device = {device!r}", f"the devices are {', '.join(get_args(Device))}", "pass one of these"
        )
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "the device is cuda, and torch finds no GPU",
            "cuda needs an NVIDIA GPU, its driver, and a build of torch for it",
            "pass --device cpu, or install such a build",
        )
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def fast_precision(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the hardware multiplies it, float32 elsewhere."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if has_bfloat16 else torch.float32


def keep_to(threads: int) -> None:
    """Let torch and Numba take so many threads in this process, where several processes share the cores."""
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.get_num_threads()))
