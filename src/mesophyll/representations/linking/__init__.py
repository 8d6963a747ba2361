"""From pairs of voxels that are likely of one cell, by fragments, to cells."""

from __future__ import annotations

__all__: list[str] = []
