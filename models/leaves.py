"""The leaves that models are made with, beside those that their plans grow: to choose, to calibrate and to be judged by.

No two of these uses share a seed: the seed decides what a leaf is like, whatever its kind.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from mesophyll import Model, Volume, io
from mesophyll.cuts import Cut

RUNS = Path(__file__).parent.parent / "runs"

Leaf = tuple[str, int]
"""Kind and seed."""

KINDS = ("grape", "hard", "arm", "thick", "honeycomb", "isotropic", "grass", "succulent", "fruit")

JUDGE_GRAPE = [("grape", seed) for seed in (101, 102, 103)]
JUDGE_SMALL = [("grape", seed) for seed in (111, 112, 113)]
JUDGE_HARD = [("hard", seed) for seed in (201, 202)]
JUDGE_KINDS = [(kind, 120 + 10 * turn + place) for turn in range(2) for place, kind in enumerate(KINDS[2:], start=1)]
JUDGE = [*JUDGE_GRAPE, *JUDGE_SMALL, *JUDGE_HARD, *JUDGE_KINDS]
"""What models are judged by, in both reconstructions."""

SURE_BY = [(kind, 700 + 10 * place + turn) for turn in range(4) for place, kind in enumerate(KINDS, start=1)]
SURE_JUDGED = [(kind, 800 + 10 * place + turn) for turn in range(2) for place, kind in enumerate(KINDS, start=1)]
"""By which leaves how sure a model of cells is is calibrated, and by which that is judged; one scan of each, in turn."""

CHOOSE_BY = [(KINDS[place % len(KINDS)], 1001 + place) for place in range(90)]
"""By which leaves a model of cells learns to choose among candidates; one scan of each, in turn."""

SHAPES = {
    **dict.fromkeys(CHOOSE_BY, (112, 176, 112)),
    **dict.fromkeys(SURE_BY + SURE_JUDGED, (96, 144, 96)),
    **dict.fromkeys(JUDGE_SMALL, (160, 160, 160)),
    **dict.fromkeys(JUDGE_GRAPE + JUDGE_HARD, (192, 232, 192)),
    **dict.fromkeys(JUDGE_KINDS, (160, 208, 160)),
}


def mesophyll(*arguments: object) -> None:
    """Run a command of mesophyll's."""
    subprocess.run([sys.executable, "-m", "mesophyll", *map(str, arguments)], check=True)


def phantom(leaf: Leaf) -> Path:
    """Return the folder of a leaf, grown now if it is not there."""
    kind, seed = leaf
    folder = RUNS / "phantoms" / f"{kind}-{seed:03d}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        mesophyll("phantom", folder, "--seed", seed, "--kind", kind, "--shape", *SHAPES[leaf], "--spacing", 0.65)
    return folder


def shown(model: Model, leaves: list[Leaf]) -> Iterator[list[io.Example]]:
    """Yield what a model sees of each leaf: one of its scans, in turn, or sections of that, in which there are cells."""
    for turn, leaf in enumerate(leaves):
        example = io.read_example(phantom(leaf))
        example = replace(example, scans=(example.scans[turn % 2],))
        flat = (example.section(cut) for cut in across(example.scans[0]))
        yield [example] if model.network.ndim == 3 else [one for one in flat if (one.labels.read() > 0).any()]
        print(*leaf, flush=True)


def across(scan: Volume) -> list[Cut]:
    """Return five sections across each axis."""
    shares = itertools.product(range(3), np.linspace(0.1, 0.9, 5))
    return [Cut(axis, int(share * scan.shape[axis])) for axis, share in shares]
