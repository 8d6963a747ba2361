"""The command line: one thin verb for everything that a user does. It owns no default and does no work of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from mesophyll import __version__
from mesophyll.cli import (
    annotating,
    demo,
    densifying,
    experimenting,
    files,
    growing,
    mapping,
    measuring,
    reporting,
    segmenting,
    suggesting,
    teaching,
    tuning,
    validating,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="mesophyll",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"mesophyll {__version__}")
        raise typer.Exit


@app.callback(epilog="Begin with: mesophyll demo")
def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda wanted: _tell_version(wanted=wanted), is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """From a micro-CT scan of a leaf to individual, measured cells."""


for room in (
    demo,
    segmenting,
    mapping,
    measuring,
    reporting,
    files,
    growing,
    annotating,
    densifying,
    teaching,
    tuning,
    suggesting,
    validating,
    experimenting,
):
    room.register(app)


def main() -> None:
    """Run the command line; it ends the program with the status 0, 1 (the job failed) or 2 (bad usage)."""
    app()
