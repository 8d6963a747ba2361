"""Slices that should be labelled next, as one HTML file: the scan, and where the model contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mesophyll.io import replacing
from mesophyll.report import html
from mesophyll.report.html import text
from mesophyll.report.slices import heat, picture
from mesophyll.volume import Volume

__all__ = ["write"]


def write(
    path: Path, scan: Volume, voxels: Volume, places: Sequence[tuple[int, int]], tissues: Mapping[str, float]
) -> None:
    """Write the page.

    Parameters
    ----------
    path
        The HTML file; an older one is replaced.
    scan, voxels
        Grey values, and the disagreement of each voxel, of the same shape.
    places
        Axis and place, from 0, of each slice, the best first.
    tissues
        Mean disagreement by the name of the tissue; may be empty.
    """
    shown = "".join(_slice(scan, voxels, axis, place) for axis, place in places)
    note = "The redder, the more the cells found in the scan differ from those found in its mirror images. Slices count from 1."
    nothing = "<p>In no slice does the model contradict itself much more than in the others: label any.</p>"
    parts = [html.section("slices", "Label these next", note, shown or nothing)]
    if tissues:
        rows = [{"tissue": name, "disagreement": f"{value:.3f}"} for name, value in tissues.items()]
        parts.append(html.section("tissues", "By tissue", "Mean over the scan.", html.table(rows)))
    with replacing(path) as partial:
        partial.write_text(html.page(text(scan.name), "Where to label next.", "\n".join(parts)), encoding="utf-8")


def _slice(scan: Volume, voxels: Volume, axis: int, place: int) -> str:
    spacing_um = tuple(step for other, step in enumerate(scan.known_spacing_um) if other != axis)
    at = (slice(None),) * axis + (slice(place, place + 1),)
    grey = np.asarray(scan.data[at]).squeeze(axis)
    values = np.nan_to_num(np.asarray(voxels.data[at]).squeeze(axis))  # where no cell was seen nothing is red
    title = f"Slice {place + 1} of {scan.shape[axis]} along {'ZYX'[axis]}"
    drawn = heat(grey, values, 1.0, spacing_um, f"{title}: where the model contradicts itself")
    pair = f'<div class="pair">{drawn}{picture(grey, None, spacing_um, f"{title}: the scan")}</div>'
    return f'<figure class="plane">{pair}<figcaption><b>{text(title)}</b></figcaption></figure>'
