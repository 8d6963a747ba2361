"""``mesophyll densify``: from a tissue map and a few cells to all of them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesophyll import __version__
from mesophyll.cli.numbers import Spacing, one_or_all
from mesophyll.cli.outputs import check_output
from mesophyll.cli.screen import bars, busy, say, show
from mesophyll.cli.verb import verb

if TYPE_CHECKING:
    from mesophyll.densify import Dense
    from mesophyll.volume import Volume

__all__ = ["densify", "register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    examples = [
        "mesophyll densify paganin.tif --tissue tissue.tif --cells traced/labels.tif -o dense",
        "mesophyll densify gridrec.tif paganin.tif --tissue tissue.tif --cells cells.tif -o dense --trust 0.5",
        "mesophyll densify paganin.tif --tissue tissue.tif --cells cells.tif -o dense --check",
    ]
    verb(app, densify, examples=examples)


def densify(  # noqa: PLR0913 - the options of a verb
    scans: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCAN...", help="The scan; more than one where there are several reconstructions of it."
        ),
    ],
    tissue: Annotated[
        Path, typer.Option("--tissue", metavar="FILE", help="Its tissue map, in the codes of mesophyll.")
    ],
    cells: Annotated[
        Path,
        typer.Option("--cells", metavar="FILE", help="The cells that are known: labels, as of `mesophyll annotate`."),
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A new folder of TIFF files, or one OME-Zarr (.zarr).")
    ],
    trust: Annotated[
        float | None,
        typer.Option(
            "--trust", metavar="0..1", help="Leave added cells of less confidence unknown (-1), to learn from."
        ),
    ] = None,
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="First hide the known cells in turn and tell how many come back; all takes five times as long.",
        ),
    ] = False,
    spacing: Spacing = None,
) -> None:
    """Find the other cells by rules. Those that are known stay as they are; each added one has a confidence."""
    from mesophyll import io
    from mesophyll.densify import densify as fill
    from mesophyll.densify import recover

    check_output(out, ("",))
    volumes = [replace(io.read(scan, spacing_um=one_or_all(spacing)), name=scan.name.split(".")[0]) for scan in scans]
    known = io.read_labels(cells)
    size = volumes[0].known_spacing_um
    codes = io.read(tissue).read()
    asked = ([volume.read() for volume in volumes], codes, known.read(), size)
    with bars() as progress:
        back = recover(*asked, progress=progress).table() if check else []
        start = time.monotonic()
        dense = fill(*asked, progress=progress)
    labels, told = _trusted(dense, trust)
    place: dict[str, Any] = {"spacing_um": size, "origin_um": volumes[0].origin_um}
    example = io.Example(
        out.name,
        tuple(replace(volume, spacing_um=size) for volume in volumes),
        _volume("labels", labels, place),
        _volume("tissue", codes, place),
        _volume("confidence", dense.confidence, place),
    )
    notes = {"versions": {"mesophyll": __version__}, "cells": cells.name, "tissue": tissue.name, "trust": trust}
    with busy("writing"):
        io.write_example(out, example, notes | _noted(back))
    if check:
        show(back)
        say(_told(back[-1]))
    say(f"{dense.added} cells added in {time.monotonic() - start:.0f} s{told}, written to {out}")


def _volume(name: str, data: Any, place: dict[str, Any]) -> Volume:
    from mesophyll.volume import Volume

    return Volume(data, name=name, **place)


def _told(row: dict[str, Any]) -> str:
    """Say how many of all cells that were hidden came back."""
    return (
        f"of {row['hidden']} known cells, hidden in turn, {row['found']} came back at IoU 0.5: "
        f"{row['share']:.0%} ({row['from']:.0%} to {row['to']:.0%})"
    )


def _noted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what goes into the notes: the table by its tissues, nothing without one."""
    table = {row["tissue"]: {name: value for name, value in row.items() if name != "tissue"} for row in rows}
    return {"check": table} if rows else {}


def _trusted(dense: Dense, trust: float | None) -> tuple[Any, str]:
    """Return the labels to be written, and what to say about them."""
    import numpy as np

    from mesophyll.densify import trusted

    if trust is None:
        return dense.labels, ""
    labels = trusted(dense.labels, dense.confidence, trust)
    lost = len(np.unique(dense.labels[dense.labels > 0])) - len(np.unique(labels[labels > 0]))
    return labels, f", {lost} of them left unknown below a confidence of {trust:g}"
