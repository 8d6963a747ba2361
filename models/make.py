"""Make the shipped models from nothing: phantoms, training, judgement on leaves never seen, the model's card.

``python models/make.py [NAME ...]`` works in ``runs/`` with the commands a user has, and goes on where it was stopped.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mesophyll import Model, Volume, cuts, evaluate, io, map_tissue, segment
from mesophyll.confidence import calibrated
from mesophyll.cuts import Cut
from mesophyll.evaluation import compare_tissue, reliability
from mesophyll.experiment.judging import end_to_end
from mesophyll.inference import SegmentationPlan
from mesophyll.labels import Labels
from mesophyll.model import load, save
from mesophyll.progress import silent
from mesophyll.tuning.choosing import learn_chooser
from mesophyll.tuning.looking import sights, weighed
from telling import tell

HERE = Path(__file__).parent
RUNS = HERE.parent / "runs"
SHIPPED = HERE.parent / "src" / "mesophyll" / "models"

JUDGE = [*(("grape", seed) for seed in (101, 102, 103)), ("hard", 201)]
JUDGE_SMALL = [("grape", seed) for seed in (111, 112, 113)]
JUDGE_KINDS = [(kind, 121) for kind in ("arm", "thick", "honeycomb", "isotropic", "grass", "succulent", "fruit")]

JUDGED = {
    "leaf-3d": [*JUDGE, *JUDGE_SMALL, *JUDGE_KINDS],
    "leaf-3d-large": JUDGE,
    "leaf-2d": [*JUDGE, *JUDGE_SMALL, *JUDGE_KINDS],
    "leaf-tissue": [*JUDGE, *JUDGE_KINDS],
}
"""What each model is judged by. All learn from leaves that their plans grow, whose seeds begin far above."""

KINDS = ("grape", "hard", "arm", "thick", "honeycomb", "isotropic", "grass", "succulent", "fruit")
SURE_BY = [(kind, 700 + 10 * place + turn) for turn in range(4) for place, kind in enumerate(KINDS, start=1)]
SURE_JUDGED = [(kind, 800 + 10 * place + turn) for turn in range(2) for place, kind in enumerate(KINDS, start=1)]
"""By which leaves how sure a model of cells is is calibrated, and by which that is judged; one scan of each, in turn. No two
of them have a seed in common: the seed decides what leaves are like, whatever their kind."""

CHOOSE_BY = [(KINDS[place % len(KINDS)], 1001 + place) for place in range(90)]
"""By which leaves a model of cells learns to choose among candidates; one scan of each, in turn."""

SHAPES = {
    **dict.fromkeys(CHOOSE_BY, (112, 176, 112)),
    **dict.fromkeys(SURE_BY + SURE_JUDGED, (96, 144, 96)),
    **dict.fromkeys(JUDGE_SMALL, (160, 160, 160)),
    **dict.fromkeys(JUDGE, (192, 232, 192)),
    **dict.fromkeys(JUDGE_KINDS, (160, 208, 160)),
}

_CELLS = """
Taught by synthetic leaves alone; the figures of one species (grape) were measured, those of all others are from reviews and
textbooks. Voxels from 0.1625 to about 1 µm; in coarser ones the thin cells are lost.
"""
_SPLINTERS = """\
Cells under 110 µm³ (400 voxels) are dropped as splinters; `decoding = {min_size_vox = 100}` in a plan keeps them.
"""

LIMITS = {
    "leaf-3d": _CELLS + _SPLINTERS,
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
    for name in names or JUDGED:
        teach(name)
        ship(load(RUNS / name), name)


def run(*arguments: object) -> None:
    """Run a command of mesophyll's."""
    subprocess.run([sys.executable, "-m", "mesophyll", *map(str, arguments)], check=True)


def phantom(kind: str, seed: int) -> Path:
    """Return the folder of a phantom, made now if it is not there."""
    folder = RUNS / "phantoms" / f"{kind}-{seed:03d}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        run("phantom", folder, "--seed", seed, "--kind", kind, "--shape", *SHAPES[kind, seed], "--spacing", 0.65)
    return folder


def teach(name: str) -> None:
    """Train a model, unless it is there."""
    if not (RUNS / name / "model.json").exists():
        run("train", "-o", RUNS / name, "--plan", HERE / f"{name}.toml", "--resume")


def ship(model: Model, name: str) -> None:
    """Have a model of cells choose, judge and calibrate it, write its card, and put it into the package."""
    of_cells = model.representation.subject == "cells"
    model = choosing(model) if of_cells else model
    judge = [phantom(*leaf) for leaf in JUDGED[name]]
    scores = dict(itertools.chain.from_iterable(score(model, folder) for folder in judge))
    card = {**model.card, "scores": scores, "limits": LIMITS[name], "licence": "MIT"}
    told = replace(model, card=card)
    put(made_sure(told) if of_cells else told, name)


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


def found_in(model: Model, leaves: list[tuple[str, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the evidence of the cells that a model finds in leaves, and which of them are right."""
    plan, parts = SegmentationPlan(), []
    for examples in shown(model, leaves):
        with TemporaryDirectory() as scratch:
            seen = sights(model, examples, plan=plan, scratch=Path(scratch), progress=silent)
            parts.append(weighed(model, seen, plan, Path(scratch)))
    figures, right = zip(*parts, strict=True)
    return np.concatenate(figures), np.concatenate(right)


def shown(model: Model, leaves: list[tuple[str, int]]) -> Iterator[list[io.Example]]:
    """Yield what a model sees of each leaf: one of its scans, in turn, or sections of that, in which there are cells."""
    for turn, leaf in enumerate(leaves):
        example = io.read_example(phantom(*leaf))
        example = replace(example, scans=(example.scans[turn % 2],))
        flat = (example.section(cut) for cut in across(example.scans[0]))
        yield [example] if model.network.ndim == 3 else [one for one in flat if (one.labels.read() > 0).any()]
        print(*leaf, flush=True)


def score(model: Model, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the scores on each scan of a phantom."""
    example = io.read_example(folder)
    ask = {"cells": cells, "tissue": tissues}[model.representation.subject]
    for scan in example.scans:
        name, found = f"{folder.name} {Path(scan.name).stem}", ask(model, scan, example)
        print(name, found, flush=True)
        yield name, found


def cells(model: Model, scan: Volume, example: io.Example) -> dict[str, Any]:
    """Return the scores of cells: of the volume for a 3D model, of sections for a 2D one."""
    pair = volumes if model.network.ndim == 3 else sections
    found = evaluate(*pair(model, scan, example.labels.read())).to_dict()
    return {key: found[key] for key in ("mAP", "mAP_interval", "AP", "AJI", "cells", "truth_cells")}


def tissues(model: Model, scan: Volume, example: io.Example) -> dict[str, Any]:
    """Return the scores of the tissue map of a volume."""
    found = map_tissue(scan.read(), spacing_um=scan.known_spacing_um, model=model)
    return compare_tissue(found, example.tissue.read()).to_dict()


def volumes(model: Model, scan: Volume, truth: Labels) -> tuple[Labels, Labels]:
    """Return the labels found in a volume, and the true ones."""
    return segment(scan.read(), spacing_um=scan.known_spacing_um, model=model), truth


def sections(model: Model, scan: Volume, truth: Labels) -> tuple[Labels, Labels]:
    """Return labels and truth of five sections across each axis, end to end; no number stands in two sections."""
    where = across(scan)
    flat = [cut.flat(scan) for cut in where]
    found = [segment(one.read(), spacing_um=one.known_spacing_um, model=model) for one in flat]
    return end_to_end(found), end_to_end(cuts.sections(truth, where))


def across(scan: Volume) -> list[Cut]:
    """Return five sections across each axis."""
    shares = itertools.product(range(3), np.linspace(0.1, 0.9, 5))
    return [Cut(axis, int(share * scan.shape[axis])) for axis, share in shares]


if __name__ == "__main__":
    main(sys.argv[1:])
