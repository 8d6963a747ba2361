"""From what voxels point to, propose or are high in, to cells."""

from __future__ import annotations

__all__: list[str] = []
