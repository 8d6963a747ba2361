"""Leaves that are grown while a model learns from them: no two patches need come from the same leaf, and no disk is touched.

Which leaf a patch is cut from follows from the patch's number alone, so a training that was cut off goes on as it would have.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from mesophyll import phantom
from mesophyll.errors import SettingsError
from mesophyll.io import Example
from mesophyll.training.patches import Source
from mesophyll.training.preparation import Preparation, Prepared
from mesophyll.training.view import View

__all__ = ["FIRST_SEED", "JUDGE_SEED", "Leaves", "Nurseries", "Nursery", "specimen", "specimens"]

FIRST_SEED = 1_000_000
"""Leaves to learn from have seeds from here on; those below are left to judge by."""

JUDGE_SEED = FIRST_SEED - 1
"""The leaf of each kind that a training without scans is judged by."""

BEDS = 4
"""The fewest beds of a nursery."""


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
    first_seed
        The seed of the first leaf; the next has the next. A model that is taught on learns more from leaves it has not met.
    """

    kinds: tuple[str, ...] = ()
    shape: tuple[int, int, int] = (176, 192, 176)
    patches: int = 48
    first_seed: int = FIRST_SEED

    def __post_init__(self) -> None:
        for kind in self.kinds:
            phantom.describe(kind)
        if self.patches < 1:
            raise SettingsError(
                f"patches = {self.patches}", "at least one patch is cut from each leaf", "correct patches"
            )
        if self.first_seed < FIRST_SEED:
            raise SettingsError(
                f"first_seed = {self.first_seed}",
                f"leaves of seeds below {FIRST_SEED} are left to judge by",
                "take that one or a higher one",
            )

    @property
    def names(self) -> list[str]:
        """What logs and model cards call them."""
        return [f"synthetic {', '.join(self.kinds)} from seed {self.first_seed} on"]


def specimen(kind: str, seed: int, leaves: Leaves, view: View) -> Source:
    """Grow one leaf, as patches are cut from it."""
    leaf = phantom.make(seed, shape=leaves.shape, spacing_um=view.spacing_um, kind=kind)
    gridrec, paganin, labels, tissue = leaf.volumes().values()
    return view.of(Example(f"{kind}-{seed}", (gridrec, paganin), labels, tissue))


def specimens(leaves: Leaves, view: View, workers: int) -> list[Source]:
    """Grow the leaf of each kind that a training without scans is judged by."""
    with ProcessPoolExecutor(workers, get_context("spawn")) if workers > 1 else ThreadPoolExecutor(1) as pool:
        growing = [pool.submit(specimen, kind, JUDGE_SEED, leaves, view) for kind in leaves.kinds]
        return [grown.result() for grown in growing]


class Nursery:
    """An endless row of leaves, each grown before it is needed and forgotten afterwards.

    Parameters
    ----------
    leaves
        What is grown.
    view
        How the model looks at it.
    beds
        So many leaves are looked at in turn: a batch should not be of one leaf.
    """

    def __init__(self, leaves: Leaves, view: View, beds: int = BEDS) -> None:
        self.leaves, self.view, self.beds = leaves, view, beds
        self._growing: dict[int, Future[Source]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="nursery")
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """What is grown, and from which seed on."""
        return self.leaves.names

    def prepare(self, number: int, rng: np.random.Generator, how: Preparation) -> Prepared:
        """Cut patch ``number`` from its leaf."""
        return how.prepare(self.pick(number), rng)

    def pick(self, number: int) -> Source:
        """Return the leaf that a patch is cut from; every bed is sown anew at a time of its own."""
        bed, turn = number % self.beds, number // self.beds
        sowing = (turn + bed * self.leaves.patches // self.beds) // self.leaves.patches
        with self._lock:
            wanted = self._grow(sowing * self.beds + bed)
            self._grow((sowing + 1) * self.beds + bed)
            self._growing.pop((sowing - 1) * self.beds + bed, None)
        return wanted.result()

    def _grow(self, index: int) -> Future[Source]:
        if index not in self._growing:
            kind = self.leaves.kinds[index % len(self.leaves.kinds)]
            self._growing[index] = self._pool.submit(
                specimen, kind, self.leaves.first_seed + index, self.leaves, self.view
            )
        return self._growing[index]


class Nurseries:
    """One nursery whose beds are shared out among processes: each grows the leaves of its beds, and prepares their patches.

    Growing and preparing hold on to the interpreter half of the time, so that threads of one process do not go faster than two.
    """

    def __init__(self, leaves: Leaves, view: View, processes: int) -> None:
        self.leaves, self.beds = leaves, max(BEDS, processes)
        # Started anew, not forked: this process has threads, and a fork of their locks may hang.
        self._pools = [
            ProcessPoolExecutor(1, get_context("spawn"), initializer=_open, initargs=(leaves, view, self.beds))
            for _ in range(processes)
        ]

    @property
    def names(self) -> list[str]:
        """What is grown, and from which seed on."""
        return self.leaves.names

    def prepare(self, number: int, rng: np.random.Generator, how: Preparation) -> Prepared:
        """Have patch ``number`` cut where its leaf grows."""
        tended_by = self._pools[number % self.beds % len(self._pools)]
        return tended_by.submit(_prepare, number, rng, how).result()


_nursery: Nursery
"""Of a process that tends beds."""


def _open(leaves: Leaves, view: View, beds: int) -> None:
    global _nursery
    _nursery = Nursery(leaves, view, beds)


def _prepare(number: int, rng: np.random.Generator, how: Preparation) -> Prepared:
    return _nursery.prepare(number, rng, how)
