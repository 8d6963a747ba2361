"""What the shape of a cell is: its pieces, depth, middle, axis and outline, and the ways inside it; labels in, numbers out."""

from __future__ import annotations

__all__: list[str] = []
