"""Tune the decoder of a model: the settings by which its outputs are read as cells; and calibrate how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mesophyll import __version__
from mesophyll.confidence import Confidence, calibrated
from mesophyll.errors import FileError, ModelError, SettingsError, VolumeError
from mesophyll.evaluation import Difference, Fates, Reliability, difference, mean_ap, pooled, reliability
from mesophyll.inference import SegmentationPlan
from mesophyll.io import Example, replacing
from mesophyll.model import Model, choose, rounded, save
from mesophyll.progress import Progress, silent
from mesophyll.representations import Representation
from mesophyll.tuning.choosing import learn_chooser
from mesophyll.tuning.looking import Sight, sights, weighed
from mesophyll.tuning.searching import Remembered, Step, search

__all__ = ["Step", "Tuning", "learn_chooser", "tune"]


@dataclass(frozen=True)
class Tuning:
    """What came out.

    Parameters
    ----------
    model
        The model with the settings that were chosen; those that it had, where none was better by more than noise.
    steps
        How the search went.
    before, after
        What becomes of the true cells with the settings that it had, and with those chosen.
    sure
        How well the confidence of cells agrees with which of them are right, on the scans by which it was calibrated. Where all
        cells are right, or none is, this is None, and so is the model's confidence.
    """

    model: Model
    steps: tuple[Step, ...]
    before: Fates
    after: Fates
    sure: Reliability | None = None

    @property
    def changed(self) -> bool:
        """Whether any setting is another one now."""
        return any(step.taken for step in self.steps)

    @property
    def gain(self) -> Difference:
        """The mean AP after minus that before, on the scans by which the settings were chosen: flattered a little."""
        return difference(self.after, self.before) if self.changed else Difference(0.0, (0.0, 0.0))

    def table(self) -> list[dict[str, str | int | float]]:
        """Return rows to print: of each step the best other value, what it gains, and whether it was taken."""
        return [
            {
                "setting": step.name,
                "is": str(step.was),
                "best other": str(step.best),
                "gain in mAP": step.gain.mean_ap,
                "from": step.gain.interval[0],
                "to": step.gain.interval[1],
                "taken": "yes" if step.taken else "no",
            }
            for step in self.steps
        ]

    def scores(self) -> list[dict[str, str | int | float]]:
        """Return rows to print: the mean AP over IoU 0.1 to 0.9 before and after, and their difference."""
        told = {"before": mean_ap(self.before), "after": mean_ap(self.after)}
        told["after - before"] = (self.gain.mean_ap, self.gain.interval)
        return [{"": name, "mAP": mean, "from": low, "to": high} for name, (mean, (low, high)) in told.items()]


def tune(
    model: str | Path | Model,
    examples: Sequence[Example],
    folder: Path,
    *,
    choose_by: Sequence[Example] = (),
    plan: SegmentationPlan | None = None,
    progress: Progress = silent,
) -> Tuning:
    """Choose the settings of a model's decoder by labelled scans, and write the model with them into a new folder.

    How sure its cells are with these settings is calibrated by the same scans, see `mesophyll.confidence`. The network looks at
    each scan once. Then settings take turns, and a change is taken only where it beats what was by more
    than noise, see `mesophyll.tuning.searching.search`; otherwise the model keeps what it had. The model itself is not touched.

    Parameters
    ----------
    model
        A shipped model's name, a folder, or a `Model`.
    examples
        Scans with labels that the network has not learnt from, see `mesophyll.io.read_example`. Of several reconstructions
        the first is looked at, in the order of their names.
    folder
        Where the tuned model goes: a new folder.
    choose_by
        Other scans with labels that the network has not learnt from, by which the model learns to choose cells among
        candidates, see `mesophyll.tuning.choosing`; that, too, is taken only where it beats what was by more than noise.
    plan
        How the model goes through the scans.
    progress
        Told what is being done.

    Raises
    ------
    VolumeError
        Where there are no examples.
    ModelError
        Where the model has learnt from one of them, as its card says, or one is both tuned by and chosen by.
    LabelsError
        Where an example has no cell that is known, or cells and no background.
    SettingsError
        Where the representation has no settings of its decoder, or the plan sets some.
    FileError
        Where the folder is not new, or cannot be written.
    """
    plan = plan or SegmentationPlan()
    known = _checked(model, examples, choose_by, plan)
    _check_new(Path(folder))
    with replacing(folder) as partial:
        partial.mkdir()
        with TemporaryDirectory(dir=partial, ignore_cleanup_errors=True) as scratch:
            found = _tuned(known, examples, choose_by, plan, Path(scratch), progress)
        card = _card(known, found, examples, choose_by)
        made = replace(found, model=replace(found.model, name=Path(folder).resolve().name, card=card))
        save(made.model, partial, exact=not rounded(known))
    return made


def _checked(
    model: str | Path | Model, examples: Sequence[Example], choose_by: Sequence[Example], plan: SegmentationPlan
) -> Model:
    if not examples:
        raise VolumeError(
            "there is nothing to tune by",
            "a decoder is tuned by labelled scans that its network has not learnt from",
            "pass at least one folder",
        )
    known = choose(model, "cells", examples[0].labels.ndim)
    if not known.representation.reader.decoding:
        raise SettingsError(
            f"{type(known.representation.reader).__name__} has no settings of its decoder",
            "those are what is tuned",
            "use the model as it is",
        )
    if plan.decoding:
        raise SettingsError(
            f"the plan says decoding = {plan.decoding}", "tuning chooses these settings", "leave decoding out"
        )
    names = {example.name for example in examples}
    twice = [example.name for example in choose_by if example.name in names]
    if twice:
        raise ModelError(
            f"the model learns to choose by {', '.join(twice)}, by which it is tuned, too",
            "of what it learnt from, it knows more than of other scans",
            "choose by other labelled scans",
        )
    learnt = [example.name for example in (*examples, *choose_by) if example.name in known.learnt_from]
    if learnt:
        raise ModelError(
            f"the model {known.name} has learnt from {', '.join(learnt)}, as its card says",
            "of what it learnt from, a network says more than it knows of other scans",
            "tune by labelled scans that were kept from it",
        )
    return known


def _check_new(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise FileError(
            f"{folder} is not empty", "a tuned model goes into a new folder", "pass another folder, or remove this one"
        )


def _tuned(
    model: Model,
    examples: Sequence[Example],
    choose_by: Sequence[Example],
    plan: SegmentationPlan,
    scratch: Path,
    progress: Progress,
) -> Tuning:
    seen = sights(model, examples, plan=plan, scratch=scratch, progress=progress)

    def judge(read: Model) -> Fates:
        return pooled([sight.fates(read, plan, scratch) for sight in seen])

    before = judge(model)
    chooses, first = _choosing(model, choose_by, before, judge, plan, progress)
    given = chooses.representation

    @Remembered
    def judge_reader(reader: Representation) -> Fates:
        return judge(replace(chooses, representation=given.with_reader(reader)))

    chosen, steps = search(given.reader, judge_reader, progress)
    tuned = replace(chooses, representation=given.with_reader(chosen))
    sure, told = _sure(tuned, seen, plan, scratch)
    return Tuning(replace(tuned, confidence=sure), (*first, *steps), before, judge_reader(chosen), told)


def _choosing(
    model: Model,
    examples: Sequence[Example],
    before: Fates,
    judge: Callable[[Model], Fates],
    plan: SegmentationPlan,
    progress: Progress,
) -> tuple[Model, list[Step]]:
    """Return the model that chooses by other scans, if that is better by more than noise, and whether it was."""
    if not examples:
        return model, []
    chooses = learn_chooser(model, examples, plan=plan, progress=progress)
    step = Step("chooser", "as it was", f"by {len(examples)} scans", difference(judge(chooses), before))
    return (chooses if step.taken else model), [step]


def _sure(
    model: Model, seen: Sequence[Sight], plan: SegmentationPlan, scratch: Path
) -> tuple[Confidence | None, Reliability | None]:
    """Calibrate how sure a model's cells are; nothing where all are right, or none."""
    figures, right = weighed(model, seen, plan, scratch)
    if right.all() or not right.any():
        return None, None
    sure = calibrated(figures, right)
    return sure, reliability(sure.of(figures), right)


def _card(known: Model, found: Tuning, examples: Sequence[Example], choose_by: Sequence[Example]) -> dict[str, Any]:
    """Return the card of the tuned model. Scores of other settings than its own are left out."""
    kept = {key: value for key, value in known.card.items() if key != "scores" or not found.changed}
    values = known.representation.reader.decoding
    entry = {
        "version": __version__,
        "data": [example.name for example in examples],
        "choose_by": [example.name for example in choose_by],
        "values": {name: list(tried) for name, tried in values.items()},
        "before": _told(known.representation.reader, list(values), found.before),
        "after": _told(found.model.representation.reader, list(values), found.after),
        "difference": {"mAP": found.gain.mean_ap, "interval": list(found.gain.interval)},
        "confidence": None if found.sure is None else found.sure.to_dict(),
    }
    return kept | {"tuning": entry}


def _told(reader: Representation, names: list[str], fates: Fates) -> dict[str, Any]:
    mean, interval = mean_ap(fates)
    settings = {name: getattr(reader, name) for name in names}
    return {"settings": settings, "mAP": mean, "mAP_interval": list(interval)}
