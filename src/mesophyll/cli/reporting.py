"""``mesophyll report``: a result as a page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mesophyll.cli.measuring import open_labels
from mesophyll.cli.numbers import Spacing
from mesophyll.cli.options import ScanFile, TissueFile
from mesophyll.cli.outputs import check_output
from mesophyll.cli.screen import bars
from mesophyll.cli.verb import verb
from mesophyll.errors import FileError

__all__ = ["register", "report"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    examples = [
        "mesophyll report leaf.zarr",
        "mesophyll report leaf.zarr --truth labels.tif --tissue tissue.tif -o leaf-1.html",
        "mesophyll report cells.tif --scan leaf.tif",
    ]
    verb(app, report, examples=examples)


def report(
    result: Annotated[
        Path, typer.Argument(metavar="OUT", help="A result of `mesophyll segment`, or labels with --scan.")
    ],
    truth: Annotated[Path | None, typer.Option("--truth", metavar="FILE", help="What is right, for scores.")] = None,
    tissue: TissueFile = None,
    scan: ScanFile = None,
    spacing: Spacing = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.html", help="By default OUT with the suffix .html.")
    ] = None,
) -> None:
    """Write a report: one HTML file with slices, key figures, traits and scores."""
    from mesophyll import io
    from mesophyll.report import write

    page = result.with_suffix(".html") if out is None else out
    check_output(page, (".html",))
    labels, image, sure = open_labels(result, scan, spacing)
    if image is None:
        raise FileError(f"{result.name} holds labels and no scan", "a report shows both", "pass the scan: --scan FILE")
    with bars() as progress:
        write(
            page,
            io.Result(image, labels, io.read_notes(result), sure),
            truth=None if truth is None else io.read_labels(truth),
            tissue=None if tissue is None else io.read(tissue),
            progress=progress,
        )
    typer.echo(page)
