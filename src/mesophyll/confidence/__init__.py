"""How sure a cell is: what speaks for it, and the probability that it is right."""

from __future__ import annotations

from mesophyll.confidence.calibrated import Confidence, calibrated
from mesophyll.confidence.figures import EVIDENCE, evidence

__all__ = ["EVIDENCE", "Confidence", "calibrated", "evidence"]
