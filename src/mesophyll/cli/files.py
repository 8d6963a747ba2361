"""``mesophyll info`` and ``mesophyll convert``: what a file holds, and the same in another format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mesophyll.cli.numbers import Spacing, one_or_all
from mesophyll.cli.outputs import check_output
from mesophyll.cli.screen import busy, say, show
from mesophyll.cli.verb import verb
from mesophyll.notes import flat

__all__ = ["convert", "info", "register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verb(app, info, examples=["mesophyll info leaf.tif", "mesophyll info slices/", "mesophyll info scan.h5:/raw"])
    verb(
        app,
        convert,
        examples=[
            "mesophyll convert slices/ leaf.zarr --spacing 0.65",
            "mesophyll convert leaf.zarr cells.tif --labels",
        ],
    )


def info(scan: Annotated[Path, typer.Argument(help="A file or a folder of slices.")]) -> None:
    """Tell what a file holds, without loading it."""
    from mesophyll.io import describe

    found = describe(scan)
    notes = found.pop("notes")
    show([{"": name, found["file"]: value} for name, value in [*flat(found), *flat(notes)] if name != "file"])


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A scan, labels, or a result.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The suffix tells the format.")],
    *,
    labels: Annotated[bool, typer.Option("--labels", help="They are labels; of a result, take its labels.")] = False,
    spacing: Spacing = None,
) -> None:
    """Write a scan or labels in another format."""
    from mesophyll import io
    from mesophyll.volume import check_spacing

    check_output(out, io.WRITABLE)
    volume = io.read_labels(source) if labels else io.read(source)
    passed = one_or_all(spacing)
    if passed is not None:
        volume = replace(volume, spacing_um=check_spacing(passed, volume.ndim))
    with busy("writing"):
        io.write(out, volume, kind="labels" if labels else "image", notes=io.read_notes(source))
    say(f"{' x '.join(map(str, volume.shape))} voxels, written to {out}")
