"""Make the shipped models from nothing: phantoms, training, judgement on leaves never seen, the model's card.

``python models/make.py [NAME ...]`` works in ``runs/`` with the commands a user has, and goes on where it was stopped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mesophyll import evaluate, io, segment
from mesophyll.labels import split_pieces
from mesophyll.model import load, save

HERE = Path(__file__).parent
RUNS = HERE.parent / "runs"
SHIPPED = HERE.parent / "src" / "mesophyll" / "models"

LEARN = [("grape", seed) for seed in range(1, 10)] + [("hard", seed) for seed in range(21, 25)]
VALIDATE = [("grape", 31), ("hard", 41)]
JUDGE = [("grape", 101), ("grape", 102), ("grape", 103), ("hard", 201)]
SHAPES = {"learn": (208, 232, 208), "validate": (160, 232, 160), "judge": (192, 232, 192)}

LIMITS = (
    "Taught by synthetic leaves alone: two kinds, both after one species (grape). Veins larger than minor ones, stomata, crystals, "
    "several palisade layers and grasses were never shown. Voxels from 0.1625 to about 1 µm; coarser ones lose the thin cells."
)


def main(names: list[str]) -> None:
    """Make the models named, or all."""
    learn = [phantom(kind, seed, SHAPES["learn"]) for kind, seed in LEARN]
    validate = [phantom(kind, seed, SHAPES["validate"]) for kind, seed in VALIDATE]
    judge = [phantom(kind, seed, SHAPES["judge"]) for kind, seed in JUDGE]
    for name in names or [plan.stem for plan in sorted(HERE.glob("*.toml"))]:
        teach(name, [*learn, *validate])
        ship(name, judge)


def run(*arguments: object) -> None:
    """Run a command of mesophyll's."""
    subprocess.run([sys.executable, "-m", "mesophyll", *map(str, arguments)], check=True)


def phantom(kind: str, seed: int, shape: tuple[int, ...]) -> Path:
    """Return the folder of a phantom, made now if it is not there."""
    folder = RUNS / "phantoms" / f"{kind}-{seed:03d}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        run("phantom", folder, "--seed", seed, "--kind", kind, "--shape", *shape, "--spacing", 0.65)
    return folder


def teach(name: str, data: list[Path]) -> None:
    """Train a model, unless it is there."""
    if not (RUNS / name / "model.json").exists():
        run("train", *data, "-o", RUNS / name, "--plan", HERE / f"{name}.toml", "--resume")


def ship(name: str, judge: list[Path]) -> None:
    """Judge a model, write its card, and put it into the package."""
    model = load(RUNS / name)
    scores = {folder.name: score(model, folder) for folder in judge}
    card = {**model.card, "scores": scores, "limits": LIMITS, "licence": "MIT"}
    target = SHIPPED / name
    target.mkdir(parents=True, exist_ok=True)
    save(replace(model, card=card), target)
    (target / "README.md").write_text(tell(name, card), encoding="utf-8")


def score(model: Any, folder: Path) -> dict[str, Any]:
    """Return the scores on a phantom: of the whole for a 3D model, of sections across all axes for a 2D one."""
    example = io.read_example(folder)
    truth, tissue = example.labels.read(), example.tissue.read()
    by_scan = {}
    for scan in example.scans:
        if model.network.ndim == 3:
            labels = segment(scan.read(), spacing_um=scan.known_spacing_um, model=model)
            scores = evaluate(labels, truth, tissue=tissue)
        else:
            scores = evaluate(*sections(model, scan.read(), scan.known_spacing_um, truth, tissue)[:2], tissue=None)
        found = scores.to_dict()
        by_scan[Path(scan.name).stem] = {
            key: found[key] for key in ("mAP", "mAP_interval", "AJI", "cells", "truth_cells")
        } | {
            "AP@0.5": found["AP"]["0.5"],
            "tissue AP@0.5": {tissue: table["AP"]["0.5"] for tissue, table in found.get("tissue", {}).items()},
        }
        print(folder.name, scan.name, json.dumps(by_scan[Path(scan.name).stem]), flush=True)
    return by_scan


def sections(
    model: Any, scan: np.ndarray, spacing_um: tuple[float, ...], truth: np.ndarray, tissue: np.ndarray
) -> tuple:
    """Segment five sections across each axis; return labels and truth side by side, with numbers that do not meet."""
    found, true = [], []
    for axis in range(3):
        rest = tuple(step for place, step in enumerate(spacing_um) if place != axis)
        for place in np.linspace(0.1, 0.9, 5) * scan.shape[axis]:
            labels = segment(scan.take(int(place), axis), spacing_um=rest, model=model)
            pieces = split_pieces(truth.take(int(place), axis))
            found.append(np.where(labels > 0, labels + sum(int(part.max()) for part in found), 0).ravel())
            true.append(np.where(pieces > 0, pieces + sum(int(part.max()) for part in true), 0).ravel())
    return np.concatenate(found).astype(np.int32), np.concatenate(true).astype(np.int32)


if __name__ == "__main__":
    main(sys.argv[1:])
