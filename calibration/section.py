"""A cross-section of a leaf, real or synthetic, in one form: two reconstructions, a tissue map, and perhaps cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edt
import numpy as np
import tifffile
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.labels import Labels
from mesophyll.phantom import Phantom

__all__ = [
    "PALISADE_SHARE",
    "REAL_UM",
    "Mask",
    "Section",
    "coarser",
    "cut",
    "from_hand",
    "of_phantom",
    "read_real",
    "signed_distance_um",
]

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]

REAL_UM = 0.1625
"""The pixel of the real section."""

PALISADE_SHARE = 0.45
"""The upper part of the mesophyll that stands for the palisade, in every section: hand labels do not tell the two apart."""

_HAND_EPIDERMIS, _HAND_MESOPHYLL = 85, 0
_HAND = {170: tissues.BACKGROUND, 255: tissues.AIRSPACE, 152: tissues.BUNDLE_SHEATH, 128: tissues.VEIN}
"""Grey values of the hand labels, as the field draws them; the epidermes and the mesophyll are told apart by place."""


@dataclass(frozen=True)
class Section:
    """A cross-section; all arrays have the shape (Y, X), the leaf's upper side lies at small Y.

    Parameters
    ----------
    gridrec, paganin
        float32, grey values as stored (8 bit).
    tissue
        uint8, codes of `mesophyll.tissues`.
    spacing_um
        The pixel's edge length.
    labels
        The cells, where they are known.
    name
        What tables call it.
    """

    gridrec: Grey
    paganin: Grey
    tissue: NDArray[np.uint8]
    spacing_um: float
    labels: Labels | None = None
    name: str = "section"

    @property
    def air(self) -> Mask:
        """The airspace."""
        return self.tissue == tissues.AIRSPACE

    @property
    def leaf(self) -> Mask:
        """Everything but the surround."""
        return self.tissue != tissues.BACKGROUND

    @property
    def mesophyll(self) -> Mask:
        """The cells of the palisade and of the spongy tissue, without the air between them."""
        return np.isin(self.tissue, (tissues.PALISADE, tissues.SPONGY))

    @property
    def scans(self) -> dict[str, Grey]:
        """Both reconstructions by name."""
        return {"gridrec": self.gridrec, "Paganin": self.paganin}

    @property
    def faces(self) -> NDArray[np.float64]:
        """The faces of both epidermes in each column, shape (4, X): rows (pixels), NaN where a column lacks one of them.

        In this order: upper outer, upper inner, lower inner, lower outer.
        """
        upper = _ends(self.tissue == tissues.UPPER_EPIDERMIS)
        lower = _ends(self.tissue == tissues.LOWER_EPIDERMIS)
        return np.concatenate([upper, lower]) + np.where(np.isnan(upper + lower).any(axis=0), np.nan, 0.0)

    @property
    def depth(self) -> NDArray[np.float64]:
        """How deep each pixel lies in the mesophyll: 0 under the upper epidermis, 1 above the lower; NaN outside."""
        _, top, bottom, _ = self.faces
        rows = np.arange(len(self.tissue))[:, None] + 0.5
        with np.errstate(invalid="ignore"):
            share = (rows - top) / (bottom - top)
            return np.where((share >= 0) & (share <= 1), share, np.nan)

    @property
    def halves(self) -> dict[str, Mask]:
        """The part of the mesophyll that stands for the palisade, and the rest: cells, air and veins alike."""
        depth = self.depth
        return {"palisade": depth < PALISADE_SHARE, "spongy": depth >= PALISADE_SHARE}


def _ends(mask: Mask) -> NDArray[np.float64]:
    """Return where a tissue begins and ends in each column, shape (2, X); NaN where it is not met."""
    first = np.argmax(mask, axis=0).astype(float)
    last = len(mask) - np.argmax(mask[::-1], axis=0).astype(float)
    return np.where(mask.any(axis=0), np.stack([first, last]), np.nan)


def read_real(folder: Path) -> Section:
    """Read the real section: ``gridrec.tif``, ``paganin.tif`` and the hand labels ``tissue.tif``."""
    gridrec, paganin, hand = (tifffile.imread(folder / f"{name}.tif") for name in ("gridrec", "paganin", "tissue"))
    return Section(gridrec.astype(np.float32), paganin.astype(np.float32), from_hand(hand), REAL_UM, name="real")


def from_hand(hand: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn hand labels, shape (Y, X), into codes of `mesophyll.tissues`.

    Epidermis is upper or lower by the middle of the leaf in its column, mesophyll palisade or spongy by its depth.
    """
    codes = np.zeros(hand.shape, np.uint8)
    for grey, code in _HAND.items():
        codes[hand == grey] = code
    first, last = _ends(hand != _grey_of(tissues.BACKGROUND))
    above = np.arange(len(hand))[:, None] < (first + last) / 2
    epidermis = hand == _HAND_EPIDERMIS
    codes[epidermis] = np.where(above, tissues.UPPER_EPIDERMIS, tissues.LOWER_EPIDERMIS)[epidermis]
    nothing = np.zeros(hand.shape, np.float32)
    upper = Section(nothing, nothing, codes, REAL_UM).halves["palisade"]
    mesophyll = hand == _HAND_MESOPHYLL
    codes[mesophyll] = np.where(upper, tissues.PALISADE, tissues.SPONGY)[mesophyll]
    return codes


def _grey_of(code: int) -> int:
    return next(grey for grey, each in _HAND.items() if each == code)


def of_phantom(phantom: Phantom, at: int | None = None) -> Section:
    """Cut a phantom across Z, in its middle unless told where."""
    at = len(phantom.labels) // 2 if at is None else at
    return Section(
        phantom.gridrec[at].astype(np.float32),
        phantom.paganin[at].astype(np.float32),
        phantom.tissue[at],
        phantom.spacing_um[2],
        phantom.labels[at],
        f"{phantom.kind} {phantom.seed}",
    )


def cut(section: Section, rows: slice, columns: slice, name: str | None = None) -> Section:
    """Cut a window out of a section."""
    window = (rows, columns)
    labels = None if section.labels is None else section.labels[window]
    return Section(
        section.gridrec[window],
        section.paganin[window],
        section.tissue[window],
        section.spacing_um,
        labels,
        name or section.name,
    )


def coarser(section: Section, factor: int) -> Section:
    """Bin pixels: grey values are averaged, of tissue and cells the middle pixel is taken."""
    height, width = (length // factor * factor for length in section.tissue.shape)
    trimmed = cut(section, slice(height), slice(width))

    def binned(grey: Grey) -> Grey:
        blocks = grey.reshape(height // factor, factor, width // factor, factor)
        return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)

    middle = (slice(factor // 2, None, factor),) * 2
    labels = None if trimmed.labels is None else trimmed.labels[middle]
    spacing = section.spacing_um * factor
    return Section(
        binned(trimmed.gridrec), binned(trimmed.paganin), trimmed.tissue[middle], spacing, labels, section.name
    )


def signed_distance_um(section: Section) -> NDArray[np.float64]:
    """Return how far each pixel's centre lies from the cells' outline: positive in what is solid, negative in air."""
    air = section.air
    if not air.any() or air.all():
        return np.full(air.shape, np.inf if not air.any() else -np.inf)
    inside, outside = edt.edt(~air), edt.edt(air)
    return np.asarray(np.where(air, 0.5 - outside, inside - 0.5) * section.spacing_um)
