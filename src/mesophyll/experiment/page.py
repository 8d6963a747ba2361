"""The page of an experiment: its tables and pictures as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mesophyll import __version__
from mesophyll.evaluation import Difference
from mesophyll.experiment.costs import NONE, by_training, costs, memory, named, seconds, tunings
from mesophyll.experiment.figures import Strip, strips
from mesophyll.experiment.results import Results, mean_cost
from mesophyll.experiment.table import Leaf, Place, Run
from mesophyll.io import replacing
from mesophyll.report import html
from mesophyll.report.charts import intervals
from mesophyll.report.html import text

__all__ = ["write_page"]

LEAKS = "†"
"""Stands where a run was judged on what it had learnt from."""

_MEAN = (
    "Mean AP over IoU 0.1 to 0.9, TP / (TP + FP + FN), mean over trainings; with the interval in which 95 % of resamplings of "
    "trainings, leaves and cells lie."
)

_STRIPS = 4


def write_page(path: Path, results: Results) -> None:
    """Write the page; an older one is replaced."""
    table = results.setting.table
    parts = [
        _about(table.about),
        _published(results),
        _forests(results),
        _differences(results),
        _groups(results, "shape"),
        _groups(results, "tissue"),
        _details(results),
        costs(results),
        by_training(results),
        tunings(results),
        *_pictures(results),
        _made(results),
    ]
    lead = (
        f"Runs: {len(results.setting.runs)}. Ways to judge them: {len(results.places)}. "
        f"Scale: {results.setting.scale or NONE}."
    )
    with replacing(path) as partial:
        partial.write_text(html.page(text(table.title), text(lead), "\n".join(parts)), encoding="utf-8")


def _about(words: str) -> str:
    paragraphs = "".join(f"<p>{text(' '.join(part.split()))}</p>" for part in words.strip().split("\n\n"))
    return f'<section id="about" class="prose">{paragraphs}</section>'


def _published(results: Results) -> str:
    """Tell the report's own table again, where runs of it are made anew."""
    published = {run.name: run.published for run in results.setting.table.runs}
    if not any(value is not None for value in published.values()):
        return ""
    rows = []
    for name, value in published.items():
        row = {"model": name, "published": NONE if value is None else f"{value:.4f}"}
        for place in results.places:
            made = name in results.methods
            row[named(place)] = (
                f"{results.mean_score(name, place, 'mAP_tr155'):.4f}{_mark(results, name, place)}" if made else NONE
            )
        rows.append(row)
    note = (
        "mAP as the report defines it: the area under precision over recall, section 4.2. "
        f"{LEAKS} judged on what it had learnt from, as in the report. {NONE} not run: the file of its weights was not passed."
    )
    return html.section("table-1", "The report's Table 1", note, html.table(rows))


def _mark(results: Results, name: str, place: Place) -> str:
    return f" {LEAKS}" if results.leaks(results.methods[name][0], place[0]) else ""


def _forests(results: Results) -> str:
    drawn = ""
    for place in results.places:
        rows = [
            (f"{name}{_mark(results, name, place)}", score.mean_ap, score.interval)
            for name in results.methods
            for score in [results.scores[name, place]]
        ]
        drawn += f"<figure><figcaption><b>{text(named(place))}</b></figcaption>{intervals(rows)}</figure>"
    note = f"{_MEAN} {LEAKS} judged on what it had learnt from."
    return html.section("scores", "Scores", note, f'<div class="charts">{drawn}</div>')


def _differences(results: Results) -> str:
    tables: dict[Place, list[dict[str, str]]] = {}
    for pair, place, found in results.differences:
        row = {"question": pair.question, "difference": _gain(found), "of": pair.run, "from": pair.against}
        tables.setdefault(place, []).append(row)
    if not tables:
        return ""
    note = (
        "By how much the mean AP of one run exceeds another's, on the same cells, with the 95 % interval of a bootstrap over "
        "trainings, leaves and cells. In brackets where the interval holds 0: then nothing is said about which is better."
    )
    shown = "".join(f"<h3>{text(named(place))}</h3>{html.table(rows)}" for place, rows in tables.items())
    return html.section("differences", "What made the difference", note, shown)


def _gain(found: Difference) -> str:
    low, high = found.interval
    told = f"{found.mean_ap:+.3f} ({low:+.3f} to {high:+.3f})"
    return told if found.certain else f"[{told}]"


def _groups(results: Results, by: str) -> str:
    tables = ""
    for place in results.places:
        rows = [_group_row(results, name, place, by) for name in results.methods]
        if len(rows[0]) > 1:
            tables += f"<h3>{text(named(place))}</h3>{html.table(rows)}"
    note = "Mean AP with its interval; a false cell counts with the true one that it shares most with. "
    told = {
        "shape": "Lobed: much of the convex hull is empty; elongated: at least twice as long as wide; round: the others.",
        "tissue": "The tissue in which most of the true cell lies.",
    }
    return html.section(f"by-{by}", f"By {by}", note + told[by], tables) if tables else ""


def _group_row(results: Results, name: str, place: Place, by: str) -> dict[str, str]:
    row = {"model": name}
    for (kind, word), score in results.groups[name, place].items():
        if kind == by and word:
            low, high = score.interval
            row[f"{word} ({score.cells})"] = f"{score.mean_ap:.3f} ({low:.2f} to {high:.2f})"
    return row


def _details(results: Results) -> str:
    tables = ""
    for place in results.places:
        rows = [_detail(results, name, place) for name in results.methods]
        tables += f"<h3>{text(named(place))}</h3>{html.table(rows)}"
    note = (
        f"{_MEAN} The network looks at the scan, which is read meanwhile; decoding makes cells of what it said, and stitches "
        "them. Sections of a volume take what the volume takes. Memory is the most that the program held meanwhile."
    )
    return html.section("details", "All measures", note, tables)


def _detail(results: Results, name: str, place: Place) -> dict[str, str]:
    judged, score = results.judged(name, place), results.scores[name, place]
    took = mean_cost([one.took.whole for one in judged])
    return {
        "model": f"{name}{_mark(results, name, place)}",
        "mAP": f"{score.mean_ap:.3f} ({score.interval[0]:.3f} to {score.interval[1]:.3f})",
        "mAP of TR-155": f"{results.mean_score(name, place, 'mAP_tr155'):.4f}",
        **{f"AP @{at}": f"{results.mean_score(name, place, 'AP', at):.3f}" for at in ("0.5", "0.8")},
        "AJI": f"{results.mean_score(name, place, 'AJI'):.3f}",
        **{measure: f"{results.mean_score(name, place, measure):.1f}" for measure in ("merges", "splits")},
        "cells / true": f"{results.mean_score(name, place, 'cells'):.0f} / {score.cells}",
        "network, s": seconds(mean_cost([one.took.network for one in judged])),
        "decoding, s": seconds(mean_cost([one.took.decoding for one in judged])),
        "memory, GB": memory(took),
    }


def _pictures(results: Results) -> Iterator[str]:
    for trial in results.setting.table.trials:
        drawn = "".join(map(_strip, strips(results, trial, _STRIPS)))
        note = "A cell that was found, at IoU 0.5, has the colour of the true one; any other has one of its own."
        yield html.section(f"pictures-{trial.replace(' ', '-')}", f"Seen: {text(trial)}", note, drawn)


def _strip(strip: Strip) -> str:
    shown = "".join(f"<div>{svg}<span>{text(title)}</span></div>" for title, svg in strip.pictures)
    return (
        f'<figure class="plane"><div class="strip">{shown}</div><figcaption>{text(strip.title)}</figcaption></figure>'
    )


def _made(results: Results) -> str:
    setting = results.setting
    told: dict[str, Any] = {"version": __version__, "experiment": setting.table.name, "scale": setting.scale or NONE}
    told |= {f"leaf {name}": _leaf(leaf) for name, leaf in setting.table.leaves.items()}
    told |= {f"run {run.name}": _run(results, run) for run in setting.table.runs}
    lines = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in told.items())
    return html.section("made", "How it was made", "", f'<dl class="notes">{lines}</dl>')


def _leaf(leaf: Leaf) -> str:
    what = (
        leaf.folder
        or f"synthetic {leaf.kind}, seed {leaf.seed}, {' x '.join(map(str, leaf.shape))} of {leaf.spacing_um:g} µm"
    )
    part = ", ".join(f"{start} to {stop}" for start, stop in leaf.part)
    return f"{what}; {leaf.scan}{f'; part Z, Y, X: {part}' if part else ''}"


def _run(results: Results, run: Run) -> str:
    setting = results.setting
    if run.name in results.left_out:
        return f"left out: no file was passed for the weights {run.weights or run.of or run.start}"
    parts = [run.note] if run.note else []
    if run.learn:
        plan = setting.table.training_plan(run, setting.scale)
        begun = f", taught on from {run.start}" if run.start else ""
        parts.append(
            f"learnt from {', '.join(run.learn)}{begun}: up to {plan.epochs * plan.steps} steps of "
            f"{plan.batch * plan.accumulate} patches of {plan.patch}; {_words(plan.representation)}"
        )
    seeds = [str(each.seed) for each in setting.table.runs if each.name == run.name and each.seed is not None]
    parts += [f"seeds {', '.join(seeds)}"] * bool(seeds)
    parts += [f"model {run.model}"] * bool(run.model) + [f"the model of {run.of}"] * bool(run.of)
    parts += [_words(run.segmentation)] * bool(run.segmentation)
    return "; ".join(parts)


def _words(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in table.items())
