"""What came out of an experiment, as numbers: scores with intervals, differences of pairs, groups of cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesophyll.evaluation import Difference, difference, mean_ap
from mesophyll.experiment.judging import Judgement, Key
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.table import Comparison, Mode, Run
from mesophyll.io import replacing

__all__ = ["Place", "Results", "summary", "write_numbers"]

Place = tuple[str, Mode]
"""A trial and a mode: what a column of a table stands for."""


@dataclass(frozen=True)
class Results:
    """Every run's judgements.

    Parameters
    ----------
    setting
        What was asked for.
    judgements
        By run, trial and mode.
    """

    setting: Setting
    judgements: Mapping[Key, Judgement]

    @property
    def runs(self) -> list[Run]:
        """The runs that were made, in the order of the table."""
        return self.setting.runs

    @property
    def left_out(self) -> list[Run]:
        """The runs that were not made, since the file of their weights was not passed."""
        return [run for run in self.setting.table.runs if run not in self.runs]

    @property
    def places(self) -> list[Place]:
        """What was judged on."""
        return [(name, mode) for name, trial in self.setting.table.trials.items() for mode in trial.modes]

    def leaks(self, run: Run, trial: str) -> bool:
        """Tell whether a run was judged on what it had learnt from, or on what lies less than a patch beside it."""
        table = self.setting.table
        learnt = run
        while not learnt.learn and (learnt.of or learnt.start):
            learnt = table.run(learnt.of or learnt.start)
        guard = table.training_plan(learnt, self.setting.scale).patch if learnt.learn else 0
        return table.leaks(run, table.trials[trial], guard)

    def differences(self) -> Iterator[tuple[Comparison, Place, Difference]]:
        """Yield what each comparison says in each place; pairs of which one run was left out say nothing."""
        made = {run.name for run in self.runs}
        for pair in self.setting.table.comparisons:
            if {pair.run, pair.against} <= made:
                for place in self.places:
                    first, second = (self.judgements[name, *place].fates for name in (pair.run, pair.against))
                    yield pair, place, difference(first, second)


def summary(results: Results) -> list[dict[str, str | float]]:
    """Return rows to print: the mean AP of each run in each place."""
    return [
        {"run": run.name}
        | {
            f"{trial}, {mode}": mean_ap(results.judgements[run.name, trial, mode].fates)[0]
            for trial, mode in results.places
        }
        for run in results.runs
    ]


def write_numbers(path: Path, results: Results) -> None:
    """Write everything as JSON."""
    table = {
        "experiment": results.setting.table.name,
        "scale": results.setting.scale,
        "left_out": [run.name for run in results.left_out],
        "scores": [
            {"run": key[0], "trial": key[1], "mode": key[2], **_told(judged)}
            | {"leaks": results.leaks(results.setting.table.run(key[0]), key[1])}
            for key, judged in results.judgements.items()
        ],
        "differences": [
            {
                "question": pair.question,
                "run": pair.run,
                "against": pair.against,
                "trial": place[0],
                "mode": place[1],
                "mAP": found.mean_ap,
                "interval": found.interval,
            }
            for pair, place, found in results.differences()
        ],
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _told(judged: Judgement) -> dict[str, Any]:
    mean, interval = mean_ap(judged.fates)
    groups = {
        f"{by}: {word}": {"cells": int(among.sum()), "mAP": ap, "interval": ends}
        for by, word, among in judged.groups()
        for ap, ends in [mean_ap(judged.fates, among)]
    }
    whole = {name: judged.scores[name] for name in ("mAP_tr155", "AP", "AJI", "cells", "truth_cells")}
    return {"mAP": mean, "interval": interval, **whole, "groups": groups, "seconds": judged.seconds}
