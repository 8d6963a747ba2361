"""From labels and tissue to grey values: one scan in both reconstructions, as a synchrotron delivers them."""

from __future__ import annotations

from mesophyll.phantom.scanner.formation import image
from mesophyll.phantom.scanner.optics import PLAIN, Optics

__all__ = ["PLAIN", "Optics", "image"]
