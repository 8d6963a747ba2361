"""Say at once what would only fail at the end of a long job: that a result cannot be written where it should go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mesophyll.errors import FileError

__all__ = ["check_output", "make_folder", "scratch_beside"]


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """Raise a `FileError` where the suffix is none of these, or nothing can be written at this place."""
    from mesophyll.io import check_place

    if not path.name.lower().endswith(tuple(suffixes)):
        raise FileError(
            f"{path} has the suffix {path.suffix or '(none)'}",
            f"this result is written as {', '.join(suffixes)}",
            f"name it {path.with_suffix(suffixes[0]).name}",
        )
    check_place(path)
    with scratch_beside(path):
        pass  # the place is writable


@contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Yield a folder for what lies between scan and result: on the result's disk, gone in the end.

    Raises
    ------
    FileError
        Where nothing can be written there, or the disk fills up.
    """
    try:
        with TemporaryDirectory(prefix=f".{path.stem}.", dir=path.parent, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        raise FileError(
            f"{path} cannot be written ({error.strerror or error})",
            f"the folder {path.parent} must be writable and have room for the work",
            "choose another place, change its permissions or free some space",
        ) from error


def make_folder(path: Path) -> None:
    """Make a folder, unless it is there; a `FileError` where that cannot be."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise FileError(
            f"the folder {path} cannot be made ({error.strerror})",
            "its own place must exist and be writable",
            "correct the path, or make its parent",
        ) from None
