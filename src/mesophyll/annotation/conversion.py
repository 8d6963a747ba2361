"""From a lab's grey values to the codes of `mesophyll.tissues`, with a preview of what each becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.annotation.conventions import CONVENTIONS, EPIDERMIS, MESOPHYLL_CELL, NOBODY_KNOWS, Convention
from mesophyll.annotation.likely import likely, nearest
from mesophyll.annotation.sides import is_upper
from mesophyll.errors import LabelsError, SettingsError
from mesophyll.labels import UNKNOWN
from mesophyll.tissues import AIRSPACE, LOWER_EPIDERMIS, PALISADE, SPONGY, TISSUES, UPPER_EPIDERMIS

__all__ = ["Choice", "check_expected", "convention", "convert", "preview"]

Codes = NDArray[np.int16]

_CODES = {name: code for code, name in TISSUES.items()} | {NOBODY_KNOWS: UNKNOWN}


@dataclass(frozen=True)
class Choice:
    """What a convention leaves open, decided by the user.

    Parameters
    ----------
    mesophyll
        What a mesophyll cell becomes where palisade and spongy have one value: ``palisade``, ``spongy`` or ``unknown``.
    axis, first
        The axis that leads through the leaf, and whether the upper epidermis lies at its beginning; they part an
        epidermis of one value, as `sides.is_upper` says.
    """

    mesophyll: str = NOBODY_KNOWS
    axis: int = -2
    first: bool = True

    def __post_init__(self) -> None:
        if self.mesophyll not in ("palisade", "spongy", NOBODY_KNOWS):
            raise SettingsError(
                f"mesophyll = {self.mesophyll!r}",
                "a mesophyll cell becomes palisade, spongy or unknown",
                "choose one of them",
            )


def convention(name: str) -> Convention:
    """Return a convention by its name; a `SettingsError` lists them all."""
    if name not in CONVENTIONS:
        raise SettingsError(
            f"the preset {name!r} is unknown", f"there are {', '.join(CONVENTIONS)}", "choose one of them"
        )
    return CONVENTIONS[name]


def convert(values: NDArray[Any], name: str, choice: Choice | None = None) -> Codes:
    """Turn the grey values of a convention into tissue codes.

    Parameters
    ----------
    values
        Whole numbers, shape (Y, X) or (Z, Y, X); -1 stays what nobody knows.
    name
        One of `CONVENTIONS`.
    choice
        What the convention leaves open.

    Returns
    -------
    codes
        The same shape, int16: codes of `mesophyll.tissues`, -1 unknown.

    Raises
    ------
    LabelsError
        On a value that the convention lacks, and where upper and lower epidermis cannot be told apart.
    """
    meanings = convention(name).meanings
    chosen = choice or Choice()
    _check_values(values, name)
    codes = np.full(values.shape, UNKNOWN, np.int16)
    for value, meaning in meanings.items():
        codes[values == value] = _CODES.get(chosen.mesophyll if meaning == MESOPHYLL_CELL else meaning, UNKNOWN)
    either = np.isin(values, [value for value, meaning in meanings.items() if meaning == EPIDERMIS])
    if either.any():
        cells = np.isin(values, [value for value, meaning in meanings.items() if meaning == MESOPHYLL_CELL])
        inner = cells | np.isin(codes, (PALISADE, SPONGY, AIRSPACE))
        upper = is_upper(inner, chosen.axis, first=chosen.first)
        codes[either & upper], codes[either & ~upper] = UPPER_EPIDERMIS, LOWER_EPIDERMIS
    return codes


def _check_values(values: NDArray[Any], name: str) -> None:
    strange = np.setdiff1d(values, [*CONVENTIONS[name].meanings, UNKNOWN])
    if not strange.size:
        return
    fitting = likely(values)
    remedy = (
        f"pass --preset {' or '.join(fitting)}, of which all are known"
        if fitting
        else f"no preset knows them all, the nearest is {nearest(values)}; was it resampled, with values in between?"
    )
    listed = ", ".join(str(value) for value in strange[:8]) + (" and more" if strange.size > 8 else "")
    raise LabelsError(
        f"the tissue map holds {listed}",
        f"the preset {name} knows {', '.join(map(str, CONVENTIONS[name].meanings))}",
        remedy,
    )


def preview(values: NDArray[Any], name: str, choice: Choice | None = None) -> list[dict[str, str | int]]:
    """Return a row for each value in a map: how many voxels hold it, and what it would become; nothing is changed."""
    meanings = convention(name).meanings
    numbers, counts = np.unique(values, return_counts=True)
    return [
        {
            "value": int(value),
            "voxels": int(count),
            "share": f"{100 * count / values.size:.1f} %",
            "becomes": _becomes(meanings.get(int(value)), int(value), choice or Choice()),
        }
        for value, count in zip(numbers, counts, strict=True)
    ]


def _becomes(meaning: str | None, value: int, choice: Choice) -> str:
    if meaning is None:
        return "unknown (-1)" if value == UNKNOWN else "? (not in this preset)"
    if meaning == EPIDERMIS:
        return "upper or lower epidermis, by its side of the mesophyll"
    if meaning == MESOPHYLL_CELL:
        return f"{choice.mesophyll} (a mesophyll cell; --mesophyll)"
    return "unknown (-1)" if meaning == NOBODY_KNOWS else f"{_CODES[meaning]} {meaning}"


def check_expected(codes: NDArray[Any], names: list[str]) -> None:
    """Raise a `LabelsError` where a tissue that is asked for has no labelled voxel; it names what there is."""
    strange = [name for name in names if name not in TISSUES.values()]
    if strange:
        raise SettingsError(
            f"{strange[0]!r} is no tissue", f"tissues are {', '.join(TISSUES.values())}", "write one of these names"
        )
    present = {TISSUES[int(code)] for code in np.unique(codes) if code in TISSUES}
    missing = [name for name in names if name not in present]
    if missing:
        raise LabelsError(
            f"no voxel is labelled {missing[0]}",
            f"labelled are {', '.join(sorted(present)) or 'none'}",
            f"label some {missing[0]}, or do not ask for it",
        )
