"""The only honest accuracy on a real scan: hide some of the user's cells, densify from the rest, see which come back.

Every cell is hidden once, in one of a few parts, so every one is judged by rules that did not know of it. Each part takes its
share of every tissue and leaves the rest of it, for the rules of a tissue follow the cells that are given of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from mesophyll.densify.base import CELL_TISSUES
from mesophyll.densify.filling import checked, densify
from mesophyll.densify.given import Given, at_home, sort_out
from mesophyll.errors import LabelsError
from mesophyll.evaluation import compare, matches
from mesophyll.labels import Labels, check
from mesophyll.progress import Progress, named, silent
from mesophyll.tissues import name_of

__all__ = ["FOLDS", "Recovery", "recover"]

FOLDS = 4
"""The cells are hidden in so many parts; so often all other cells are looked for."""

_FOUND = 0.5
"""The IoU from which on a cell counts as found: above it no two cells claim one, and confidence means the same."""

_SEED = 155
"""Draws the parts: the same cells, the same parts."""


@dataclass(frozen=True)
class Recovery:
    """Which of the cells that were hidden came back; arrays of the shape (n,), an entry for each cell.

    Parameters
    ----------
    cells
        Their numbers, rising.
    tissue
        The code of the tissue in which most of each lies.
    found
        Whether an added cell was the same: IoU >= 0.5, for a traced cell on the planes on which it was traced.
    """

    cells: NDArray[np.int32]
    tissue: NDArray[np.int16]
    found: NDArray[np.bool_]

    def table(self) -> list[dict[str, str | int | float]]:
        """Return rows to print: each tissue of which cells are given, then all.

        The share that was found stands with its 95 % interval, as if the cells had been drawn at random from all of the tissue
        (Wilson, Journal of the American Statistical Association 22, 1927): it does not shrink to a point where none, or all,
        of a few cells come back.
        """
        parts = [(name_of(int(code)), self.found[self.tissue == code]) for code in np.unique(self.tissue)]
        return [_row(name, found) for name, found in (*parts, ("all", self.found))]


def _row(name: str, found: NDArray[np.bool_]) -> dict[str, str | int | float]:
    back = int(found.sum())
    ends = binomtest(back, len(found)).proportion_ci(0.95, "wilson")
    share, low, high = back / len(found), float(ends.low), float(ends.high)
    return {"tissue": name, "hidden": len(found), "found": back, "share": share, "from": low, "to": high}


def recover(
    scans: Sequence[NDArray[Any]],
    tissue: NDArray[Any],
    cells: NDArray[Any],
    spacing_um: float | Sequence[float],
    *,
    progress: Progress = silent,
) -> Recovery:
    """Hide the user's cells in turn, a quarter at a time, and look for them by rules from the others.

    Arguments are those of `densify`, which is done `FOLDS` times. What is judged knows of three quarters of the cells, so rules
    that know of all should do no worse. Cells whose tissue is unknown, or not made of cells, are never hidden: nothing is
    looked for there.

    Raises
    ------
    LabelsError
        As of `densify`, and where fewer cells are given than there are parts.
    """
    given = np.maximum(check(cells, "the cells"), 0)
    home = at_home(given, checked(scans, tissue, given))
    numbers, first = np.unique(given, return_index=True)
    where = home.reshape(-1)[first]
    judged = np.isin(where, CELL_TISSUES)  # 0 is not a cell, and at home nowhere
    numbers, where = numbers[judged], where[judged]
    _check_enough(len(numbers))
    known = sort_out(given)
    found = np.zeros(len(numbers), bool)
    for fold, part in enumerate(_parts(where), start=1):
        told = named(progress, f"hidden part {fold} of {FOLDS}")
        hidden = np.isin(given, numbers[part])
        seen = np.where(hidden, 0, given)
        labels = densify(scans, tissue, seen, spacing_um, progress=told).labels
        added = np.where(np.isin(labels, np.unique(seen)), 0, labels)
        everywhere = (slice(None),) * given.ndim
        found[part] = np.isin(numbers[part], list(_back(added, known.within(everywhere, hidden))))
    return Recovery(numbers, where, found)


def _check_enough(count: int) -> None:
    if count < FOLDS:
        raise LabelsError(
            f"{count} cells are given in tissues that are made of cells",
            f"they are hidden in {FOLDS} parts of at least one each",
            "give more cells, or leave the check out",
        )


def _parts(tissue: NDArray[np.int16]) -> Iterator[NDArray[np.int64]]:
    """Deal the cells to the parts, tissue after tissue and each in an order drawn by chance; yield their places."""
    drawn = np.random.default_rng(_SEED).permutation(len(tissue))
    order = drawn[np.argsort(tissue[drawn], kind="stable")]
    for fold in range(FOLDS):
        yield np.sort(order[fold::FOLDS])


def _back(added: Labels, hidden: Given) -> Iterator[int]:
    """Yield the numbers of the hidden cells that are among the added ones, judged where each of them says what it is."""
    yield from _alike(added, hidden.whole)
    axis, profiles = hidden.profiles
    for number, planes in profiles.items():
        seen, traced = (np.take(labels, planes, axis) for labels in (added, hidden.traced))
        yield from _alike(seen, np.where(traced == number, number, 0))


def _alike(added: Labels, hidden: NDArray[Any]) -> list[int]:
    overlaps = compare(added, hidden)
    numbers: list[int] = overlaps.truth.cells[matches(overlaps, _FOUND).column].tolist()
    return numbers
