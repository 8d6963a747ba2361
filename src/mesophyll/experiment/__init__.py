"""Experiments: tables of runs, judged alike, told on one page. `run` makes one; ``tr155`` is the report's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mesophyll.device import Device
from mesophyll.errors import SettingsError
from mesophyll.experiment.judging import Judgement, Key, Truth, judgement
from mesophyll.experiment.page import write_page
from mesophyll.experiment.reading import read, shipped
from mesophyll.experiment.results import Results, summary, write_numbers
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.sharing import share_out
from mesophyll.experiment.table import Place, Table
from mesophyll.progress import Progress, silent, track
from mesophyll.settings import unknown

__all__ = ["NUMBERS", "PAGE", "Results", "Table", "read", "run", "shipped", "summary"]

PAGE, NUMBERS = "index.html", "results.json"


def run(  # noqa: PLR0913 - what is asked for, and where and how it is made
    table: Table,
    folder: Path,
    *,
    scale: str | None = None,
    weights: Mapping[str, Path] | None = None,
    workers: int = 1,
    device: Device = "auto",
    progress: Progress = silent,
) -> Results:
    """Make every run of an experiment, judge them, and write ``index.html`` and ``results.json``.

    Parameters
    ----------
    table
        What is asked for, see `read`.
    folder
        Where everything goes. What lies there from an earlier, unfinished call is not made again.
    scale
        One of the table's; the first if none is asked for.
    weights
        Files of Cellpose weights by the names that the table gives them. Runs whose weights are missing are left out.
    workers
        From 2 on, so many processes make runs side by side, and share the cores.
    device
        Where to compute.
    progress
        Told what is being done.

    Raises
    ------
    SettingsError
        On an unknown scale or name of weights, or no worker.
    FileError
        Where the folder holds something else.
    """
    weights = weights or {}
    setting = Setting(table, _scale(table, scale), Path(folder), weights, device, progress)
    wanted = {run.weights for run in table.runs if run.weights}
    for name in weights:
        if name not in wanted:
            raise (
                unknown("unknown weights", name, wanted)
                if wanted
                else SettingsError(f"weights {name!r} are given", f"{table.name} asks for none", "leave them out")
            )
    setting.begin()
    if workers != 1:
        share_out(setting, workers)
    results = Results(setting, _judgements(setting))
    write_numbers(setting.folder / NUMBERS, results)
    write_page(setting.folder / PAGE, results)
    return results


def _scale(table: Table, wanted: str | None) -> str:
    if wanted is None:
        return next(iter(table.scales), "")
    if wanted not in table.scales:
        raise (
            unknown("unknown scale", wanted, table.scales)
            if table.scales
            else SettingsError(f"scale = {wanted!r}", f"{table.name} has no scales", "leave it out")
        )
    return wanted


def _judgements(setting: Setting) -> dict[Key, Judgement]:
    wanted = [(run, place) for run in setting.runs for place in setting.table.places]
    truths: dict[Place, Truth] = {}
    found: dict[Key, Judgement] = {}
    for run, place in track(wanted, setting.table.name, setting.progress):
        found[run.title, *place] = judgement(setting, run, place, truths)
    return found
