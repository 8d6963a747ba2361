"""What is found in scans that are not as a model learnt them, and if it warns: ``python -m benchmarks.robustness [MODEL]``.

Leaves of two kinds that no model has seen, each scanned in many ways: other voxels, greys, noise, media, positions. Each way is
compared with the plain scan of the same leaf in a box of the same size; a fine scan has a small box, a leaning leaf a high one.
Minutes for each line; ``python -m benchmarks.robustness leaf-3d inverted noise`` asks for the ways whose names begin so.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from mesophyll import Model, UnfamiliarScanWarning, evaluate, find_model, segment
from mesophyll.phantom import make

LEAVES = (("grape", 811), ("arm", 812))
"""Neither learnt from (seeds from 999,999 on) nor judged by ``models/make.py``."""

USUAL, SMALL, HIGH = (81.9, 113.1, 81.9), (41.6, 83.2, 41.6), (52.0, 200.2, 52.0)
"""Boxes in µm, whole numbers of all voxels: in the usual one a fine scan would be too large, and a leaf that leans too thin."""


@dataclass(frozen=True)
class Scan:
    """One scan of a leaf: grey values and cells, shape (Z, Y, X), and the voxel size that is stated."""

    grey: NDArray[np.generic]
    truth: NDArray[np.int32]
    spacing_um: tuple[float, ...]


@dataclass(frozen=True)
class Way:
    """A way to scan a leaf: in what box and voxels, in what its description differs, and what is done to the scan."""

    box_um: tuple[float, float, float] = USUAL
    spacing_um: tuple[float, float, float] = (0.65, 0.65, 0.65)
    differs: str = ""
    change: Callable[[Scan], Scan] = lambda scan: scan

    def scan(self, kind: str, seed: int) -> Scan:
        shape = tuple(round(side / step) for side, step in zip(self.box_um, self.spacing_um, strict=True))
        with TemporaryDirectory() as folder:
            described = Path(folder) / "leaf.toml"
            described.write_text(f'like = "{kind}"\n{self.differs}', encoding="utf-8")
            leaf = make(seed, shape=shape, spacing_um=self.spacing_um, kind=str(described))
        return self.change(Scan(leaf.gridrec, leaf.labels, leaf.spacing_um))


def regreyed(change: Callable[[NDArray[np.generic]], NDArray[np.generic]]) -> Callable[[Scan], Scan]:
    """Change the grey values alone."""
    return lambda scan: replace(scan, grey=change(scan.grey))


def stated(factor: float) -> Callable[[Scan], Scan]:
    """State a wrong voxel size."""
    return lambda scan: replace(scan, spacing_um=tuple(factor * step for step in scan.spacing_um))


def upside_down(scan: Scan) -> Scan:
    return replace(scan, grey=scan.grey[:, ::-1], truth=scan.truth[:, ::-1])


def lying(axis: int) -> Callable[[Scan], Scan]:
    """Have another axis lead through the leaf than Y."""
    return lambda scan: replace(scan, grey=scan.grey.swapaxes(1, axis), truth=scan.truth.swapaxes(1, axis))


def cut(scan: Scan) -> Scan:
    """Leave a cylinder about Z of what lies in the box, with black corners, as a field of view does."""
    y, x = (np.arange(length) - (length - 1) / 2 for length in scan.truth.shape[1:])
    inside = y[:, None] ** 2 + x[None, :] ** 2 <= (0.5 * max(scan.truth.shape[2], 0.8 * scan.truth.shape[1])) ** 2
    return replace(scan, grey=scan.grey * inside.astype(scan.grey.dtype), truth=scan.truth * inside)


def cubic(step: float, box_um: tuple[float, float, float] = USUAL) -> Way:
    return Way(box_um, (step, step, step))


WAYS: dict[str, Way] = {
    "plain": Way(),
    "8 bits, 64 greys": Way(change=regreyed(lambda grey: grey // 4)),
    "16 bits": Way(differs="[optics]\nbits = 16"),
    "32 bits, around 0": Way(
        change=regreyed(lambda grey: np.where(grey > 0, (grey - 120.3) / 1e4, 0).astype(np.float32))
    ),
    "inverted": Way(change=regreyed(lambda grey: 255 - grey)),
    "noise twice": Way(differs="[optics]\nnoise = [2.0, 2.0]"),
    "noise four times": Way(differs="[optics]\nnoise = [4.0, 4.0]"),
    "medium is tissue": Way(differs="[optics]\nmedium_is_air = 0.0\nmedium = [1.0, 1.0]"),
    "medium is air": Way(differs="[optics]\nmedium_is_air = 1.0"),
    "upside down": Way(change=upside_down),
    "on its side": Way(change=lying(2)),
    "across the slices": Way(change=lying(0)),
    "cut by the field": Way(change=cut),
    "0.65 0.65 1.3 µm": Way(spacing_um=(0.65, 0.65, 1.3)),
    "1.3 0.65 0.65 µm": Way(spacing_um=(1.3, 0.65, 0.65)),
    "0.325 0.65 0.65 µm": Way(spacing_um=(0.325, 0.65, 0.65)),
    "0.325 µm": cubic(0.325),
    "0.975 µm": cubic(0.975),
    "1.3 µm": cubic(1.3),
    "1.95 µm": cubic(1.95),
    "stated as 0.325 µm": Way(change=stated(0.5)),
    "stated as 1.3 µm": Way(change=stated(2.0)),
    "small: plain": cubic(0.65, SMALL),
    "small: 0.1625 µm": cubic(0.1625, SMALL),
    "high: plain": cubic(0.65, HIGH),
    "high: leaning 25°": Way(HIGH, differs="[anatomy.blade]\ntilt_deg = [25.0, 25.0]"),
}
"""All ways, by name; the first one of each box is what the others of that box are compared with."""


def measure(model: str = "leaf-3d", asked: Sequence[str] = ("",)) -> Iterator[str]:
    found, warned = find_model(model), set()
    yield f"{model}, gridrec: mAP and AP@0.5 of {' and '.join(f'{kind} {seed}' for kind, seed in LEAVES)}"
    yield f"{'':20}{''.join(f'{kind:>14}' for kind, _ in LEAVES)}   of plain  warned"
    plain: dict[tuple[float, float, float], float] = {}
    for name, way in WAYS.items():
        if way.box_um in plain and not name.startswith(tuple(asked)):
            continue
        rows = [judged(found, way.scan(*leaf)) for leaf in LEAVES]
        mean = float(np.mean([mean_ap for mean_ap, _, _ in rows]))
        share = mean / plain.setdefault(way.box_um, mean)
        told = "".join(f"   {mean_ap:.3f} {half:.3f}" for mean_ap, half, _ in rows)
        yield f"{name:20}{told}     {share:4.0%}  {sum(bool(doubts) for _, _, doubts in rows)} of {len(rows)}"
        warned |= {f"{name}: {doubts}" for _, _, doubts in rows if doubts}
    yield from sorted(warned)


def judged(model: Model, scan: Scan) -> tuple[float, float, str]:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", UnfamiliarScanWarning)
        labels = segment(scan.grey, spacing_um=scan.spacing_um, model=model)
    scores = evaluate(labels, scan.truth).counts
    doubts = [str(one.message) for one in heard if issubclass(one.category, UnfamiliarScanWarning)]
    return scores.mean_ap, scores.ap["0.5"], " ".join(doubts)


if __name__ == "__main__":
    for line in measure(*sys.argv[1:2] or ["leaf-3d"], asked=sys.argv[2:] or [""]):
        print(line, flush=True)
