"""The tissues of a leaf, the numbers that stand for them in a tissue map (uint8), and how a network is shown them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import LabelsError

__all__ = [
    "AIRSPACE",
    "BACKGROUND",
    "BUNDLE_SHEATH",
    "LOWER_EPIDERMIS",
    "PALISADE",
    "SPONGY",
    "TISSUES",
    "TISSUE_CHANNELS",
    "UPPER_EPIDERMIS",
    "VEIN",
    "TissueInput",
    "as_channels",
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

TissueInput = Literal["none", "codes", "classes"]
"""How a network sees a tissue map: not at all, as one channel of codes, or as one channel for each tissue."""

TISSUE_CHANNELS: dict[TissueInput, int] = {"none": 0, "codes": 1, "classes": len(TISSUES)}


def name_of(code: int) -> str:
    """Return the tissue's name, or the number itself where a map follows another convention."""
    return TISSUES.get(code, str(code))


def as_channels(codes_S: NDArray[Any], how: TissueInput) -> NDArray[np.float32]:
    """Return a tissue map as a network sees it, shape (C, *S), float32 from 0 to 1.

    Raises
    ------
    LabelsError
        On a number that is no tissue's.
    """
    strange = np.setdiff1d(codes_S, list(TISSUES))
    if strange.size:
        raise LabelsError(
            f"the tissue map holds {strange[0]}",
            f"its codes are {', '.join(f'{code} {name}' for code, name in TISSUES.items())}",
            "map its grey values to these codes",
        )
    if how == "codes":
        return (codes_S[None] / np.float32(max(TISSUES))).astype(np.float32)
    shown = list(TISSUES) if how == "classes" else []
    return np.array([codes_S == code for code in shown], np.float32).reshape(-1, *codes_S.shape)
