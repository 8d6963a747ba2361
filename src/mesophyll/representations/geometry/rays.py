"""Rays from a voxel to where its cell ends, and the star-convex bodies that such rays span.

Rays come in mirrored sets: those of one quadrant (octant), and their mirror images in all others. So when space is mirrored
each ray becomes another one of the set, and what a network says along them only changes places. Volumes (Z, Y, X); an image
is a volume of one layer, in whose plane the rays lie. Numbers are voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from mesophyll.labels import Labels

__all__ = ["Star", "cast", "directions", "mirror_rays", "star"]

SHORTEST = 0.5
"""No ray is shorter: from the middle of a voxel it is as far to its nearest face."""

_ROUNDS = 100  # of Lloyd's relaxation: 96 rays rest after 60


def directions(ndim: int, count: int) -> NDArray[np.float64]:
    """Return ``count`` unit vectors (z, y, x), a multiple of 2**ndim, spread evenly; z is 0 in images.

    In images they are at equal angles. The sets of all quadrants follow each other, see `mirror_rays`.
    """
    own = count // 2**ndim
    angle = np.pi / 2 * (np.arange(own) + 0.5) / own
    quadrant = np.stack([np.zeros(own), np.sin(angle), np.cos(angle)], axis=1) if ndim == 2 else _octant(own)
    signs = 1 - 2.0 * np.indices((2,) * ndim).reshape(ndim, -1).T
    mirrored = quadrant[None] * np.pad(signs, [(0, 0), (3 - ndim, 0)], constant_values=1.0)[:, None]
    return mirrored.reshape(-1, 3)


def _octant(count: int) -> NDArray[np.float64]:
    """Return rays spread evenly over an octant: a Fibonacci lattice (Weigert et al. 2020, section 2.1), evened out.

    As it is, rays of the lattice may lie beside their mirror images. Lloyd's relaxation moves each to the mean of the
    directions that are nearest to it; of all octants together, what is nearest to a direction lies in its own.
    """
    rays, anywhere = _lattice(count), _lattice(500 * count)
    for _ in range(_ROUNDS):
        nearest = (anywhere @ rays.T).argmax(axis=1)
        rays = np.stack([np.bincount(nearest, along, count) for along in anywhere.T], axis=1)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return rays


def _lattice(count: int) -> NDArray[np.float64]:
    """Return a Fibonacci lattice on an octant: equal steps in height, the golden ratio in angle."""
    height = (np.arange(count) + 0.5) / count
    angle = np.pi / 2 * (np.arange(count) * (np.sqrt(5) - 1) / 2 % 1)
    across = np.sqrt(1 - height**2)
    return np.stack([height, across * np.sin(angle), across * np.cos(angle)], axis=1)


def mirror_rays(along_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
    """Give what is said along each ray, shape (count, *S), to the ray's mirror image; space itself stays as it is."""
    ndim = along_CS.ndim - 1
    by_quadrant = along_CS.reshape(*(2,) * ndim, -1, *along_CS.shape[1:])
    return np.flip(by_quadrant, axes).reshape(along_CS.shape)


def cast(into: NDArray[np.float32], cells: Labels, rays: NDArray[np.float64], longest: float) -> None:
    """Fill in how far it is along each ray from the middle of a voxel to where its cell ends.

    Parameters
    ----------
    into
        What is filled, shape (count, Z, Y, X): the result would be too large to be held twice. Outside cells it is 0.
    cells
        Numbered 1, 2, 3, ... in cells, 0 elsewhere. The volume's faces end a cell, too.
    rays
        Unit vectors (z, y, x).
    longest
        Rays are cut at this length.

    Notes
    -----
    From the middle of every voxel, a ray leads through the same voxels. They are listed once, and then followed from each.
    """
    padded = np.pad(cells, 1)  # so that what leaves the volume meets a voxel that is no cell's
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    voxels, places = np.flatnonzero(padded), np.flatnonzero(cells)
    into[...] = 0
    for along, ray in zip(into.reshape(len(rays), -1), rays, strict=True):
        steps, entered = _way(ray, longest)
        along[places] = _lengths(padded.ravel(), voxels, steps @ strides, entered)


def _way(ray: NDArray[np.float64], longest: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the voxels that a ray from the middle of a voxel enters, as offsets (n, 3), and where; the last is not entered.

    It goes from one to the next through their faces (Amanatides and Woo, Eurographics 1987). Where two faces are crossed at
    once there is an edge, and the ray goes on to the voxel beyond it.
    """
    speed, sign = np.abs(ray), np.sign(ray).astype(np.int64)
    crossed = np.zeros(3, np.int64)
    steps, entered = [], [0.0]
    while entered[-1] < longest:
        face = np.divide(crossed + 0.5, speed, out=np.full(3, np.inf), where=speed > 0)
        crossed += face <= face.min() + 1e-9
        steps.append(crossed * sign)
        entered.append(float(face.min()))
    return np.array(steps), np.minimum(entered[1:], longest)


@dataclass(frozen=True)
class Star:
    """A star-convex body: the tips of its rays, joined by triangles.

    Parameters
    ----------
    rays
        Unit vectors (z, y, x), shape (count, 3).
    corners
        The rays that end in the corners of each triangle, shape (faces, 3). In images a side has two corners, and ``count``, a
        ray along z on which nothing lies, stands for the third.
    weights
        For each triangle, what turns an offset (z, y, x) into shares of its three rays' unit vectors, shape (faces, 3, 3).
    faces
        The triangle through which an offset (z, y, x) of whole voxels leads, as far as ``longest`` along each axis.
    longest
        Rays are cut at this length.
    """

    rays: NDArray[np.float64]
    corners: NDArray[np.int64]
    weights: NDArray[np.float64]
    faces: NDArray[np.int16]
    longest: int

    def draw(
        self, middles: NDArray[np.int64], lengths: NDArray[np.float32], shape: tuple[int, ...]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return the voxels of stars as `mesophyll.representations.decoding.suppression.Draw` does.

        Parameters
        ----------
        middles
            The voxel from which the rays of each star go, shape (n, 3).
        lengths
            Of the rays, shape (n, count).
        shape
            Of the volume; what lies beyond is not drawn.
        """
        length = np.clip(lengths, SHORTEST, self.longest).astype(np.float64)
        low, high = _boxes(middles, length, self.rays, np.array(shape))
        most = int(np.prod(high - low, axis=1).sum())
        ends, voxels = np.empty(len(middles), np.int64), np.empty(most, np.int32)
        shares = np.pad(1 / length, [(0, 0), (0, 1)])
        found = _draw(ends, voxels, (middles, shares), (low, high), (self.corners, self.weights, self.faces), shape)
        return ends, voxels[:found]


@lru_cache
def star(ndim: int, count: int, longest: int) -> Star:
    """Return the star of ``count`` rays in images or volumes; made once."""
    rays = directions(ndim, count)
    if ndim == 2:
        around = np.argsort(np.arctan2(rays[:, 1], rays[:, 2]))
        corners = np.stack([around, np.roll(around, -1), np.full(count, count)], axis=1)
    else:
        corners = ConvexHull(rays).simplices.astype(np.int64)
    vectors = np.concatenate([rays, [[1.0, 0.0, 0.0]]])[corners]
    weights = np.linalg.inv(vectors.transpose(0, 2, 1))
    reach = np.array([0 if ndim == 2 else longest, longest, longest])
    return Star(rays, corners, weights, _faces(weights, reach), longest)


def _boxes(
    middles: NDArray[np.int64], length: NDArray[np.float64], rays: NDArray[np.float64], shape: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first voxels of the boxes around stars, and those behind the last, within the volume."""
    low, high = np.empty_like(middles), np.empty_like(middles)
    for axis in range(3):
        tips = length * rays[:, axis]
        low[:, axis] = np.ceil(middles[:, axis] + tips.min(axis=1))
        high[:, axis] = np.floor(middles[:, axis] + tips.max(axis=1)) + 1
    return np.maximum(low, 0), np.minimum(high, shape)


@numba.njit(cache=True, nogil=True)
def _lengths(cells: Any, voxels: Any, steps: Any, entered: Any) -> Any:
    """Return how far each voxel sees along a way; voxels and steps are flat indices."""
    lengths = np.empty(len(voxels), np.float32)
    last = len(steps) - 1
    for place in range(len(voxels)):
        cell, reached = cells[voxels[place]], 0
        while reached < last and cells[voxels[place] + steps[reached]] == cell:
            reached += 1
        lengths[place] = entered[reached]
    return lengths


@numba.njit(cache=True, nogil=True)
def _faces(weights: Any, reach: Any) -> Any:
    """Find, for each offset, the triangle of which it needs no negative share."""
    faces = np.zeros((2 * reach[0] + 1, 2 * reach[1] + 1, 2 * reach[2] + 1), np.int16)
    for z in range(-reach[0], reach[0] + 1):
        for y in range(-reach[1], reach[1] + 1):
            for x in range(-reach[2], reach[2] + 1):
                best = -np.inf
                for face in range(len(weights)):
                    first, second, third = _shares(weights[face], z, y, x)
                    least = min(first, second, third)
                    if least > best:
                        best = least
                        faces[z + reach[0], y + reach[1], x + reach[2]] = face
                    if least > 0:
                        break
    return faces


@numba.njit(cache=True, nogil=True, inline="always")
def _shares(weights: Any, z: Any, y: Any, x: Any) -> Any:
    return (
        weights[0, 0] * z + weights[0, 1] * y + weights[0, 2] * x,
        weights[1, 0] * z + weights[1, 1] * y + weights[1, 2] * x,
        weights[2, 0] * z + weights[2, 1] * y + weights[2, 2] * x,
    )


@numba.njit(cache=True, nogil=True)
def _draw(ends: Any, voxels: Any, stars: Any, boxes: Any, body: Any, shape: Any) -> Any:
    """Fill in the voxels of each star; return how many there are in all."""
    middles, shares = stars
    low, high = boxes
    corners, weights, faces = body
    found = 0
    for place in range(len(middles)):
        mz, my, mx = middles[place]
        for z in range(low[place, 0], high[place, 0]):
            for y in range(low[place, 1], high[place, 1]):
                for x in range(low[place, 2], high[place, 2]):
                    oz, oy, ox = z - mz, y - my, x - mx
                    face = faces[oz + faces.shape[0] // 2, oy + faces.shape[1] // 2, ox + faces.shape[2] // 2]
                    first, second, third = _shares(weights[face], oz, oy, ox)
                    out = (
                        first * shares[place, corners[face, 0]]
                        + second * shares[place, corners[face, 1]]
                        + third * shares[place, corners[face, 2]]
                    )
                    if out <= 1 + 1e-9:
                        voxels[found] = (z * shape[1] + y) * shape[2] + x
                        found += 1
        ends[place] = found
    return found
