"""What networks can learn about cells and tissues: one file a method, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesophyll.representations.affinities import Affinities
from mesophyll.representations.base import Representation
from mesophyll.representations.boundaries import Boundaries
from mesophyll.representations.boxes import Boxes
from mesophyll.representations.cellpose import Cellpose
from mesophyll.representations.contours import Contours
from mesophyll.representations.descriptors import Descriptors
from mesophyll.representations.embeddings import Embeddings
from mesophyll.representations.flows import Flows
from mesophyll.representations.heads import Heads
from mesophyll.representations.methods import METHODS, Kinds, read_table, write_table
from mesophyll.representations.patches import Patches
from mesophyll.representations.skeletons import Skeletons
from mesophyll.representations.spheres import Spheres
from mesophyll.representations.stars import Stars
from mesophyll.representations.tissue import Tissue

__all__ = [
    "REPRESENTATIONS",
    "Affinities",
    "Boundaries",
    "Boxes",
    "Cellpose",
    "Contours",
    "Descriptors",
    "Embeddings",
    "Flows",
    "Heads",
    "Patches",
    "Representation",
    "Skeletons",
    "Spheres",
    "Stars",
    "Tissue",
    "from_table",
    "to_table",
]

REPRESENTATIONS: Kinds = {**METHODS, "heads": Heads}
"""Every representation under the name by which plans and models call it."""


def to_table(representation: Representation) -> dict[str, Any]:
    """Return a representation as a plain table: its name and its settings."""
    return write_table(representation, REPRESENTATIONS)


def from_table(table: Mapping[str, Any]) -> Representation:
    """Build a representation from its name and its settings; a `SettingsError` names what is not known."""
    return read_table(table, REPRESENTATIONS)
