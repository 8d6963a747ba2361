"""Cells from a twentieth of them and a tissue map: rules against a distance-transform watershed of the same foreground.

``python -m benchmarks.densify`` prints the table; ``python -m benchmarks.densify learn`` prints what phantoms teach the rule
(`mesophyll.densify.learnt`), from seeds that the table does not use; ``python -m benchmarks.densify check`` whether the share
of hidden cells that come back is that of the cells that nobody gave.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from mesophyll import tissues
from mesophyll.densify import CELL_TISSUES, densify, recover
from mesophyll.densify.base import with_rim
from mesophyll.densify.calibration import UNCLEAR, owners
from mesophyll.densify.contacts import Meetings, find
from mesophyll.densify.fragments import cut, distance
from mesophyll.densify.given import sort_out
from mesophyll.densify.part import Part, merged_cells
from mesophyll.densify.rule import Rule, moved
from mesophyll.densify.sieve import evidence
from mesophyll.densify.walls import ridges
from mesophyll.evaluation import compare, match, matches
from mesophyll.labels import UNKNOWN
from mesophyll.logistic import fitted
from mesophyll.phantom import Phantom, make

SHAPE, SPACING = (56, 160, 56), 0.65
KINDS, SEEDS, LESSONS = ("grape", "thick"), (1, 2, 3), (41,)
SHARE = 0.05
RISES = (0.1, 0.3, 0.6)
"""Voxels that a peak of the plain watershed must rise; the best for each leaf is shown, more than a user could know."""

SCANS = {"Paganin": ("paganin",), "gridrec": ("gridrec",), "both": ("gridrec", "paganin")}


def measure(scans: Sequence[str] = ("Paganin",)) -> Iterator[str]:
    yield "AP@0.5 (95 % interval over cells) on the cells that were not given"
    yield "kind   seed scan     given  cells  densify                 watershed               gain    CPU s"
    gains = []
    for kind in KINDS:
        for seed in SEEDS:
            leaf = make(seed, shape=SHAPE, spacing_um=SPACING, kind=kind)
            plain = max(
                (judged(watershed_of(leaf.labels > 0, rise), leaf) for rise in RISES), key=lambda found: found[0]
            )
            for scan in scans:
                line, gain = row(leaf, scan, plain)
                gains.append(gain)
                yield line
    yield f"mean gain {np.mean(gains):.3f}, least {np.min(gains):.3f}"


def row(leaf: Phantom, scan: str, plain: tuple[float, float, float]) -> tuple[str, float]:
    cells = given(leaf)
    images = [getattr(leaf, name) for name in SCANS[scan]]
    start = time.process_time()
    dense = densify(images, leaf.tissue, cells, SPACING)
    spent = time.process_time() - start
    assert np.array_equal(dense.labels[cells > 0], cells[cells > 0])
    ours = judged(dense.labels, leaf)
    line = (
        f"{leaf.kind:6} {leaf.seed:4} {scan:8} {len(np.unique(cells)) - 1:5} {leaf.cells:6}  {told(ours)}  {told(plain)}  "
        f"{ours[0] - plain[0]:+.3f}  {spent:5.1f}"
    )
    return line, ours[0] - plain[0]


def check() -> Iterator[str]:
    """What a user is told, from a fifth of the cells, beside what only the phantom knows."""
    yield "kind   seed  hidden  came back               not given  found"
    for kind in KINDS:
        for seed in SEEDS:
            leaf = make(seed, shape=SHAPE, spacing_um=SPACING, kind=kind)
            cells = given(leaf, 0.2)
            told = recover([leaf.paganin], leaf.tissue, cells, SPACING).table()[-1]
            found = densify([leaf.paganin], leaf.tissue, cells, SPACING).labels
            others = np.where(cells > 0, UNKNOWN, leaf.labels)
            share = len(hits(found, others)) / (len(np.unique(others)) - 2)
            back = "{share:.3f} ({from:.3f} to {to:.3f})".format(**told)
            yield f"{kind:6} {seed:4} {told['hidden']:7}  {back}  {len(np.unique(others)) - 2:9}  {share:.3f}"


def given(leaf: Phantom, share: float = SHARE) -> NDArray[np.int32]:
    """A share of the cells, drawn at random, but one at least of each tissue."""
    own = np.zeros(leaf.cells + 1, np.uint8)
    own[leaf.labels] = leaf.tissue
    rng = np.random.default_rng(leaf.seed)
    chosen = [
        rng.choice(numbers, max(round(share * len(numbers)), 1), replace=False)
        for code in CELL_TISSUES
        if (numbers := np.flatnonzero(own[1:] == code) + 1).size
    ]
    return np.where(np.isin(leaf.labels, np.concatenate(chosen)), leaf.labels, 0).astype(np.int32)


def judged(labels: NDArray[Any], leaf: Phantom) -> tuple[float, float, float]:
    """AP@0.5 and its interval; the given cells are left out of the truth for both."""
    scores = match(labels, hidden(leaf))
    return scores.to_dict()["AP"]["0.5"], *scores.ap_interval


def hidden(leaf: Phantom) -> NDArray[np.int32]:
    return np.where(given(leaf) > 0, UNKNOWN, leaf.labels).astype(np.int32)


def told(scores: tuple[float, float, float]) -> str:
    return f"{scores[0]:.3f} ({scores[1]:.3f} to {scores[2]:.3f})"


def watershed_of(inside: NDArray[np.bool_], rise: float) -> NDArray[np.int32]:
    """What anyone would do first: peaks of the smoothed distance, flooded."""
    depth = ndimage.gaussian_filter(edt.edt(inside), 1.0)
    peaks = h_maxima(np.round(depth * 50).astype(np.int32), round(rise * 50))
    return watershed(-depth, cc3d.connected_components(peaks > 0, connectivity=26), mask=inside).astype(np.int32)


def learn() -> Iterator[str]:
    """The weights of each tissue and its median cell, from all cells of the lessons' leaves, in all scans."""
    seen: dict[int, list[tuple[Meetings, NDArray[np.bool_]]]] = {code: [] for code in CELL_TISSUES}
    sizes: dict[int, list[float]] = {code: [] for code in CELL_TISSUES}
    for kind in (*KINDS, "hard"):
        for seed in LESSONS:
            leaf = make(seed, shape=SHAPE, spacing_um=SPACING, kind=kind)
            from_air = distance(leaf.labels > 0, (SPACING,) * 3)
            for code, box in enumerate(ndimage.find_objects(leaf.tissue, max(CELL_TISSUES)), start=1):
                if box is not None:
                    box = with_rim(box, SHAPE)
                    mask = np.ascontiguousarray(leaf.tissue[box] == code)
                    cells = np.where(mask, leaf.labels[box], 0)
                    sizes[code] += np.unique(cells[cells > 0], return_counts=True)[1].tolist()
                    scans = [{name: getattr(leaf, name)[box] for name in names} for names in SCANS.values()]
                    seen[code] += [pairs for scan in scans for pairs in lessons(scan, mask, cells, from_air[box])]
    for code, pairs in seen.items():
        name = tissues.name_of(code).upper().replace(" ", "_")
        typical = float(np.median(sizes[code]))
        every = Meetings(
            *(np.concatenate([getattr(one, f.name) for one, _ in pairs]) for f in fields(Meetings)[:-1]), 3
        )
        same = np.concatenate([same for _, same in pairs])
        weights = moved(Rule(np.zeros(6), typical), every, same, trust=1.0).weights
        told = ", ".join(f"{weight:.2f}" for weight in weights)
        yield f"    tissues.{name}: (({told}), {typical * SPACING**3:.1f}),"


def lessons(
    scan: dict[str, NDArray[Any]], mask: NDArray[np.bool_], cells: NDArray[np.int32], from_air: NDArray[np.float32]
) -> Iterator[tuple[Meetings, NDArray[np.bool_]]]:
    """Pairs of fragments, and of what becomes of them half-way, with whether they are one cell."""
    fragments = cut(mask, ridges(list(scan.values()), mask, from_air), (SPACING,) * 3)
    for _ in range(2):
        graph, owner = find(fragments), owners(fragments, cells, mask)
        one, other = owner[graph.first], owner[graph.second]
        clear = (one != UNCLEAR) & (other != UNCLEAR)
        yield graph.meetings(clear), (one == other)[clear]
        root = np.arange(len(owner))
        for first, second in zip(
            graph.first[clear & (one == other)], graph.second[clear & (one == other)], strict=True
        ):
            if root[first] == first and root[second] == second and (first + second) % 2:
                root[second] = first
        fragments = replace(fragments, labels=root[fragments.labels].astype(np.int32))


def trust() -> Iterator[str]:
    """The weights of what speaks for an added cell: shared by the tissues, but for a constant."""
    seen: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    for kind, seed in (("grape", 41), ("thick", 42), ("hard", 43), ("grape", 44)):
        leaf = make(seed, shape=(48, 112, 48), spacing_um=1.0, kind=kind)
        cells, codes = given(leaf), leaf.tissue
        from_air = distance(leaf.labels > 0, (1.0,) * 3)
        for code in CELL_TISSUES:
            mask = (codes == code) & (cells == 0)
            if mask.any():
                own = sort_out(np.where(codes == code, cells, 0).astype(np.int32))
                for images in ([leaf.gridrec], [leaf.paganin]):
                    labels, merged, rule = merged_cells(Part(code, codes == code, images, from_air, own), (1.0,) * 3)
                    here = np.unique(labels[labels > 0])
                    constant = np.eye(max(CELL_TISSUES))[code - 1] * np.ones((len(here), 1))
                    seen.append(np.hstack([evidence(labels, merged, rule)[here, :-1], constant]))
                    right.append(np.isin(here, hits(labels, np.where(mask, leaf.labels, 0))))
    weights = fitted(np.concatenate(seen), np.concatenate(right), np.zeros(5 + max(CELL_TISSUES)), trust=1.0)
    for code in CELL_TISSUES:
        told = ", ".join(f"{weight:.2f}" for weight in (*weights[:5], weights[4 + code]))
        yield f"    tissues.{tissues.name_of(code).upper().replace(' ', '_')}: ({told}),"
    yield f"AUC on what was learnt from: {auc(np.concatenate(seen) @ weights, np.concatenate(right)):.2f}"


def hits(labels: NDArray[np.int32], truth: NDArray[np.int32]) -> NDArray[np.int64]:
    """The numbers of cells that are right at IoU 0.5."""
    overlaps = compare(labels, truth)
    return overlaps.labels.cells[matches(overlaps, 0.5).row]


def auc(score: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """How often a right one scores higher than a wrong one."""
    return float(np.mean(score[right][:, None] > score[~right]))


if __name__ == "__main__":
    lines = {("learn",): learn, ("trust",): trust, ("check",): check}.get(tuple(sys.argv[1:]), measure)
    for line in lines():
        print(line, flush=True)
