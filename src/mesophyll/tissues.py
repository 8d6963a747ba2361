"""The tissues of a leaf and the numbers that stand for them in a tissue map (uint8)."""

from __future__ import annotations

__all__ = [
    "AIRSPACE",
    "BACKGROUND",
    "BUNDLE_SHEATH",
    "LOWER_EPIDERMIS",
    "PALISADE",
    "SPONGY",
    "TISSUES",
    "UPPER_EPIDERMIS",
    "VEIN",
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


def name_of(code: int) -> str:
    """Return the tissue's name, or the number itself where a map follows another convention."""
    return TISSUES.get(code, str(code))
