"""What nobody labelled is held to what was said of it before: a model that is taught on by a few labels keeps what it knows.

A few traced cells say where cells are and nowhere that there are none, so a network taught by them alone soon sees cells
everywhere. Where the labels are silent, it is therefore taught by what it said before it was taught on (Li and Hoiem, *Learning
without forgetting*, IEEE TPAMI 2018).
"""

from __future__ import annotations

import copy

import torch

from mesophyll.network import Built
from mesophyll.representations import Representation
from mesophyll.settings import to_dict

__all__ = ["Before", "says_the_same"]

_STILL = 1e-3
"""Added to the variance of a channel, lest one that hardly varies outweighs all others."""


def says_the_same(one: Representation, other: Representation) -> bool:
    """Tell whether the outputs of two representations mean the same, however they are decoded."""
    told = [to_dict(method) for method in (one, other)]
    idle = {*one.decoding, *other.decoding}
    return type(one) is type(other) and all(told[0][name] == told[1][name] for name in told[0] if name not in idle)


class Before:
    """A network as it was before it was taught on.

    Parameters
    ----------
    network
        Is copied: what becomes of it later does not matter.
    representation
        What its outputs mean.
    """

    def __init__(self, network: Built, representation: Representation) -> None:
        self._network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self._representation = representation

    def missed(self, image_BCS: torch.Tensor, output_BCS: torch.Tensor, untold_BCS: torch.Tensor) -> torch.Tensor:
        """Return how far an output has gone from what was said before, where nothing is told: as a share of its variance.

        The mean is over all voxels: where nearly everything is told, little is held.

        Parameters
        ----------
        image_BCS
            What the network sees.
        output_BCS
            What it says now, raw.
        untold_BCS
            True where neither the labels nor what follows from them say what is right.
        """
        if not untold_BCS.any():
            return output_BCS.new_zeros(())
        with torch.no_grad():
            was = self._representation.activate(self._network.to(image_BCS.device)(image_BCS).float())
        apart = (self._representation.activate(output_BCS.float()) - was).square()
        spread = was.var(dim=[0, *range(2, was.ndim)], keepdim=True)
        return torch.where(untold_BCS, apart / (spread + _STILL), 0).mean()
