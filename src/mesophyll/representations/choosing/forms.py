"""Where a body of voxels lies, how large it is and what form it has, from sums over its voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mesophyll.logistic import Floats
from mesophyll.representations.choosing.clusters import FACES, FLOW, LENGTH, PLACE, PRODUCTS, SPREAD, TWO, VOXELS

__all__ = ["Form"]


@dataclass(frozen=True)
class Form:
    """What sums over voxels say of clusters.

    Parameters
    ----------
    voxels, faces
        How many.
    centre, flow
        Means, shape (n, 3).
    axes
        Half axes of the ellipsoid of the same second moments, but for a factor, the shortest first, shape (n, 3).
    roundness
        Logarithm of the share of that ellipsoid that the voxels would fill, but for a constant: falls where there are waists.
    surface
        Logarithm of the faces, less that of a compact body of as many voxels.
    spread, length
        Means of the divergence and of how long the flow is.
    """

    voxels: Floats
    faces: Floats
    centre: Floats
    flow: Floats
    axes: Floats
    roundness: Floats
    surface: Floats
    spread: Floats
    length: Floats

    @classmethod
    def of(cls, sums: Floats) -> Form:
        """Read them from sums, shape (n, 16)."""
        voxels, faces = np.maximum(sums[:, VOXELS], 1), np.maximum(sums[:, FACES], 1)
        centre = sums[:, PLACE] / voxels[:, None]
        moments = np.empty((len(sums), 3, 3))
        for product, (one, other) in zip(sums[:, PRODUCTS].T, TWO, strict=True):
            moments[:, one, other] = moments[:, other, one] = product / voxels - centre[:, one] * centre[:, other]
        moments += np.eye(3) / 12  # a voxel is a cube, not a point
        axes = np.sqrt(np.maximum(np.linalg.eigvalsh(moments), 1e-9))
        return cls(
            voxels,
            faces,
            centre,
            sums[:, FLOW] / voxels[:, None],
            axes,
            np.log(voxels) - np.log(axes).sum(axis=1),
            np.log(faces) - 2 / 3 * np.log(voxels),
            sums[:, SPREAD] / voxels,
            sums[:, LENGTH] / voxels,
        )
