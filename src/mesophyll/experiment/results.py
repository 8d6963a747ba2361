"""What came out of an experiment, as numbers: scores with intervals, differences of pairs, groups of cells, costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.cost import Cost
from mesophyll.evaluation import Difference, Trainings, repeated_difference, repeated_mean_ap
from mesophyll.experiment.judging import Judgement, Key
from mesophyll.experiment.models import tuned_folder
from mesophyll.experiment.setting import Setting, Step
from mesophyll.experiment.table import Comparison, Place, Run
from mesophyll.io import replacing
from mesophyll.model import ABOUT
from mesophyll.settings import to_dict

__all__ = ["Results", "Score", "mean_cost", "summary", "write_numbers"]

_STEPS: tuple[Step, ...] = ("teaching", "tuning")


@dataclass(frozen=True)
class Score:
    """The mean AP of some cells, mean over a method's trainings.

    Parameters
    ----------
    cells
        How many true cells there are.
    mean_ap, interval
        The score, and the interval in which 95 % of resamplings of trainings, leaves and cells lie.
    """

    cells: int
    mean_ap: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, trainings: Trainings, among: NDArray[np.bool_] | None = None) -> Score:
        """Judge trainings on all cells, or on some."""
        cells = sum(len(leaf.cells) for leaf in trainings[0]) if among is None else int(among.sum())
        return cls(cells, *repeated_mean_ap(trainings, among))


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
    def methods(self) -> dict[str, list[Run]]:
        """The runs that were made, in the order of the table: those that differ by their seed alone under one name."""
        found: dict[str, list[Run]] = {}
        for run in self.setting.runs:
            found.setdefault(run.name, []).append(run)
        return found

    @property
    def left_out(self) -> list[str]:
        """The names of the runs that were not made, since the file of their weights was not passed."""
        return list(dict.fromkeys(run.name for run in self.setting.table.runs if run.name not in self.methods))

    @property
    def places(self) -> list[Place]:
        """What was judged on."""
        return self.setting.table.places

    def judged(self, name: str, place: Place) -> list[Judgement]:
        """Return how each training of a method did."""
        return [self.judgements[run.title, *place] for run in self.methods[name]]

    def trainings(self, name: str, place: Place) -> Trainings:
        """Return what became of the true cells, by training and leaf."""
        return [judged.leaves for judged in self.judged(name, place)]

    def mean_score(self, name: str, place: Place, *measure: str) -> float:
        """Return a score of a method, mean over its trainings; of a table of scores, one of them: ``"AP", "0.5"``."""
        found: list[Any] = [reduce(getitem, measure, judged.scores) for judged in self.judged(name, place)]
        return float(np.mean(found))

    def leaks(self, run: Run, trial: str) -> bool:
        """Tell whether a run was judged on what it had learnt from, or on what lies less than a patch beside it."""
        table = self.setting.table
        learnt = run
        while not learnt.learn and (before := table.before(learnt)):
            (learnt,) = before
        guard = table.training_plan(learnt, self.setting.scale).patch if learnt.learn else 0
        return table.leaks(run, table.trials[trial], guard)

    @cached_property
    def scores(self) -> dict[tuple[str, Place], Score]:
        """How each method did in each place."""
        wanted = [(name, place) for name in self.methods for place in self.places]
        return {key: Score.of(self.trainings(*key)) for key in wanted}

    @cached_property
    def groups(self) -> dict[tuple[str, Place], dict[tuple[str, str], Score]]:
        """How each method did in each place with the cells of each tissue and shape."""
        return {
            key: {
                (by, word): Score.of(self.trainings(*key), among) for by, word, among in self.judged(*key)[0].groups()
            }
            for key in self.scores
        }

    @cached_property
    def differences(self) -> list[tuple[Comparison, Place, Difference]]:
        """What each comparison says in each place; pairs of which one run was left out say nothing."""
        return [
            (pair, place, repeated_difference(self.trainings(pair.run, place), self.trainings(pair.against, place)))
            for pair in self.setting.table.comparisons
            if {pair.run, pair.against} <= set(self.methods)
            for place in self.places
            if pair.asks(place[0])
        ]

    def cost(self, name: str, step: Step) -> Cost | None:
        """Return what a step took a method: seconds as the mean over its trainings, memory as the most of any.

        None where it was not made, or not in one go. What uses another run's model took the teaching of that one.
        """
        runs = [self._taught(run) if step == "teaching" else run for run in self.methods[name]]
        return mean_cost([cost for run in runs if (cost := self.setting.cost(run, step))])

    def _taught(self, run: Run) -> Run:
        return self._taught(*self.setting.table.before(run)) if run.of else run

    def tuning(self, run: Run) -> dict[str, Any] | None:
        """Return what the card of a run's model says about the tuning of its decoder; None where it was not tuned."""
        about = tuned_folder(self.setting, run) / ABOUT
        found = json.loads(about.read_text(encoding="utf-8"))["card"]["tuning"] if about.is_file() else None
        return None if found is None else dict(found)


def mean_cost(costs: list[Cost]) -> Cost | None:
    """Return the mean seconds and the greatest memory of several; None of none."""
    if not costs:
        return None
    whole = sum(costs, Cost())
    return Cost(whole.seconds / len(costs), whole.memory_bytes, whole.gpu_bytes)


def summary(results: Results) -> list[dict[str, str | float]]:
    """Return rows to print: the mean AP of each method in each place, mean over its trainings."""
    return [
        {"run": name}
        | {f"{trial}, {mode}": results.scores[name, (trial, mode)].mean_ap for trial, mode in results.places}
        for name in results.methods
    ]


def write_numbers(path: Path, results: Results) -> None:
    """Write everything as JSON."""
    table = {
        "experiment": results.setting.table.name,
        "scale": results.setting.scale,
        "left_out": results.left_out,
        "scores": [_score(results, name, place) for name in results.methods for place in results.places],
        "trainings": [_training(results, run) for runs in results.methods.values() for run in runs],
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
            for pair, place, found in results.differences
        ],
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _score(results: Results, name: str, place: Place) -> dict[str, Any]:
    """Return the scores of a method, means over its trainings."""
    judged, score = results.judged(name, place), results.scores[name, place]
    groups = {
        f"{by}: {word}": {"cells": group.cells, "mAP": group.mean_ap, "interval": group.interval}
        for (by, word), group in results.groups[name, place].items()
    }
    means = {measure: results.mean_score(name, place, measure) for measure in ("mAP_tr155", "AJI", "cells")}
    at = {threshold: results.mean_score(name, place, "AP", threshold) for threshold in judged[0].scores["AP"]}
    return {
        "run": name,
        "trial": place[0],
        "mode": place[1],
        "trainings": len(judged),
        "mAP": score.mean_ap,
        "interval": score.interval,
        **means,
        "AP": at,
        "truth_cells": score.cells,
        "groups": groups,
        "leaks": results.leaks(results.methods[name][0], place[0]),
    }


def _training(results: Results, run: Run) -> dict[str, Any]:
    """Return what a single run says: its scores, what it took, and how its decoder was tuned."""
    judged = {place: results.judgements[run.title, *place] for place in results.places}
    return {
        "run": run.name,
        "seed": run.seed,
        "mAP": {", ".join(place): one.mean_ap for place, one in judged.items()},
        "took": {", ".join(place): to_dict(one.took) for place, one in judged.items()},
        "costs": {step: to_dict(cost) for step in _STEPS if (cost := results.setting.cost(run, step))},
        "tuning": results.tuning(run),
    }
