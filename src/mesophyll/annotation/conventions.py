"""What the grey values of tissue labels mean: every lab has its own. A table; nothing in it is applied unasked.

A meaning is one of the names in `mesophyll.tissues.TISSUES`, or one of three words for what a convention leaves open:
``epidermis`` (of either side), ``mesophyll cell`` (palisade or spongy) and ``unknown``.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesophyll.tissues import TISSUES, UNKNOWN_CODE

__all__ = ["CONVENTIONS", "EPIDERMIS", "MESOPHYLL_CELL", "NOBODY_KNOWS", "Convention"]

EPIDERMIS, MESOPHYLL_CELL, NOBODY_KNOWS = "epidermis", "mesophyll cell", "unknown"


@dataclass(frozen=True)
class Convention:
    """Whose values these are, and what each means."""

    summary: str
    meanings: dict[int, str]


_AIR = "airspace"

CONVENTIONS: dict[str, Convention] = {
    "mesophyll": Convention("the codes of this package", TISSUES | {UNKNOWN_CODE: NOBODY_KNOWS}),
    "leaf-traits-hand": Convention(
        "leaf-traits-microct, labels painted by hand (Théroux-Rancourt)",
        {
            170: "background",
            85: EPIDERMIS,
            0: MESOPHYLL_CELL,
            255: _AIR,
            152: "bundle sheath",
            128: "vein",
        },
    ),
    "leaf-traits-forest": Convention(
        "leaf-traits-microct, what its random forest writes",
        {204: "background", 51: EPIDERMIS, 0: MESOPHYLL_CELL, 255: _AIR, 153: "bundle sheath", 102: "vein"},
    ),
    "leaf-traits-segmented": Convention(
        "leaf-traits-microct, its *SEGMENTED.tif; 85 are stomata, which lie in the epidermis",
        {
            177: "background",
            30: "upper epidermis",
            60: "lower epidermis",
            85: EPIDERMIS,
            0: MESOPHYLL_CELL,
            255: _AIR,
            102: "bundle sheath",
            147: "vein",
        },
    ),
    "usda": Convention(
        "USDA, eight classes; 225 is not classified, 254 to be ignored",
        {
            170: "background",
            85: EPIDERMIS,
            95: EPIDERMIS,
            55: "palisade",
            0: "spongy",
            255: _AIR,
            152: "bundle sheath",
            180: "vein",
            225: NOBODY_KNOWS,
            254: NOBODY_KNOWS,
        },
    ),
    "rippner": Convention(
        "Rippner and others 2022",
        {85: "background", 170: EPIDERMIS, 255: MESOPHYLL_CELL, 0: _AIR, 103: "bundle sheath", 35: "vein"},
    ),
    "fletcher": Convention(
        "Fletcher and others, Arabidopsis",
        {85: "background", 170: EPIDERMIS, 255: MESOPHYLL_CELL, 0: _AIR, 103: "vein"},
    ),
    "trueba": Convention(
        "Trueba and others, pine needles; 200 to be ignored",
        {
            85: "background",
            170: EPIDERMIS,
            0: MESOPHYLL_CELL,
            255: _AIR,
            103: "vein",
            127: "vein",
            200: NOBODY_KNOWS,
        },
    ),
}
"""By the name that ``--preset`` takes, as the labs publish them."""
