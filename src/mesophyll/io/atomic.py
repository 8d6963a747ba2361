"""Files and folders that are either whole or not there: written beside their place, then renamed into it."""

from __future__ import annotations

import errno
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mesophyll.errors import FileError

__all__ = ["check_place", "replacing"]

_OWN = ("zarr.json", ".zgroup", ".zattrs", "model.json")
"""A folder that holds one of these was written by this package or its kind, and may be replaced by a new one."""

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

_FULL_WORDS = ("No space left", "File too large", "requested and")
"""The same in words, where a library loses the number; the last are NumPy's for a write cut short."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a path beside the target, to be written as a file or made a folder; rename it at the end.

    Where the body fails, what it wrote is removed and an older target stays as it was.

    Raises
    ------
    FileError
        Where the target's folder is missing, the target cannot be written, or the disk is full.
    """
    target = Path(path)
    check_place(target)
    partial = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield partial
        _rename(partial, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        _remove(partial)


def check_place(path: str | Path) -> None:
    """Say at once what would fail at the end: a `FileError` where nothing can stand at this path.

    Long jobs call it before they start.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileError(
            f"{target} cannot be written: the folder {target.parent} is missing",
            "results are written into a folder that exists",
            "make the folder or correct the path",
        )
    if target.is_dir() and any(target.iterdir()) and not any((target / name).exists() for name in _OWN):
        raise FileError(
            f"{target} cannot be written: it is a folder with other things in it",
            "only a result or a model is ever replaced",
            "choose another name",
        )


def _rename(partial: Path, target: Path) -> None:
    if partial.is_dir() and target.is_dir():  # a folder takes no other's place: the old one steps aside first
        aside = partial.with_name(f"{partial.name}.old")
        target.rename(aside)
        try:
            partial.rename(target)
        except OSError:
            aside.rename(target)
            raise
        _remove(aside)
    else:
        partial.replace(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> FileError:
    if error.errno in _FULL or any(words in str(error) for words in _FULL_WORDS):
        return FileError(
            f"{target} cannot be written: the disk is full", "nothing half-written is kept", "free some space"
        )
    return FileError(
        f"{target} cannot be written ({error.strerror or str(error).splitlines()[0]})",
        "the place must be writable, and no other program may hold the file",
        "choose another place or change its permissions",
    )
