"""The part of the page that tells of trainings: what each took, what each alone came to, how its decoder was tuned."""

from __future__ import annotations

from mesophyll.cost import Cost
from mesophyll.experiment.results import Results
from mesophyll.experiment.table import Place
from mesophyll.report import html

__all__ = ["NONE", "by_training", "costs", "memory", "named", "seconds", "tunings"]

NONE = "-"
"""Stands where there is nothing to say."""

_MODES = {"sections": "sections", "volume": "3D"}


def named(place: Place) -> str:
    """Return the name of a column: what was judged on, and how."""
    return f"{place[0]}, {_MODES[place[1]]}"


def seconds(cost: Cost | None) -> str:
    """Tell the time of a step."""
    return NONE if cost is None else f"{cost.seconds:.1f}"


def memory(cost: Cost | None) -> str:
    """Tell the memory of a step, and that of the GPU behind it where one was used."""
    if cost is None or not cost.memory_bytes:
        return NONE
    gpu = f" + {cost.gpu_bytes / 1e9:.1f}" if cost.gpu_bytes else ""
    return f"{cost.memory_bytes / 1e9:.1f}{gpu}"


def costs(results: Results) -> str:
    """Return the table of what teaching and tuning took."""
    rows = []
    for name, runs in results.methods.items():
        teaching, tuning = results.cost(name, "teaching"), results.cost(name, "tuning")
        rows.append(
            {
                "model": name,
                "trainings": str(len(runs)),
                "teaching, s": seconds(teaching),
                "teaching, GB": memory(teaching),
                "tuning, s": seconds(tuning),
                "tuning, GB": memory(tuning),
            }
        )
    note = (
        "Of one training: seconds are means over them, memory is the most that the program held meanwhile, behind a + that of "
        f"the GPU. {NONE} not done here, or cut off and gone on with."
    )
    return html.section("costs", "What teaching took", note, html.table(rows))


def by_training(results: Results) -> str:
    """Return the table of what each training alone came to; nothing where none was taught more than once."""
    rows = [
        {"model": run.title}
        | {named(place): f"{results.judgements[run.title, *place].mean_ap:.3f}" for place in results.places}
        for runs in results.methods.values()
        for run in runs
        if len(runs) > 1
    ]
    note = "Mean AP of each training: what chance in the first weights and in the patches does to a score."
    return html.section("trainings", "By training", note, html.table(rows)) if rows else ""


def tunings(results: Results) -> str:
    """Return the table of how decoders were tuned; nothing where none was."""
    rows = []
    for run in results.setting.runs:
        if told := results.tuning(run):
            before, after = told["before"], told["after"]
            moved = [
                f"{name} {value} to {after['settings'][name]}"
                for name, value in before["settings"].items()
                if value != after["settings"][name]
            ]
            scores = {"mAP before": f"{before['mAP']:.3f}", "mAP after": f"{after['mAP']:.3f}"}
            rows.append({"model": run.title, "settings changed": ", ".join(moved) or NONE, **scores})
    note = (
        f"By {', '.join(results.setting.table.tune)}, which no network learnt from; a setting moves only where that helps by "
        "more than noise."
    )
    return html.section("tunings", "Decoders tuned", note, html.table(rows)) if rows else ""
