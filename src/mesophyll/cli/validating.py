"""``mesophyll validate``: how accurate a model of the user's own labels is, on labels that it did not see."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mesophyll.cli.options import DeviceOption, PlanFile
from mesophyll.cli.screen import bars, say, show
from mesophyll.cli.verb import verb

__all__ = ["register", "validate"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    verb(
        app,
        validate,
        examples=[
            "mesophyll validate my-leaf -o validation",
            "mesophyll validate my-leaf -o validation --by cells --folds 5 --guard 15",
            "mesophyll validate my-leaf -o validation --plan plan.toml",
        ],
    )


def validate(  # noqa: PLR0913, PLR0917 - the options of a verb
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A folder with a scan and labels.*, -1 where nobody labelled.")
    ],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where models and scores go.")],
    by: Annotated[
        Literal["slices", "cells"] | None,
        typer.Option(
            "--by", metavar="slices|cells", help="What is hidden in turn: labelled slices, or single traced cells."
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", metavar="N", help="In so many parts; as many models are taught.")
    ] = None,
    guard: Annotated[
        float | None,
        typer.Option(
            "--guard", metavar="UM", help="Labels nearer than this to hidden ones are not learnt from, in µm."
        ),
    ] = None,
    plan: PlanFile = None,
    device: DeviceOption = None,
) -> None:
    """Hide some labels, learn from the rest, judge on what was hidden; in turn, so that every label is judged."""
    from mesophyll.inference import SegmentationPlan
    from mesophyll.io import read_example
    from mesophyll.settings import read_toml
    from mesophyll.training.plan import TrainingPlan, continuation
    from mesophyll.validation import ValidationPlan
    from mesophyll.validation import validate as run

    wanted = {"by": by, "folds": folds, "guard_um": guard}
    hidden = ValidationPlan(**{name: value for name, value in wanted.items() if value is not None})  # type: ignore[arg-type]
    how = continuation(2 if hidden.by == "slices" else 3) if plan is None else read_toml(TrainingPlan, plan)
    given: dict[str, Any] = {} if device is None else {"segmentation": SegmentationPlan(device=device)}
    with bars() as progress:
        found = run(read_example(data), out, how, hidden, progress=progress, **given)
    show(found.table())
    say(f"the models and validation.json lie in {out}")
