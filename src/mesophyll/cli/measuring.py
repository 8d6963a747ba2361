"""``mesophyll measure`` and ``mesophyll evaluate``: what cells are like, and whether they are right."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mesophyll.cli.numbers import Numbers, Spacing, one_or_all
from mesophyll.cli.options import ScanFile, TissueFile
from mesophyll.cli.outputs import check_output, scratch_beside
from mesophyll.cli.screen import bars, busy, say, show
from mesophyll.cli.verb import verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mesophyll.evaluation import Scores, TissueScores
    from mesophyll.volume import Volume

__all__ = ["evaluate", "leaf", "measure", "open_labels", "register"]

_LABELS = "The labels: a file, or a result of `mesophyll segment`."


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verb(
        app,
        measure,
        examples=[
            "mesophyll measure leaf.zarr -o cells.csv",
            "mesophyll measure cells.tif --scan leaf.tif --tissue tissue.tif --spacing 0.65 -o cells.parquet",
        ],
    )
    verb(
        app,
        leaf,
        examples=[
            "mesophyll leaf leaf.zarr --tissue tissue.tif -o leaf.csv",
            "mesophyll leaf cells.tif --tissue tissue.tif --layers 20 --spacing 0.65 -o leaf.parquet",
        ],
    )
    verb(
        app,
        evaluate,
        examples=[
            "mesophyll evaluate leaf.zarr truth.tif",
            "mesophyll evaluate cells.tif truth.tif --tissue tissue.tif --json scores.json",
            "mesophyll evaluate tissue.tif truth.tif --kind tissue",
        ],
    )


def measure(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help=_LABELS)],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A table, .csv or .parquet; one row a cell.")
    ],
    scan: ScanFile = None,
    tissue: TissueFile = None,
    spacing: Spacing = None,
) -> None:
    """Measure every cell: volume, length, surface, what it touches, ..."""
    from mesophyll import io, traits

    check_output(out, (".csv", ".parquet"))
    cells, image, sure = open_labels(labels, scan, spacing)
    with scratch_beside(out) as scratch, bars() as progress:
        table = traits.measure(
            cells.data,
            cells.known_spacing_um,
            scan=None if image is None else image.data,
            tissue=None if tissue is None else io.read(tissue).data,
            confidence=sure,
            scratch=scratch,
            progress=progress,
        )
    traits.write(table, out)
    say(f"{len(table)} cells, {len(table.columns)} columns, written to {out}")


def leaf(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help=_LABELS)],
    tissue: Annotated[Path, typer.Option("--tissue", metavar="FILE", help="The tissue map, of the same voxels.")],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A table, .csv or .parquet; one row a trait.")
    ],
    layers: Annotated[
        int | None, typer.Option("--layers", metavar="N", help="Into how many layers of depth it is cut.")
    ] = None,
    spacing: Spacing = None,
) -> None:
    """Measure a leaf as a whole, by tissue and by depth: thickness, porosity, S_m, cells per mm², ..."""
    from mesophyll import io, traits

    check_output(out, (".csv", ".parquet"))
    cells, _, _ = open_labels(labels, None, spacing)
    given: dict[str, Any] = {} if layers is None else {"layers": layers}
    with scratch_beside(out) as scratch, bars() as progress:
        table = traits.measure_leaf(
            cells.data, io.read(tissue).data, cells.known_spacing_um, scratch=scratch, progress=progress, **given
        )
    traits.write(table, out)
    whole = table[table["of"] == "leaf"]
    show([{"trait": row.trait, "value": row.value, "unit": row.unit} for row in whole.itertuples()])
    say(f"these traits, those of tissues and of layers of depth are written to {out}")


def open_labels(
    path: Path, scan: Path | None, spacing: Numbers | None
) -> tuple[Volume, Volume | None, Mapping[int, float]]:
    """Open labels, their scan and how sure each cell is: what is passed, or else what a result holds beside the labels.

    The voxel size is the one passed, else the labels', else the scan's.
    """
    from mesophyll import io
    from mesophyll.volume import check_spacing

    labels = io.read_labels(path)
    is_result = path.suffix.lower() == ".zarr" and (path / "labels").is_dir()
    beside = io.read_result(path) if is_result else None
    within = None if beside is None else beside.scan
    image = within if scan is None else io.read(scan)
    known = labels.spacing_um or (image.spacing_um if image is not None else None)
    passed = one_or_all(spacing)
    placed = replace(labels, spacing_um=known if passed is None else check_spacing(passed, labels.ndim))
    return placed, image, {} if beside is None else beside.confidence


def evaluate(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help=_LABELS)],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="What is right; voxels of -1 are left out.")],
    tissue: TissueFile = None,
    kind: Annotated[
        Literal["cells", "tissue"],
        typer.Option("--kind", metavar="cells|tissue", help="What they are: cells, or two tissue maps."),
    ] = "cells",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all scores here.")] = None,
) -> None:
    """Compare labels, or a tissue map, with the truth."""
    from mesophyll.evaluation import TissueScores

    if json_file is not None:
        check_output(json_file, (".json",))
    if kind == "tissue" and tissue is not None:
        raise typer.BadParameter("--tissue: of cells; a tissue map is compared as a whole")
    with busy("comparing"):
        scores = _of_tissue(labels, truth) if kind == "tissue" else _of_cells(labels, truth, tissue)
    show(scores.table())
    show([_mistakes(scores) if isinstance(scores, TissueScores) else _overall(scores)])
    if json_file is not None:
        _write_json(json_file, scores.to_dict())


def _of_cells(labels: Path, truth: Path, tissue: Path | None) -> Scores:
    from mesophyll import evaluation, io

    codes = None if tissue is None else io.read(tissue).data
    return evaluation.match(io.read_labels(labels).data, io.read_labels(truth).data, tissue=codes)


def _of_tissue(tissue: Path, truth: Path) -> TissueScores:
    from mesophyll import evaluation, io

    return evaluation.compare_tissue(io.read(tissue).data, io.read(truth).data)


def _mistakes(scores: TissueScores) -> dict[str, str | float]:
    """Return what is of no single class."""
    return {
        "mean Dice": scores.mean_dice,
        "air lost": scores.air_lost,
        "bridges": scores.bridges,
        "share of the air": scores.bridged,
        "islands": scores.islands,
        "share of the epidermis": scores.islanded,
    }


def _overall(scores: Scores) -> dict[str, str | float]:
    """Return the scores that are of the whole and of no single cell."""
    low, high = scores.mean_ap_interval
    return {
        "mAP, 95 % interval": f"{low:.3f} to {high:.3f}",
        "mAP_tr155": scores.report_map,
        "AJI": scores.aji,
        "VI split": scores.vi_split,
        "VI merge": scores.vi_merge,
        "ARAND": scores.arand,
        "mean IoU of matches": scores.mean_matched_iou,
    }


def _write_json(path: Path, table: dict[str, Any]) -> None:
    from mesophyll.io import replacing

    with replacing(path) as partial:
        partial.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
