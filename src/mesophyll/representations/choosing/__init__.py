"""Cells chosen among nested candidates, by what was learnt of right ones and wrong ones."""

from mesophyll.representations.choosing.chooser import Chooser, Fragments, overlaps
from mesophyll.representations.choosing.learning import learnt

__all__ = ["Chooser", "Fragments", "learnt", "overlaps"]
