"""Cells as spheres (discs, in images): where a cell's middle lies, and how large it is.

SCPM-Net (Luo et al., Medical Image Analysis 75, 2022), anchor-free: a heat map of centres, and at each voxel the radius and the
way to the centre; spheres that lie over each other are suppressed. Channel 0 is the foreground, channel 1 the heat, channel 2
the radius, the rest the way along each axis. Two things differ. They match the few voxels nearest to a centre with it and pass
over those around; here heat and weight fade away from the centre. And they look for round nodules, with no foreground, which
here shares a cell out among spheres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.labels import Labels
from mesophyll.representations.base import SHARES, SIZES_VOX, Representation, tunable
from mesophyll.representations.decoding.gathering import settle
from mesophyll.representations.decoding.suppression import paint, proposals
from mesophyll.representations.geometry.paths import centroids
from mesophyll.representations.geometry.pieces import pieces
from mesophyll.representations.learning.losses import mean_where, surprise

__all__ = ["Spheres", "again", "balls", "best_ball"]

_SPREAD = 1 / 3  # standard deviation of a cell's heat, in its radii

_LEAST = 0.9  # radius: wherever such a ball lies, it holds the middle of a voxel

ONE_BALL = 0.8
"""A sphere whose middle is a voxel of one that is kept, and that shares more than this with it, is that cell's once more."""


@dataclass(frozen=True)
class Spheres(Representation):
    """Foreground, heat of the centre, radius and way to the centre (SCPM-Net).

    Parameters
    ----------
    halo
        As ever; and no sphere is read whose radius is longer.
    sphere_weight
        Of radius and way beside the two cross-entropies.
    threshold
        Foreground above this is inside a cell.
    heat
        Heat above this proposes a sphere.
    overlap
        A sphere is dropped that shares more than this of its voxels with a surer one, or of the surer one's, if these are
        fewer.
    min_size_vox
        Smaller cells are dropped.
    """

    sphere_weight: float = 0.2
    threshold: float = tunable(0.5, among=SHARES)
    heat: float = tunable(0.3, among=(0.1, 0.2, 0.3, 0.4, 0.5))
    overlap: float = tunable(0.5, among=SHARES)
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def channels(self, ndim: int) -> int:
        """Foreground, heat, radius, and the way along each axis."""
        return 3 + ndim

    @property
    def ceiling(self) -> float:
        """Measured by laws 1 and 9, of cells that are alike and round; others are shared out wrongly."""
        return 0.95

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground (0 or 1), heat (at most 1), radius and way to the centroid in voxels, shape (3 + ndim, *S).

        The radius is that of the sphere as large as the cell. Where the centroid lies outside the cell, heat is 1 at the voxel
        nearest to it.
        """
        cells, count = pieces(labels_S)
        way = centroids(cells, count)[cells].transpose(3, 0, 1, 2) - np.indices(cells.shape)
        far = np.square(way).sum(axis=0)
        nearest = np.full(count + 1, np.inf)
        np.minimum.at(nearest, cells.ravel(), far.ravel())
        size = np.bincount(cells.ravel(), minlength=count + 1)
        radius = np.sqrt(size / np.pi) if labels_S.ndim == 2 else np.cbrt(0.75 * size / np.pi)
        target = np.empty((3 + labels_S.ndim, *cells.shape), np.float32)
        target[0] = cells > 0
        target[1] = np.exp((nearest[cells] - far) / (2 * (_SPREAD * radius[cells]) ** 2))
        target[2] = radius[cells]
        target[3:] = way[-labels_S.ndim :]
        target[:, cells == 0] = 0
        return target.reshape(-1, *labels_S.shape)

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return two cross-entropies and the mean absolute error of radius and way, inside cells, the more the hotter."""
        output = output_BCS.float()
        heat = torch.where(known_BS, torch.nan_to_num(target_BCS[:, 1]), 0)
        error = (output[:, 2:] - torch.nan_to_num(target_BCS[:, 2:])).abs().mean(dim=1)
        return (
            surprise(output[:, 0], target_BCS[:, 0], known_BS)
            + surprise(output[:, 1], target_BCS[:, 1], known_BS)
            + self.sphere_weight * mean_where(heat * error, heat > 0)
        )

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid for foreground and heat; a radius is not below 0; the way as it is."""
        said, radius, way = output_BCS[:, :2], output_BCS[:, 2:3], output_BCS[:, 3:]
        return torch.cat([torch.sigmoid(said), radius.clamp(min=0), way], dim=1)

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; the way along each flipped axis changes its sign."""
        mirrored = np.flip(output_CS, tuple(1 + axis for axis in axes)).copy()
        mirrored[[3 + axis for axis in axes]] *= -1
        return mirrored

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Let peaks of the heat propose spheres, keep one for each cell, and share the foreground out among them."""
        proposed, ndim = proposals(output_CS, self.threshold, self.heat), output_CS.ndim - 1
        radii = proposed.said[:, 2].astype(np.float64).clip(_LEAST, max(self.halo, _LEAST))
        middles = proposed.places.astype(np.float64)
        middles[:, -ndim:] += proposed.said[:, 3:]
        volume = proposed.inside.shape
        _, kept = paint(
            volume,
            len(radii),
            lambda some: balls(middles[some], radii[some], volume),
            self.overlap,
            lambda some, before, painted: again(middles, radii, some, before, painted),
        )
        labels = best_ball(middles[kept], radii[kept], volume)
        return settle(labels, proposed.inside, self.min_size_vox).reshape(output_CS.shape[1:])


def balls(
    middles: NDArray[np.float64], radii: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the voxels whose middles lie in balls, as `mesophyll.representations.decoding.suppression.Draw` does.

    Middles are (z, y, x), shape (n, 3); the shape is the volume's, and what lies beyond it is not drawn.
    """
    low, high = _boxes(middles, radii, shape)
    ends, voxels = np.empty(len(middles), np.int64), np.empty(int((high - low).prod(axis=1).sum()), np.int32)
    found = _draw(ends, voxels, middles, radii, (low, high), shape)
    return ends, voxels[:found]


def again(
    middles: NDArray[np.float64],
    radii: NDArray[np.float64],
    some: NDArray[np.int64],
    kept: NDArray[np.int64],
    painted: Labels,
) -> NDArray[np.bool_]:
    """Tell which balls propose a cell that is kept already: a voxel of it is their middle, and they are nearly its ball.

    Parameters
    ----------
    middles, radii
        Of all balls, (z, y, x), shape (n, 3), and (n,).
    some
        The balls asked about.
    kept
        Those that were kept so far, in the order of their numbers in ``painted``.
    painted
        Which ball kept holds each voxel, shape (Z, Y, X).
    """
    voxels = np.clip(np.rint(middles[some]), 0, np.array(painted.shape) - 1).astype(np.int64)
    owner = painted[tuple(voxels.T)]
    told = np.asarray(owner > 0)
    one, other = some[told], kept[owner[told] - 1]
    apart = np.linalg.norm(middles[one] - middles[other], axis=1)
    least, most = np.minimum(radii[one], radii[other]), np.maximum(radii[one], radii[other])
    told[told] = _shared(apart, least, most) > ONE_BALL
    return told


def _shared(apart: NDArray[np.float64], least: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the smaller of two balls that lies in the larger one; of discs, about that.

    The smaller one's caps beyond the larger one are cut off by the plane in which the two meet; what the larger one has beyond
    that plane counts as well (the lens of two spheres).
    """
    way = np.maximum(apart, 1e-9)
    lens = (most + least - way) ** 2 * (way**2 + 2 * way * (least + most) - 3 * (most - least) ** 2)
    share = lens / (16 * way * least**3)
    return np.where(apart <= most - least, 1.0, np.where(apart >= most + least, 0.0, share))


def best_ball(middles: NDArray[np.float64], radii: NDArray[np.float64], shape: tuple[int, ...]) -> Labels:
    """Number each voxel by the ball that holds it best, 1, 2, 3, ... in their order, 0 in none.

    That is the one of the least power, the squared distance to the middle less the squared radius: two balls are parted by the
    plane through the circle in which they meet.
    """
    labels, least = np.zeros(shape, np.int32), np.zeros(shape)  # a ball has power 0 on its surface
    _share_out(labels, least, middles, radii, _boxes(middles, radii, shape))
    return labels


def _boxes(
    middles: NDArray[np.float64], radii: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first voxels of the boxes around balls, and those behind the last, within the volume."""
    low = np.maximum(np.ceil(middles - radii[:, None]), 0)
    high = np.minimum(np.floor(middles + radii[:, None]) + 1, shape)
    return low.astype(np.int64), np.maximum(high, low).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _draw(ends: Any, voxels: Any, middles: Any, radii: Any, boxes: Any, shape: Any) -> Any:
    """Fill in the voxels of each ball; return how many there are in all."""
    low, high = boxes
    found = 0
    for place in range(len(middles)):
        mz, my, mx = middles[place]
        for z in range(low[place, 0], high[place, 0]):
            for y in range(low[place, 1], high[place, 1]):
                for x in range(low[place, 2], high[place, 2]):
                    if (z - mz) ** 2 + (y - my) ** 2 + (x - mx) ** 2 <= radii[place] ** 2:
                        voxels[found] = (z * shape[1] + y) * shape[2] + x
                        found += 1
        ends[place] = found
    return found


@numba.njit(cache=True, nogil=True)
def _share_out(labels: Any, least: Any, middles: Any, radii: Any, boxes: Any) -> None:
    low, high = boxes
    for place in range(len(middles)):
        mz, my, mx = middles[place]
        for z in range(low[place, 0], high[place, 0]):
            for y in range(low[place, 1], high[place, 1]):
                for x in range(low[place, 2], high[place, 2]):
                    power = (z - mz) ** 2 + (y - my) ** 2 + (x - mx) ** 2 - radii[place] ** 2
                    if power < least[z, y, x]:
                        labels[z, y, x], least[z, y, x] = place + 1, power
