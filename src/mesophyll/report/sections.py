"""The parts of a report's page, each from what is known to HTML; every word from outside is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mesophyll.evaluation import THRESHOLDS, Scores
from mesophyll.report.charts import histogram, profile
from mesophyll.report.doubtful import Doubtful
from mesophyll.report.html import cards, section, table, text
from mesophyll.report.numbers import Summary, median, written
from mesophyll.report.slices import Plane
from mesophyll.traits import COLUMNS, TRAITS

__all__ = ["charts", "doubtful", "figures", "glossary", "lead", "leaf", "made", "scores", "slices", "tissues"]

_NAMES = {
    "volume_um3": "volume",
    "area_um2": "area",
    "length_um": "length",
    "sphericity": "sphericity",
    "circularity": "circularity",
    "air_share": "air share",
}
"""What the shown traits are called."""


_LEAF = {
    "thickness_um": ("Thickness", "from face to face"),
    "mesophyll_um": ("Mesophyll", "between the epidermes"),
    "area_mm2": ("Area", "of the leaf in the scan"),
    "porosity": ("Porosity", "air in the mesophyll"),
    "exposed_per_area": ("Sₘ", "surface of mesophyll cells on air"),
    "cells_per_mm2": ("Density", "cells for each area of leaf"),
}
"""What is shown of the leaf as a whole: what it is called, and a note."""

_BY_DEPTH = {
    "porosity": "Air",
    "cells_per_mm3": "Cells",
    "exposed_per_area": "Surface on air",
    "cell_volume_um3": "Median volume",
}
"""What is shown of layers, and what it is called."""


def lead(words: str, notes: Mapping[str, Any]) -> str:
    """Say what the page is about and, where the notes tell, which model found the cells, and when."""
    model, date = notes.get("model"), str(notes.get("date", ""))[:10]
    if not isinstance(model, Mapping) or "name" not in model:
        return text(words)
    return text(f"{words} Found by the model {model['name']}{f', {date}' if date else ''}.")


def figures(summary: Summary) -> str:
    """Show the key figures."""
    size, length = summary.traits[0], "length_um"
    whole, per = summary.whole, "mm²" if len(summary.shape) == 2 else "mm³"
    air = (
        ("Air share", "of the leaf, by the tissue map")
        if summary.has_tissue
        else ("Outside cells", "air, and what is no cell")
    )
    shown = cards(
        [
            ("Cells", f"{len(summary.table):,}", f"{len(whole):,} of them whole"),
            (f"Cells per {per}", written(summary.per_mm), "of the scan"),
            (f"Median {_NAMES[size]}", written(median(whole[size]), COLUMNS[size].unit), "of whole cells"),
            ("Median length", written(median(whole[length]), COLUMNS[length].unit), "of whole cells"),
            (air[0], f"{100 * summary.air_share:.1f} %", air[1]),
            ("Cut by the border", f"{100 * summary.cut_share:.1f} %", "of the cells"),
        ]
    )
    return f'<section id="figures" aria-label="Key figures">{shown}</section>'


def slices(planes: Sequence[Plane]) -> str:
    """Show the slices: with the cells and, beside it, without."""
    shown = "".join(
        f'<figure class="plane"><div class="pair">{plane.drawn}{plane.bare}</div>'
        f"<figcaption><b>{text(plane.title)}</b> {plane.cells} cells</figcaption></figure>"
        for plane in planes
    )
    note = "Every cell has a colour of its own; beside it the scan alone."
    return section("slices", "Slices" if len(planes) > 1 else "Image", note, shown)


def charts(summary: Summary) -> str:
    """Show how the traits are distributed."""
    whole = summary.whole
    drawn = "".join(
        f"<figure><figcaption><b>{text(_NAMES[name].capitalize())}</b> {text(COLUMNS[name].unit)}</figcaption>"
        + histogram(
            whole[name].dropna().to_numpy(float), _NAMES[name], COLUMNS[name].unit, share=name.endswith("_share")
        )
        + "</figure>"
        for name in summary.traits
    )
    note = f"{len(whole):,} whole cells; those that the scan's border cuts are counted above and left out here."
    return section("traits", "Distributions", note, f'<div class="charts">{drawn}</div>')


def tissues(summary: Summary) -> str:
    """Show medians by tissue; nothing without a tissue map."""
    if "tissue" not in summary.table or not len(summary.table):
        return ""
    rows = []
    for name, cells in summary.table.groupby("tissue", sort=False):
        whole = cells[~cells["touches_border"].astype(bool)]
        row: dict[str, Any] = {"tissue": name, "cells": f"{len(cells):,}", "whole": f"{len(whole):,}"}
        row |= {
            " ".join([_NAMES[trait], COLUMNS[trait].unit]).strip(): written(median(whole[trait]))
            for trait in summary.traits
        }
        if "confidence" in cells:
            row["right, by their confidence"] = _percent(cells["confidence"].mean())
        rows.append(row)
    return section("tissues", "By tissue", "Medians of whole cells.", table(rows))


def leaf(traits: pd.DataFrame | None) -> str:
    """Show the leaf as a whole and by depth; nothing where it was not measured."""
    if traits is None:
        return ""
    whole = traits[traits["of"] == "leaf"].set_index("trait")["value"]
    shown = cards(
        [(named, written(whole.get(name, np.nan), TRAITS[name].unit), note) for name, (named, note) in _LEAF.items()]
    )
    layers = traits[traits["of"].str.startswith("depth")].pivot(index="of", columns="trait", values="value")
    drawn = "".join(
        f"<figure><figcaption><b>{text(named)}</b> {text(TRAITS[name].unit)}</figcaption>"
        + profile(layers[name].to_numpy(float), named, TRAITS[name].unit, ("upper face", "lower face"))
        + "</figure>"
        for name, named in _BY_DEPTH.items()
    )
    note = "Its faces are smooth sheets through the outside of both epidermes; layers by depth are equally thick."
    return section("leaf", "The leaf", note, f'{shown}<h3>By depth</h3><div class="charts">{drawn}</div>')


def doubtful(summary: Summary, least: Sequence[Doubtful]) -> str:
    """Show how sure the cells are, and those to check first; nothing where the model was not calibrated."""
    if not least:
        return ""
    sure = summary.table["confidence"].dropna().to_numpy(float)
    drawn = histogram(sure, "confidence", "", share=True)
    spread = f'<div class="charts"><figure><figcaption><b>Confidence</b></figcaption>{drawn}</figure></div>'
    shown = "".join(
        f"<figure>{one.drawn}<figcaption><b>Cell {one.cell}</b>{_percent(one.confidence)}, "
        f"at voxel {', '.join(map(str, one.where))}</figcaption></figure>"
        for one in least
    )
    note = (
        f"The model takes {_percent(sure.mean())} of these cells for right (IoU with a true cell of 0.5 and more). "
        "It was calibrated on leaves like those that taught it; of a leaf that is unlike them it may be too sure."
    )
    body = f'{spread}<h3>Check these first</h3><div class="tiles">{shown}</div>'
    return section("confidence", "How sure the cells are", note, body)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def scores(found: Scores) -> str:
    """Show how well the cells agree with the truth."""
    counts = found.counts
    low, high = found.mean_ap_interval
    half_low, half_high = found.ap_interval
    figures = cards(
        [
            ("Mean AP", f"{counts.mean_ap:.3f}", f"95 % interval {low:.3f} to {high:.3f}"),
            ("AP at IoU 0.5", f"{counts.ap['0.5']:.3f}", f"95 % interval {half_low:.3f} to {half_high:.3f}"),
            ("Aggregated Jaccard", f"{found.aji:.3f}", "AJI"),
            ("mAP of TR-155", f"{found.report_map:.3f}", "area under precision over recall"),
            (
                "Variation of information",
                f"{found.vi_split + found.vi_merge:.2f}",
                f"{found.vi_split:.2f} split + {found.vi_merge:.2f} merge, bits",
            ),
            ("Adapted Rand error", f"{found.arand:.3f}", f"mean IoU of matches {found.mean_matched_iou:.3f}"),
        ]
    )
    kinds = {"AP": counts.ap, "precision": counts.precision, "recall": counts.recall, "F1": counts.f1}
    by_threshold = [
        {"IoU of at least": key} | {name: f"{ratio[key]:.3f}" for name, ratio in kinds.items()}
        for key in map(str, THRESHOLDS)
    ]
    by_tissue = [
        {
            name.replace("_", " ").replace("@", " @"): f"{value:.3f}" if isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in found.table()
    ]
    note = f"{counts.cells:,} cells found, {counts.truth_cells:,} true ones."
    body = f"{figures}<h3>By threshold</h3>{table(by_threshold)}<h3>At IoU 0.5, and the mean AP</h3>{table(by_tissue)}"
    return section("scores", "Scores", note, body)


def made(notes: Sequence[tuple[str, str]]) -> str:
    """Tell how the result was made."""
    if not notes:
        return section("made", "How it was made", "The file of the labels does not tell.", "")
    lines = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in notes)
    return section("made", "How it was made", "", f'<dl class="notes">{lines}</dl>')


def glossary(summary: Summary) -> str:
    """Say what the shown traits mean."""
    columns = [(_NAMES[name], COLUMNS[name]) for name in summary.traits]
    lines = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(column.definition)} <small>{text(column.source)}</small></dd></div>"
        for name, column in columns
    )
    return section("glossary", "What the words mean", "", f'<dl class="notes">{lines}</dl>')
