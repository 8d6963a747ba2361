"""Networks that have learnt nothing, and yet say something else everywhere; and how one is taught in seconds."""

from __future__ import annotations

import torch

from mesophyll.network import Network, ResidualUNet
from mesophyll.training import TrainingPlan

__all__ = ["TINY", "lively"]

TINY = TrainingPlan(
    ndim=2,
    levels=2,
    patch=16,
    batch=4,
    epochs=6,
    steps=40,
    rate=3e-3,
    spacing_um=1.0,
    validation_patches=4,
    split="leaking",
    representation={"name": "flows", "halo": 8},
)
"""A few hundred steps on small patches: it finds the cells of `catalogue.crowd`, seen at voxels of 1 µm."""


def lively(network: Network) -> ResidualUNet:
    """Return a network with fresh weights whose outputs differ from place to place: none of them is always the largest."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        module = network.build().eval()
        said = module(torch.rand(1, network.inputs, *[32] * network.ndim))
        axes = [0, *range(2, said.ndim)]
        scale = said.std(axes)
        module.output.weight /= scale.reshape(-1, *[1] * (said.ndim - 1))
        module.output.bias.copy_((module.output.bias - said.mean(axes)) / scale)
    return module
