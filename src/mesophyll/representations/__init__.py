"""What networks can learn about cells: one file a method, and the table of them."""

from __future__ import annotations

from mesophyll.representations.base import Representation
from mesophyll.representations.flows import Flows

__all__ = ["REPRESENTATIONS", "Flows", "Representation"]

REPRESENTATIONS: dict[str, type[Representation]] = {"flows": Flows}
"""Every method under the name by which plans and models call it."""
