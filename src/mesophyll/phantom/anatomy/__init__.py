"""The leaf itself: drawn in µm from a description (`grow`), then put on a grid (`rasterise`)."""

from __future__ import annotations

from mesophyll.phantom.anatomy.description import Anatomy
from mesophyll.phantom.anatomy.growth import grow
from mesophyll.phantom.anatomy.leaf import Leaf
from mesophyll.phantom.anatomy.raster import rasterise

__all__ = ["Anatomy", "Leaf", "grow", "rasterise"]
