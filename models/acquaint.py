"""Tell a model what it learnt from looks like, where it was made before models kept that.

``python models/acquaint.py [NAME ...]`` grows the first leaves that the plan in the model's card learnt from, cuts patches as a
training does, and writes the ranges of their marks into ``model.json``. Nothing else there is touched, nor are the weights.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from make import LIMITS, SHIPPED
from mesophyll.likeness import Familiar, measure
from mesophyll.model import ABOUT, Model, load
from mesophyll.representations import from_table
from mesophyll.settings import from_dict, to_dict
from mesophyll.training import TrainingPlan
from mesophyll.training.nursery import FIRST_SEED, specimen
from mesophyll.training.patches import regrey
from mesophyll.training.preparation import Preparation
from mesophyll.training.view import View

ROUNDS, PATCHES = 3, 17
"""So many leaves of each kind, and so many patches of each: about as many as a training keeps the marks of."""


def main(names: list[str]) -> None:
    """Acquaint the models named, or all."""
    for name in names or LIMITS:
        model = load(SHIPPED / name)
        plan = from_dict(TrainingPlan, model.card["plan"])
        write(SHIPPED / name / ABOUT, Familiar.of(list(met(model, plan)), plan.patch))


def met(model: Model, plan: TrainingPlan) -> Iterator[dict[str, float]]:
    """Yield the marks of patches that a training by this plan begins with."""
    view = View(plan.spacing_um, plan.intensity, subject=model.representation.subject)
    how = Preparation(from_table(plan.representation), plan.ndim, plan.patch, plan.augmentation)
    kinds = itertools.islice(itertools.cycle(plan.leaves.kinds), ROUNDS * len(plan.leaves.kinds))
    for seed, kind in enumerate(kinds, FIRST_SEED):
        print(model.name, kind, seed, flush=True)
        leaf, rng = specimen(kind, seed, plan.leaves, view), np.random.default_rng([plan.seed, seed])
        for _ in range(PATCHES):
            patch = how.cut(leaf, rng)
            yield measure(regrey(patch.image_CS[(slice(None), *patch.core)], 1, plan.augmentation, rng)[0])


def write(path: Path, familiar: Familiar) -> None:
    """Write what is familiar into a ``model.json``, and leave the rest as it is."""
    about = json.loads(path.read_text(encoding="utf-8")) | {"familiar": to_dict(familiar)}
    path.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
