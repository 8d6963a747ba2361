"""From a place in a scan to something that can be learnt: cut, turned and encoded once, shown a little differently each time.

To cut, turn and encode a patch takes a processor longer than an accelerator takes to learn from it, so that what is prepared is
worth showing more than once: mirrored anew, in other greys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mesophyll.representations import Representation
from mesophyll.training.patches import Augmentation, Patch, Source, move, regrey, sample

__all__ = ["Preparation", "Prepared"]


@dataclass(frozen=True)
class Prepared:
    """An image (C, *S), ``scans`` channels of grey values first; its target (C, *S); and where that is known (S, bool)."""

    image_CS: NDArray[np.float32]
    target_CS: NDArray[np.float32]
    known_S: NDArray[np.bool_]
    scans: int = 1


@dataclass(frozen=True)
class Preparation:
    """How patches are made ready.

    Parameters
    ----------
    representation
        What is learnt.
    ndim
        2 or 3. For 2, a square of an image or of a section of a volume, across any axis; where only slices are labelled,
        across theirs.
    patch
        Side in voxels.
    augmentation
        How they are varied; None: not at all.
    upright
        Leaves lie upright, and do so in all patches.
    """

    representation: Representation
    ndim: int
    patch: int
    augmentation: Augmentation | None = None
    upright: bool = False

    def prepare(self, source: Source, rng: np.random.Generator) -> Prepared:
        """Cut a patch with a margin, turn it, encode it, and take the margin off."""
        patch = self.cut(source, rng)
        target = self._encode(patch)
        if patch.sections_S.any():
            target = self.representation.forget(target, patch.sections_S)
        core = (slice(None), *patch.core)
        return Prepared(
            np.ascontiguousarray(patch.image_CS[core]),
            np.ascontiguousarray(target[core]),
            patch.known[patch.core],
            patch.scans,
        )

    def cut(self, source: Source, rng: np.random.Generator) -> Patch:
        """Cut a patch with a margin, and turn it."""
        patch = sample(source, self._sides(source, rng), self.representation.halo, rng)
        return patch if self.augmentation is None else move(patch, self.augmentation, rng, upright=self.upright)

    def _encode(self, patch: Patch) -> NDArray[np.float32]:
        if patch.tissue_S is None:
            return self.representation.encode(patch.labels_S)
        return self.representation.encode_beside(patch.labels_S, patch.tissue_S)

    def show(self, prepared: Prepared, rng: np.random.Generator) -> Prepared:
        """Return a prepared patch as it is learnt from this time; the one passed is not changed."""
        how = self.augmentation
        if how is None:
            return prepared
        if how.mirror:
            prepared = self._mirrored(prepared, rng)
        return replace(prepared, image_CS=regrey(prepared.image_CS, prepared.scans, how, rng))

    def _mirrored(self, prepared: Prepared, rng: np.random.Generator) -> Prepared:
        axes = tuple(axis for axis in range(self.ndim) if rng.random() < 0.5)
        return replace(
            prepared,
            image_CS=np.flip(prepared.image_CS, tuple(1 + axis for axis in axes)),
            target_CS=self.representation.mirror(prepared.target_CS, axes),
            known_S=np.flip(prepared.known_S, axes),
        )

    def _sides(self, source: Source, rng: np.random.Generator) -> list[int]:
        ndim = len(source.within)
        axes = range(ndim) if source.slices is None else [source.slices[0]]
        across = axes[int(rng.integers(len(axes)))] if ndim > self.ndim else -1
        return [1 if axis == across else self.patch for axis in range(ndim)]
