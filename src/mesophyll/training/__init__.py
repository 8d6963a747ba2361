"""Teach a model: scans with labels and a plan in, a folder out."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean
from typing import TYPE_CHECKING

import numpy as np
import torch

from mesophyll import __version__
from mesophyll.device import Device, pick
from mesophyll.errors import FileError, ModelError, SettingsError, VolumeError
from mesophyll.likeness import Familiar
from mesophyll.model import Model, find, make_folder, save
from mesophyll.network import Architecture, Built, CellposeNetwork, Network, network_to_table
from mesophyll.position import axis_through
from mesophyll.progress import Progress, silent
from mesophyll.representations import Representation, from_table, to_table
from mesophyll.settings import to_dict
from mesophyll.tissues import TISSUE_CHANNELS
from mesophyll.training.holding import Before, says_the_same
from mesophyll.training.lesson import Lesson, fit
from mesophyll.training.nursery import Nurseries, Nursery, specimens
from mesophyll.training.patches import Source
from mesophyll.training.plan import TrainingPlan
from mesophyll.training.supply import InTurn, Shelf, Supply
from mesophyll.training.view import View
from mesophyll.volume import Volume

if TYPE_CHECKING:
    from mesophyll.io import Example

__all__ = ["TrainingPlan", "split", "train"]

HELD_BYTES = 2**31
"""Scans and labels up to this in all are held in memory while training; what is beyond it is read piece by piece."""


def train(
    examples: Sequence[Example],
    folder: Path,
    plan: TrainingPlan | None = None,
    *,
    resume: bool = False,
    device: Device = "auto",
    progress: Progress = silent,
) -> Model:
    """Train a model and write it to a folder, with its logs and checkpoints.

    Parameters
    ----------
    examples
        Scans with labels, see `mesophyll.io.read_example`; none where the plan grows leaves.
    folder
        Where the model goes.
    plan
        How to train.
    resume
        Go on from the last checkpoint in the folder, if there is one.
    device
        Where to compute.
    progress
        Told after every step.
    """
    plan = plan or TrainingPlan()
    _check_fresh(Path(folder), resume=resume)
    known = find(plan.start) if plan.start else None
    plan = plan if known is None else _continued(plan, known)
    representation = _fitting(from_table(plan.representation).at(plan.spacing_um), plan)
    plan = replace(plan, representation=to_table(representation))
    learn, judge = _supplies([_upright(example, plan) for example in examples], plan, _view(plan, representation))
    torch.manual_seed(plan.seed)
    network = _network(plan, representation)
    module = network.build() if known is None else _taught(known, network, plan)
    keeps = known is not None and plan.hold > 0 and says_the_same(known.representation, representation)
    lesson = Lesson(module, representation, plan, learn, judge, Before(module, representation) if keeps else None)
    make_folder(folder)
    start = time.monotonic()
    module, loss = fit(lesson, Path(folder), resume=resume, device=pick(device), progress=progress)
    card = {
        "version": __version__,
        "plan": to_dict(plan),
        "data": learn.names,
        **({} if known is None else {"start": {"name": known.name, "data": list(known.learnt_from)}}),
        "validation": {"data": judge.names, "loss": loss},
        "seconds": round(time.monotonic() - start),
    }
    name = Path(folder).resolve().name
    model = Model(
        name,
        module,
        representation,
        plan.spacing_um,
        plan.intensity,
        card,
        tissue=plan.tissue,
        scans=plan.scans,
        position=plan.position,
        familiar=_met(lesson, examples, known),
        chooser=known.chooser if known is not None and says_the_same(known.representation, representation) else None,
    )
    save(model, folder)
    return model


def _met(lesson: Lesson, examples: Sequence[Example], known: Model | None) -> Familiar:
    """Return what was met in a lesson, and by the model that was taught on."""
    lengths = [geometric_mean(scan.known_spacing_um) for one in examples for scan in one.scans]
    met = lesson.familiar(max([1.0, *(length / lesson.plan.spacing_um for length in lengths)]))
    return met if known is None or known.familiar is None else met.joined(known.familiar)


def _upright(example: Example, plan: TrainingPlan) -> Example:
    """Return a labelled scan in the position that the model shall know; leaves that are grown stand in it already."""
    return example.upright(axis_through(example.scans[0], plan.position, plan.through))


def _fitting(representation: Representation, plan: TrainingPlan) -> Representation:
    """Return a representation that is made for so many axes, of which no channel speaks of two voxels that no patch holds."""
    representation.check_axes(plan.ndim)
    for name, side in (("patch", plan.patch - 1), ("halo", representation.halo)):
        if representation.reach > side:
            raise SettingsError(
                f"the representation compares voxels {representation.reach} apart ({plan.spacing_um:g} µm each)",
                f"{name} = {side if name == 'halo' else plan.patch} holds both only if they are at most {side} apart",
                f"make {name} larger, or the lengths shorter",
            )
    return representation


def _view(plan: TrainingPlan, representation: Representation) -> View:
    if (representation.subject == "tissue" or representation.learns_tissue) and plan.tissue != "none":
        raise SettingsError(
            f"tissue = {plan.tissue!r} with a representation that learns tissue",
            "a model that is shown the tissue map has nothing to learn from it",
            "leave tissue out of the plan",
        )
    return View(
        plan.spacing_um, plan.intensity, plan.tissue, representation.subject, plan.scans, representation.learns_tissue
    )


def _supplies(examples: Sequence[Example], plan: TrainingPlan, view: View) -> tuple[Supply, Supply]:
    """Return what is learnt from and what is judged by: scans, leaves that are grown, or both in turn."""
    leaves = plan.leaves
    if leaves.kinds and not examples:
        return _nursery(plan, view), Shelf(specimens(leaves, view, plan.workers))
    room = Room(HELD_BYTES)
    for example in examples:
        _check_axes(example, plan)
    scans, held = split([view.of(example, room.hold) for example in examples], plan)
    if not leaves.kinds:
        return Shelf(scans), Shelf(held)
    return InTurn([Shelf(scans), _nursery(plan, view)]), Shelf(held)


def _nursery(plan: TrainingPlan, view: View) -> Supply:
    return Nursery(plan.leaves, view) if plan.workers == 1 else Nurseries(plan.leaves, view, plan.workers)


def _continued(plan: TrainingPlan, known: Model) -> TrainingPlan:
    """Return the plan in which all that it leaves at its default, and that a model decides, is as the model has it."""
    table, usual = network_to_table(known.network), TrainingPlan()
    decided = {
        "ndim": known.network.ndim,
        "architecture": table["name"],
        "representation": to_table(known.representation),
        "spacing_um": known.spacing_um,
        "intensity": known.intensity,
        "scans": known.scans,
        "tissue": known.tissue,
        "position": known.position,
    } | {key: table[key] for key in ("size", "levels") if key in table}
    return replace(plan, **{key: value for key, value in decided.items() if getattr(plan, key) == getattr(usual, key)})


def _network(plan: TrainingPlan, representation: Representation) -> Architecture:
    channels, outputs = plan.scans + TISSUE_CHANNELS[plan.tissue], representation.channels(plan.ndim)
    if plan.architecture == "cellpose":
        return CellposeNetwork(inputs=max(channels, CellposeNetwork.inputs), outputs=outputs)
    return Network(plan.ndim, channels, outputs, plan.size, plan.levels)


def _taught(known: Model, network: Architecture, plan: TrainingPlan) -> Built:
    """Return the network of a model that is taught on, if it is what the plan asks for."""
    fits = known.network.reads(plan.scans + TISSUE_CHANNELS[plan.tissue])
    if not fits or known.network != replace(network, inputs=known.network.inputs):
        raise ModelError(
            f"start = {plan.start!r} is a network of {network_to_table(known.network)}, the plan's of "
            f"{network_to_table(network)}",
            "what is taught on keeps its axes, channels, size and levels",
            "leave these out of the plan, or leave start out",
        )
    return known.module


def _check_fresh(folder: Path, *, resume: bool) -> None:
    if not resume and folder.is_dir() and any(folder.iterdir()):
        raise FileError(
            f"{folder} is not empty",
            "a new training starts in an empty folder",
            "pass another folder, or --resume to go on",
        )


class Room:
    """Keeps arrays in memory as long as there is room: patches are cut across the pages of files, thousands of times."""

    def __init__(self, free_bytes: int) -> None:
        self.free_bytes = free_bytes

    def hold(self, volume: Volume) -> Volume:
        """Return the volume, read if it fits in what is left, lazy as it is if not."""
        needed = math.prod(volume.shape) * np.dtype(volume.data.dtype).itemsize
        if needed > self.free_bytes:
            return volume
        self.free_bytes -= needed
        return replace(volume, data=volume.read())


def _check_axes(example: Example, plan: TrainingPlan) -> None:
    if example.labels.ndim < plan.ndim:
        raise VolumeError(
            f"{example.name} has {example.labels.ndim} axes",
            f"a model of ndim = {plan.ndim} learns from scans of as many",
            "pass volumes, or set ndim = 2",
        )


def split(sources: Sequence[Source], plan: TrainingPlan) -> tuple[list[Source], list[Source]]:
    """Part what is learnt from what is only judged on.

    In a guarded split the two share no voxel, nor does a patch of one see the other; in a leaking one they are the same.
    """
    if not sources:
        raise VolumeError(
            "there is nothing to train on",
            "training needs scans with labels, or kinds of leaves to grow",
            "pass at least one folder, or set kinds under [leaves] in the plan",
        )
    if plan.split == "leaking":
        return list(sources), list(sources)
    whole = min(round(plan.held_out * len(sources)), len(sources) - 1)
    if whole:
        return list(sources[:-whole]), list(sources[-whole:])
    learn, judge = [], []
    for source in sources:
        first = source.within[0]
        end = round((1 - plan.held_out) * first.stop)
        start = end + plan.patch
        if plan.patch > end or start >= first.stop:
            raise VolumeError(
                f"{source.name} has {first.stop} voxels along its first axis",
                f"a part to learn from, a guard of {plan.patch} and a part to judge on do not fit",
                "pass more scans, or make patch smaller or held_out larger",
            )
        learn.append(replace(source, within=(slice(0, end), *source.within[1:])))
        judge.append(replace(source, within=(slice(start, first.stop), *source.within[1:])))
    return learn, judge
