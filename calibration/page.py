"""The page `docs/calibration.md`: figure by figure, real and phantom, inside or not and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from calibration.apart import Verdict

__all__ = ["EXPLAINED", "published", "verdict", "write"]

Table = dict[str, dict[str, float]]

_HAND = "The hand-drawn outline lies 0.25 µm off the edge and is ragged."
_DRAWN = "Brightness, contrast, blur and medium are drawn; the real one is one scan."
_NARROW = "These leaves are drawn 3 grey darker than this scan, and dark fringes meet in their narrower gaps."
_RIM = "Real air is darkest beside cells and brightens towards the middle of a hole; phantom air does so too little."
_INWARD = "The phantom's gridrec rises about 0.1 µm farther inside the cell than the real one, and less steeply."
_LEVEL = (
    "How strong noise and streaks are is drawn, 0.85 to 1.3 and 0.4 to 1.6 of the measured: that shifts all of these."
)
_ALIKE = "What varies slowly in real cells is streaks alone; in phantoms a part of it is alike along x and y."
_POCKETS = "The real skin has dark pockets that its labels do not show: even dark lines are strong."
_DARK = "Real cells hold faint dark lines that phantoms lack; what they are is not known."
_SHEATH = "Four fifths of the walls of a phantom's sheath show; of the real ones fewer do, or fainter."
_VARIETY = "Phantoms are drawn from 110 to 160 µm, the variety of leaves; the real leaf is one of them."
_GAPS = "These four leaves have narrow gaps; over eight (31 µm deep, 0.65 µm) the halves have 0.22 and 0.29 of air."
_SHORT = "5 % of one section's depth hold ten to twenty gaps, and none where the real vein lies."
_JAGGED = "Hand labels have no gap thinner than a few pixels; a phantom's wedge closes to nothing."
_VEIN = "A large vein fills the right of the real section and leaves little spongy tissue."
_TOPS = "The tops of phantom columns hold too few pores: several count as one body."
_CUSPS = "Real cells have small corners and cusps that phantoms lack."

EXPLAINED = {
    "plateaus (grey): air, gridrec": _NARROW,
    "plateaus (grey)": _DRAWN,
    "edge (grey, places from the half-way of Paganin): half-way": _HAND,
    "edge (grey, places from the half-way of Paganin): gridrec at -": _NARROW,
    "edge (grey, places from the half-way of Paganin): gridrec at +0": _INWARD,
    "edge (grey, places from the half-way of Paganin): bright rim inside": _INWARD,
    "edge (grey, places from the half-way of Paganin): dark rim of": _NARROW,
    "edge (grey, places from the half-way of Paganin): Paganin at -": _RIM,
    "edge (grey, places from the half-way of Paganin)": _DRAWN,
    "inside cells (grey): correlation at 24 px along y": _ALIKE,
    "inside cells (grey): correlation at 6 px along y, gridrec": _ALIKE,
    "inside cells (grey)": _LEVEL,
    "walls (grey above both sides): epidermis": _POCKETS,
    "walls (grey above both sides): mesophyll, gridrec, null": _DARK,
    "walls (grey above both sides): mesophyll": "How high walls stand out is drawn, 0.85 to 1.2 of the measured.",
    "walls (grey above both sides): sheath, Paganin, null": "Phantom walls leave hardly a dark line there.",
    "walls (grey above both sides): sheath": _SHEATH,
    "porosity: palisade half": _GAPS,
    "porosity: depth 2": _GAPS,
    "porosity: depth 3": _GAPS,
    "porosity: depth": _SHORT,
    "porosity: spongy half": _VEIN,
    "thickness": _VARIETY,
    "palisade cells: cell width": "By hand, columns were measured in their middle; a section cuts most beside it.",
    "chords: air along x, palisade half": _JAGGED,
    "chords: air along y, palisade half": _JAGGED,
    "chords: air along y, spongy half": _VEIN,
    "chords: air along x, spongy half": _VEIN,
    "chords: cells along x, palisade half": _TOPS,
    "chords: cells along x, spongy half": _CUSPS,
    "chords: cells along y, spongy half": _CUSPS,
    "chords: cells along y, palisade half": "Real columns lean and have pores along them: a straight line leaves them sooner.",
    "local thickness: air": "The holes of a short section are few: one large one decides.",
    "local thickness: cells, palisade half": _TOPS,
    "local thickness: cells, spongy half": "Compact cells around the real vein's extension have no gaps between them.",
}
"""Why a figure may lie outside, by the beginning of ``group: figure``, the first that fits; written by a person who looked."""

_HEAD = """# Calibration

How much does a section of a [phantom](phantom.md) resemble one of a real leaf? The same code (`calibration/` in the
repository) measures both. This page is written by `make calibration`; the sections are {size} pixels of {pixel:g} µm.

![Real section and phantoms, gridrec above, Paganin below]({folder}/calibration-fine.jpg)

Left, a grape leaf: `{source}`.
The others are phantoms, {names}. The same windows of grey for all.

![The same sections at a quarter of the resolution]({folder}/calibration-whole.jpg)

## Told apart

A gradient-boosted classifier is asked to tell patches of 64 × 64 pixels of the real section from those of phantoms, by
their histogram, spectrum, gradients, directions and neighbourhoods. It is judged on blocks of the section and on seeds that
it has not seen; 50 % is a perfect phantom. The interval resamples blocks and seeds.

"""

_FIGURES = """## Figure by figure

The real range is that of the whole section, its left, middle and right half, and the figures published with it, where
there are any; the phantoms' is that over seeds. *Inside*: the phantoms' median lies within the real range; *overlaps*: the
ranges meet; *outside*: they do not. The section is short: its geometry varies from half to half as it does between leaves.

"""


def write(
    real: Sequence[Table], phantoms: Sequence[Table], extra: Table, verdicts: Sequence[Verdict], head: dict[str, Any]
) -> str:
    """Return the page.

    Parameters
    ----------
    real
        The figures of the whole real section, and of parts of it.
    phantoms
        Those of each phantom.
    extra
        Published figures of the real section.
    verdicts
        What the classifier said.
    head
        What the introduction names: size, pixel, folder, source, names.
    """
    return (
        _HEAD.format(**head)
        + "\n".join(_told(verdicts))
        + "\n\n"
        + _FIGURES
        + "\n".join(_figures(real, phantoms, extra))
        + "\n"
    )


def _told(verdicts: Sequence[Verdict]) -> Iterator[str]:
    kinds = list(verdicts[0].by_kind) if verdicts else []
    yield (
        "| scan | pixel, µm | patches, real and phantom | accuracy | "
        + " | ".join(f"by {kind}" for kind in kinds)
        + " |"
    )
    yield "|---" * (4 + len(kinds)) + "|"
    for each in verdicts:
        accuracy = f"**{each.accuracy:.1%}** ({each.low:.1%} to {each.high:.1%})"
        parts = " | ".join(f"{value:.0%}" for value in each.by_kind.values())
        yield f"| {each.scan} | {each.spacing_um:g} | {each.patches[0]}, {each.patches[1]} | {accuracy} | {parts} |"
    yield "\nWhat tells most: by how much the accuracy falls when a feature is shuffled, and the area under its curve alone.\n"
    yield "| scan | pixel, µm | feature | fall | alone | real | phantom |"
    yield "|---" * 7 + "|"
    for each in verdicts:
        for row in each.importance.head(5).itertuples():
            values = f"{row.fall:.2f} | {row.alone:.2f} | {row.real:.3g} | {row.phantom:.3g}"
            yield f"| {each.scan} | {each.spacing_um:g} | {row.feature} | {values} |"


def _figures(real: Sequence[Table], phantoms: Sequence[Table], extra: Table) -> Iterator[str]:
    for group in real[0]:
        yield f"### {group[0].upper()}{group[1:]}\n"
        yield "| figure | real | its range | phantoms' median | their range | |"
        yield "|---" * 6 + "|"
        names = {name: None for table in (*real, *phantoms) for name in table[group]}
        for name in names:
            own = [table[group].get(name, math.nan) for table in real] + [extra.get(group, {}).get(name, math.nan)]
            theirs = [table[group].get(name, math.nan) for table in phantoms]
            values = f"{_number(own[0])} | {_span(own)} | {_number(_median(theirs))} | {_span(theirs)}"
            yield f"| {name} | {values} | {_said(group, name, own, theirs)} |"
        yield ""


def _said(group: str, name: str, own: list[float], theirs: list[float]) -> str:
    found = verdict(own, theirs)
    why = next((text for start, text in EXPLAINED.items() if f"{group}: {name}".startswith(start)), "")
    return f"{found}: {why}" if why and found not in ("inside", "") else found


def verdict(own: Sequence[float], theirs: Sequence[float]) -> str:
    """Say how the phantoms' values lie to the real ones: inside, overlaps, outside; nothing where either is not known."""
    real = [value for value in own if math.isfinite(value)]
    synthetic = [value for value in theirs if math.isfinite(value)]
    if not real or not synthetic:
        return ""
    if min(real) <= _median(synthetic) <= max(real):
        return "inside"
    meet = max(min(real), min(synthetic)) <= min(max(real), max(synthetic))
    return "overlaps" if meet else "**outside**"


def _median(values: Sequence[float]) -> float:
    known = sorted(value for value in values if math.isfinite(value))
    if not known:
        return math.nan
    half = len(known) // 2
    return known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "–"


def _span(values: Sequence[float]) -> str:
    known = [value for value in values if math.isfinite(value)]
    return f"{min(known):.3g} to {max(known):.3g}" if known else "–"


def published(table: dict[str, Any]) -> Table:
    """Bring the figures that were published with the real section (of all of its slice) into this page's order."""
    thickness = {
        f"{part.replace('_', ' ').replace('leaf thickness', 'leaf')}, µm, {short}": float(value)
        for part, values in table["geometry_um_p10_p50_p90"].items()
        for short, value in zip(("p10", "p50", "p90"), values, strict=True)
    }
    porosity = {
        "all": table["porosity"]["slice"],
        "palisade half": table["porosity"]["upper45pct"],
        "spongy half": table["porosity"]["lower55pct"],
    }
    steps = table["porosity"]["profile_5pct_upper_to_lower"]
    porosity |= {f"depth {5 * n}-{5 * n + 5} %": value for n, value in enumerate(steps)}
    local = {
        f"{phase}, {half} half, µm, {short}": value
        for (phase, half), key in _LOCAL.items()
        for short, value in zip(("p10", "p50", "p90"), table["local_thickness_2d_um_p10_50_90"][key], strict=True)
    }
    grey = {
        f"{part}, {scan}": table[scan.lower()][key] for scan in ("gridrec", "Paganin") for part, key in _LEVELS.items()
    }
    cells = {"cell width, µm": 11.5, "cell height, µm": 46.0}
    return {
        "plateaus (grey)": grey,
        "porosity": porosity,
        "thickness": thickness,
        "local thickness": local,
        "palisade cells": cells,
    }


_LEVELS = {"cells": "cell_interior", "air": "air_plateau"}

_LOCAL = {
    ("air", "palisade"): "air_pal",
    ("air", "spongy"): "air_spongy",
    ("cells", "palisade"): "cells_pal_blob",
    ("cells", "spongy"): "cells_spongy_blob",
}
