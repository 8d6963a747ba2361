"""Where patches come from: scans on a shelf, or several supplies in turn; `mesophyll.training.nursery` grows leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mesophyll.training.patches import Source
from mesophyll.training.preparation import Preparation, Prepared

__all__ = ["InTurn", "Shelf", "Supply"]


class Supply(Protocol):
    """Where patches come from."""

    @property
    def names(self) -> list[str]:
        """What logs and model cards call it."""

    def prepare(self, number: int, rng: np.random.Generator, how: Preparation) -> Prepared:
        """Cut patch ``number`` and make it ready; the same for the same number and generator, whatever was asked before."""


@dataclass(frozen=True)
class Shelf:
    """Scans that are there, all equally likely."""

    sources: Sequence[Source]

    @property
    def names(self) -> list[str]:
        """The scans' names."""
        return [source.name for source in self.sources]

    def prepare(self, _: int, rng: np.random.Generator, how: Preparation) -> Prepared:
        """Draw a scan, and cut a patch from it."""
        return how.prepare(self.sources[int(rng.integers(len(self.sources)))], rng)


@dataclass(frozen=True)
class InTurn:
    """Several supplies, one patch from each in turn."""

    supplies: Sequence[Supply]

    @property
    def names(self) -> list[str]:
        """All their names."""
        return [name for supply in self.supplies for name in supply.names]

    def prepare(self, number: int, rng: np.random.Generator, how: Preparation) -> Prepared:
        """Ask the supply whose turn it is."""
        turn, which = divmod(number, len(self.supplies))
        return self.supplies[which].prepare(turn, rng, how)
