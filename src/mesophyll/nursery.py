"""Leaves that are grown while a model learns from them: no two patches need come from the same leaf, and no disk is touched.

Which leaf a patch is cut from follows from the patch's number alone, so a training that was cut off goes on as it would have.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mesophyll import phantom
from mesophyll.errors import SettingsError
from mesophyll.model import Image, Intensity
from mesophyll.patches import Source
from mesophyll.tissues import TissueInput
from mesophyll.volume import Volume

__all__ = ["FIRST_SEED", "JUDGE_SEED", "Leaves", "Nursery", "specimen"]

FIRST_SEED = 1_000_000
"""Leaves to learn from have seeds from here on; those below are left to judge by."""

JUDGE_SEED = FIRST_SEED - 1
"""The leaf of each kind that a training without scans is judged by."""

BEDS = 4
"""So many leaves are looked at in turn: a batch should not be of one leaf."""


@dataclass(frozen=True)
class Leaves:
    """Synthetic leaves to learn from; one TOML table.

    Parameters
    ----------
    kinds
        Kinds of leaves, see `mesophyll.phantom.KINDS`; they take turns. None: learn from the scans that are passed.
    shape
        Voxels (Z, Y, X) of a leaf, at the model's spacing.
    patches
        So many are cut from a leaf before it is forgotten.
    """

    kinds: tuple[str, ...] = ()
    shape: tuple[int, int, int] = (176, 192, 176)
    patches: int = 48

    def __post_init__(self) -> None:
        for kind in self.kinds:
            phantom.describe(kind)
        if self.patches < 1:
            raise SettingsError(
                f"patches = {self.patches}", "at least one patch is cut from each leaf", "correct patches"
            )


def specimen(
    kind: str, seed: int, leaves: Leaves, spacing_um: float, intensity: Intensity, tissue: TissueInput = "none"
) -> Source:
    """Grow one leaf, as patches are cut from it."""
    leaf = phantom.make(seed, shape=leaves.shape, spacing_um=spacing_um, kind=kind)
    images = (
        Image.of(Volume(scan, leaf.spacing_um, name=f"{kind} {seed}"), spacing_um, intensity)
        for scan in (leaf.gridrec, leaf.paganin)
    )
    if tissue != "none":
        codes = Volume(leaf.tissue, leaf.spacing_um, name=f"tissue of {kind} {seed}")
        images = (image.beside(codes, tissue) for image in images)
    everywhere = tuple(slice(0, length) for length in leaves.shape)
    return Source(f"{kind}-{seed}", tuple(images), leaf.labels, everywhere)


class Nursery:
    """An endless row of leaves, each grown before it is needed and forgotten afterwards.

    Parameters
    ----------
    leaves
        What is grown.
    spacing_um
        The cubic voxel that the model works at.
    intensity
        How grey values are brought to one range.
    tissue
        How the model sees the tissue map.
    """

    def __init__(self, leaves: Leaves, spacing_um: float, intensity: Intensity, tissue: TissueInput = "none") -> None:
        self.leaves, self.spacing_um, self.intensity, self.tissue = leaves, spacing_um, intensity, tissue
        self._growing: dict[int, Future[Source]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="nursery")
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """What is grown, and from which seed on."""
        return [f"synthetic {', '.join(self.leaves.kinds)} from seed {FIRST_SEED} on"]

    def pick(self, number: int, _: np.random.Generator) -> Source:
        """Return the leaf that a patch is cut from; every bed is sown anew at a time of its own."""
        bed, turn = number % BEDS, number // BEDS
        sowing = (turn + bed * self.leaves.patches // BEDS) // self.leaves.patches
        with self._lock:
            wanted = self._grow(sowing * BEDS + bed)
            self._grow((sowing + 1) * BEDS + bed)
            self._growing.pop((sowing - 1) * BEDS + bed, None)
        return wanted.result()

    def _grow(self, index: int) -> Future[Source]:
        if index not in self._growing:
            kind = self.leaves.kinds[index % len(self.leaves.kinds)]
            self._growing[index] = self._pool.submit(
                specimen, kind, FIRST_SEED + index, self.leaves, self.spacing_um, self.intensity, self.tissue
            )
        return self._growing[index]
