"""Make the shipped models from nothing: phantoms, training, judgement on leaves never seen, the model's card.

``python models/make.py [NAME ...]`` works in ``runs/`` with the commands a user has, and goes on where it was stopped.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from judging import judged
from leaves import CHOOSE_BY, JUDGE, RUNS, SURE_BY, SURE_JUDGED, Leaf, mesophyll, shown
from mesophyll import Model
from mesophyll.confidence import calibrated
from mesophyll.evaluation import reliability
from mesophyll.inference import SegmentationPlan
from mesophyll.model import load, save
from mesophyll.progress import silent
from mesophyll.tuning.choosing import learn_chooser
from mesophyll.tuning.looking import sights, weighed
from telling import tell

HERE = Path(__file__).parent
SHIPPED = HERE.parent / "src" / "mesophyll" / "models"

_CELLS = """
Taught by synthetic leaves alone; the figures of one species (grape) were measured, those of all others are from reviews and
textbooks. Voxels from 0.1625 to about 1 µm; in coarser ones the thin cells are lost.
"""
_SPLINTERS = """\
Cells under 110 µm³ (400 voxels) are dropped as splinters; `decoding = {min_size_vox = 100}` in a plan keeps them.
"""

_UPRIGHT = """\
It knows upright leaves; scans are turned for it. Where a scan does not show how its leaf lies (succulents, fruit, a piece of a
leaf's inside), a warning says so, and `through` in a plan tells.
"""

LIMITS = {
    "leaf-3d": _CELLS + _SPLINTERS + _UPRIGHT,
    "leaf-3d-large": _CELLS + _SPLINTERS,
    "leaf-2d": _CELLS,
    "leaf-tissue": """
Taught by synthetic leaves alone; the figures of one species (grape) were measured, those of all others are from reviews and
textbooks. It works at 1.3 µm: gaps between cells that are narrower than about 2.5 µm are lost. Upper and lower epidermis are
told apart by what lies beside them; of a leaf without palisade (grass, succulent, fruit) the two look alike, and its figures
say so.
""",
}


def main(names: list[str]) -> None:
    """Make the models named, or all."""
    for name in names or LIMITS:
        teach(name)
        ship(load(RUNS / name), name)


def teach(name: str) -> None:
    """Train a model, unless it is there."""
    if not (RUNS / name / "model.json").exists():
        mesophyll("train", "-o", RUNS / name, "--plan", HERE / f"{name}.toml", "--resume")


def ship(model: Model, name: str) -> None:
    """Have a model of cells choose and say how sure it is, judge what came of that, and put it into the package."""
    if model.representation.subject == "cells":
        model = made_sure(choosing(model))
    card = {**model.card, **judged(model, JUDGE), "limits": LIMITS[name], "licence": "MIT"}
    put(replace(model, card=card), name)


def put(model: Model, name: str) -> None:
    """Write a model and its card's page into the package."""
    target = SHIPPED / name
    target.mkdir(parents=True, exist_ok=True)
    save(model, target)
    (target / "README.md").write_text(tell(name, dict(model.card)), encoding="utf-8")


def choosing(model: Model) -> Model:
    """Return a model of cells that chooses them among candidates, by leaves of all kinds, or by fifteen sections of each."""
    leaves = CHOOSE_BY if model.network.ndim == 3 else CHOOSE_BY[::2]
    chosen = learn_chooser(model, itertools.chain.from_iterable(shown(model, leaves)))
    return replace(chosen, card={**model.card, "chooser": {"data": [f"{kind}-{seed}" for kind, seed in leaves]}})


def made_sure(model: Model) -> Model:
    """Return a model of cells whose confidence is calibrated, and judged on other leaves in its card."""
    figures, right = found_in(model, SURE_BY)
    sure = calibrated(figures, right)
    unseen, happened = found_in(model, SURE_JUDGED)
    told = reliability(sure.of(unseen), happened).to_dict()
    by = [f"{kind}-{seed}" for kind, seed in SURE_BY]
    card = {**model.card, "confidence": {"data": by, "cells": len(right), "judged": told}}
    print("confidence", told, flush=True)
    return replace(model, confidence=sure, card=card)


def found_in(model: Model, leaves: list[Leaf]) -> tuple[np.ndarray, np.ndarray]:
    """Return the evidence of the cells that a model finds in leaves, and which of them are right."""
    plan, parts = SegmentationPlan(), []
    for examples in shown(model, leaves):
        with TemporaryDirectory() as scratch:
            seen = sights(model, examples, plan=plan, scratch=Path(scratch), progress=silent)
            parts.append(weighed(model, seen, plan, Path(scratch)))
    figures, right = zip(*parts, strict=True)
    return np.concatenate(figures), np.concatenate(right)


if __name__ == "__main__":
    main(sys.argv[1:])
