"""The synthetic leaf: cells that are known exactly, and grey values like those of a real scan.

`make` draws a leaf from a seed: first its anatomy in µm (`anatomy`), then its scan (`scanner`), which also takes any
other labelled volume.
"""

from __future__ import annotations

from mesophyll.phantom.description import KINDS, PLAIN, Anatomy, Description, Optics
from mesophyll.phantom.leaf import Phantom, make

__all__ = ["KINDS", "PLAIN", "Anatomy", "Description", "Optics", "Phantom", "make"]
