"""The kinds of leaves: for each one line about it, its anatomy, and how it is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesophyll.phantom.anatomy.description import (
    Anatomy,
    Blade,
    Epidermis,
    Idioblasts,
    Palisade,
    Spongy,
    Stomata,
    Veins,
)
from mesophyll.phantom.ranges import NONE, ONE
from mesophyll.phantom.scanner import Optics
from mesophyll.settings import from_dict, read_table, to_dict, unknown

__all__ = ["DEFAULT_KIND", "KINDS", "Description", "describe"]


@dataclass(frozen=True)
class Description:
    """A kind of leaf: one line about it, its anatomy, and how it is seen."""

    summary: str
    anatomy: Anatomy = field(default_factory=Anatomy)
    optics: Optics = field(default_factory=Optics)


NO_VEINS = Veins(distance_um=1e6, branches=NONE)
NO_STOMATA = Stomata(lower_per_mm2=NONE)
NO_COLUMNS = Palisade(share=NONE)

DEFAULT_KIND = "grape"

KINDS: dict[str, Description] = {
    "grape": Description(
        "a grape leaf: one palisade layer, lobed spongy cells, a quarter of air",
        Anatomy(grown=0.25),
    ),
    "hard": Description(
        "a dense grape leaf, noisier, where most contacts show no wall",
        Anatomy(porosity=(0.21, 0.25), grown=0.25),
        Optics(hidden=0.35, noise=(1.05, 2.25)),
    ),
    # From here on the figures are those of reviews and textbooks, not measured by us.
    "arm": Description(
        "a leaf with arm palisade: columns that touch by lobes, with gaps between them",
        Anatomy(
            palisade=Palisade(share=(0.4, 0.55), width_um=(13.0, 18.0), taper=(0.85, 1.0), arms=(2, 4)),
            spongy=Spongy(distance_um=(17.0, 24.0), body=(0.65, 0.9)),
            porosity=(0.22, 0.36),
            grown=0.3,
        ),
    ),
    "thick": Description(
        "a thick leaf with two layers of palisade, sometimes three",
        Anatomy(
            blade=Blade(thickness_um=(190.0, 280.0), thinnest_um=110.0, typical_um=230.0),
            epidermis=Epidermis(thickness_um=(14.0, 24.0)),
            palisade=Palisade(share=(0.45, 0.6), layers=(2, 3), width_um=(10.0, 15.0)),
            spongy=Spongy(distance_um=(20.0, 28.0)),
            veins=Veins(distance_um=200.0, core_radius_um=(13.0, 20.0)),
            porosity=(0.18, 0.32),
            grown=0.3,
        ),
    ),
    "honeycomb": Description(
        "a leaf whose spongy cells have many lobes and lie in paradermal layers, with air shafts through them",
        Anatomy(
            palisade=Palisade(share=(0.3, 0.42)),
            spongy=Spongy(
                distance_um=(24.0, 34.0),
                flatness=1.6,
                core_um=(4.5, 8.0),
                arm_um=(4.0, 6.5),
                body=(0.6, 0.8),
                links=(0.8, 1.0),
                lobes=(2.0, 5.0),
                paradermal=(0.7, 0.95),
            ),
            porosity=(0.28, 0.42),
            grown=0.4,
        ),
    ),
    "isotropic": Description(
        "a leaf with an open spongy network that looks the same along the leaf and across it",
        Anatomy(
            palisade=Palisade(share=(0.3, 0.42)),
            spongy=Spongy(
                distance_um=(20.0, 30.0), flatness=1.0, body=(0.6, 0.85), links=(0.45, 0.7), lobes=(1.0, 3.0)
            ),
            porosity=(0.28, 0.42),
            grown=0.4,
        ),
    ),
    "grass": Description(
        "a grass leaf: no palisade, small lobed cells, parallel veins, bulliform cells, sometimes a Kranz sheath",
        Anatomy(
            blade=Blade(thickness_um=(90.0, 160.0), thinnest_um=60.0, typical_um=120.0, relief_um=(2.0, 6.0)),
            epidermis=Epidermis(
                thickness_um=(8.0, 14.0),
                width_um=(9.0, 16.0),
                elongation=(2.5, 6.0),
                jigsaw_um=(0.0, 1.0),
                bulliform=(0.08, 0.25),
            ),
            palisade=NO_COLUMNS,
            spongy=Spongy(distance_um=(12.0, 18.0), flatness=1.0, body=(0.75, 1.0), lobes=(2.0, 5.0)),
            veins=Veins(distance_um=100.0, turn_deg=(-4.0, 4.0), spread_deg=3.0, branches=(0.0, 0.2), kranz=0.4),
            stomata=Stomata(upper_per_mm2=(30.0, 150.0), lower_per_mm2=(50.0, 250.0), aligned=True),
            porosity=(0.12, 0.28),
            grown=0.4,
        ),
    ),
    "succulent": Description(
        "a fleshy leaf: large round cells that leave little air",
        Anatomy(
            blade=Blade(thickness_um=(250.0, 600.0), thinnest_um=150.0, typical_um=300.0),
            palisade=NO_COLUMNS,
            spongy=Spongy(
                distance_um=(36.0, 58.0),
                flatness=1.0,
                core_um=(11.5, 13.5),
                arm_um=(5.0, 8.0),
                body=ONE,
                links=(0.0, 0.2),
                lobes=ONE,
            ),
            veins=Veins(distance_um=300.0),
            stomata=Stomata(lower_per_mm2=(20.0, 100.0)),
            porosity=(0.03, 0.12),
            grown=0.5,
        ),
    ),
    "fruit": Description(
        "the flesh of a fruit: round cells throughout the volume, no skin and no veins",
        Anatomy(
            blade=Blade(thickness_um=(4000.0, 4000.0), thinnest_um=4000.0, typical_um=4000.0),  # its skins: out of view
            palisade=NO_COLUMNS,
            spongy=Spongy(
                distance_um=(26.0, 46.0),
                flatness=1.0,
                core_um=(10.5, 13.5),
                arm_um=(5.0, 8.0),
                body=(0.9, 1.0),
                links=(0.1, 0.3),
                lobes=ONE,
            ),
            veins=NO_VEINS,
            stomata=NO_STOMATA,
            idioblasts=Idioblasts(per_mm3=NONE),
            porosity=(0.08, 0.25),
            grown=0.5,
        ),
    ),
}


def describe(kind: str) -> Description:
    """Return the description of a kind, or of a TOML file that says in what a leaf differs from a kind that it is ``like``.

    Raises
    ------
    SettingsError
        On an unknown kind (naming the nearest) or setting, and on a leaf that cannot be.
    """
    if kind.endswith(".toml"):
        own = read_table(Path(kind))
        like = describe(str(own.pop("like", DEFAULT_KIND)))
        return from_dict(Description, _over(to_dict(like), {"summary": Path(kind).stem} | own), Path(kind).name)
    if kind not in KINDS:
        raise unknown("unknown kind of leaf", kind, KINDS)
    return KINDS[kind]


def _over(table: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with the values of another over its own, table by table."""
    nested = {
        key: _over(table[key], value)
        for key, value in own.items()
        if isinstance(value, Mapping) and isinstance(table.get(key), dict)
    }
    return {**table, **own, **nested}
