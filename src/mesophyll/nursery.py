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
from mesophyll.io import Example
from mesophyll.patches import Source
from mesophyll.view import View

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


def specimen(kind: str, seed: int, leaves: Leaves, view: View) -> Source:
    """Grow one leaf, as patches are cut from it."""
    leaf = phantom.make(seed, shape=leaves.shape, spacing_um=view.spacing_um, kind=kind)
    gridrec, paganin, labels, tissue = leaf.volumes().values()
    return view.of(Example(f"{kind}-{seed}", (gridrec, paganin), labels, tissue))


class Nursery:
    """An endless row of leaves, each grown before it is needed and forgotten afterwards.

    Parameters
    ----------
    leaves
        What is grown.
    view
        How the model looks at it.
    """

    def __init__(self, leaves: Leaves, view: View) -> None:
        self.leaves, self.view = leaves, view
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
            self._growing[index] = self._pool.submit(specimen, kind, FIRST_SEED + index, self.leaves, self.view)
        return self._growing[index]
