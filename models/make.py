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
from typing import Any

import numpy as np

from mesophyll import Model, Volume, cuts, evaluate, io, map_tissue, segment
from mesophyll.cuts import Cut
from mesophyll.evaluation import compare_tissue
from mesophyll.experiment.judging import end_to_end
from mesophyll.labels import Labels
from mesophyll.model import load, save

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

SHAPES = {
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
        ship(name)


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


def ship(name: str) -> None:
    """Judge a model, write its card, and put it into the package."""
    judge = [phantom(*leaf) for leaf in JUDGED[name]]
    model = load(RUNS / name)
    scores = dict(itertools.chain.from_iterable(score(model, folder) for folder in judge))
    card = {**model.card, "scores": scores, "limits": LIMITS[name], "licence": "MIT"}
    target = SHIPPED / name
    target.mkdir(parents=True, exist_ok=True)
    save(replace(model, card=card), target)
    (target / "README.md").write_text(tell(name, card), encoding="utf-8")


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
    shares = itertools.product(range(3), np.linspace(0.1, 0.9, 5))
    where = [Cut(axis, int(share * scan.shape[axis])) for axis, share in shares]
    flat = [cut.flat(scan) for cut in where]
    found = [segment(one.read(), spacing_um=one.known_spacing_um, model=model) for one in flat]
    return end_to_end(found), end_to_end(cuts.sections(truth, where))


def tell(name: str, card: dict[str, Any]) -> str:
    """Return the model's card as a page."""
    plan = card["plan"]
    of_tissue = plan["representation"]["name"] == "tissue"
    return "\n".join(
        [
            f"# {name}",
            "",
            f"Finds {'tissues' if of_tissue else 'cells'} in {plan['ndim']}D scans at voxels of {plan['spacing_um']} µm; "
            "others are resampled to that.",
            "",
            f"- **Taught by** synthetic leaves (kind and seed), as gridrec and as Paganin: {', '.join(card['data'])}.",
            f"- **Stopped by** its loss on {', '.join(card['validation']['data'])}, which were not learnt from.",
            f"- **Plan** `models/{name}.toml`, seed {plan['seed']}; it took {card['seconds'] / 60:.0f} minutes.",
            *([f"- **History** {card['history']}"] if card.get("history") else []),
            f"- **Licence** {card['licence']}.",
            "",
            *(scores_of_tissues(card["scores"]) if of_tissue else scores_of_cells(card["scores"], plan["ndim"])),
            "",
            "## Limits",
            "",
            card["limits"].strip(),
            "",
        ]
    )


def scores_of_cells(scores: dict[str, Any], ndim: int) -> list[str]:
    """Return the lines that tell how well cells are found."""
    what = "volumes" if ndim == 3 else "sections (five across each axis)"
    return [
        f"Scores on {what} of leaves that it never saw; mAP is the mean of TP / (TP + FP + FN) over IoU 0.1 to 0.9,",
        "with the interval in which 95 % of resamplings of the cells lie.",
        "",
        "| leaf and scan | mAP | AP at 0.5 | AP at 0.8 | AJI | cells found / true |",
        "|---|---|---|---|---|---|",
        *(
            f"| {leaf} | {found['mAP']:.3f} ({found['mAP_interval'][0]:.3f} to {found['mAP_interval'][1]:.3f}) | "
            f"{found['AP']['0.5']:.3f} | {found['AP']['0.8']:.3f} | {found['AJI']:.3f} | "
            f"{found['cells']} / {found['truth_cells']} |"
            for leaf, found in scores.items()
        ),
    ]


def scores_of_tissues(scores: dict[str, Any]) -> list[str]:
    """Return the lines that tell how well tissues are found."""
    classes = list(next(iter(scores.values()))["tissue"])
    return [
        "Dice of each tissue on volumes of leaves that it never saw, at voxels of 0.65 µm, with the interval in which 95 % of",
        "resamplings of blocks of 32 voxels' side lie; a tissue neither there nor found scores 1. *Air lost* is the share of",
        "the airspace taken for tissue; *bridges* join cells across air, *islands* are epidermis where there is none.",
        "",
        f"| leaf and scan | mean Dice | {' | '.join(classes)} | air lost | bridges | islands |",
        "|---" * (len(classes) + 5) + "|",
        *(
            f"| {leaf} | {found['Dice']:.3f} | {' | '.join(map(dice_of, found['tissue'].values()))} | "
            f"{found['air_lost']:.3f} | {found['bridges']} | {found['islands']} |"
            for leaf, found in scores.items()
        ),
    ]


def dice_of(found: dict[str, Any]) -> str:
    """Return the Dice of a class with its interval."""
    low, high = found["Dice_interval"]
    return f"{found['Dice']:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main(sys.argv[1:])
