"""``mesophyll train`` and ``models``: what is learnt from labelled leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesophyll.cli.options import DeviceOption, PlanFile
from mesophyll.cli.screen import bars, say, show
from mesophyll.cli.verb import verb, verbs
from mesophyll.errors import SettingsError

if TYPE_CHECKING:
    from mesophyll.model import Model
    from mesophyll.training import TrainingPlan

__all__ = ["import_", "models", "register", "train"]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verb(
        app,
        train,
        examples=[
            "mesophyll train leaf-1 leaf-2 leaf-3 -o my-model",
            "mesophyll train leaves/* -o my-model --plan plan.toml --device cuda",
            "mesophyll train leaves/* -o my-model --plan plan.toml --resume",
            "mesophyll train -o my-model --plan synthetic.toml",
            "mesophyll train leaves/* -o my-tissue --tissue",
        ],
    )
    group = verbs(app, models, examples=["mesophyll models", "mesophyll models import cyto3 -o cyto3 --diameter-um 25"])
    verb(
        group,
        import_,
        name="import",
        examples=[
            "mesophyll models import cyto3 -o cyto3 --diameter-um 25",
            "mesophyll models import nucleitorch_0 -o nuclei --diameter-um 8 --name nuclei",
        ],
    )


def train(
    out: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL_FOLDER", help="Where the model goes.")],
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DATA...]",
            help="Folders with labels.* (or tissue.*) and scans of any other name, or results (.zarr). "
            "None where the plan grows synthetic leaves.",
        ),
    ] = None,
    plan: PlanFile = None,
    device: DeviceOption = None,
    *,
    tissue: Annotated[bool, typer.Option("--tissue", help="Learn the tissue map, tissue.*, instead of cells.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")] = False,
) -> None:
    """Train a model on labelled scans, or on synthetic leaves: to find cells, or tissues."""
    from mesophyll import training
    from mesophyll.io import read_example
    from mesophyll.model import FINDS

    how = _plan(plan, tissue=tissue)
    examples = [read_example(folder) for folder in data or []]
    given: dict[str, Any] = {} if device is None else {"device": device}
    with bars() as progress:
        model = training.train(examples, out, how, resume=resume, progress=progress, **given)
    use = FINDS[model.representation.subject]
    say(f"the model {model.name} is written to {out}; use it: mesophyll {use} SCAN -o OUT --model {out}")


def _plan(file: Path | None, *, tissue: bool) -> TrainingPlan:
    from mesophyll.settings import read_toml
    from mesophyll.training import TrainingPlan

    plan = TrainingPlan() if file is None else read_toml(TrainingPlan, file)
    named = plan.representation.get("name", "flows" if plan.representation else "tissue")
    if not tissue:
        return plan
    if named == "tissue":
        return replace(plan, representation={"name": named} | plan.representation)
    raise SettingsError(
        f"--tissue with the representation {named}",
        "tissues are learnt by the representation tissue",
        "leave [representation] out of the plan, or --tissue out of the command",
    )


def models() -> None:
    """List the models that come with the package, or import one of Cellpose."""
    from mesophyll.model import load, shipped

    rows = [_row(load(folder), folder) for folder in shipped().values()]
    show(rows) if rows else say("no model comes with this copy of the package; pass --model a trained one's folder")


def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A weight file of Cellpose 1 to 3, downloaded or trained by yourself."),
    ],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL_FOLDER", help="Where the model goes.")],
    diameter_um: Annotated[
        float, typer.Option("--diameter-um", metavar="UM", help="How wide the cells are that shall be found, in µm.")
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What reports call it; otherwise the file's name.")
    ] = "",
    sha256: Annotated[
        str,
        typer.Option("--sha256", metavar="SUM", help="The checksum that the file must have; it is shown in any case."),
    ] = "",
) -> None:
    """Make a model of a weight file of Cellpose."""
    from mesophyll import cellpose
    from mesophyll.model import save

    model = cellpose.read(file, diameter_um=diameter_um, name=name, sha256=sha256)
    save(model, out, exact=True)
    say(f"SHA-256 of {file.name}: {model.card['imported']['sha256']}")
    say(f"the model {model.name} is written to {out}; use it: mesophyll segment SCAN -o OUT --model {out}")


def _row(model: Model, folder: Path) -> dict[str, Any]:
    megabytes = sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) / 1e6
    return {
        "name": model.name,
        "axes": f"{model.network.ndim}D",
        "voxel": f"{model.spacing_um:g} µm",
        "parameters": f"{sum(weight.numel() for weight in model.module.parameters()):,}",
        "size": f"{megabytes:.1f} MB",
        "scores": _scores(model.card.get("scores", {})),
    }


def _scores(scores: Any) -> str:
    """Tell the scores of a card, a table by the name of the data: mean AP, mean Dice, or what single number stands there."""
    shown = [(name, *_score(score)) for name, score in dict(scores).items()]
    return (
        ", ".join(f"{name}: {kind} {value:.3f}" for name, kind, value in shown if isinstance(value, int | float)) or "-"
    )


def _score(score: Any) -> tuple[str, Any]:
    """Return the number that tells most, with its name."""
    if not isinstance(score, dict):
        return "mAP", score
    kind = "Dice" if "Dice" in score else "mAP"
    return kind, score.get(kind)
