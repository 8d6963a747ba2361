"""``mesophyll suggest``: which slices to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mesophyll.cli.numbers import Spacing, one_or_all
from mesophyll.cli.options import DeviceOption, TissueFile
from mesophyll.cli.outputs import check_output, scratch_beside
from mesophyll.cli.screen import bars, say, show
from mesophyll.cli.verb import verb

__all__ = ["register", "suggest"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    verb(
        app,
        suggest,
        examples=[
            "mesophyll suggest leaf.tif -o next.html",
            "mesophyll suggest leaf.tif -o next.html --model my-model --labels labels.tif --count 5",
        ],
    )


def suggest(  # noqa: PLR0913, PLR0917 - the options of a verb
    scan: Annotated[Path, typer.Argument(metavar="SCAN", help="A volume in any readable format.")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.html", help="A page with the slices.")],
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME_OR_FOLDER", help="What shall be taught on.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="FILE", help="What is labelled already, -1 where nothing is.")
    ] = None,
    tissue: TissueFile = None,
    count: Annotated[int | None, typer.Option("--count", metavar="N", help="How many slices, at most.")] = None,
    axis: Annotated[
        int | None, typer.Option("--axis", metavar="0|1|2", help="Across which axis they lie: Z, Y or X.")
    ] = None,
    apart: Annotated[
        float | None,
        typer.Option("--apart", metavar="UM", help="How far they lie from each other, and from labels, in µm."),
    ] = None,
    spacing: Spacing = None,
    device: DeviceOption = None,
) -> None:
    """Name the slices of a scan whose labelling should teach a model most."""
    import numpy as np

    from mesophyll import io
    from mesophyll.inference import SegmentationPlan
    from mesophyll.model import choose
    from mesophyll.report import suggestions
    from mesophyll.suggestion import SuggestionPlan, by_tissue, disagreement
    from mesophyll.suggestion import suggest as run

    check_output(out, [".html"])
    wanted = {"count": count, "axis": axis, "apart_um": apart}
    plan = SuggestionPlan(**{name: value for name, value in wanted.items() if value is not None})  # type: ignore[arg-type]
    volume = io.read(scan, spacing_um=one_or_all(spacing))
    known = None if labels is None else io.read_labels(labels)
    given: dict[str, Any] = {} if device is None else {"plan": SegmentationPlan(device=device)}
    with scratch_beside(out) as scratch:
        with bars() as progress:
            chosen = choose(model, "cells", volume.ndim)
            voxels = disagreement(chosen, volume, scratch=scratch, progress=progress, **given)
        found = run(voxels, plan, labels=known)
        tissues = {} if tissue is None else by_tissue(voxels.data, io.read(tissue).data)
        suggestions.write(out, volume, voxels, [(one.axis, one.place) for one in found], tissues)
        seen = bool(np.isfinite(voxels.read()).any())
        del voxels  # its files lie in the scratch folder
    rows = [{"axis": "ZYX"[one.axis], "slice": one.place + 1, "times_median": one.times_median} for one in found]
    if rows:
        show(rows)
    else:
        say("no slice stands out: label any" if seen else "the model finds no cell in this scan: label any slice")
    say(f"slices count from 1; the page is {out}")
