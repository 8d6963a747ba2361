"""How a model looks at a leaf while it learns: what it sees of the scans, and what it shall say of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from mesophyll.alignment import check_aligned
from mesophyll.errors import LabelsError, VolumeError
from mesophyll.image import Image, Intensity
from mesophyll.io import Example
from mesophyll.labels import Subject, known_layers, labelled_slices
from mesophyll.tissues import TissueInput
from mesophyll.training.patches import Source
from mesophyll.volume import Volume, resample

__all__ = ["View"]

_TAUGHT_BY: dict[Subject, str] = {"cells": "labels", "tissue": "tissue"}
"""The file of an example that says what is learnt."""


def _lazy(volume: Volume) -> Volume:
    return volume


@dataclass(frozen=True)
class View:
    """What is seen, and what is learnt.

    Parameters
    ----------
    spacing_um
        The cubic voxel that the model works at.
    intensity
        How grey values are brought to one range.
    tissue
        How the model is shown the tissue map.
    subject
        What it learns: the cells, or the tissue map itself.
    scans
        Of how many reconstructions it sees a channel each: 2 for both of them at once, 1 for now this one, now that.
    learns_tissue
        Whether it learns the tissue map beside the cells.
    """

    spacing_um: float
    intensity: Intensity = field(default_factory=Intensity)
    tissue: TissueInput = "none"
    subject: Subject = "cells"
    scans: Literal[1, 2] = 1
    learns_tissue: bool = False

    def of(self, example: Example, hold: Callable[[Volume], Volume] = _lazy) -> Source:
        """Return an example as patches are cut from it; ``hold`` may read its volumes into memory."""
        scans = [hold(scan) for scan in example.scans]
        if self.scans == 2:
            first, second = _both(example, scans)
            image = Image.of(first, self.spacing_um, self.intensity)
            images: tuple[Image, ...] = (image.with_second(check_aligned(first, second), self.intensity),)
        else:
            images = tuple(Image.of(scan, self.spacing_um, self.intensity) for scan in scans)
        if self.tissue != "none":
            seen = hold(_map_of(example, "is shown one"))
            images = tuple(image.beside(seen, self.tissue) for image in images)
        truth = example.labels if self.subject == "cells" else _map_of(example, "learns from one")
        labels = self._at(hold(truth))
        source = Source(
            example.name, images, labels.data, tuple(slice(0, length) for length in labels.shape), self.subject
        )
        source = replace(source, slices=_slices(source))
        if not self.learns_tissue:
            return source
        return replace(source, tissue=self._at(hold(_map_of(example, "learns from one"))).data)

    def _at(self, truth: Volume) -> Volume:
        return resample(truth, (self.spacing_um,) * truth.ndim, labels=True)


def _both(example: Example, scans: list[Volume]) -> list[Volume]:
    if len(scans) != 2:
        raise VolumeError(
            f"{example.name} holds {len(scans)} scans",
            "a model that reads two reconstructions learns from two, in the order of their names",
            "add the other one, as gridrec.tif and paganin.tif, or set scans = 1",
        )
    return scans


def _map_of(example: Example, use: str) -> Volume:
    if example.tissue is None:
        raise VolumeError(
            f"{example.name} holds no tissue map",
            f"a model that {use} needs scans with one",
            "add tissue.tif to the folder, or leave tissue out of the plan",
        )
    return example.tissue


def _slices(source: Source) -> tuple[int, tuple[int, ...]] | None:
    """Return the slices that are labelled, if only slices are; an error where nothing is known."""
    known = known_layers(source.labels.shape, source.read_labels)
    if not known[0].any():
        raise LabelsError(
            f"{source.name} holds no voxel of which its {_TAUGHT_BY[source.subject]} are known",
            f"a model of {source.subject} learns from {_TAUGHT_BY[source.subject]}.*",
            "label some, or leave the folder out",
        )
    return labelled_slices(known) if len(known) == 3 else None
