"""``mesophyll phantom``, ``train`` and ``models``: synthetic leaves, and what is learnt from labelled ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesophyll import __version__
from mesophyll.cli.numbers import Shape, Spacing, one_or_all
from mesophyll.cli.options import DeviceOption, PlanFile
from mesophyll.cli.screen import bars, busy, say, show
from mesophyll.cli.verb import verb

if TYPE_CHECKING:
    from mesophyll.model import Model

__all__ = ["models", "phantom", "register", "train"]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verb(
        app,
        phantom,
        examples=[
            "mesophyll phantom leaf-1 --seed 1",
            "mesophyll phantom leaf-2 --seed 2 --shape 96 192 192 --spacing 0.65 --kind hard",
        ],
    )
    verb(
        app,
        train,
        examples=[
            "mesophyll train leaf-1 leaf-2 leaf-3 -o my-model",
            "mesophyll train leaves/* -o my-model --plan plan.toml --device cuda",
            "mesophyll train leaves/* -o my-model --plan plan.toml --resume",
            "mesophyll train -o my-model --plan synthetic.toml",
        ],
    )
    verb(app, models, examples=["mesophyll models"])


def phantom(
    folder: Annotated[Path, typer.Argument(metavar="OUT_FOLDER", help="A new folder.")],
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed makes the same leaf.")],
    shape: Shape = None,
    spacing: Spacing = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="NAME", help="The kind of leaf: grape, hard.")] = None,
) -> None:
    """Make a synthetic leaf: two scans, the true cells, and the tissues."""
    from mesophyll import io
    from mesophyll.phantom import make
    from mesophyll.volume import Volume

    io.check_place(folder)
    given: dict[str, Any] = {"spacing_um": one_or_all(spacing), "kind": kind}
    if shape is not None:
        given["shape"] = tuple(shape) * (3 // len(shape))
    with busy("growing a leaf"):
        leaf = make(seed, **{name: value for name, value in given.items() if value is not None})
    notes = {"versions": {"mesophyll": __version__}, "phantom": {"kind": leaf.kind, "seed": leaf.seed}}
    with io.replacing(folder) as partial:
        partial.mkdir()
        for name in ("gridrec", "paganin", "tissue"):
            io.write(partial / f"{name}.tif", Volume(getattr(leaf, name), leaf.spacing_um, name=name), notes=notes)
        io.write(
            partial / "labels.tif", Volume(leaf.labels, leaf.spacing_um, name="labels"), kind="labels", notes=notes
        )
    say(f"{int(leaf.labels.max())} cells, gridrec, paganin, labels and tissue written to {folder}")


def train(
    out: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL_FOLDER", help="Where the model goes.")],
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DATA...]",
            help="Folders with labels.* and scans of any other name, or results (.zarr). "
            "None where the plan grows synthetic leaves.",
        ),
    ] = None,
    plan: PlanFile = None,
    device: DeviceOption = None,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")] = False,
) -> None:
    """Train a model on labelled scans, or on synthetic leaves."""
    from mesophyll import training
    from mesophyll.io import read_example
    from mesophyll.settings import read_toml

    how = None if plan is None else read_toml(training.TrainingPlan, plan)
    examples = [read_example(folder) for folder in data or []]
    given: dict[str, Any] = {} if device is None else {"device": device}
    with bars() as progress:
        model = training.train(examples, out, how, resume=resume, progress=progress, **given)
    say(f"the model {model.name} is written to {out}; use it: mesophyll segment SCAN -o OUT --model {out}")


def models() -> None:
    """List the models that come with the package."""
    from mesophyll.model import load, shipped

    rows = [_row(load(folder), folder) for folder in shipped().values()]
    show(rows) if rows else say("no model comes with this copy of the package; pass --model a trained one's folder")


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
    """Tell the scores of a card, a table by the name of the data: its mean AP, or whatever single number stands there."""
    shown = {name: score.get("mAP") if isinstance(score, dict) else score for name, score in dict(scores).items()}
    return (
        ", ".join(f"{name}: mAP {value:.3f}" for name, value in shown.items() if isinstance(value, int | float)) or "-"
    )
