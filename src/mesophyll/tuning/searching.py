"""A search along one setting after another, away from what is there only where that is sure to help.

The settings of a decoder are few, and each has a handful of values worth trying; so nothing is drawn at random, and the same
scans lead to the same settings.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mesophyll.evaluation import Difference, Fates, difference, mean_ap
from mesophyll.progress import Progress, silent, track
from mesophyll.representations import Representation

__all__ = ["Judge", "Remembered", "Step", "search"]

Judge = Callable[[Representation], Fates]
"""Tells what becomes of the true cells, always the same ones, where outputs are read in a certain way."""


class Remembered:
    """A judge that does not judge the same settings twice."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._found: dict[str, Fates] = {}

    def __call__(self, representation: Representation) -> Fates:
        """Return what the judge says."""
        settings = repr(representation)
        if settings not in self._found:
            self._found[settings] = self._judge(representation)
        return self._found[settings]


@dataclass(frozen=True)
class Step:
    """One setting, looked at while the others stood still.

    Parameters
    ----------
    name, was
        The setting and its value.
    best
        The best of its other values.
    gain
        What that gains. The interval is so wide that it holds for every value that the search tries at once.
    """

    name: str
    was: Any
    best: Any
    gain: Difference

    @property
    def taken(self) -> bool:
        """Whether the setting was changed: only for a gain that is more than noise."""
        return self.gain.interval[0] > 0


def search(start: Representation, judge: Judge, progress: Progress = silent) -> tuple[Representation, list[Step]]:
    """Return a representation with the best settings that were found, and how they were.

    Settings take turns. Of each, all values of `Representation.decoding` are tried, and the best one is taken if it beats the
    present one by more than noise. The search ends where no setting moves any more: every step that is taken makes the score
    better, so it does end.

    Parameters
    ----------
    start
        What the search begins with.
    judge
        Is asked for the same settings again and again: `Remembered` spares it that.
    progress
        Told which setting is being tried.
    """
    space = start.decoding
    tries = sum(len(_others(start, name, values)) for name, values in space.items())
    present, steps, still = start, list[Step](), 0
    for name, values in itertools.cycle(space.items()):
        step = _step(present, name, _others(present, name, values), judge, tries, progress)
        steps.append(step)
        present = replace(present, **{name: step.best}) if step.taken else present
        still = 1 if step.taken else still + 1
        if still == len(space):
            break
    return present, steps


def _others(present: Representation, name: str, values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value != getattr(present, name)]


def _step(
    present: Representation, name: str, others: Sequence[Any], judge: Judge, tries: int, progress: Progress
) -> Step:
    found = [judge(replace(present, **{name: value})) for value in track(others, f"trying {name}", progress)]
    best = max(range(len(others)), key=lambda place: mean_ap(found[place])[0])
    return Step(name, getattr(present, name), others[best], difference(found[best], judge(present), tries=tries))
