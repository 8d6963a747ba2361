"""From a micro-CT scan of a leaf to individual, measured cells."""

from __future__ import annotations

__version__ = "0.1.0"
