"""A way along an axis as angles: the hands of a few clocks, of which each turns once in a wavelength of its own.

A cosine compares directions, not points. For an embedding of directions to know its place, a voxel says by which angles the
hands turn on the way to its cell's point, and is then turned on by the angles of its own place: all voxels of a cell come to
stand at the angles of that point. (Embeddings as sines of places: Kulikov and Lempitsky, CVPR 2020.)

Hands have the shape (N, 2 W, ndim, ...): the cosine and the sine of each of W waves in turn, for each axis. Ways and places
have the shape (N, ndim, ...), in the unit of the wavelengths.
"""

from __future__ import annotations

import math

import torch

__all__ = ["WAVES", "read", "turn", "upright", "write"]

WAVES = (2.0, 5.0, 24.0)
"""The shortest tells cells apart that lie side by side, the longest is twice as long as any way."""


def write(ways: torch.Tensor) -> torch.Tensor:
    """Turn ways into hands."""
    angles = torch.stack([2 * math.pi / wave * ways for wave in WAVES], dim=1)
    return torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1, 2)


def read(hands: torch.Tensor) -> torch.Tensor:
    """Turn hands into ways: the longest wave says about how far, each shorter one says it more exactly."""
    ways = torch.zeros_like(hands[:, 0])
    for number, wave in reversed(list(enumerate(WAVES))):
        cosine, sine = hands[:, 2 * number], hands[:, 2 * number + 1]
        way = torch.atan2(sine, cosine) * (wave / (2 * math.pi))
        ways = way + wave * ((ways - way) / wave).round()
    return ways


def upright(raw: torch.Tensor) -> torch.Tensor:
    """Bring raw numbers to hands that are 1 long. Where both are 0, a hand stands upright: there is no way to go."""
    cosine, sine = raw[:, 0::2] + 1, raw[:, 1::2]
    length = (cosine.square() + sine.square() + 1e-12).sqrt()
    return torch.stack([cosine / length, sine / length], dim=2).flatten(1, 2)


def turn(hands: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return hands that are turned on by the angles of places."""
    cosine, sine = hands[:, 0::2], hands[:, 1::2]
    by = write(places)
    by_cosine, by_sine = by[:, 0::2], by[:, 1::2]
    turned = [cosine * by_cosine - sine * by_sine, sine * by_cosine + cosine * by_sine]
    return torch.stack(turned, dim=2).flatten(1, 2)
