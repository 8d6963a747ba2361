"""The house as a table, and what breaks it: a list of one-line complaints about sources, which need not be imported."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FLOORS", "PACKAGE", "breaches", "imports", "sources"]

PACKAGE = "mesophyll"

FLOORS: dict[str, set[str]] = {
    "ground": {
        "errors",
        "progress",
        "tissues",
        "tissue_map",
        "notes",
        "blocks",
        "settings",
        "labels",
        "volume",
        "scratch",
        "tiling",
        "cuts",
        "logistic",
        "perceptron",
        "position",
    },
    "first": {
        "io",
        "phantom",
        "representations",
        "network",
        "stitching",
        "evaluation",
        "traits",
        "annotation",
        "densify",
    },
    "second": {
        "confidence",
        "device",
        "cost",
        "alignment",
        "image",
        "likeness",
        "model",
        "cellpose",
    },
    "third": {"training", "inference", "mapping", "tuning"},
    "fourth": {"report", "experiment", "validation", "suggestion"},
    "roof": {"cli", "__main__"},
    "door": {"__init__"},
}
"""From the ground up: a room imports from lower floors, and from those of its own that `BESIDE` names."""

BESIDE: dict[str, set[str]] = {
    "settings": {"errors"},
    "tissue_map": {"errors", "labels", "tissues"},
    "labels": {"errors"},
    "scratch": {"errors"},
    "volume": {"errors", "blocks"},
    "tiling": {"blocks"},
    "cuts": {"labels", "volume"},
    "position": {"errors", "volume"},
    "perceptron": {"logistic"},
    "traits": {"io"},
    "annotation": {"io"},
    "densify": {"evaluation"},
    "likeness": {"image"},
    "cellpose": {"image", "model"},
    "model": {"alignment", "confidence", "image", "likeness"},
    "mapping": {"inference"},
    "tuning": {"inference"},
    "experiment": {"report"},
    "__main__": {"cli"},
}

TORCH = {
    "representations",
    "network",
    "device",
    "model",
    "cellpose",
    "training",
    "inference",
    "cost",
}
"""Rooms that may import torch, and what imports it."""

BRINGS_TORCH = {"torch", "lightning", "safetensors"}

FORBIDDEN = {"utils", "helpers", "common", "misc", "manager", "handler", "core"}

MOST_LINES = 400


def sources(folder: Path) -> dict[str, str]:
    """Read a package: the source of every module, by dotted name; a folder's own is ``room.__init__``."""
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
    }


def breaches(modules: dict[str, str]) -> list[str]:
    """Return what breaks the rules of the house."""
    found = [complaint for name, source in modules.items() for complaint in _alone(name, source)]
    for name, source in modules.items():
        for imported in sorted(imports(name, source, modules)):
            found += _together(name, imported)
    return found + list(_circles(modules))


def imports(name: str, source: str, modules: dict[str, str]) -> set[str]:
    """Return what a module imports, wherever in it: modules of the package by dotted name, others as ``:top-level``."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {_module(alias.name, modules) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(name, node)
            found |= {_module(f"{base}.{alias.name}", modules) for alias in node.names}
    return found


def _base(name: str, node: ast.ImportFrom) -> str:
    """Return the absolute name of what is imported from; a dot is the module's own folder."""
    if not node.level:
        return str(node.module)
    above = [PACKAGE, *name.split(".")][: -node.level]
    return ".".join([*above, *([node.module] if node.module else [])])


def _module(dotted: str, modules: dict[str, str]) -> str:
    """Return the module that holds a name: the longest beginning that is one."""
    top, *parts = dotted.split(".")
    if top != PACKAGE:
        return f":{top}"
    for length in range(len(parts), 0, -1):
        inner = ".".join(parts[:length])
        for candidate in (inner, f"{inner}.__init__"):
            if candidate in modules:
                return candidate
    return "__init__"


def _alone(name: str, source: str) -> Iterator[str]:
    tree, last = ast.parse(source), name.split(".")[-1]
    lines = source.count("\n")
    if lines > MOST_LINES:
        yield f"{name}: {lines} lines are more than {MOST_LINES}"
    if last in FORBIDDEN:
        yield f"{name}: the name {last} says nothing"
    if not ast.get_docstring(tree):
        yield f"{name}: no docstring"
    names = {target.id for node in tree.body for target in _targets(node) if isinstance(target, ast.Name)}
    if "__all__" not in names and last != "__main__":
        yield f"{name}: no __all__"
    if not any(_room(name) in rooms for rooms in FLOORS.values()):
        yield f"{name}: on no floor"


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def _room(name: str) -> str:
    return name.split(".")[0]


def _floor(room: str) -> int:
    return next((height for height, rooms in enumerate(FLOORS.values()) if room in rooms), len(FLOORS))


def _together(name: str, imported: str) -> Iterator[str]:
    room, other = _room(name), _room(imported)
    if imported.startswith(":"):
        if imported[1:] in BRINGS_TORCH and room not in TORCH:
            yield f"{name}: imports {imported[1:]}"
    elif other not in (room, "__init__") and _floor(other) >= _floor(room) and other not in BESIDE.get(room, ()):
        yield f"{name}: imports {imported}, which is not below it"


def _circles(modules: dict[str, str]) -> Iterator[str]:
    """Modules that need each other, within a folder or across; the package's own door is asked only for its version."""
    graph = {
        name: {other for other in imports(name, source, modules) if not other.startswith(":")} - {name, "__init__"}
        for name, source in modules.items()
        if name != "__init__"
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        yield f"a circle: {' -> '.join(error.args[1])}"
