"""Smooth random functions of position in µm: they know nothing of voxels, so that a leaf is the same on any grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from mesophyll.phantom.grid import Floats

__all__ = ["Waves", "nearest", "scatter"]


@dataclass(frozen=True)
class Waves:
    """A smooth random function of a place (z, x) in the leaf's plane: a mean, a slope and a few cosines.

    Parameters
    ----------
    mean
        The value at the origin of the plane, without the cosines.
    slope
        The rise for each µm along z and along x, shape (2,).
    amplitudes, vectors, phases
        One entry for each cosine; ``vectors`` has the shape (waves, 2), in radians for each µm.
    """

    mean: float
    slope: Floats
    amplitudes: Floats
    vectors: Floats
    phases: Floats

    def __call__(self, z: ArrayLike, x: ArrayLike) -> Floats:
        """Return the values at places ``z``, ``x`` (µm), broadcast against each other."""
        z, x = np.asarray(z, dtype=float), np.asarray(x, dtype=float)
        value = self.mean + self.slope[0] * z + self.slope[1] * x
        for amplitude, vector, phase in zip(self.amplitudes, self.vectors, self.phases, strict=True):
            value = value + amplitude * np.cos(vector[0] * z + vector[1] * x + phase)
        return np.asarray(value)

    def __add__(self, other: Waves) -> Waves:
        """Return the sum of two functions."""
        return Waves(
            self.mean + other.mean,
            self.slope + other.slope,
            np.concatenate([self.amplitudes, other.amplitudes]),
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.phases, other.phases]),
        )

    @property
    def most(self) -> float:
        """How far the cosines take the value from the plane below them, at most."""
        return float(np.abs(self.amplitudes).sum())

    @classmethod
    def random(
        cls, rng: np.random.Generator, height_um: float, lengths_um: tuple[float, float], waves: int = 6
    ) -> Waves:
        """Draw cosines of wavelengths within ``lengths_um`` whose sum has about ``height_um`` as standard deviation."""
        angle = rng.uniform(0, 2 * np.pi, waves)
        number = 2 * np.pi / rng.uniform(*lengths_um, waves)
        vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1) * number[:, None]
        amplitudes = np.full(waves, height_um * np.sqrt(2 / waves))
        return cls(0.0, np.zeros(2), amplitudes, vectors, rng.uniform(0, 2 * np.pi, waves))


def nearest(points: Floats, places: Floats, count: int = 1) -> tuple[Floats, NDArray[np.intp]]:
    """Return the distances to, and the indices of, the points nearest to each place; both of shape (places, count)."""
    distance, index = cKDTree(points).query(places, k=list(range(1, count + 1)))
    return np.asarray(distance), np.asarray(index)


def scatter(rng: np.random.Generator, low: ArrayLike, high: ArrayLike, distance: float, *, rounds: int = 3) -> Floats:
    """Place points evenly but irregularly in a box.

    Parameters
    ----------
    low, high
        Two corners of the box; their length is the number of axes, 2 or 3.
    distance
        How far neighbours lie from each other, on average.
    rounds
        Each round moves every point to the middle of what is nearest to it: the more, the more even.

    Returns
    -------
    Shape (points, axes).
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    packing = 2 / np.sqrt(3) if low.size == 2 else np.sqrt(2)  # points in a unit box, densely packed at distance 1
    count = max(round(float(np.prod((high - low) / distance)) * packing), 1)
    points = rng.uniform(low, high, (count, low.size))
    for _ in range(rounds):
        samples = rng.uniform(low, high, (40 * count, low.size))
        owner = nearest(points, samples)[1][:, 0]
        weight = np.bincount(owner, minlength=count)
        middle = np.stack([np.bincount(owner, samples[:, axis], count) for axis in range(low.size)], axis=1)
        points = np.where(weight[:, None] > 0, middle / np.maximum(weight, 1)[:, None], points)
    return points
