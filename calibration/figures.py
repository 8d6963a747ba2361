"""All figures of a section, by group and name: one code for the real section and for phantoms.

`measure` gives a table ``{group: {figure: value}}``; a figure that a section does not show is NaN.
"""

from __future__ import annotations

from calibration import geometry, grey, walls
from calibration.section import Section

__all__ = ["GROUPS", "measure"]

Figures = dict[str, float]

GROUPS = {
    "plateaus (grey)": grey.plateaus,
    "edge (grey, places from the half-way of Paganin)": grey.edge,
    "inside cells (grey)": grey.noise,
    "walls (grey above both sides)": walls.walls,
    "porosity": geometry.porosity,
    "thickness": geometry.thickness,
    "columns of the palisade half": geometry.columns,
    "palisade cells": geometry.columns_known,
    "chords": geometry.chords,
    "local thickness": geometry.local_thickness,
}
"""What is measured, and by which function of a section."""


def measure(section: Section) -> dict[str, Figures]:
    """Measure a section: each group's figures."""
    return {group: of(section) for group, of in GROUPS.items()}
