"""What can go wrong, as a tree.

::

    MesophyllError            everything that the package raises on purpose
    ├── FileError             a file or folder: missing, damaged, of another kind, not writable
    ├── VolumeError           an array that is no scan: its shape, type, values or spacing
    ├── LabelsError           an array that is no labelling, or not of this scan
    ├── SettingsError         a plan or an argument: an unknown key, a value out of range
    ├── ModelError            a model: unknown, damaged, or unfit for this scan
    └── MissingLibraryError   an optional library that is not installed

Every error says three things, in this order: the value met, the rule it breaks, the remedy.

What may be wrong all the same, and stops nothing, is an `UnfamiliarScanWarning`.
"""

from __future__ import annotations

__all__ = [
    "FileError",
    "LabelsError",
    "MesophyllError",
    "MissingLibraryError",
    "ModelError",
    "SettingsError",
    "UnfamiliarScanWarning",
    "VolumeError",
]


class MesophyllError(Exception):
    """The root of the tree.

    Parameters
    ----------
    value
        What was met, with its name: ``"scan.tif holds 0 images"``.
    rule
        What should have been: ``"a scan needs at least one"``.
    remedy
        What to do now: ``"export it again"``.
    """

    def __init__(self, value: str, rule: str, remedy: str) -> None:
        super().__init__(value, rule, remedy)  # three args, so that the error survives pickling
        self.value, self.rule, self.remedy = value, rule, remedy

    def __str__(self) -> str:
        return f"{self.value}; {self.rule}; {self.remedy}."


class FileError(MesophyllError):
    """A file or folder is missing, damaged, of another kind, or cannot be written."""


class VolumeError(MesophyllError):
    """An array is no scan: its shape, type, values or spacing."""


class LabelsError(MesophyllError):
    """An array is no labelling, or not of this scan."""


class SettingsError(MesophyllError):
    """A plan or an argument holds an unknown key or a value out of range."""


class ModelError(MesophyllError):
    """A model is unknown, damaged, or unfit for this scan."""


class MissingLibraryError(MesophyllError):
    """An optional library is not installed."""


class UnfamiliarScanWarning(UserWarning):
    """A scan does not look like what the model learnt from: what is found in it may be wrong."""
