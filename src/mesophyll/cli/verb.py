"""What all verbs have in common: --quiet and --debug, examples in the help, and how they end.

A verb that returns ends with the status 0, one that raises with 1 and a message on standard error, without a traceback
unless --debug asks for it. Bad usage is met before, by the parser, with the status 2.
"""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from mesophyll.cli.numbers import gather
from mesophyll.cli.screen import complain, heeding, quietly
from mesophyll.errors import MesophyllError

__all__ = ["verb", "verbs"]

F = TypeVar("F", bound=Callable[..., None])

_COMMON = {
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but results and errors.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show where in the code an error arose.")],
}


class _Command(TyperCommand):
    """A command whose options may take several numbers."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest: list[str] = super().parse_args(ctx, gather(args))
        return rest


def verb(app: typer.Typer, function: F, *, examples: Sequence[str], name: str = "") -> None:
    """Make a function a verb of the command line; its parameters are the options, its docstring the help."""
    called = name or function.__name__
    app.command(called, cls=_Command, epilog=_epilog(examples), no_args_is_help=_asks(function))(_guarded(function))


def verbs(app: typer.Typer, function: Callable[[], None], *, examples: Sequence[str]) -> typer.Typer:
    """Make a function without parameters a verb that stands alone or before others; those go into what is returned."""
    group = typer.Typer(rich_markup_mode="rich")
    guarded = _guarded(function)

    def alone(context: typer.Context, *, quiet: Any = False, debug: Any = False) -> None:
        if context.invoked_subcommand is None:
            guarded(quiet=quiet, debug=debug)

    alone.__doc__ = function.__doc__
    alone.__annotations__ = {"context": typer.Context} | _COMMON
    group.callback(invoke_without_command=True, epilog=_epilog(examples))(alone)
    app.add_typer(group, name=function.__name__)
    return group


def _epilog(examples: Sequence[str]) -> str:
    return "\n\n".join(["[bold]Examples[/bold]", *(f"  {example}" for example in examples)])


def _asks(function: Callable[..., None]) -> bool:
    """Tell whether a verb cannot do without an argument; then it shows its help where none is given."""
    return any(parameter.default is parameter.empty for parameter in inspect.signature(function).parameters.values())


def _guarded(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def run(*, quiet: bool, debug: bool, **given: Any) -> None:
        try:
            with quietly(wanted=quiet), heeding():
                function(**given)
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                traceback.print_exc()
            complain(*_words(error))
            raise typer.Exit(1) from None

    signature = inspect.signature(function, eval_str=True)
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in _COMMON.items()
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *common])  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()} | _COMMON
    return run


def _words(error: BaseException) -> tuple[str, str]:
    """Return what an error says, in one line, and what to add below."""
    if isinstance(error, MesophyllError):
        return str(error), ""
    if isinstance(error, KeyboardInterrupt):
        return "stopped; nothing half-written is left.", ""
    if isinstance(error, MemoryError):
        return (
            "the memory is full; this step holds its input as a whole; close other programs or pass a smaller piece.",
            "",
        )
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {' '.join(str(error).split())[:300]} ({Path(where.filename).name}, line {where.lineno})",
        "This is a bug in mesophyll, not your fault. Please report it with the command and what --debug shows.",
    )
