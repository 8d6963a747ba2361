"""``mesophyll experiment``: a table of runs, judged alike, told on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mesophyll.cli.options import DeviceOption
from mesophyll.cli.screen import bars, say, show
from mesophyll.cli.verb import verb

__all__ = ["experiment", "register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    verb(
        app,
        experiment,
        examples=[
            "mesophyll experiment tr155 -o tr155 --scale small",
            "mesophyll experiment tr155 -o tr155 --scale full --weights cyto2=cyto2torch_0 --device cuda",
            "mesophyll experiment representations -o side-by-side --scale small --workers 2",
            "mesophyll experiment mine.toml -o mine",
        ],
    )


def experiment(
    table: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FILE",
            help="A shipped one (kinds, network, representations, tr155), or a TOML file of one's own.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where everything goes; a rerun goes on there.")
    ],
    scale: Annotated[
        str | None, typer.Option("--scale", metavar="NAME", help="How long to train: small, full, ...")
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="NAME=FILE", help="Cellpose weights that runs ask for; may be repeated."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="How many processes make runs side by side.")
    ] = 1,
    device: DeviceOption = None,
) -> None:
    """Train, predict and judge the runs of a table, and write one page about them."""
    from mesophyll import experiment as room

    asked = room.read(table)
    given: dict[str, Any] = {} if device is None else {"device": device}
    files = dict(map(_named, weights or []))
    with bars() as progress:
        results = room.run(asked, out, scale=scale, weights=files, workers=workers, progress=progress, **given)
    show(room.summary(results))
    say(f"the page is {out / room.PAGE}, the numbers are in {out / room.NUMBERS}")


def _named(given: str) -> tuple[str, Path]:
    name, equals, file = given.partition("=")
    if not (name and equals and file):
        raise typer.BadParameter(f"--weights {given}: write NAME=FILE, for example cyto2=cyto2torch_0")
    return name, Path(file)
