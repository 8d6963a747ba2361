"""The cells of a labelling, ready to be measured: numbered 1 .. n, each with its box and its voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import fastremap
import numpy as np
from numpy.typing import NDArray

from mesophyll.blocks import Region
from mesophyll.labels import UNKNOWN, Labels, sequential
from mesophyll.tissues import AIRSPACE
from mesophyll.volume import Spacing

__all__ = ["AIR", "OTHER", "Cells", "find_cells"]

AIR, OTHER = 0, -1
"""What is not a cell: air, and what is neither (unknown voxels, a vein, the medium around the leaf)."""


@dataclass(frozen=True)
class Cells:
    """A labelling as the measurements see it. A 2D image is a volume of one layer.

    Parameters
    ----------
    volume
        Shape (Z, Y, X): 1 .. n cells, `AIR` or `OTHER`.
    spacing_um
        Edge lengths of a voxel; 1 along the layer of a 2D image.
    ndim
        The axes that count, 2 or 3: the last ones.
    numbers
        Shape (n,): what the caller calls the cells, rising.
    voxels
        Shape (n,): their sizes.
    centres_vox
        Shape (n, ndim): their mean positions.
    boxes
        The smallest region of ``volume`` that holds each.
    """

    volume: Labels
    spacing_um: Spacing
    ndim: int
    numbers: NDArray[np.int32]
    voxels: NDArray[np.int64]
    centres_vox: NDArray[np.float64]
    boxes: list[Region]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def centres_um(self) -> NDArray[np.float64]:
        """Their mean positions in µm, shape (n, ndim); the first voxel's centre is 0."""
        return np.asarray(self.centres_vox * np.array(self.spacing_um[3 - self.ndim :]))

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Which cells reach the edge of the volume, shape (n,): the scan may show only a part of them."""
        lengths = self.volume.shape
        return np.array(
            [
                any(box[axis].start == 0 or box[axis].stop == lengths[axis] for axis in range(3 - self.ndim, 3))
                for box in self.boxes
            ],
            dtype=bool,
        )


_NO_CELLS: dict[str, Any] = {"voxel_counts": np.zeros(1), "centroids": np.zeros((1, 3)), "bounding_boxes": []}
"""What cc3d would say of a volume without cells; it refuses one without voxels."""


def find_cells(labels: Labels, spacing_um: Spacing, tissue: NDArray[Any] | None) -> Cells:
    """Number the cells and find their boxes; with a tissue map only its airspace is air, without one all background."""
    numbers = fastremap.unique(labels)
    numbers = numbers[numbers > 0].astype(np.int32)
    volume = sequential(labels)
    if tissue is not None:
        volume[(volume == 0) & (tissue != AIRSPACE)] = UNKNOWN
    volume = np.ascontiguousarray(volume).reshape((1,) * (3 - labels.ndim) + labels.shape)
    found = cc3d.statistics(np.maximum(volume, 0).view(np.uint32)) if len(numbers) else _NO_CELLS
    return Cells(
        volume=volume,
        spacing_um=(1.0,) * (3 - labels.ndim) + spacing_um,
        ndim=labels.ndim,
        numbers=numbers,
        voxels=found["voxel_counts"][1:].astype(np.int64),
        centres_vox=found["centroids"][1:, 3 - labels.ndim :].astype(np.float64),
        boxes=list(found["bounding_boxes"][1:]),
    )
