"""Frozen dataclasses to and from plain tables (TOML, JSON): one rule for plans, networks and representations."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import pydantic

from mesophyll.errors import SettingsError

__all__ = ["from_dict", "read_table", "read_toml", "to_dict", "unknown"]

T = TypeVar("T")


def to_dict(settings: Any) -> dict[str, Any]:
    """Return the fields of a frozen dataclass as a table of plain values."""
    return dict(pydantic.TypeAdapter(type(settings)).dump_python(settings, mode="json"))


def from_dict(kind: type[T], table: Mapping[str, Any], name: str = "settings") -> T:
    """Build a dataclass from a table.

    Raises
    ------
    SettingsError
        On an unknown key (naming the nearest one) and on a value of the wrong type or out of range.
    """
    if not isinstance(table, Mapping):
        raise SettingsError(f"{name} = {table!r}", "settings are a table of keys and values", f"correct {name}")
    _reject_unknown(kind, table, name)
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(table))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or name
        raise SettingsError(f"{name}: {place} = {first['input']!r}", first["msg"], f"correct {place}") from None


def _reject_unknown(kind: type[Any], table: Mapping[str, Any], name: str) -> None:
    """Pydantic passes over unknown keys of plain dataclasses; a misspelt setting must not be passed over."""
    hints = get_type_hints(kind)
    for key, value in table.items():
        if key not in hints:
            raise unknown(f"{name}: unknown key", key, hints)
        if dataclasses.is_dataclass(hints[key]) and isinstance(value, Mapping):
            _reject_unknown(hints[key], value, f"{name}, {key}")


def unknown(what: str, name: str, known: Iterable[str]) -> SettingsError:
    """Return the error for a name that is none of those known; ``what`` begins it."""
    names = list(known)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    return SettingsError(f"{what} {name!r}", f"known are {', '.join(names)}", f"did you mean {nearest[0]!r}?")


def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file; a `SettingsError` names it where it cannot be read."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror})", "a plan is a TOML file", "check the path"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}", "a plan is a TOML file", "correct that line") from None


def read_toml(kind: type[T], path: Path) -> T:
    """Build a dataclass from a TOML file; errors are those of `from_dict` and name the file."""
    return from_dict(kind, read_table(path), name=Path(path).name)
