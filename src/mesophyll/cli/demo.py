"""``mesophyll demo``: the main job from scan to report, on the sample that comes with the package."""

from __future__ import annotations

import os
import sys
import webbrowser
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from mesophyll.cli.files import info
from mesophyll.cli.measuring import evaluate, measure
from mesophyll.cli.outputs import make_folder
from mesophyll.cli.reporting import report
from mesophyll.cli.screen import say
from mesophyll.cli.segmenting import segment
from mesophyll.cli.verb import verb

__all__ = ["demo", "register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    verb(app, demo, examples=["mesophyll demo", "mesophyll demo my-folder"])


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the results go.")] = Path("demo"),
) -> None:
    """Go from a scan to measured cells, on the sample that comes with the package: a synthetic leaf."""
    sample = Path(str(resources.files("mesophyll"))) / "sample"
    scan, truth, tissue = (sample / f"{name}.tif" for name in ("scan", "labels", "tissue"))
    make_folder(folder)
    leaf, cells, page = folder / "leaf.zarr", folder / "cells.csv", folder / "leaf.html"

    say(f"$ mesophyll info {scan}")
    info(scan)
    say(f"$ mesophyll segment {scan} -o {leaf}")
    segment(scan, leaf)
    say(f"\n$ mesophyll measure {leaf} --tissue {tissue} -o {cells}")
    measure(leaf, cells, tissue=tissue)
    say(f"\n$ mesophyll evaluate {leaf} {truth} --tissue {tissue}")
    evaluate(leaf, truth, tissue)
    say(f"$ mesophyll report {leaf} --truth {truth} --tissue {tissue} -o {page}")
    report(leaf, truth, tissue, out=page)
    if _someone_watches():
        webbrowser.open(page.resolve().as_uri())


def _someone_watches() -> bool:
    """Tell whether a person sits at a screen on which a browser can open."""
    screen = sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return screen and sys.stdout.isatty() and not os.environ.get("CI")
