"""The networks that can learn: one file an architecture, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesophyll.network.base import Architecture, Built
from mesophyll.network.cellpose import CellposeNetwork, CPNet
from mesophyll.network.residual import SIZES, Network, ResidualUNet, Size
from mesophyll.settings import from_dict, to_dict, unknown

__all__ = [
    "ARCHITECTURES",
    "SIZES",
    "Architecture",
    "Built",
    "CPNet",
    "CellposeNetwork",
    "Network",
    "ResidualUNet",
    "Size",
    "network_from_table",
    "network_to_table",
]

ARCHITECTURES: dict[str, type[Architecture]] = {"residual": Network, "cellpose": CellposeNetwork}
"""Every architecture under the name by which plans and models call it."""


def network_to_table(network: Architecture) -> dict[str, Any]:
    """Return an architecture as a plain table: its name and its settings."""
    name = next(name for name, kind in ARCHITECTURES.items() if kind is type(network))
    return {"name": name, **to_dict(network)}


def network_from_table(table: Mapping[str, Any], where: str = "network") -> Architecture:
    """Build an architecture from its name and its settings; without a name it is the residual U-Net.

    Raises
    ------
    SettingsError
        On an unknown name or key, and on a value out of range; ``where`` begins it.
    """
    named = isinstance(table, Mapping) and "name" in table
    name = str(table["name"]) if named else "residual"
    if name not in ARCHITECTURES:
        raise unknown(f"{where}: unknown architecture", name, ARCHITECTURES)
    settings = {key: value for key, value in table.items() if key != "name"} if named else table
    return from_dict(ARCHITECTURES[name], settings, where)
