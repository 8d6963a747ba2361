"""Learn which fragments of what a network says are one cell: from labelled scans, minutes after the network itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mesophyll.blocks import grid
from mesophyll.inference import SegmentationPlan
from mesophyll.io import Example
from mesophyll.labels import Labels, check
from mesophyll.model import Model
from mesophyll.progress import Progress, silent
from mesophyll.representations.choosing import Fragments, learnt
from mesophyll.tuning.looking import sights
from mesophyll.volume import resample

__all__ = ["learn_chooser"]


def learn_chooser(
    model: Model,
    examples: Iterable[Example],
    *,
    plan: SegmentationPlan | None = None,
    progress: Progress = silent,
) -> Model:
    """Return a model that chooses cells among fragments by what scans with labels tell.

    Parameters
    ----------
    model
        A model whose representation has fragments: flows.
    examples
        Scans of as many axes as the network has, whose cells are labelled, at best all of them; one after the other is looked
        at. The network should not have learnt from them: of what it learnt from, it says more than it knows of other scans.
    plan
        How the model goes through the scans.
    progress
        Told what is being done.

    Raises
    ------
    SettingsError
        Where the representation has no fragments.
    LabelsError
        Where too little is labelled to learn from.
    """
    plan = plan or SegmentationPlan()
    chooser = learnt(piece for example in examples for piece in _pieces(model, example, plan, progress))
    return replace(model, chooser=chooser)


def _pieces(
    model: Model, example: Example, plan: SegmentationPlan, progress: Progress
) -> Iterator[tuple[Fragments, Labels]]:
    """Yield the fragments of each block of a scan, and its true cells at the model's voxels."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for seen in sights(model, [example], plan=plan, scratch=Path(scratch), progress=progress):
            if seen.outputs.ndim - 1 != model.network.ndim:
                continue
            known = (model.spacing_um,) * model.network.ndim
            truth = resample(seen.example.labels, known, labels=True).data
            for block in grid(seen.outputs.shape[1:], plan.block, plan.block_halo):
                output = np.asarray(seen.outputs[(slice(None), *block.read)], np.float32)
                yield model.representation.fragments(output), check(truth[block.read], f"labels of {example.name}")
