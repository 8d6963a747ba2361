"""What few labels are worth: the shipped models taught on with a part of a scan's truth, judged on another part of the scan.

``python -m benchmarks.sparse cells`` and ``... tissue`` use a phantom in place of a user's scan: of its lower end along Z
eight slices are known, or forty cells, or everything; its upper end, beyond a guard, is judged. ``... suggested`` asks on five
smaller ones whether the slices that `mesophyll suggest` names teach more than slices drawn at random. ``... slice FOLDER``
takes the real section in FOLDER (``gridrec.tif``, ``paganin.tif``, ``tissue.tif``): its left part teaches, its right is judged.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from mesophyll import Volume, evaluate, io, map_tissue, segment
from mesophyll.annotation import Choice, convert
from mesophyll.densify import densify
from mesophyll.evaluation import Scores, compare_tissue
from mesophyll.io import Example
from mesophyll.labels import UNKNOWN
from mesophyll.model import Model, find
from mesophyll.phantom import KINDS, Phantom, make
from mesophyll.suggestion import SuggestionPlan, disagreement, suggest
from mesophyll.tissues import PALISADE, SPONGY, UNKNOWN_CODE
from mesophyll.training import train
from mesophyll.training.nursery import Leaves
from mesophyll.training.plan import TrainingPlan, continuation

KIND, SEED, SHAPE, SPACING = "arm", 401, (208, 208, 144), 0.65
LEARN, JUDGE = slice(0, 112), slice(144, 208)
"""Of Z, with a guard of half a patch between them."""

SLICES, TRACED = 8, 40

FEW, APART_UM = 3, 10.0
SUGGESTED_SEEDS, SUGGESTED_SHAPE = range(411, 416), (160, 160, 128)
SUGGESTED_LEARN, SUGGESTED_JUDGE = slice(0, 80), slice(112, 160)
"""Where slices are suggested: the same guard, in smaller leaves."""

REAL_SPACING = 0.1625
LEAVES = Leaves(kinds=tuple(KINDS), shape=(96, 136, 96), patches=96)
"""Among which the real section is learnt: what it lacks is seen in them."""


def leaf() -> Phantom:
    return make(SEED, shape=SHAPE, spacing_um=SPACING, kind=KIND)


def eight_slices(truth: NDArray[np.integer], unknown: int) -> NDArray[np.integer]:
    return slices_of(truth, np.linspace(LEARN.start + 6, LEARN.stop - 7, SLICES).astype(int).tolist(), unknown)


def slices_of(truth: NDArray[np.integer], places: list[int], unknown: int = UNKNOWN) -> NDArray[np.integer]:
    known = np.full_like(truth, unknown)
    known[places] = truth[places]
    return known


def everything(truth: NDArray[np.integer], unknown: int) -> NDArray[np.integer]:
    known = np.full_like(truth, unknown)
    known[LEARN] = truth[LEARN]
    return known


def forty_cells(truth: NDArray[np.int32]) -> NDArray[np.int32]:
    inside = np.setdiff1d(truth[LEARN], truth[LEARN.stop :])
    traced = np.random.default_rng(0).choice(inside[inside > 0], TRACED, replace=False)
    return np.where(np.isin(truth, traced), truth, UNKNOWN).astype(np.int32)


def dense_by_rules(given: NDArray[np.int32], phantom: Phantom) -> NDArray[np.int32]:
    """The cells that rules find in the part to learn from, where they are surer than not."""
    part = (LEARN, slice(None), slice(None))
    found = densify([phantom.paganin[part]], phantom.tissue[part], np.maximum(given[part], 0), SPACING)
    labels = np.full_like(given, UNKNOWN)
    labels[part] = np.where((found.confidence > 0.5) | (phantom.tissue[part] == 0), found.labels, UNKNOWN)
    return labels


def cells() -> Iterator[str]:
    phantom, plan = leaf(), replace(continuation(3), split="leaking")
    slices, traced = eight_slices(phantom.labels, UNKNOWN), forty_cells(phantom.labels)
    lessons = {
        "as shipped": None,
        f"{SLICES} slices": slices,
        f"{TRACED} cells": traced,
        f"{TRACED} cells, dense by rules": dense_by_rules(traced, phantom),
        "dense truth": everything(phantom.labels, UNKNOWN),
    }
    yield "taught on with              mAP   95 % interval    AP@0.5  minutes"
    for name, labels in lessons.items():
        start = time.monotonic()
        model = "leaf-3d" if labels is None else taught(phantom, plan, labels=labels)
        minutes = (time.monotonic() - start) / 60
        found = judged(phantom, model, JUDGE)
        low, high = found.mean_ap_interval
        yield f"{name:27} {found.counts.mean_ap:.3f}  {low:.3f} to {high:.3f}  {found.counts.ap['0.5']:.3f}  {minutes:5.1f}"


def suggested() -> Iterator[str]:
    """Both lessons are as many slices as far apart, taught for as long; what a leaf is like moves both alike."""
    plan = replace(continuation(3), split="leaking", epochs=3)
    gains = []
    yield "seed  as shipped  suggested  random  slices suggested, random"
    for seed in SUGGESTED_SEEDS:
        phantom = make(seed, shape=SUGGESTED_SHAPE, spacing_um=SPACING, kind=KIND)
        chosen = {"suggested": slices_suggested(phantom), "random": filled_up([], seed)}
        models: dict[str, Model | str] = {"as shipped": "leaf-3d"}
        for name, places in chosen.items():
            models[name] = taught(phantom, plan, labels=slices_of(phantom.labels, places))
        scores = {name: judged(phantom, model, SUGGESTED_JUDGE).counts.mean_ap for name, model in models.items()}
        gains.append(scores["suggested"] - scores["random"])
        yield f"{seed}   {'       '.join(f'{score:.3f}' for score in scores.values())}   {list(chosen.values())}"
    low, high = scipy.stats.bootstrap([gains], np.mean, rng=0).confidence_interval
    yield f"suggested - random: {np.mean(gains):+.3f} (95 % interval over leaves {low:+.3f} to {high:+.3f})"


def slices_suggested(phantom: Phantom) -> list[int]:
    """The slices that are named; where fewer stand out, a user would take any others."""
    scan = Volume(phantom.gridrec[SUGGESTED_LEARN], (SPACING,) * 3, name="scan")
    with TemporaryDirectory() as scratch:
        voxels = disagreement(find("leaf-3d"), scan, scratch=Path(scratch))
    named = suggest(voxels, SuggestionPlan(count=FEW, apart_um=APART_UM))
    return filled_up([found.place for found in named], seed=0)


def filled_up(places: list[int], seed: int) -> list[int]:
    """Add slices at random, as far from each other as suggested ones are."""
    for place in np.random.default_rng(seed).permutation(range(SUGGESTED_LEARN.start, SUGGESTED_LEARN.stop)).tolist():
        if len(places) < FEW and all(abs(place - other) * SPACING >= APART_UM for other in places):
            places = [*places, place]
    return places


def tissue() -> Iterator[str]:
    phantom = leaf()
    plan = tissue_plan()
    lessons = {
        "as shipped": None,
        f"{SLICES} slices": eight_slices(phantom.tissue, UNKNOWN_CODE),
        "dense truth": everything(phantom.tissue, UNKNOWN_CODE),
    }
    yield "taught on with   mean Dice  by tissue"
    for name, codes in lessons.items():
        model = "leaf-tissue" if codes is None else taught(phantom, plan, tissue=codes)
        scores = compare_tissue(
            map_tissue(phantom.gridrec[JUDGE], spacing_um=SPACING, model=model), phantom.tissue[JUDGE]
        ).to_dict()
        yield f"{name:16} {scores['Dice']:.3f}      {by_tissue(scores)}"


def real_slice(folder: Path) -> Iterator[str]:
    """The left part teaches, the right part is judged, an eighth of the width between them does neither.

    Its convention has one value for palisade and spongy; both are judged as one, and taught as spongy.
    """
    grey = io.read(folder / "gridrec.tif").read()
    codes = convert(io.read(folder / "tissue.tif").read(), "leaf-traits-hand", Choice("spongy"))
    truth = np.where(codes == UNKNOWN, UNKNOWN_CODE, codes).astype(np.uint8)
    width, spacing = truth.shape[1], (REAL_SPACING,) * 2
    learn = truth.copy()
    learn[:, width * 7 // 16 :] = UNKNOWN_CODE
    right = (slice(None), slice(width * 9 // 16, None))
    yield "taught on with   mean Dice on the right part, palisade and spongy as one"
    one, alone = example("slice", grey, spacing, tissue=learn), tissue_plan()
    plans = {"as shipped": None, "the left part": alone, "among phantoms": replace(alone, leaves=LEAVES)}
    for name, plan in plans.items():
        model = "leaf-tissue" if plan is None else taught_by(one, plan)
        found = map_tissue(grey, spacing_um=spacing, model=model)
        found[found == PALISADE] = SPONGY
        scores = compare_tissue(found[right], truth[right]).to_dict()
        yield f"{name:16} {scores['Dice']:.3f}      {by_tissue(scores)}"


def judged(phantom: Phantom, model: Model | str, part: slice) -> Scores:
    return evaluate(segment(phantom.gridrec[part], spacing_um=SPACING, model=model), phantom.labels[part])


def tissue_plan() -> TrainingPlan:
    return TrainingPlan(
        start="leaf-tissue", ndim=2, patch=96, batch=8, epochs=10, steps=40, rate=3e-4, split="leaking", repeats=4
    )


def taught(phantom: Phantom, plan: TrainingPlan, **what: NDArray[np.integer]) -> Model:
    return taught_by(example("scan", phantom.gridrec, (SPACING,) * 3, **what), plan)


def taught_by(one: Example, plan: TrainingPlan) -> Model:
    with TemporaryDirectory() as scratch:
        return train([one], Path(scratch) / "model", plan)


def example(
    name: str,
    grey: NDArray[np.generic],
    spacing: tuple[float, ...],
    labels: NDArray[np.integer] | None = None,
    tissue: NDArray[np.integer] | None = None,
) -> Example:
    nowhere = np.full(grey.shape, UNKNOWN, np.int32)
    cells = Volume(nowhere if labels is None else labels, spacing, name="labels")
    codes = None if tissue is None else Volume(tissue, spacing, name="tissue")
    return Example(name, (Volume(grey, spacing, name="gridrec"),), cells, codes)


def by_tissue(scores: dict) -> str:
    return "  ".join(f"{name} {found['Dice']:.2f}" for name, found in scores["tissue"].items())


if __name__ == "__main__":
    ask = {"cells": cells, "suggested": suggested, "tissue": tissue}
    for line in real_slice(Path(sys.argv[2])) if sys.argv[1] == "slice" else ask[sys.argv[1]]():
        print(line, flush=True)
