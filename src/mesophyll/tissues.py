"""The tissues of a leaf, the numbers that stand for them in a tissue map (uint8)."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "AIRSPACE",
    "BACKGROUND",
    "BUNDLE_SHEATH",
    "LOWER_EPIDERMIS",
    "PALISADE",
    "SPONGY",
    "TISSUES",
    "TISSUE_CHANNELS",
    "UNKNOWN_CODE",
    "UPPER_EPIDERMIS",
    "VEIN",
    "TissueInput",
    "name_of",
]

BACKGROUND, UPPER_EPIDERMIS, LOWER_EPIDERMIS, PALISADE, SPONGY, BUNDLE_SHEATH, VEIN, AIRSPACE = range(8)

TISSUES: dict[int, str] = {
    BACKGROUND: "background",
    UPPER_EPIDERMIS: "upper epidermis",
    LOWER_EPIDERMIS: "lower epidermis",
    PALISADE: "palisade",
    SPONGY: "spongy",
    BUNDLE_SHEATH: "bundle sheath",
    VEIN: "vein",
    AIRSPACE: "airspace",
}

UNKNOWN_CODE = 255
"""In a tissue map: nobody knows. As labels, to be learnt from or judged by, it is -1, as for cells."""

TissueInput = Literal["none", "codes", "classes"]
"""How a network sees a tissue map: not at all, as one channel of codes, or as one channel for each tissue."""

TISSUE_CHANNELS: dict[TissueInput, int] = {"none": 0, "codes": 1, "classes": len(TISSUES)}


def name_of(code: int) -> str:
    """Return the tissue's name, or the number itself where a map follows another convention."""
    return TISSUES.get(code, str(code))
