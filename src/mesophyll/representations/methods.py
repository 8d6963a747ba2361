"""The methods that stand on their own: one file each, and the table of them; and how each is written as a plain table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesophyll.representations.affinities import Affinities
from mesophyll.representations.base import Representation
from mesophyll.representations.boundaries import Boundaries
from mesophyll.representations.boxes import Boxes
from mesophyll.representations.cellpose import Cellpose
from mesophyll.representations.contours import Contours
from mesophyll.representations.embeddings import Embeddings
from mesophyll.representations.flows import Flows
from mesophyll.representations.patches import Patches
from mesophyll.representations.skeletons import Skeletons
from mesophyll.representations.spheres import Spheres
from mesophyll.representations.stars import Stars
from mesophyll.representations.tissue import Tissue
from mesophyll.settings import from_dict, to_dict, unknown

__all__ = ["METHODS", "Kinds", "read_table", "write_table"]

Kinds = Mapping[str, type[Representation]]
"""Classes under the names by which plans and models call them."""

METHODS: Kinds = {
    "flows": Flows,
    "cellpose": Cellpose,
    "affinities": Affinities,
    "boundaries": Boundaries,
    "skeletons": Skeletons,
    "embeddings": Embeddings,
    "stars": Stars,
    "contours": Contours,
    "spheres": Spheres,
    "boxes": Boxes,
    "patches": Patches,
    "tissue": Tissue,
}
"""Every method that needs no other one."""


def write_table(representation: Representation, kinds: Kinds) -> dict[str, Any]:
    """Return a representation as a plain table: its name and its settings."""
    name = next(name for name, kind in kinds.items() if kind is type(representation))
    return {"name": name, **to_dict(representation)}


def read_table(table: Mapping[str, Any], kinds: Kinds) -> Representation:
    """Build a representation from its name and its settings; a `SettingsError` names what is not known."""
    settings = dict(table)
    name = str(settings.pop("name", "flows"))
    if name not in kinds:
        raise unknown("unknown representation", name, kinds)
    return from_dict(kinds[name], settings, f"representation {name}")
