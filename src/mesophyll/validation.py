"""Honest accuracy on a scan that is labelled only in part: hide some labels, learn from the rest, judge on what was hidden.

What is hidden takes a guard band with it: neighbouring slices show the same cells, and a network sees some way around each
voxel. Every label is hidden once, so every one is judged, by a model that never saw it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import edt
import numpy as np
from numpy.typing import NDArray

from mesophyll import evaluation
from mesophyll.cuts import Cut, labelled, sections
from mesophyll.errors import LabelsError, SettingsError
from mesophyll.evaluation import Fates, mean_ap, mean_recall, pooled
from mesophyll.inference import SegmentationPlan, segment_volume
from mesophyll.io import Example, replacing
from mesophyll.labels import UNKNOWN, Labels, check
from mesophyll.model import ABOUT, Model, find, load
from mesophyll.progress import Progress, named, silent
from mesophyll.tissues import UNKNOWN_CODE
from mesophyll.training import TrainingPlan, train
from mesophyll.volume import Spacing

__all__ = ["Fold", "Validation", "ValidationPlan", "folds", "validate"]

By = Literal["slices", "cells"]


@dataclass(frozen=True)
class ValidationPlan:
    """What is hidden in turn; one TOML table.

    Parameters
    ----------
    by
        ``slices``: labelled slices, all of whose cells are labelled. ``cells``: single cells that were traced.
    folds
        In so many parts; as many models are taught.
    guard_um
        Labels nearer than this to what is hidden are not learnt from either.
    seed
        Draws the parts of cells. Slices are parted as they follow each other.
    """

    by: By = "slices"
    folds: int = 4
    guard_um: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2 or not self.guard_um >= 0:  # this way round, for NaN
            raise SettingsError(
                f"folds = {self.folds}, guard_um = {self.guard_um}",
                "there are at least two folds, and a guard is not negative",
                "correct the plan",
            )


@dataclass(frozen=True)
class Fold:
    """One part.

    Parameters
    ----------
    labels
        What is learnt from: the scan's labels, -1 where they are hidden or guard what is.
    hidden
        Places of slices, or numbers of cells.
    closed
        Where nothing is learnt, neither of cells nor of tissues; shape that of the labels, or one that broadcasts to it.
    """

    labels: Labels
    hidden: tuple[int, ...]
    closed: NDArray[np.bool_]

    def of(self, example: Example, training: TrainingPlan) -> Example:
        """Return what is learnt from: a tissue map is closed, too, unless the model is shown it wherever it looks."""
        seen = replace(example, labels=replace(example.labels, data=self.labels))
        if example.tissue is None or _shown_tissue(training):
            return seen
        tissue = np.where(self.closed, np.uint8(UNKNOWN_CODE), example.tissue.read())
        return replace(seen, tissue=replace(example.tissue, data=tissue))


def _shown_tissue(training: TrainingPlan) -> bool:
    return training.tissue != "none" or bool(training.start and find(training.start).tissue != "none")


@dataclass(frozen=True)
class Validation:
    """What came out.

    Parameters
    ----------
    plan
        What was hidden in turn.
    parts
        What became of the hidden cells, fold by fold.
    """

    plan: ValidationPlan
    parts: tuple[Fates, ...]

    def table(self) -> list[dict[str, str | int | float]]:
        """Return rows to print: every fold, then all hidden cells together.

        Of slices, which are labelled completely, the mean AP over IoU 0.1 to 0.9; of traced cells the share that was found,
        over the same thresholds, since what is found beside them may be right. Both with the interval in which 95 % of
        resamplings of the cells lie.
        """
        name, score = ("mAP", mean_ap) if self.plan.by == "slices" else ("recall", mean_recall)
        rows: list[dict[str, str | int | float]] = []
        for told, part in [
            *((str(place + 1), part) for place, part in enumerate(self.parts)),
            ("all", pooled(self.parts)),
        ]:
            mean, (low, high) = score(part)
            at_half = float(part.hits[:, evaluation.THRESHOLDS.index(0.5)].mean()) if len(part.cells) else 1.0
            rows.append(
                {"fold": told, "cells": len(part.cells), name: mean, "from": low, "to": high, "found@0.5": at_half}
            )
        return rows


def folds(labels: Labels, spacing_um: Spacing, plan: ValidationPlan) -> list[Fold]:
    """Part labels into what is learnt from and what is hidden.

    Raises
    ------
    LabelsError
        Where there are fewer labelled slices, or cells, than folds, or nothing is left to learn from.
    """
    make = _by_slices if plan.by == "slices" else _by_cells
    parts = make(labels, spacing_um, plan)
    if not all((part.labels > 0).any() for part in parts):
        raise LabelsError(
            f"with a guard of {plan.guard_um:g} µm nothing is left to learn from",
            "in every fold some labelled cells lie farther than that from what is hidden",
            "label slices (or cells) farther apart, or make guard_um smaller",
        )
    return parts


def _by_slices(labels: Labels, spacing_um: Spacing, plan: ValidationPlan) -> list[Fold]:
    where = _slices(labels)
    _check_enough("labelled slices", len(where), plan)
    axis, places = where[0].axis, [cut.place for cut in where]
    guard = int(plan.guard_um / spacing_um[axis])
    parts = []
    for hidden in np.array_split(places, plan.folds):
        near = np.abs(np.arange(labels.shape[axis])[:, None] - hidden).min(axis=1) <= guard
        closed = near.reshape([-1 if other == axis else 1 for other in range(labels.ndim)])
        seen = np.where(closed, UNKNOWN, labels).astype(np.int32)
        parts.append(Fold(seen, tuple(int(place) for place in hidden), closed))
    return parts


def _slices(labels: Labels) -> list[Cut]:
    found = labelled(labels)
    if not found:
        raise LabelsError(
            "the labels are not those of single slices",
            "labelled slices of a volume lie between others that are not labelled (-1)",
            "mark what nobody labelled as -1, or hide cells instead (--by cells)",
        )
    return found


def _by_cells(labels: Labels, spacing_um: Spacing, plan: ValidationPlan) -> list[Fold]:
    numbers = np.unique(labels[labels > 0])
    _check_enough("labelled cells", len(numbers), plan)
    drawn = np.random.default_rng(plan.seed).permutation(numbers)
    parts = []
    for hidden in np.array_split(drawn, plan.folds):
        closed = edt.edt(~np.isin(labels, hidden), anisotropy=spacing_um, parallel=1) <= plan.guard_um
        seen = np.where(closed, UNKNOWN, labels).astype(np.int32)
        parts.append(Fold(seen, tuple(sorted(int(number) for number in hidden)), closed))
    return parts


def _check_enough(what: str, count: int, plan: ValidationPlan) -> None:
    if count < plan.folds:
        raise LabelsError(
            f"there are {count} {what}",
            f"{plan.folds} folds hide at least one each",
            "label more, or ask for fewer folds",
        )


def validate(
    example: Example,
    folder: Path,
    training: TrainingPlan,
    plan: ValidationPlan | None = None,
    *,
    segmentation: SegmentationPlan | None = None,
    progress: Progress = silent,
) -> Validation:
    """Teach a model for each fold, and judge it on what was hidden from it.

    Parameters
    ----------
    example
        The scan and its labels, -1 where nobody knows.
    folder
        Where models and scores go (``fold-1`` ..., ``validation.json``). What was made before is not made again.
    training
        How each model is taught; with ``start`` it is taught on.
    plan
        What is hidden in turn.
    segmentation
        How the models go through the scan, and where all is computed.
    progress
        Told what is being done.

    Raises
    ------
    LabelsError
        See `folds`.
    """
    plan, segmentation = plan or ValidationPlan(), segmentation or SegmentationPlan()
    labels = check(example.labels.read(), example.labels.name)
    parts = folds(labels, example.labels.known_spacing_um, plan)
    Path(folder).mkdir(exist_ok=True)
    judged = []
    for number, fold in enumerate(parts, start=1):
        told = named(progress, f"fold {number} of {len(parts)}")
        place = Path(folder) / f"fold-{number}"
        if not (place / ABOUT).is_file():
            train([fold.of(example, training)], place, training, resume=True, device=segmentation.device, progress=told)
        look = _Look(load(place), segmentation, Path(folder), told)
        judge = _judge_slices if plan.by == "slices" else _judge_cells
        judged.append(judge(look, example, labels, fold))
    result = Validation(plan, tuple(judged))
    with replacing(Path(folder) / "validation.json") as partial:
        partial.write_text(json.dumps(result.table(), indent=1) + "\n", encoding="utf-8")
    return result


@dataclass(frozen=True)
class _Look:
    """A model, and how it goes through scans."""

    model: Model
    plan: SegmentationPlan
    scratch: Path
    progress: Progress

    def __call__(self, example: Example) -> Labels:
        beside = self.model.beside(example)
        with TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True) as scratch:
            found = segment_volume(
                example.scans[0], self.model, **beside, scratch=Path(scratch), plan=self.plan, progress=self.progress
            )
            return np.array(found.labels.read())


def _judge_slices(look: _Look, example: Example, labels: Labels, fold: Fold) -> Fates:
    """Judge hidden slices as pictures of their own: what a slice cuts into pieces are cells of their own there."""
    axis = _slices(labels)[0].axis
    where = [Cut(axis, place) for place in fold.hidden]
    flat = look.model.network.ndim == 2
    found = [look(example.section(cut)) for cut in where] if flat else sections(look(example), where)
    return pooled([evaluation.fates(one, true) for one, true in zip(found, sections(labels, where), strict=True)])


def _judge_cells(look: _Look, example: Example, labels: Labels, fold: Fold) -> Fates:
    """Judge hidden cells: whatever else was found beside them says nothing, for nobody labelled it."""
    found = look(example)
    hidden: NDArray[np.int32] = np.where(np.isin(labels, fold.hidden), labels, 0).astype(np.int32)
    return evaluation.fates(found, hidden)
