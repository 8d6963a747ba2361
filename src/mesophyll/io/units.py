"""Voxel sizes as files state them, in any unit or none, brought to µm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mesophyll.volume import Spacing

__all__ = ["Stated", "micrometres", "stated"]

_UM = {
    "nm nanometer nanometre nanometers nanometres": 1e-3,
    "um micron microns micrometer micrometre micrometers micrometres": 1.0,
    "mm millimeter millimetre millimeters millimetres": 1e3,
    "cm centimeter centimetre centimeters centimetres": 1e4,
    "m meter metre meters metres": 1e6,
    "in inch inches": 25400.0,
    "å angstrom angstroms ångström": 1e-4,
}
_UM_PER_UNIT = {word: size for words, size in _UM.items() for word in words.split()}

_PLAUSIBLE_UM = (0.01, 100.0)
"""The voxel sizes of micro-CT: a number without a unit, or a printer's resolution, counts only within."""


@dataclass(frozen=True)
class Stated:
    """A voxel size and the words that tell where it comes from, or why there is none.

    Parameters
    ----------
    spacing_um
        In the order (Z, Y, X), or None.
    source
        ``"OME-XML"``, or ``"none: 72 per inch is no voxel size"``.
    """

    spacing_um: Spacing | None = None
    source: str = "none: the file states no voxel size"


def micrometres(length: float, unit: str) -> float | None:
    """Return a length in µm; None where the unit is none of length (pixels) or the length is no positive number."""
    word = unit.strip().strip('"').lower().replace("\\u00b5", "u").replace("µ", "u").replace("μ", "u")
    size = _UM_PER_UNIT.get(word)
    if size is None or not math.isfinite(length) or length <= 0:
        return None
    return float(f"{length * size:.12g}")  # 0.00065 mm is 0.65 µm, not 0.6499999999999999


def stated(lengths: Sequence[float], units: Sequence[str], place: str, *, unless_implausible: bool = False) -> Stated:
    """Judge the edge lengths that a file states, in the order of its spatial axes.

    Parameters
    ----------
    lengths, units
        One for each axis.
    place
        Where they stand: ``"ImageJ metadata"``.
    unless_implausible
        Count them only where they could be a micro-CT's.
    """
    told = " x ".join(f"{length:g} {unit}".strip() for length, unit in zip(lengths, units, strict=True))
    spacing = [micrometres(length, unit) for length, unit in zip(lengths, units, strict=True)]
    known = tuple(step for step in spacing if step is not None)
    if len(known) < len(spacing) or not known:
        return Stated(None, f"none: {place} states {told or 'nothing'}")
    low, high = _PLAUSIBLE_UM
    if unless_implausible and not all(low <= step <= high for step in known):
        return Stated(None, f"none: {place} states {told}, no voxel size of a micro-CT")
    return Stated(known, f"{place}: {told}")
