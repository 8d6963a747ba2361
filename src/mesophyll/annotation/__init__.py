"""Labels as people make them: some slices painted, some cells traced, and the rest unknown.

`read` turns label images, ImageJ ROIs and folders of masks into an `Annotation` of the whole scan, -1 where nobody knows;
`convert` turns a lab's grey values for tissues into the codes of `mesophyll.tissues`.
"""

from __future__ import annotations

from mesophyll.annotation.base import Annotation
from mesophyll.annotation.conventions import CONVENTIONS, Convention
from mesophyll.annotation.conversion import Choice, check_expected, convert, preview
from mesophyll.annotation.likely import likely, nearest
from mesophyll.annotation.reading import read
from mesophyll.annotation.sides import parse_upper
from mesophyll.annotation.statement import NOTHING_STATED, Statement, parse_slices
from mesophyll.annotation.tissue import read_tissue

__all__ = [
    "CONVENTIONS",
    "NOTHING_STATED",
    "Annotation",
    "Choice",
    "Convention",
    "Statement",
    "check_expected",
    "convert",
    "likely",
    "nearest",
    "parse_slices",
    "parse_upper",
    "preview",
    "read",
    "read_tissue",
]
