"""Write `docs/calibration.md`: ``python -m calibration.make FOLDER [--kind grape] [--seeds 1 2 3 4]`` (some minutes).

The folder holds the real section: ``gridrec.tif``, ``paganin.tif`` and hand labels ``tissue.tif`` at 0.1625 µm, and perhaps
``calibration.json``, figures that were published with it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from calibration.apart import judge
from calibration.figures import measure
from calibration.page import published, write
from calibration.section import Section, coarser, cut, of_phantom, read_real
from mesophyll.phantom import KINDS, describe, make

DOCS = Path(__file__).parents[1] / "docs"
IMAGES = "images"

LEAST = 16
"""The fewest sections that are made of a phantom. Not more than must be: at 0.1625 µm they fill the memory quickly."""

COARSE = 4
"""By how much pixels are binned for the second look: 0.65 µm."""

STRIDES = {1: 64, COARSE: 16}
"""How far patches lie apart: beside each other, and overlapping where there are few."""

WINDOWS = {"gridrec": (60, 165), "Paganin": (20, 150)}
"""The grey values shown as black and as white."""

DETAIL = 440
"""The side of a detail in the picture, in pixels."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the phantoms, measure, ask the classifier, draw, write."""
    asked = _asked(arguments)
    real = read_real(asked.folder)
    synthetic = []
    for seed in asked.seeds:
        synthetic.append(_slab(seed, asked.kind, real))
        print(f"made {synthetic[-1].name}", flush=True)
    verdicts = []
    for factor, stride in STRIDES.items():
        first, *others = (coarser(each, factor) for each in (real, *synthetic))
        for scan in real.scans:
            verdicts.append(judge(first, others, scan, stride))
            print(f"{verdicts[-1]}\n{verdicts[-1].importance.head(12).round(3).to_string()}\n", flush=True)
    figures = [measure(part) for part in parts(real)], [measure(each) for each in synthetic]
    known = asked.folder / "calibration.json"
    told = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    head = {
        "size": " × ".join(map(str, real.tissue.shape)),
        "pixel": real.spacing_um,
        "folder": IMAGES,
        "source": told.get("source", "its source is not told"),
        "names": ", ".join(each.name for each in synthetic[:2]),
    }
    text = write(*figures, published(told) if told else {}, verdicts, head)
    _pictures([real, *synthetic[:2]])
    (DOCS / "calibration.md").write_text(text, encoding="utf-8")
    print(text)


def _slab(seed: int, kind: str, real: Section) -> Section:
    """Make a phantom as large as the real section and as thin as a leaf may be, and return its middle section."""
    deep = math.ceil(describe(kind).anatomy.narrowest_um / real.spacing_um)
    leaf = make(seed, shape=(max(deep, LEAST), *real.tissue.shape), spacing_um=real.spacing_um, kind=kind)
    return of_phantom(leaf)


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare phantoms with a real section and write docs/calibration.md.")
    parser.add_argument("folder", type=Path, help="where the real section lies")
    parser.add_argument("--kind", choices=list(KINDS), default="grape")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4], help="four or more, for four splits")
    return parser.parse_args(arguments)


def parts(section: Section) -> list[Section]:
    """Return the section, and its left, middle and right half."""
    height, width = section.tissue.shape
    halves = {"left": 0, "middle": width // 4, "right": width // 2}
    windows = {name: slice(start, start + width // 2) for name, start in halves.items()}
    return [section, *(cut(section, slice(0, height), window, name) for name, window in windows.items())]


def _pictures(sections: Sequence[Section]) -> None:
    """Draw a detail from the middle of each section, and each as a whole at a quarter of the resolution."""
    middles = [_middle(each) for each in sections]
    _save("calibration-fine.jpg", middles)
    _save("calibration-whole.jpg", [coarser(each, COARSE) for each in sections])


def _middle(section: Section) -> Section:
    rows = np.nonzero(section.mesophyll.any(axis=1))[0]
    top = max(int(rows.mean()) - DETAIL // 2, 0) if rows.size else 0
    left = section.tissue.shape[1] // 3 - DETAIL // 3
    return cut(section, slice(top, top + DETAIL), slice(left, left + DETAIL))


def _save(name: str, sections: Sequence[Section]) -> None:
    """Put sections side by side, gridrec above Paganin, all in one window of grey."""
    lines = [np.hstack([_shown(each.scans[scan], WINDOWS[scan]) for each in sections]) for scan in WINDOWS]
    Image.fromarray(np.vstack(lines)).save(DOCS / IMAGES / name, quality=72, optimize=True)


def _shown(scan: NDArray[np.float32], window: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = window
    grey = np.clip((scan - low) / (high - low), 0, 1) * 255
    return np.pad(grey.astype(np.uint8), ((0, 4), (0, 4)), constant_values=255)


if __name__ == "__main__":
    main()
