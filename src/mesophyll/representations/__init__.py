"""What networks can learn about cells and tissues: one file a method, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesophyll.representations.base import Representation
from mesophyll.representations.cellpose import Cellpose
from mesophyll.representations.embeddings import Embeddings
from mesophyll.representations.flows import Flows
from mesophyll.representations.tissue import Tissue
from mesophyll.settings import from_dict, to_dict, unknown

__all__ = ["REPRESENTATIONS", "Cellpose", "Embeddings", "Flows", "Representation", "Tissue", "from_table", "to_table"]

REPRESENTATIONS: dict[str, type[Representation]] = {
    "flows": Flows,
    "cellpose": Cellpose,
    "embeddings": Embeddings,
    "tissue": Tissue,
}
"""Every method under the name by which plans and models call it."""


def to_table(representation: Representation) -> dict[str, Any]:
    """Return a representation as a plain table: its name and its settings."""
    name = next(name for name, kind in REPRESENTATIONS.items() if kind is type(representation))
    return {"name": name, **to_dict(representation)}


def from_table(table: Mapping[str, Any]) -> Representation:
    """Build a representation from its name and its settings; a `SettingsError` names what is not known."""
    settings = dict(table)
    name = str(settings.pop("name", "flows"))
    if name not in REPRESENTATIONS:
        raise unknown("unknown representation", name, REPRESENTATIONS)
    return from_dict(REPRESENTATIONS[name], settings, f"representation {name}")
