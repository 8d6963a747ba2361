"""How well a model does on leaves that it never saw: leaf by leaf, and kind by kind and tissue by tissue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaves import Leaf, across, phantom
from mesophyll import Model, Volume, cuts, evaluate, evaluation, io, map_tissue, segment
from mesophyll.evaluation import Counts, Fates, Scores, compare_tissue
from mesophyll.experiment.judging import end_to_end
from mesophyll.labels import Labels
from mesophyll.tissues import TISSUES

FIRST = "gridrec"
"""The reconstruction that tables by kind and by tissue are of: a leaf seen twice is still one leaf."""


@dataclass(frozen=True)
class Verdict:
    """What came of the cells of one scan.

    Parameters
    ----------
    kind, scan
        Of the leaf, and which of its scans.
    scores
        Of all cells and of each tissue.
    """

    kind: str
    scan: str
    scores: Scores


def judged(model: Model, leaves: Sequence[Leaf]) -> dict[str, Any]:
    """Return what a model's card tells of leaves that it never saw: ``scores``; of a model of cells, in groups, too."""
    if model.representation.subject == "tissue":
        return {"scores": dict(pair for leaf in leaves for pair in tissues(model, leaf))}
    verdicts = {name: one for leaf in leaves for name, one in cells(model, leaf)}
    return {"scores": {name: of_all(one.scores) for name, one in verdicts.items()}, **in_groups(verdicts)}


def scans(leaf: Leaf) -> Iterator[tuple[str, Volume, io.Example]]:
    """Yield each scan of a leaf, after its name and before the leaf itself."""
    example = io.read_example(phantom(leaf))
    for scan in example.scans:
        yield Path(scan.name).stem, scan, example


def tissues(model: Model, leaf: Leaf) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the scores of the tissue map of each scan."""
    for reconstruction, scan, example in scans(leaf):
        found = map_tissue(scan.read(), spacing_um=scan.known_spacing_um, model=model)
        name, scores = f"{example.name} {reconstruction}", compare_tissue(found, example.tissue.read()).to_dict()
        print(name, scores, flush=True)
        yield name, scores


def cells(model: Model, leaf: Leaf) -> Iterator[tuple[str, Verdict]]:
    """Yield what comes of the cells of each scan: as a volume for a 3D model, in sections for a 2D one."""
    look = as_volume if model.network.ndim == 3 else in_sections
    for reconstruction, scan, example in scans(leaf):
        labels, truth, tissue = look(model, scan, example)
        found = evaluate(labels, truth, tissue=tissue)
        name = f"{example.name} {reconstruction}"
        print(name, found.counts.mean_ap, found.aji, flush=True)
        yield name, Verdict(leaf[0], reconstruction, found)


def as_volume(model: Model, scan: Volume, example: io.Example) -> tuple[Labels, Labels, NDArray[Any]]:
    """Return the labels found in a volume, the true ones, and the tissue map."""
    found = segment(scan.read(), spacing_um=scan.known_spacing_um, model=model)
    return found, example.labels.read(), example.tissue.read()


def in_sections(model: Model, scan: Volume, example: io.Example) -> tuple[Labels, Labels, NDArray[Any]]:
    """Return labels, truth and tissue of five sections across each axis, end to end; no number stands in two sections."""
    where = across(scan)
    flat = [cut.flat(scan) for cut in where]
    found = [segment(one.read(), spacing_um=one.known_spacing_um, model=model) for one in flat]
    tissue = np.concatenate([cut.of(example.tissue.data).ravel() for cut in where])
    return end_to_end(found), end_to_end(cuts.sections(example.labels.read(), where)), tissue


def of_all(scores: Scores) -> dict[str, Any]:
    """Return what a card tells of a scan."""
    found = scores.to_dict()
    return {key: found[key] for key in ("mAP", "mAP_interval", "AP", "AJI", "merges", "splits", "cells", "truth_cells")}


def in_groups(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """Return scores by kind of leaf, and by tissue over all kinds: intervals are over leaves and cells."""
    first = [one for one in verdicts.values() if one.scan == FIRST]
    by_kind: dict[str, list[Verdict]] = {}
    for one in first:
        by_kind.setdefault(one.kind, []).append(one)
    codes = np.concatenate([one.scores.truth_tissue for one in first])
    return {
        "kinds": {
            kind: {"leaves": len(some), "AJI": float(np.mean([one.scores.aji for one in some]))}
            | group([one.scores.fates for one in some], [one.scores.counts for one in some])
            for kind, some in by_kind.items()
        },
        "tissues": {
            name: group(
                [one.scores.fates for one in first],
                [one.scores.tissue[name] for one in first if name in one.scores.tissue],
                codes == code,
            )
            for code, name in TISSUES.items()
            if (codes == code).any()
        },
    }


def group(leaves: list[Fates], counts: list[Counts], among: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Return the scores of some cells of some leaves together."""
    mean, interval = evaluation.repeated_mean_ap([leaves], among)
    whole = reduce(add, counts).to_dict()
    told = {key: whole[key] for key in ("AP", "merges", "splits", "cells", "truth_cells")}
    return {"mAP": mean, "mAP_interval": list(interval), **told}
