"""A table of cells as a file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mesophyll.errors import FileError

__all__ = ["write"]


def write(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as .csv (comma, point, UTF-8) or .parquet; what stood there is replaced only by a whole table.

    Raises
    ------
    FileError
        On another suffix, and where the file cannot be written.
    """
    from mesophyll.io import replacing

    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise FileError(
            f"{path} has the suffix {suffix or '(none)'}",
            "a table of cells is written as .csv or .parquet",
            f"name it {Path(path).with_suffix('.csv').name}",
        )
    with replacing(path) as partial:
        if suffix == ".csv":
            table.to_csv(partial, index=False, encoding="utf-8", lineterminator="\n")
        else:
            table.to_parquet(partial, index=False)
