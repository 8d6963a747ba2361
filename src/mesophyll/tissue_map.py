"""Tissue maps as arrays: as labels, as they lie in files, as a network is shown them; their words are `mesophyll.tissues`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.errors import LabelsError
from mesophyll.labels import UNKNOWN, Labels
from mesophyll.tissues import TISSUES, UNKNOWN_CODE, TissueInput

__all__ = ["as_channels", "as_codes", "as_labels"]


def as_channels(codes_S: NDArray[Any], how: TissueInput) -> NDArray[np.float32]:
    """Return a tissue map as a network sees it, shape (C, *S), float32 from 0 to 1.

    Raises
    ------
    LabelsError
        On a number that is no tissue's.
    """
    _check(codes_S, TISSUES, "the tissue map")
    if how == "codes":
        return (codes_S[None] / np.float32(max(TISSUES))).astype(np.float32)
    shown = list(TISSUES) if how == "classes" else []
    return np.array([codes_S == code for code in shown], np.float32).reshape(-1, *codes_S.shape)


def as_labels(codes_S: NDArray[Any], name: str = "the tissue map") -> Labels:
    """Return a tissue map as labels, shape S, int32: its codes, and -1 where nobody knows.

    Raises
    ------
    LabelsError
        On a number that is no tissue's; ``name`` begins it.
    """
    _check(codes_S, TISSUES | {UNKNOWN_CODE: "unknown", UNKNOWN: "unknown"}, name)
    labels: Labels = np.array(codes_S, dtype=np.int32)
    labels[labels == UNKNOWN_CODE] = UNKNOWN
    return labels


def as_codes(labels_S: Labels) -> NDArray[np.uint8]:
    """Return labels that are codes as a tissue map, shape S, uint8; what is unknown becomes 255."""
    return np.where(labels_S == UNKNOWN, UNKNOWN_CODE, labels_S).astype(np.uint8)


def _check(codes_S: NDArray[Any], known: Mapping[int, str], name: str) -> None:
    strange = np.setdiff1d(codes_S, list(known))
    if strange.size:
        raise LabelsError(
            f"{name} holds {strange[0]}",
            f"its codes are {', '.join(f'{code} {tissue}' for code, tissue in known.items())}",
            "map its grey values to these codes",
        )
