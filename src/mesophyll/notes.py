"""Notes: the table that travels with a result and tells how it was made, as lines to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["flat"]


def flat(notes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return one pair of name and value for each note; ``{"model": {"name": "a"}}`` becomes ``model.name``, ``a``."""
    return list(_walk(notes, ""))


def _walk(notes: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for key, value in notes.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _walk(value, f"{name}.")
        else:
            yield name, _told(value)


def _told(value: Any) -> str:
    return " x ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
