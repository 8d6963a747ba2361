"""What choosing cells among candidates buys, and what more time does.

A model reads cells by the ends of the flow alone; or looks from all sides, at both reconstructions, at smaller tiles, at each
voxel in two of them. ``python -m benchmarks.choices [MODEL]``: gain in mean AP over the same true cells of leaves of four
kinds, with its interval, and how many times the time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mesophyll import Volume
from mesophyll.evaluation import Fates, difference, fates, mean_ap, pooled
from mesophyll.inference import SegmentationPlan, segment_volume
from mesophyll.phantom import Phantom, make

LEAVES = {"grape": 901, "arm": 912, "grass": 923, "succulent": 934}
SHAPE, SPACING = (112, 176, 112), 0.65

PLAIN = SegmentationPlan()
CHOICES: dict[str, tuple[SegmentationPlan, bool]] = {
    "as it is": (PLAIN, False),
    "by the ends of the flow alone": (SegmentationPlan(choose=False), False),
    "both reconstructions": (PLAIN, True),
    "from all sides (mirror)": (SegmentationPlan(mirror=True), False),
    "both, from all sides": (SegmentationPlan(mirror=True), True),
    "tiles of 96": (SegmentationPlan(tile_3d=96), False),
    "tiles of 96, each voxel in two": (SegmentationPlan(tile_3d=96, overlap=48), False),
}
"""How to go through a scan, and whether both reconstructions are looked at or gridrec alone."""


def main(model: str = "leaf-3d") -> Iterator[str]:
    leaves = [make(seed, shape=SHAPE, spacing_um=SPACING, kind=kind) for kind, seed in LEAVES.items()]
    found(leaves[0], model, PLAIN, both=False)  # compiles what is compiled
    plain: tuple[Fates, float] | None = None
    for name, (plan, both) in CHOICES.items():
        start = time.process_time()
        here = pooled([found(leaf, model, plan, both=both) for leaf in leaves])
        took = time.process_time() - start
        plain = plain or (here, took)
        mean, _ = mean_ap(here)
        gain = difference(here, plain[0])
        low, high = gain.interval
        yield f"{name:32} mAP {mean:.3f}  {gain.mean_ap:+.3f} ({low:+.3f} to {high:+.3f})  {took / plain[1]:.1f} times the time"


def found(leaf: Phantom, model: str, plan: SegmentationPlan, *, both: bool) -> Fates:
    """What becomes of a leaf's cells."""
    first, second = (
        Volume(grey, (SPACING,) * 3, name=name) for name, grey in (("gridrec", leaf.gridrec), ("Paganin", leaf.paganin))
    )
    beside: dict[str, Any] = {"second": second} if both else {}
    with TemporaryDirectory() as scratch:
        seen = segment_volume(first, model, **beside, scratch=Path(scratch), plan=plan)
        return fates(seen.labels.read(), leaf.labels)


if __name__ == "__main__":
    for line in main(*sys.argv[1:]):
        print(line, flush=True)
