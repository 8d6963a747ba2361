"""A result as one HTML file to look at, print and pass on: it needs no network, no other file and no script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from mesophyll import evaluation, traits
from mesophyll.errors import LabelsError
from mesophyll.io import Result, replacing
from mesophyll.labels import Labels, check
from mesophyll.notes import flat
from mesophyll.progress import Progress, silent
from mesophyll.report import html, numbers, sections
from mesophyll.report.doubtful import doubtful
from mesophyll.report.slices import planes
from mesophyll.volume import Spacing, Volume

__all__ = ["write"]


def write(
    path: str | Path,
    result: Result,
    *,
    truth: Volume | None = None,
    tissue: Volume | None = None,
    progress: Progress = silent,
) -> None:
    """Write a report: slices with the cells, key figures, distributions of traits, scores, and how it was made.

    Of the scan only three slices are read; the labels are held in memory, as measuring them needs.

    Parameters
    ----------
    path
        The HTML file; an older one is replaced.
    result
        Scan, labels and provenance, see `mesophyll.io.read_result`.
    truth
        What is right, of the same shape, for scores.
    tissue
        Codes of `mesophyll.tissues`, of the same shape, for results by tissue.
    progress
        Told how many cells are measured.

    Raises
    ------
    LabelsError
        Where the labels are no labelling, or another array has another shape.
    VolumeError
        Where the voxel size is not known.
    """
    _check_alike(result)
    labels = check(result.labels.read(), result.labels.name)
    spacing_um = result.labels.known_spacing_um
    codes = None if tissue is None else tissue.read()
    table = traits.measure(labels, spacing_um, tissue=codes, confidence=result.confidence, progress=progress)
    scores = None if truth is None else evaluation.match(labels, truth.read(), tissue=codes)
    summary = numbers.summarise(table, labels, spacing_um, codes)
    parts = [
        sections.figures(summary),
        sections.slices(planes(result.scan, labels, spacing_um, summary.middle)),
        sections.charts(summary),
        sections.tissues(summary),
        sections.leaf(_leaf(table, labels, codes, spacing_um)),
        sections.doubtful(summary, doubtful(result.scan, labels, spacing_um, table)),
        "" if scores is None else sections.scores(scores),
        sections.made(flat(result.notes)),
        sections.glossary(summary),
    ]
    title = html.text(result.notes.get("scan", result.scan.name))
    lead = sections.lead(numbers.in_words(summary), result.notes)
    with replacing(path) as partial:
        partial.write_text(html.page(title, lead, "\n".join(parts)), encoding="utf-8")


def _leaf(table: pd.DataFrame, labels: Labels, codes: NDArray[Any] | None, spacing_um: Spacing) -> pd.DataFrame | None:
    """Measure the leaf as a whole; None where its faces are not known, or in a section."""
    if codes is None or labels.ndim != 3 or "depth_share" not in table:
        return None
    return traits.measure_leaf(labels, codes, spacing_um, cells=table)


def _check_alike(result: Result) -> None:
    if result.scan.shape != result.labels.shape:
        raise LabelsError(
            f"{result.scan.name} has the shape {result.scan.shape}, {result.labels.name} {result.labels.shape}",
            "labels have the shape of their scan",
            "pass the labels of this scan",
        )
