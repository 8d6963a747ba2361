"""``mesophyll segment``: from a scan to cells."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesophyll import __version__
from mesophyll.cli.numbers import Spacing, one_or_all
from mesophyll.cli.options import DeviceOption, PlanFile, SecondScan
from mesophyll.cli.outputs import check_output, scratch_beside
from mesophyll.cli.screen import bars, busy, heeding, say
from mesophyll.cli.verb import verb

if TYPE_CHECKING:
    from mesophyll.inference import Segmentation, SegmentationPlan
    from mesophyll.model import Model
    from mesophyll.volume import LazyArray, Volume

__all__ = ["plan_of", "provenance", "register", "segment", "settled"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    examples = [
        "mesophyll segment leaf.tif -o leaf.zarr",
        "mesophyll segment slices/ -o cells.tif --spacing 0.65",
        "mesophyll segment leaf.nrrd -o leaf.zarr --model my-model --spacing 1 0.5 0.5 --device cuda",
    ]
    verb(app, segment, examples=examples)


def segment(  # noqa: PLR0913, PLR0917 - the options of a verb
    scan: Annotated[
        Path, typer.Argument(metavar="SCAN", help="A scan in any readable format, or a folder of slices; 2D or 3D.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="By its suffix: .zarr holds scan, labels, confidence and provenance; .tif, .h5, .nrrd, ... labels.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME_OR_FOLDER",
            help="A shipped model (see `mesophyll models`) or a trained one's folder.",
        ),
    ] = None,
    spacing: Spacing = None,
    tissue: Annotated[
        Path | None,
        typer.Option("--tissue", metavar="FILE", help="A tissue map of the same shape, for a model that reads one."),
    ] = None,
    second: SecondScan = None,
    device: DeviceOption = None,
    plan: PlanFile = None,
) -> None:
    """Find the cells of a scan."""
    from mesophyll import io
    from mesophyll.inference import segment_volume
    from mesophyll.model import choose

    check_output(out, io.WRITABLE)
    volume = io.read(scan, spacing_um=one_or_all(spacing))
    volume.known_spacing_um  # noqa: B018 - asks for it before anything long begins
    how, chosen = plan_of(plan, device), choose(model, "cells", volume.ndim)
    beside = {"tissue": tissue, "second": second}
    given = {name: io.read(file, spacing_um=volume.spacing_um) for name, file in beside.items() if file is not None}
    start = time.monotonic()
    with scratch_beside(out) as scratch:
        with bars() as progress, heeding() as heard:
            how = settled(how, volume, chosen)
            found = segment_volume(volume, chosen, **given, scratch=scratch, plan=how, progress=progress)
        cells, seconds = _count(found.labels.data), time.monotonic() - start
        notes = provenance(volume, chosen, how, heard) | {"seconds": round(seconds, 1), "cells": cells}
        with busy("writing"):
            _write(out, volume, found, notes)
        sure = found.confidence
        del found  # its files lie in the scratch folder
    say(f"{cells} cells in {seconds:.0f} s, written to {out}")
    if sure is not None and cells:
        say(
            f"by their confidence, {100 * float(sure.mean()):.0f} % are right; the least sure is cell {1 + int(sure.argmin())}"
        )


def plan_of(file: Path | None, device: Any) -> SegmentationPlan:
    """Read a plan, or take the default, with the device that was asked for."""
    from mesophyll.inference import SegmentationPlan
    from mesophyll.settings import read_toml

    plan = SegmentationPlan() if file is None else read_toml(SegmentationPlan, file)
    return plan if device is None else replace(plan, device=device)


def settled(plan: SegmentationPlan, volume: Volume, model: Model) -> SegmentationPlan:
    """Settle how the leaf lies, and say so where the scan is turned for the model."""
    found = plan.settled(volume, model.position)
    if model.position == "upright" and found.through != "Y":
        say(f"{found.through} leads through the leaf: made upright for {model.name} (if that is wrong, plan: through)")
    return found


def _count(labels: LazyArray) -> int:
    """Count the cells block by block: the labels may be larger than memory."""
    import numpy as np

    from mesophyll.blocks import grid

    numbers = np.zeros(0, np.int64)
    for block in grid(labels.shape, 256, 0):
        numbers = np.union1d(numbers, np.unique(labels[block.write]))
    return int((numbers > 0).sum())


def provenance(volume: Volume, model: Model, plan: SegmentationPlan, heard: Sequence[str]) -> dict[str, Any]:
    """Return how a result was made, and the warnings that were heard meanwhile."""
    from mesophyll.device import pick
    from mesophyll.settings import to_dict

    libraries = {name: version(name) for name in ("numpy", "torch")}
    return {
        "versions": {"mesophyll": __version__, "python": platform.python_version(), **libraries},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "scan": volume.name,
        "shape": list(volume.shape),
        "spacing_um": list(volume.known_spacing_um),
        "model": {"name": model.name, "weights_sha256": model.checksum},
        "plan": to_dict(plan),
        "device": str(pick(plan.device)),
        **({"warning": " ".join(heard)} if heard else {}),
    }


def _write(out: Path, volume: Volume, found: Segmentation, notes: dict[str, Any]) -> None:
    """Write a result; where its format has no place for how sure the cells are, that becomes a table beside it."""
    from mesophyll import io

    if out.suffix.lower() == ".zarr":
        io.write_result(out, volume, found.labels, notes, confidence=found.confidence)
        return
    io.write(out, found.labels, kind="labels", notes=notes)
    if found.confidence is not None:
        rows = (f"{cell},{sure:.4f}\n" for cell, sure in enumerate(found.confidence, start=1))
        with io.replacing(out.with_suffix(".confidence.csv")) as partial:
            partial.write_text("label,confidence\n" + "".join(rows), encoding="utf-8")
