"""Cells as boxes with a mask in each: every voxel tells the sides of its cell's box, and its own place between them.

The idea is Mask R-CNN's (He et al., ICCV 2017): find boxes, suppress those that propose the same, tell inside each what is the
cell. There, a second network looks into each box again. Here one output says all, voxel by voxel:

- Boxes come without anchors, as in FCOS (Tian et al., ICCV 2019): each voxel of a cell says how far the sides of the cell's box
  are, and how central it is, so that only peaks propose boxes.
- Masks are sensitive to position, as in InstanceFCN (Dai et al., ECCV 2016): a cell's box is cut along each axis into a few
  bins, and each voxel says in which bin of its cell's box it lies. The mask of a box is put together of the voxels that lie
  in the bin of this box that they say. Where two boxes overlap, the right end of one cell is not the left end of the other.
- Boxes are suppressed by their masks, not by the boxes themselves: cells that touch may share much of a box. Only where a voxel
  of a cell that is kept proposes nearly that cell's box once more, as most do, no mask of it is drawn.

Channel 0 is the foreground, channel 1 the centreness; the distances to both sides along each axis follow, and then the bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from mesophyll.errors import SettingsError
from mesophyll.labels import Labels
from mesophyll.representations.base import SHARES, SIZES_VOX, Representation, as_array, tunable
from mesophyll.representations.decoding.gathering import settle
from mesophyll.representations.decoding.suppression import paint, proposals
from mesophyll.representations.geometry.pieces import pieces
from mesophyll.representations.learning.losses import mean_where, surprise

__all__ = ["Boxes", "again", "masks"]

ONE_BOX = 0.5
"""Two boxes that share more than this of all that they hold, and a voxel of one cell, are that cell's."""


@dataclass(frozen=True)
class Boxes(Representation):
    """Foreground, centreness, the sides of the cell's box and the bin of the voxel (after Mask R-CNN).

    Parameters
    ----------
    halo
        As ever; and no box is read whose side is farther away.
    bins
        Into how many a box is cut along each axis; odd, so that a cell has a middle.
    box_weight
        Of the sides beside the three cross-entropies.
    threshold
        Foreground above this is inside a cell.
    centreness
        Centreness above this proposes a box.
    slack_vox
        So far outside its bin a voxel may lie and still be of the mask: no box is read exactly.
    overlap
        A box is dropped whose mask shares more than this of its voxels with a surer one, or of the surer one's, if these are
        fewer.
    min_size_vox
        Smaller cells are dropped.
    """

    bins: int = 3
    box_weight: float = 0.2
    threshold: float = tunable(0.5, among=SHARES)
    centreness: float = tunable(0.3, among=(0.1, 0.2, 0.3, 0.4, 0.5))
    slack_vox: float = tunable(1.5, among=(0.5, 1.0, 1.5, 2.0, 3.0))
    overlap: float = tunable(0.4, among=(0.2, 0.3, 0.4, 0.5, 0.6))
    min_size_vox: int = tunable(20, among=SIZES_VOX)

    def __post_init__(self) -> None:
        if self.bins < 1 or self.bins % 2 == 0:
            raise SettingsError(f"bins = {self.bins}", "a box has a bin in its middle: they are odd", "take 3")

    def channels(self, ndim: int) -> int:
        """Foreground, centreness, two sides for each axis, and the bins."""
        return _first_bin(ndim) + int(self.bins**ndim)

    @property
    def ceiling(self) -> float:
        """Measured by law 1, in images and volumes."""
        return 0.98

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return foreground (0 or 1), centreness (at most 1), sides in voxels, and 1 in the channel of the bin, shape (C, *S).

        Along an axis the sides below and above follow each other.
        """
        cells, count = pieces(labels_S)
        ndim, shape = labels_S.ndim, cells.shape
        inside = cells > 0
        below, length = _sides(cells, count)
        above = length - below
        # Never in doubt: where bins are odd, the middle of no voxel lies between two of them.
        place = (self.bins * below // length).astype(np.int64)
        code = np.ravel_multi_index(tuple(place[-ndim:]), (self.bins,) * ndim)
        target = np.zeros((self.channels(ndim), *shape), np.float32)
        target[0] = inside
        target[1] = np.prod(np.minimum(below, above) / np.maximum(below, above), axis=0) ** (1 / ndim) * inside
        target[2 : _first_bin(ndim)] = np.stack([below[-ndim:], above[-ndim:]], axis=1).reshape(-1, *shape) * inside
        np.put_along_axis(target[_first_bin(ndim) :], code[None], inside[None].astype(np.float32), axis=0)
        return target.reshape(-1, *labels_S.shape)

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return three cross-entropies and the mean absolute error of the sides; sides and bins count inside cells."""
        output, first = output_BCS.float(), _first_bin(output_BCS.ndim - 2)
        inside = known_BS & (target_BCS[:, 0] > 0) & torch.isfinite(target_BCS[:, 2])
        target = torch.where(inside[:, None], target_BCS, 0)
        error = (output[:, 2:first] - target[:, 2:first]).abs().mean(dim=1)
        missed = -(functional.log_softmax(output[:, first:], dim=1) * target[:, first:]).sum(dim=1)
        return (
            surprise(output[:, 0], target_BCS[:, 0], known_BS)
            + surprise(output[:, 1], target_BCS[:, 1], known_BS)
            + mean_where(missed + self.box_weight * error, inside)
        )

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Sigmoid for foreground and centreness; sides are not below 0; bins add up to one."""
        first = _first_bin(output_BCS.ndim - 2)
        said, sides, bins = output_BCS[:, :2], output_BCS[:, 2:first], output_BCS[:, first:]
        return torch.cat([torch.sigmoid(said), sides.clamp(min=0), torch.softmax(bins, dim=1)], dim=1)

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Flip all channels; below and above change places along each flipped axis, and so do the bins."""
        flipped = np.flip(output_CS, tuple(1 + axis for axis in axes))
        ndim, spatial = output_CS.ndim - 1, output_CS.shape[1:]
        first = _first_bin(ndim)
        sides = flipped[2:first].reshape(ndim, 2, *spatial).copy()
        sides[list(axes)] = sides[list(axes), ::-1]
        bins = np.flip(flipped[first:].reshape(*(self.bins,) * ndim, *spatial), axes)
        return np.concatenate([flipped[:2], sides.reshape(-1, *spatial), bins.reshape(-1, *spatial)])

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Let peaks of the centreness propose boxes, keep one mask for each cell, and bring them to the foreground."""
        proposed, ndim = proposals(output_CS, self.threshold, self.centreness), output_CS.ndim - 1
        sides = proposed.said[:, 2 : _first_bin(ndim)].reshape(-1, ndim, 2)
        boxes = _corners(proposed.places, sides.clip(0.5, max(self.halo, 0.5)))
        code = output_CS[_first_bin(ndim) :].argmax(0).reshape(proposed.inside.shape)
        said = np.where(proposed.inside, as_array(code), -1)
        cuts = _cuts(self.bins, ndim)
        labels, _ = paint(
            said.shape,
            len(boxes),
            lambda some: masks(boxes[some], said, cuts, self.slack_vox),
            self.overlap,
            lambda some, kept, painted: again(boxes, proposed.places, some, kept, painted),
        )
        return settle(labels, proposed.inside, self.min_size_vox).reshape(output_CS.shape[1:])


def masks(
    boxes: NDArray[np.float64], said: NDArray[np.int64], cuts: NDArray[np.float64], slack: float
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the voxels that lie where they say in each box, as `mesophyll.representations.decoding.suppression.Draw` does.

    Parameters
    ----------
    boxes
        Lowest and highest corner of each, (z, y, x), shape (n, 2, 3).
    said
        In which bin of its cell's box each voxel lies, -1 outside cells, shape (Z, Y, X).
    cuts
        Where each bin begins and ends along each axis, as shares of a box, shape (2, bins, 3).
    slack
        So many voxels beyond its bin, a voxel still belongs to it.
    """
    low = np.maximum(np.ceil(boxes[:, 0] - slack), 0).astype(np.int64)
    high = np.minimum(np.floor(boxes[:, 1] + slack) + 1, said.shape).astype(np.int64)
    ends, voxels = np.empty(len(boxes), np.int64), np.empty(int((high - low).prod(axis=1).sum()), np.int32)
    found = _draw(ends, voxels, boxes, (low, high), said, (cuts[0], cuts[1], slack))
    return ends, voxels[:found]


def again(
    boxes: NDArray[np.float64],
    places: NDArray[np.int64],
    some: NDArray[np.int64],
    kept: NDArray[np.int64],
    painted: Labels,
) -> NDArray[np.bool_]:
    """Tell which boxes propose a cell that is kept already: a voxel of it proposes them, and they are nearly its box.

    Parameters
    ----------
    boxes
        Lowest and highest corner of each, (z, y, x), shape (n, 2, 3).
    places
        The voxel that proposes each, (z, y, x), shape (n, 3).
    some
        Which are asked about.
    kept
        Which were kept, in the order of their numbers.
    painted
        The numbers of those, 0 where none is, shape (Z, Y, X).
    """
    owner = painted[tuple(places[some].T)]
    found = owner > 0
    mine, other = boxes[some[found]], boxes[kept[owner[found] - 1]]
    shared = np.minimum(mine[:, 1], other[:, 1]) - np.maximum(mine[:, 0], other[:, 0])
    common = shared.clip(0).prod(axis=1)
    whole = (mine[:, 1] - mine[:, 0]).prod(axis=1) + (other[:, 1] - other[:, 0]).prod(axis=1) - common
    found[found] = common > ONE_BOX * whole
    return np.asarray(found)


def _first_bin(ndim: int) -> int:
    """Return the channel of the first bin: foreground, centreness and two sides along each axis come before it."""
    return 2 + 2 * ndim


def _sides(cells: Labels, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far each voxel's middle lies above the low sides of its cell's box, and how long those are, (3, Z, Y, X)."""
    low, high = np.zeros((count + 1, 3)), np.tile(np.array(cells.shape, float), (count + 1, 1))
    for cell, box in enumerate(ndimage.find_objects(cells), start=1):
        low[cell], high[cell] = [span.start for span in box], [span.stop for span in box]
    below = np.indices(cells.shape) + 0.5 - low[cells].transpose(3, 0, 1, 2)
    return below, (high - low)[cells].transpose(3, 0, 1, 2)


def _corners(places: NDArray[np.int64], sides: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the lowest and the highest corner of boxes, shape (n, 2, 3), given how far their sides are, (n, ndim, 2)."""
    reach = np.full((len(places), 3, 2), 0.5)  # an image is one voxel thick
    reach[:, 3 - sides.shape[1] :] = sides
    return np.stack([places - reach[..., 0], places + reach[..., 1]], axis=1)


def _cuts(bins: int, ndim: int) -> NDArray[np.float64]:
    """Return where each bin of a box begins and ends along (z, y, x), as shares of the box, shape (2, bins**ndim, 3)."""
    begin = np.zeros((bins**ndim, 3))
    begin[:, -ndim:] = np.indices((bins,) * ndim).reshape(ndim, -1).T / bins
    length = np.where(np.arange(3) < 3 - ndim, 1, 1 / bins)  # an image is not cut along z
    return np.stack([begin, begin + length])


@numba.njit(cache=True, nogil=True)
def _draw(ends: Any, voxels: Any, boxes: Any, whole: Any, said: Any, bins: Any) -> Any:
    """Fill in the voxels of each mask; return how many there are in all."""
    low, high = whole
    begin, end, slack = bins
    found = 0
    for place in range(len(boxes)):
        corner, length = boxes[place, 0], boxes[place, 1] - boxes[place, 0]
        for z in range(low[place, 0], high[place, 0]):
            for y in range(low[place, 1], high[place, 1]):
                for x in range(low[place, 2], high[place, 2]):
                    code = said[z, y, x]
                    if code >= 0 and _lies_in((z, y, x), corner, length, (begin[code], end[code], slack)):
                        voxels[found] = (z * said.shape[1] + y) * said.shape[2] + x
                        found += 1
        ends[place] = found
    return found


@numba.njit(cache=True, nogil=True, inline="always")
def _lies_in(voxel: Any, corner: Any, length: Any, span: Any) -> Any:
    begin, end, slack = span
    for axis in range(3):
        at = voxel[axis] - corner[axis]
        if at < begin[axis] * length[axis] - slack or at > end[axis] * length[axis] + slack:
            return False
    return True
