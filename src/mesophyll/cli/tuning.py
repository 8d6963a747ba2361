"""``mesophyll tune``: how a model's outputs are best read as cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mesophyll.cli.options import DeviceOption, PlanFile
from mesophyll.cli.outputs import check_output
from mesophyll.cli.screen import bars, say, show
from mesophyll.cli.segmenting import plan_of
from mesophyll.cli.verb import verb

__all__ = ["register", "tune"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    verb(
        app,
        tune,
        examples=[
            "mesophyll tune my-model leaf-8 leaf-9 -o my-tuned",
            "mesophyll tune leaf-3d leaf-8 -o leaf-3d-tuned --choose-by leaf-7 --choose-by leaf-9",
            "mesophyll tune leaf-3d painted -o leaf-3d-tuned --device cuda",
        ],
    )


def tune(
    model: Annotated[
        str,
        typer.Argument(metavar="NAME_OR_FOLDER", help="A shipped model, or a trained one's folder; it is not touched."),
    ],
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...", help="Folders with labels.* and a scan, or results (.zarr), that it has not learnt from."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="MODEL_FOLDER", help="Where the tuned model goes: a new folder.")
    ],
    choose_by: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DATA",
            help="Another labelled scan, by which it learns to choose cells among candidates; may be said several times.",
        ),
    ] = None,
    plan: PlanFile = None,
    device: DeviceOption = None,
) -> None:
    """Tune a model by labelled scans: how cells are read, where that is sure to find more, and how sure it is of each."""
    from mesophyll import tuning
    from mesophyll.io import read_example

    check_output(out, ("",))
    how, examples = plan_of(plan, device), [read_example(folder) for folder in data]
    others = [read_example(folder) for folder in choose_by or ()]
    with bars() as progress:
        found = tuning.tune(model, examples, out, choose_by=others, plan=how, progress=progress)
    show(found.table())
    show(found.scores())
    if found.sure is not None:
        show(found.sure.table())
    told = (
        "with these settings"
        if found.changed
        else "with the settings that it had: no other is better by more than noise"
    )
    say(f"the model is written to {out} {told}")
