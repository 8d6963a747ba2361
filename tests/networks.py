"""Networks that have learnt nothing, and yet say something else everywhere."""

from __future__ import annotations

import torch

from mesophyll.network import Network, ResidualUNet

__all__ = ["lively"]


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
