"""The kinds of leaves: for each one line about it, its anatomy, and how it is seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesophyll.phantom.anatomy import Anatomy
from mesophyll.phantom.scanner import Optics
from mesophyll.settings import unknown

__all__ = ["KINDS", "Description", "describe"]


@dataclass(frozen=True)
class Description:
    """A kind of leaf: one line about it, its anatomy, and how it is seen."""

    summary: str
    anatomy: Anatomy = field(default_factory=Anatomy)
    optics: Optics = field(default_factory=Optics)


KINDS: dict[str, Description] = {
    "grape": Description("a grape leaf: one palisade layer, lobed spongy cells, a quarter of air"),
    "hard": Description(
        "a dense grape leaf, noisier, where most contacts show no wall",
        Anatomy(porosity=(0.21, 0.25)),
        Optics(hidden=0.35, noise=(1.05, 2.25)),
    ),
}


def describe(kind: str) -> Description:
    """Return the description of a kind; a `SettingsError` names the nearest where there is none of that name."""
    if kind not in KINDS:
        raise unknown("unknown kind of leaf", kind, KINDS)
    return KINDS[kind]
