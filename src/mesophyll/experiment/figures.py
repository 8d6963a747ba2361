"""Sections to look at, as in the report's figures 5 and 6: the scan, the truth, and what runs found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mesophyll import evaluation
from mesophyll.experiment.finding import cuts_of, found
from mesophyll.experiment.results import Results
from mesophyll.labels import Labels
from mesophyll.report.slices import picture

__all__ = ["Strip", "strips"]


@dataclass(frozen=True)
class Strip:
    """One section.

    Parameters
    ----------
    title
        Where it lies.
    pictures
        Heading and SVG of each: the scan, the truth, then the runs.
    """

    title: str
    pictures: list[tuple[str, str]]


def strips(results: Results, trial: str, count: int) -> list[Strip]:
    """Draw the first ``count`` sections through the first leaf of a trial, one across each axis before a second one."""
    setting = results.setting
    name = setting.table.trials[trial].data[0]
    leaf, where = setting.leaf(name), cuts_of(setting, name)
    made = [runs[0] for name, runs in results.methods.items() if name in setting.table.shown]
    drawn = []
    for place in _in_turn([cut.axis for cut in where])[:count]:
        cut = where[place]
        seen = leaf.section(cut)
        grey, truth, spacing_um = seen.scans[0].read(), seen.labels.read(), seen.labels.known_spacing_um
        shown = [("Scan", picture(grey, None, spacing_um, "The scan"))]
        shown.append((f"Truth, {_count(truth)}", picture(grey, truth, spacing_um, "The true cells")))
        for run in made:
            labels = found(setting, run, name).sections[place]
            svg = picture(grey, alike(labels, truth), spacing_um, f"Cells found by {run.title}")
            shown.append((f"{run.title}, {_count(labels)}", svg))
        drawn.append(Strip(f"{name}, {'ZYX'[cut.axis]} = {cut.place}", shown))
    return drawn


def _in_turn(axes: list[int]) -> list[int]:
    """Return places so that each axis has its first section before any has its second."""
    nth = [axes[:place].count(axis) for place, axis in enumerate(axes)]
    return sorted(range(len(axes)), key=lambda place: (nth[place], axes[place]))


def _count(labels: Labels) -> str:
    cells = len(np.unique(labels[labels > 0]))
    return f"{cells} cell{'s' * (cells != 1)}"


def alike(labels: Labels, truth: Labels) -> Labels:
    """Give every cell that found a true one, at IoU 0.5, that one's number, so that both are drawn in one colour."""
    overlaps = evaluation.compare(labels, truth)
    pairs = evaluation.matches(overlaps, 0.5)
    table = np.arange(int(labels.max(initial=0)) + 1) + int(truth.max(initial=0))
    table[0] = 0
    table[overlaps.labels.cells[pairs.row]] = overlaps.truth.cells[pairs.column]
    return np.asarray(table[np.maximum(labels, 0)], dtype=np.int32)
