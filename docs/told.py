"""What the code tells about itself, as Markdown: tables that would be wrong one day if a person had written them.

A page asks for one with a comment, ``<!-- told by the code: traits -->``, which is replaced when the page is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, asdict, fields
from typing import Any, get_args, get_type_hints

from typer.main import get_command

from mesophyll import phantom, tissues
from mesophyll.annotation import CONVENTIONS
from mesophyll.cli import app
from mesophyll.device import Device
from mesophyll.inference import SegmentationPlan
from mesophyll.io import FORMATS
from mesophyll.likeness import MARKS
from mesophyll.model import find, shipped
from mesophyll.representations import REPRESENTATIONS, Representation
from mesophyll.representations.methods import METHODS
from mesophyll.settings import to_dict
from mesophyll.training import TrainingPlan
from mesophyll.traits import COLUMNS, TRAITS, Column

__all__ = ["TOLD", "fill", "filled"]

_CHOICES = {"--device": get_args(Device)}
"""What options without a name for their value take."""

_COMMON = ("quiet", "debug")
"""Options of every verb: the page tells them once."""

_MARK = re.compile(r"<!-- told by the code: ([\w ]+) -->")


def fill(_app: object, _page: str, source: list[str]) -> None:
    """Fill in a page that Sphinx has read."""
    source[0] = filled(source[0])


def filled(page: str) -> str:
    """Replace each comment by what it asks for."""
    return _MARK.sub(lambda mark: TOLD[mark[1]](), page)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines)


def formats() -> str:
    """Tell what can be read and written."""
    suffixes: dict[tuple[str, bool], list[str]] = {}
    for suffix, kind in FORMATS.items():
        suffixes.setdefault((kind.name, kind.writable), []).append(f"`{suffix}`")
    rows = [(name, ", ".join(found), "yes", "yes" if writes else "") for (name, writes), found in suffixes.items()]
    return _table(
        ["format", "suffix", "read", "written"], [*rows, ("Folder of slices, TIFF or PNG", "a folder", "yes", "")]
    )


def traits() -> str:
    """Tell what each column of a table of cells means."""
    return _defined("column", COLUMNS)


def leaf_traits() -> str:
    """Tell what each trait of a leaf means."""
    return _defined("trait", TRAITS)


def _defined(what: str, columns: Mapping[str, Column]) -> str:
    rows = [(f"`{name}`", column.unit or "-", column.definition, column.source) for name, column in columns.items()]
    return _table([what, "unit", "definition", "made from"], rows)


def presets() -> str:
    """Tell what the grey values of each convention mean."""
    rows = [
        (f"`{name}`", convention.summary, ", ".join(f"{value} {what}" for value, what in convention.meanings.items()))
        for name, convention in CONVENTIONS.items()
    ]
    return _table(["preset", "whose", "values"], rows)


def tissue_codes() -> str:
    """Tell which number stands for which tissue."""
    return _table(["code", "tissue"], tissues.TISSUES.items())


def ceilings() -> str:
    """Tell what each method of cells can reach at best, with each target or variant, in the order of the code."""
    rows = [
        (f"`{name}`", ", ".join(f"`{choice}`" for choice in chosen) or "-", f"{ceiling:.2f}")
        for name, kind in METHODS.items()
        if kind.subject == "cells"
        for ceiling, chosen in _ceilings(kind).items()
    ]
    return _table(["method", "target or variant", "ceiling: cells found at IoU 0.8 from a perfect output"], rows)


def _ceilings(kind: type[Representation]) -> dict[float, list[str]]:
    """Return each ceiling with the targets or variants that have it; with none, where there is but one."""
    hints = get_type_hints(kind)
    found: dict[float, list[str]] = {}
    for setting in ("target", "variant"):
        for choice in get_args(hints.get(setting)):
            found.setdefault(kind(**{setting: choice}).ceiling, []).append(choice)
    return found or {kind().ceiling: []}


def methods() -> str:
    """Tell the representations by name, each with the first line of its docstring."""
    rows = [
        (f"`{name}`", f"`{kind.__name__}`", str(kind.__doc__).splitlines()[0]) for name, kind in REPRESENTATIONS.items()
    ]
    return _table(["name in a plan", "class", "what it is"], rows)


def decoding() -> str:
    """Tell which settings of each representation can be tuned, and the values that are tried; the default stands out."""
    rows = [
        (f"`{name}`", f"`{one.name}`{_only(one.metadata['only'])}", _tried(one))
        for name, kind in REPRESENTATIONS.items()
        for one in fields(kind)
        if "among" in one.metadata
    ]
    return _table(["representation", "setting", "values tried, the default in bold"], rows)


def _only(needed: dict[str, object]) -> str:
    return "".join(f" of {name} {value}" for name, value in needed.items())


def _tried(one: Field[Any]) -> str:
    return ", ".join(f"**{value}**" if value == one.default else str(value) for value in one.metadata["among"])


def kinds() -> str:
    """Tell the kinds of synthetic leaf, and in which settings each differs from a grape leaf."""
    grape, *others = (_settings(kind) for kind in phantom.KINDS.values())
    names = list(phantom.KINDS)[1:]
    rows = [
        (
            f"`{key}`",
            _range(value),
            "; ".join(_differing(key, value, dict(zip(names, others, strict=True)))) or "the same",
        )
        for key, value in grape.items()
    ]
    told = "\n".join(f"- `{name}`: {kind.summary}." for name, kind in phantom.KINDS.items())
    return f"{told}\n\n{_table(['setting', 'grape', 'others, where they differ'], rows)}"


def _settings(kind: phantom.Description) -> dict[str, object]:
    """Return all ranges of a kind by their path, as a file would set them."""
    anatomy = {f"anatomy.{key}": value for key, value in asdict(kind.anatomy).items()}
    parts = {key: value for key, value in anatomy.items() if isinstance(value, dict)}
    flat = {f"{part}.{key}": value for part, values in parts.items() for key, value in values.items()}
    rest = {key: value for key, value in anatomy.items() if key not in parts}
    optics = {f"optics.{key}": value for key, value in asdict(kind.optics).items() if key != "walls_seen"}
    return rest | flat | optics


def _differing(key: str, usual: object, kinds: dict[str, dict[str, object]]) -> list[str]:
    return [f"{name} {_range(values[key])}" for name, values in kinds.items() if values[key] != usual]


def _range(value: object) -> str:
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}"


def walls() -> str:
    """Tell how often a wall of each tissue shows."""
    seen = phantom.KINDS["grape"].optics.walls_seen
    return _table(
        ["tissue", "share of its walls that show"], [(tissues.name_of(code), share) for code, share in seen.items()]
    )


def marks() -> str:
    """Tell what of a scan is compared, and with what range of each model."""
    models = {name: find(name).familiar for name in shipped()}
    rows = [
        (f"`{name}`", mark.told, *(_between(familiar.ranges[name]) for familiar in models.values() if familiar))
        for name, mark in MARKS.items()
    ]
    return _table(["mark", "", *models], rows)


def _between(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.2f} to {ends[1]:.2f}"


def cards() -> str:
    """Tell the cards of the shipped models, as sections of a page."""
    pages = [folder / "README.md" for folder in shipped().values()]
    found = [page.read_text(encoding="utf-8") for page in pages if page.exists()]
    return "\n".join(re.sub(r"^#", "##", page, flags=re.MULTILINE) for page in found) or (
        "No model comes with the copy of the package that this page was built from."
    )


def plan_of(kind: type[Any]) -> Callable[[], str]:
    """Return what tells a plan's defaults, as the TOML file that would say the same."""
    return lambda: "```text\n" + "\n".join(_toml(to_dict(kind()))) + "\n```"


def _toml(table: dict[str, Any]) -> Iterator[str]:
    parts = {key: value for key, value in table.items() if isinstance(value, dict)}
    yield from (f"{key} = {_value(value)}" for key, value in table.items() if key not in parts)
    for name, part in parts.items():
        yield f"\n[{name}]"
        yield from _toml(part)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def verbs() -> str:
    """Tell every verb of the command line: usage, arguments, options, examples."""
    return "\n\n".join(_verb(name, command) for name, command in _all_verbs(get_command(app)))


def _all_verbs(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each verb with its whole name; those that follow a verb come after it."""
    for name, command in group.commands.items():
        yield f"{before}{name}", command
        if hasattr(command, "commands"):
            yield from _all_verbs(command, f"{before}{name} ")


def _verb(name: str, command: Any) -> str:
    params = [param for param in command.params if param.name not in _COMMON]
    needed = [_named(param, short=True) for param in params if param.required]
    examples = re.findall(r"^ *(mesophyll .+)$", command.epilog, re.MULTILINE)
    parts = [
        f"## {name}\n\n{command.help}\n",
        f"```text\nmesophyll {' '.join([name, *needed, '[OPTIONS]'])}\n```",
        _table(["argument or option", ""], [(f"`{_named(param)}`", param.help) for param in params]) if params else "",
        "Examples:\n\n```text\n" + "\n".join(examples) + "\n```",
    ]
    return "\n\n".join(parts)


def _named(param: Any, *, short: bool = False) -> str:
    """Return an option with what it takes, or an argument's name."""
    if not param.opts[0].startswith("-"):
        return str(param.metavar or param.name.upper())
    takes = [] if param.is_flag else [param.metavar or "|".join(_CHOICES[param.opts[0]])]
    return " ".join([param.opts[-1] if short else ", ".join(reversed(param.opts)), *takes])


TOLD: dict[str, Callable[[], str]] = {
    "formats": formats,
    "traits": traits,
    "leaf traits": leaf_traits,
    "tissues": tissue_codes,
    "presets": presets,
    "ceilings": ceilings,
    "methods": methods,
    "decoding": decoding,
    "kinds": kinds,
    "walls": walls,
    "marks": marks,
    "cards": cards,
    "segmentation plan": plan_of(SegmentationPlan),
    "training plan": plan_of(TrainingPlan),
    "verbs": verbs,
}
"""What a page may ask for."""
