"""The synthetic leaf: cells that are known exactly, and grey values like those of a real scan.

`make` draws a leaf from a seed: first its anatomy in µm (`anatomy`), then its scan (`scanner`), which also takes any
other labelled volume.
"""

from __future__ import annotations

from mesophyll.phantom.anatomy import Anatomy
from mesophyll.phantom.kinds import KINDS, Description, describe
from mesophyll.phantom.leaf import Phantom, make, render
from mesophyll.phantom.scanner import PLAIN, Optics

__all__ = ["KINDS", "PLAIN", "Anatomy", "Description", "Optics", "Phantom", "describe", "make", "render"]
