"""Scans and labels in and out, in the formats that the field uses.

Every format is a module that tells what stands in a file (`base.Found`) and writes one; `formats` is the table of
them. A format's library is imported when its first file is met.
"""

from __future__ import annotations

from mesophyll.io.atomic import check_place, replacing
from mesophyll.io.describe import describe
from mesophyll.io.example import Example, read_example, write_example
from mesophyll.io.files import read, read_labels, read_notes, write
from mesophyll.io.formats import FORMATS, WRITABLE
from mesophyll.io.result import Result, read_result, write_result

__all__ = [
    "FORMATS",
    "WRITABLE",
    "Example",
    "Result",
    "check_place",
    "describe",
    "read",
    "read_example",
    "read_labels",
    "read_notes",
    "read_result",
    "replacing",
    "write",
    "write_example",
    "write_result",
]
