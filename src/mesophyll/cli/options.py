"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["DeviceOption", "PlanFile", "ScanFile", "SecondScan", "TissueFile"]

DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option("--device", help="Where to compute; auto takes the GPU where there is one."),
]
"""The same words as `mesophyll.device.Device`, whose module imports torch; a test compares them."""

PlanFile = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE.toml", help="Settings that differ from the defaults.")
]

ScanFile = Annotated[Path | None, typer.Option("--scan", metavar="FILE", help="The scan that the labels belong to.")]

SecondScan = Annotated[
    Path | None,
    typer.Option(
        "--with",
        metavar="SECOND",
        help="Another reconstruction of the same scan. A model that reads two needs it; another one looks at both.",
    ),
]

TissueFile = Annotated[
    Path | None, typer.Option("--tissue", metavar="FILE", help="A tissue map of the same shape: results by tissue.")
]
