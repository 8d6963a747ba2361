"""From labels and tissue to grey values: one scan in both reconstructions, as a synchrotron delivers them.

`image` scans a volume in memory; `Scan` exposes any box of one that is not.
"""

from __future__ import annotations

from mesophyll.phantom.crystal import Crystal
from mesophyll.phantom.scanner.faces import Faces
from mesophyll.phantom.scanner.imaging import image, prepare
from mesophyll.phantom.scanner.optics import PLAIN, Optics
from mesophyll.phantom.scanner.scan import Scan

__all__ = ["PLAIN", "Crystal", "Faces", "Optics", "Scan", "image", "prepare"]
