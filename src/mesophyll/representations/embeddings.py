"""Cells as embeddings: every voxel says a point; those of one cell lie together, those of two cells apart.

The report (section 2) left embeddings out because the papers "did not describe how they obtained the gradients for training
from the clustering algorithm". They obtain none from it: the loss does not cluster. While a network learns, the labels tell
which voxels share a cell, so the loss takes the mean of the points of each *true* cell and compares points with means;
these are sums, differences and hinges, of which autograd knows the gradients (`mesophyll.representations.learning.attraction`).
Points are only clustered to read cells from an output, when nothing is learnt. Where a paper wants a gradient of the very
mask that a cluster would be (Neven et al. 2019, Wolny et al. 2022), it takes a soft mask around the cell's centre in place
of the cluster.

**An embedding knows its place.** A network of convolutions says the same of two cells that look the same, and a palisade is
full of such cells: by what it says, they cannot be told apart. So a voxel says where its point lies *relative to itself*,
and its own place is added to that (semi-convolutional operators: Novotny et al., ECCV 2018).

**A target knows no numbers.** An output is compared with what the other voxels of the cell say, and not with a truth of its
own; of a target, the loss only needs to know which voxels share a cell. The numbers of cells, which mean nothing, stay out
of it: a target is the embedding that leads each voxel to one interior point of its cell, and voxels that are led to the
same point share a cell (`learning.sharing`). That is also a perfect output, so that it can be decoded; it
looks no farther than its halo, and mirrors as the cells do. The points of an output may settle elsewhere: only a weak term
(``anchor``) holds a cell's mean to its interior point, as De Brabandere et al. hold means to the origin, lest tiles,
mirrored views and sections, whose outputs are averaged, settle at places of their own.

**Unknown voxels** weigh nothing. SPOCO also teaches on them: there two networks, one of them a moving average of the other,
shall agree. A representation has one network and no gradient where nothing is known (law 4), so that this term is left out;
and its push away from the labelled cells, because here an unknown voxel may well belong to one that is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mesophyll.errors import SettingsError
from mesophyll.labels import Labels
from mesophyll.representations.base import SHARES, SIZES_VOX, Representation, as_array, tunable
from mesophyll.representations.decoding.gathering import settle
from mesophyll.representations.decoding.threads import threads_kept
from mesophyll.representations.decoding.voting import assign, modes
from mesophyll.representations.geometry import angles
from mesophyll.representations.geometry.paths import centroids, depths, interior_points
from mesophyll.representations.geometry.pieces import as_volume, pieces
from mesophyll.representations.learning.attraction import (
    cosine,
    length,
    lovasz,
    masks,
    overlap,
    pull_and_push,
    turn_and_cross,
)
from mesophyll.representations.learning.losses import mean_where
from mesophyll.representations.learning.sharing import Sharing, sharing

__all__ = ["VARIANTS", "Embeddings"]

Variant = Literal["cosine", "discriminative", "spatial", "sparse"]

VARIANTS: dict[Variant, tuple[bool, ...]] = {
    "cosine": (False, True) * len(angles.WAVES),
    "discriminative": (True,),
    "spatial": (True, False),
    "sparse": (True,),
}
"""What each variant says along an axis, number by number: whether a mirror turns it round."""

_THINNEST = 0.5  # voxels: the width of a cell of one voxel

_HALF = math.sqrt(2 * math.log(2))  # so many widths from its centre, a soft mask is one half

_SECTION = 2.0  # the foreground's target, instead of 1, in a cell of which only a section is known


@dataclass(frozen=True)
class Embeddings(Representation):
    """Foreground, and at every voxel of a cell a point that the whole cell shares.

    Channel 0 is the foreground; the numbers of `VARIANTS` follow, each of them for all axes in their order.

    Parameters
    ----------
    variant
        ``cosine`` (Payer et al. 2018): angles, alike in a cell and crossing those of its neighbours. ``discriminative`` (De
        Brabandere et al. 2017): points, pulled to the cell's mean, and means pushed apart. ``spatial`` (Neven et al. 2019;
        EmbedSeg, Lalit et al. 2021): the way to the cell's point and how wide the cell is around it, and as foreground the
        seed score, how surely a voxel finds its cell. ``sparse`` (Wolny et al. 2022, SPOCO): for scans of which some cells
        are labelled; as ``discriminative``, and the soft mask of each labelled cell shall be the cell.
    unit_vox
        How many voxels are 1 in an output.
    pull_vox, push_vox
        A voxel's point may lie as far as ``pull_vox`` from the mean of its cell, and two means shall lie twice ``push_vox``
        apart (delta_v and delta_d).
    alpha, beta, anchor
        Weights of the foreground, of the embedding, and, in the latter, of what holds a cell to its own point.
    threshold
        Foreground above this is inside a cell.
    spread_vox, apart_vox
        Points are smoothed by a Gaussian of the standard deviation ``spread_vox``; where they are densest within
        ``apart_vox`` is the centre of a cell.
    min_votes
        So many voxels must point at a place to make a cell.
    min_size_vox
        Smaller cells are dropped.
    """

    variant: Variant = "spatial"
    unit_vox: float = 8.0
    pull_vox: float = 1.0
    push_vox: float = 3.0
    alpha: float = 1.0
    beta: float = 1.0
    anchor: float = 0.1
    threshold: float = tunable(0.5, among=SHARES)
    spread_vox: float = tunable(1.0, among=(0.5, 1.0, 1.5, 2.0, 3.0))
    apart_vox: float = tunable(3.0, among=(2.0, 3.0, 4.0, 6.0))
    min_votes: float = tunable(5.0, among=(2.0, 5.0, 10.0, 20.0, 40.0))
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def __post_init__(self) -> None:
        if not (self.unit_vox > 0 and 0 < self.pull_vox <= self.push_vox):
            raise SettingsError(
                f"unit_vox = {self.unit_vox}, pull_vox = {self.pull_vox}, push_vox = {self.push_vox}",
                "all of them are above 0, and points are not pulled together from farther than they are pushed apart",
                "correct the representation",
            )

    def channels(self, ndim: int) -> int:
        """Foreground, and the numbers of the variant along each axis."""
        return 1 + len(VARIANTS[self.variant]) * ndim

    @property
    def ceiling(self) -> float:
        """Measured by law 1. Lost are only cells so thin that their points lie nearer than votes are told apart."""
        return 0.99

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground (0 or 1) and the embedding that leads each voxel to an interior point of its cell."""
        ndim = labels_S.ndim
        cells, count = pieces(labels_S)
        points = interior_points(cells, count, depths(cells)).astype(np.float32)
        ways = torch.from_numpy(_of_each(cells, points) - np.indices(cells.shape, np.float32))[None] / self.unit_vox
        said = angles.write(ways) if self.variant == "cosine" else ways[:, None]
        if self.variant == "spatial":
            wide = np.log(_widths(cells, count) / self.unit_vox).astype(np.float32)
            said = torch.cat([said, torch.from_numpy(_of_each(cells, wide))[None, None]], dim=1)
        inside = cells > 0
        numbers = np.where(inside, said[0, :, -ndim:].flatten(0, 1).numpy(), 0)
        return np.concatenate([inside[None], numbers], dtype=np.float32).reshape(-1, *labels_S.shape)

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return ``alpha`` times the foreground's cost, where known, plus ``beta`` times the embedding's, inside cells."""
        target = torch.where(known_BS[:, None], target_BCS, 0)  # not a product: what is not known may be NaN
        inside = target[:, 0] > 0
        true, said = _numbers(target, inside), self._activate(_numbers(output_BCS.float(), inside))
        cells = sharing(inside, self._ways(true), target[:, 0][inside] < _SECTION)
        cost, sure = _COSTS[self.variant](self, said, true, cells) if len(cells.cell) else (said.sum(), said[:, 0, 0])
        foreground = target[:, 0].masked_scatter(inside, sure.detach())
        surprise = functional.binary_cross_entropy_with_logits(output_BCS[:, 0].float(), foreground, reduction="none")
        return self.alpha * mean_where(surprise, known_BS) + self.beta * cost

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid for the foreground; angles are made 1 long, all else is as it is."""
        numbers = torch.unflatten(output_BCS[:, 1:], 1, (len(VARIANTS[self.variant]), -1))
        return torch.cat([torch.sigmoid(output_BCS[:, :1]), self._activate(numbers).flatten(1, 2)], dim=1)

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Forget where the cell's point lies, but not which voxels share it: a section tells that they do.

        What leads to the point of the section stays, so that the loss sees who points where; it is marked, so that no
        more is made of it.
        """
        forgotten = target_CS.copy()
        forgotten[0, sections_S] *= _SECTION
        return forgotten

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; what points along a flipped axis changes its sign."""
        mirrored = np.flip(output_CS, tuple(1 + axis for axis in axes)).copy()
        ndim = mirrored.ndim - 1
        turned = [
            1 + number * ndim + axis for number, turns in enumerate(VARIANTS[self.variant]) if turns for axis in axes
        ]
        mirrored[turned] *= -1
        return mirrored

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Foreground, and all that is said along the section's own axes."""
        numbers = range(len(VARIANTS[self.variant]))
        return (0, *(1 + 3 * number + axis for number in numbers for axis in range(3) if axis != across))

    @threads_kept()
    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Let each voxel vote for the point that it says, and give it to the centre that its point is nearest to."""
        output = as_array(output_CS)
        inside = output[0] > self.threshold
        numbers = torch.from_numpy(output[1:, inside].T).reshape(-1, len(VARIANTS[self.variant]), inside.ndim)
        ends = np.argwhere(inside).astype(np.float32) + self._ways(numbers).numpy()
        centres = modes(ends, inside.shape, self.spread_vox, self.apart_vox, self.min_votes)
        widths, reach = np.ones_like(centres), 2 * self.apart_vox
        if self.variant == "spatial":
            nearest = assign(ends, centres, widths, self.apart_vox)
            widths = np.float32(self.unit_vox) * np.exp(_means(numbers[:, 1].numpy(), nearest, len(centres)))
            reach = _HALF
        labels = np.zeros(as_volume(inside.shape), np.int32)
        inside = inside.reshape(labels.shape)
        labels[inside] = assign(ends, centres, widths, reach)
        return settle(labels, inside, self.min_size_vox).reshape(output.shape[1:])

    def _activate(self, numbers: torch.Tensor) -> torch.Tensor:
        """Bring the raw numbers (N, numbers, ndim, ...) of voxels to the scale of `encode`."""
        return angles.upright(numbers) if self.variant == "cosine" else numbers

    def _ways(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the way from each voxel to its point, in voxels, shape (N, ndim)."""
        ways = angles.read(numbers) if self.variant == "cosine" else numbers[:, 0]
        return self.unit_vox * ways


def _numbers(values_BCS: torch.Tensor, inside_BS: torch.Tensor) -> torch.Tensor:
    """Return all channels but the foreground at the voxels inside, shape (N, numbers, ndim)."""
    return torch.unflatten(values_BCS.movedim(1, -1)[inside_BS][:, 1:], 1, (-1, inside_BS.ndim - 1))


def _of_each(cells: Labels, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return at each voxel what holds of its cell: values (count + 1, 3) to (3, Z, Y, X)."""
    return values[cells].transpose(3, 0, 1, 2)


def _widths(cells: Labels, count: int) -> NDArray[np.float64]:
    """Return how wide each cell is along each axis, the standard deviation of its voxels, shape (count + 1, 3)."""
    centre, flat = centroids(cells, count), cells.ravel()
    places = np.indices(cells.shape, sparse=True)
    squares = [
        np.bincount(flat, np.square(places[axis] - centre[:, axis][cells]).ravel(), count + 1) for axis in range(3)
    ]
    variances = np.stack(squares, axis=1) / np.maximum(np.bincount(flat, minlength=count + 1), 1)[:, None]
    return np.maximum(np.sqrt(variances), _THINNEST)


def _means(values: NDArray[np.float32], group: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """Return the mean of values (N, ndim) over each of the groups 1 .. count, shape (count, ndim)."""
    sizes = np.maximum(np.bincount(group, minlength=count + 1), 1)
    sums = np.stack([np.bincount(group, values[:, axis], count + 1) for axis in range(values.shape[1])], axis=1)
    return np.asarray((sums / sizes[:, None])[1:], dtype=np.float32)


Cost = tuple[torch.Tensor, torch.Tensor]
"""Of the embedding, and what the foreground shall say at each voxel of a cell, shape (N,)."""


def _discriminative(method: Embeddings, said: torch.Tensor, _: torch.Tensor, cells: Sharing) -> Cost:
    ends = cells.places + method._ways(said)
    held = mean_where(length(cells.mean(ends) - cells.points), cells.whole) / method.push_vox
    cost = pull_and_push(ends, cells, method.pull_vox, method.push_vox) + method.anchor * held
    return cost, torch.ones_like(ends[:, 0])


def _sparse(method: Embeddings, said: torch.Tensor, true: torch.Tensor, cells: Sharing) -> Cost:
    cost, sure = _discriminative(method, said, true, cells)
    return cost + overlap(cells.places + method._ways(said), cells, method.pull_vox), sure


def _cosine(method: Embeddings, said: torch.Tensor, _: torch.Tensor, cells: Sharing) -> Cost:
    long = math.sqrt(len(angles.WAVES))  # together, the hands of one axis
    codes = angles.turn(said, cells.places / method.unit_vox) / long
    points = angles.write(cells.points / method.unit_vox) / long
    held = mean_where(1 - cosine(functional.normalize(cells.mean(codes), dim=1), points), cells.whole)
    return turn_and_cross(codes, cells) + method.anchor * held, torch.ones_like(codes[:, 0, 0])


def _spatial(method: Embeddings, said: torch.Tensor, true: torch.Tensor, cells: Sharing) -> Cost:
    ends, wide = cells.places + method._ways(said), cells.mean(said[:, 1])
    centres = torch.where(cells.whole[:, None], cells.points, cells.mean(ends))
    own, others = masks(ends, cells, centres, method.unit_vox * wide.exp())
    uneven = cells.mean((said[:, 1] - wide[cells.cell]).square().mean(-1)).mean()
    held = mean_where((wide - cells.mean(true[:, 1])).square().mean(-1), cells.whole)
    return lovasz(own, others, cells) + uneven + method.anchor * held, own


_COSTS: dict[Variant, Callable[[Embeddings, torch.Tensor, torch.Tensor, Sharing], Cost]] = {
    "cosine": _cosine,
    "discriminative": _discriminative,
    "spatial": _spatial,
    "sparse": _sparse,
}
