"""What a user sees: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from mesophyll.errors import UnfamiliarScanWarning
from mesophyll.progress import Progress, silent

__all__ = ["bars", "busy", "complain", "heeding", "quietly", "say", "show"]

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)

_drawing: ContextVar[Console | None] = ContextVar("drawing", default=None)
"""What bars are drawn on now: a line goes above them only if it is printed there."""

_WIDE = 160
"""Columns of a table that goes into a file or a pipe: nothing is cut off there."""


@contextmanager
def quietly(*, wanted: bool) -> Iterator[None]:
    """Say nothing within, if this is wanted."""
    token = _quiet.set(wanted)
    try:
        yield
    finally:
        _quiet.reset(token)


def say(text: str) -> None:
    """Print a line of comment, unless --quiet; a result is for `show`."""
    if not _quiet.get():
        Console().print(Text(text), soft_wrap=True)


def complain(message: str, hint: str = "") -> None:
    """Print an error, one line on standard error, with a hint below."""
    console = Console(stderr=True)
    console.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)
    if hint:
        console.print(Text(hint), soft_wrap=True)


@contextmanager
def heeding() -> Iterator[list[str]]:
    """Yield a list that fills with the package's warnings; each is shown on standard error at once, unless --quiet."""
    heard: list[str] = []
    usual = warnings.showwarning

    def heed(message: Warning | str, category: type[Warning], *where: Any, **how: Any) -> None:
        if not issubclass(category, UnfamiliarScanWarning):
            usual(message, category, *where, **how)
            return
        heard.append(str(message))
        if not _quiet.get():
            console = _drawing.get() or Console(stderr=True)
            console.print(Text.assemble(("Warning: ", "bold yellow"), str(message)), soft_wrap=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnfamiliarScanWarning)
        warnings.showwarning = heed
        yield heard


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table: one line for each row, a column for each key of the first one; numbers stand to the right."""
    console = Console(width=None if Console().is_terminal else _WIDE)
    table = Table(box=SIMPLE_HEAD, padding=0)
    for name, value in (rows[0] if rows else {}).items():
        header = escape(name.replace("_", " ").replace("@", " @"))  # so that it is broken between words
        number = isinstance(value, int | float)
        table.add_column(
            header, justify="right" if number else "left", overflow="fold", min_width=None if number else 9
        )
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    console.print(table)


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


@contextmanager
def bars() -> Iterator[Progress]:
    """Yield what long jobs report to: on a terminal a bar for each task, elsewhere a line when one is done."""
    console = Console(stderr=True)
    if _quiet.get():
        yield silent
    elif not console.is_terminal:
        yield _lines(console)
    else:
        token = _drawing.set(console)
        try:
            with _drawn(console) as drawn:
                yield _on(drawn)
        finally:
            _drawing.reset(token)


@contextmanager
def busy(task: str) -> Iterator[None]:
    """Show, on a terminal, that something is being done of which nobody knows how long it takes."""
    console = Console(stderr=True)
    if _quiet.get() or not console.is_terminal:
        yield
    else:
        with console.status(f"{task} ..."):
            yield


def _drawn(console: Console) -> Bars:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    remaining = (TextColumn("left"), TimeRemainingColumn())
    return Bars(*columns, *remaining, console=console, speed_estimate_period=600)  # steps may be slow


def _on(drawn: Bars) -> Progress:
    tasks: dict[str, TaskID] = {}

    def report(task: str, done: int, total: int) -> None:
        if task not in tasks:
            tasks[task] = drawn.add_task(task, total=total)
        drawn.update(tasks[task], completed=done, total=total)

    return report


def _lines(console: Console) -> Progress:
    starts: dict[str, float] = {}

    def report(task: str, done: int, total: int) -> None:
        start = starts.setdefault(task, time.monotonic())
        if done == total:
            del starts[task]  # the same may be done again
            console.print(Text(f"{task}: {total} in {time.monotonic() - start:.1f} s"), soft_wrap=True)

    return report
