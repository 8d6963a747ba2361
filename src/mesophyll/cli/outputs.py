"""Say at once what would only fail at the end of a long job: that a result cannot be written where it should go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mesophyll.errors import FileError

__all__ = ["check_output", "scratch_beside"]


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
    """Yield a folder for what lies between scan and result: on the result's disk, gone in the end."""
    try:
        folder = TemporaryDirectory(prefix=f".{path.stem}.", dir=path.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise FileError(
            f"{path} cannot be written ({error.strerror})",
            f"the folder {path.parent} must be writable",
            "choose another place or change its permissions",
        ) from None
    with folder as place:
        yield Path(place)
