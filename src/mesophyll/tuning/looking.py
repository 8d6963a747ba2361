"""What a network says of labelled scans: looked at once, kept in files, and read as cells as often as is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from mesophyll import evaluation
from mesophyll.confidence import EVIDENCE, evidence
from mesophyll.cuts import Cut, labelled, sections
from mesophyll.errors import LabelsError
from mesophyll.evaluation import Fates, pooled
from mesophyll.inference import SegmentationPlan, at_scan, find_cells, look
from mesophyll.io import Example
from mesophyll.labels import UNKNOWN
from mesophyll.logistic import Floats
from mesophyll.model import Model
from mesophyll.position import THROUGH, axis_through
from mesophyll.progress import Progress, named
from mesophyll.volume import LazyArray

__all__ = ["Sight", "sights", "weighed"]


@dataclass(frozen=True)
class Sight:
    """What a network said of a labelled scan.

    Parameters
    ----------
    example
        The scan in the model's position, of which the first reconstruction was looked at, and its true labels.
    outputs
        Shape (C, *S) at the model's voxels, float16, in a file.
    where
        The sections of a volume in which alone its cells are known; empty where they are judged as a whole.
    """

    example: Example
    outputs: NDArray[np.float16]
    where: tuple[Cut, ...] = ()

    def evidence(self, model: Model, plan: SegmentationPlan, scratch: Path) -> tuple[Floats, NDArray[np.bool_]]:
        """Return what speaks for the cells found, and which of them are right: of those of which anything is known.

        Of none in a volume that a model of images goes through: how sure it is, is asked of images.
        """
        if model.network.ndim != self.outputs.ndim - 1:
            return np.zeros((0, len(EVIDENCE))), np.zeros(0, bool)
        with TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as place:
            cells = find_cells(model, self.outputs, scratch=Path(place), plan=plan)
            labels = at_scan(cells, self.example.scans[0], "cells").data
            numbers, right = evaluation.right_ones(evaluation.compare(labels, self.example.labels.data))
            return evidence(model.representation, self.outputs, cells)[numbers - 1], right

    def fates(self, model: Model, plan: SegmentationPlan, scratch: Path) -> Fates:
        """Return what becomes of the true cells where the outputs are read by a model's representation.

        What a section cuts into pieces are cells of their own there, of the truth and of what is found.
        """
        with TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as place:
            cells = find_cells(model, self.outputs, scratch=Path(place), plan=plan)
            labels, truth = at_scan(cells, self.example.scans[0], "cells").data, self.example.labels.data
            if not self.where:
                return evaluation.fates(labels, truth)
            pairs = zip(sections(labels, self.where), sections(truth, self.where), strict=True)
            return pooled([evaluation.fates(found, true) for found, true in pairs])


def sights(
    model: Model, examples: Sequence[Example], *, plan: SegmentationPlan, scratch: Path, progress: Progress
) -> list[Sight]:
    """Look at labelled scans; a model of images looks at labelled slices one by one.

    Raises
    ------
    LabelsError
        Where an example has no cell that is known, or cells and no background.
    """
    found: list[Sight] = []
    for example in examples:
        _check_judgeable(example.labels.data, example.name)
        lying = example.upright(axis_through(example.scans[0], model.position, plan.through))
        where = labelled(lying.labels.data)
        flat = bool(where) and model.network.ndim == 2
        for shown in map(lying.section, where) if flat else [lying]:
            place = scratch / f"sight-{len(found)}"
            place.mkdir()
            image = model.prepare(shown.scans[0], **model.beside(shown), through=THROUGH)
            outputs = look(model, image, scratch=place, plan=plan, progress=named(progress, shown.name))
            found.append(Sight(shown, outputs, () if flat else tuple(where)))
    return found


def weighed(
    model: Model, seen: Sequence[Sight], plan: SegmentationPlan, scratch: Path
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the evidence of all cells found in what was seen, and which of them are right."""
    figures, right = zip(*[sight.evidence(model, plan, scratch) for sight in seen], strict=True)
    return np.concatenate(figures), np.concatenate(right)


def _check_judgeable(labels: LazyArray, name: str) -> None:
    """See that found cells can be called right and wrong; labels are read layer by layer."""
    met = set[int]()
    for place in range(labels.shape[0]):
        met |= set(np.unique(np.sign(labels[place : place + 1])).tolist())
    if 1 not in met:
        raise LabelsError(
            f"{name} holds no labelled cell", "a decoder is tuned by cells that are known", "leave the folder out"
        )
    if UNKNOWN in met and 0 not in met:
        raise LabelsError(
            f"{name} holds cells and no background",
            "where nobody knows what lies between cells, nobody knows which of those found are false",
            "label slices or a box completely",
        )
