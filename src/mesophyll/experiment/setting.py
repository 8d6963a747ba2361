"""One experiment at one scale in one folder: what every step of it needs to know.

::

    FOLDER/table.json          what was asked for
    FOLDER/leaves/             leaves that were grown
    FOLDER/models/RUN/         models that were taught or imported
    FOLDER/labels/RUN/LEAF.npz what a run found
    FOLDER/scores/RUN/         how it did, by trial and mode

Every step leaves a file that is whole or not there; a rerun goes on where one is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mesophyll import __version__
from mesophyll.device import Device
from mesophyll.errors import FileError
from mesophyll.experiment.leaves import example
from mesophyll.experiment.table import Run, Table
from mesophyll.io import Example, replacing
from mesophyll.progress import Progress, named, silent
from mesophyll.settings import to_dict

__all__ = ["Setting"]


@dataclass(frozen=True)
class Setting:
    """A table at one scale, in a folder.

    Parameters
    ----------
    table, scale
        What is asked for.
    folder
        Where everything goes.
    weights
        Files of Cellpose weights by the name that runs give them.
    device
        Where to compute.
    progress
        Told what is being done.
    """

    table: Table
    scale: str
    folder: Path
    weights: Mapping[str, Path] = field(default_factory=dict)
    device: Device = "auto"
    progress: Progress = silent

    def begin(self) -> None:
        """Make the folder, or see that it holds this experiment and no other."""
        told = json.dumps(self._asked(), indent=2, ensure_ascii=False)
        note = self.folder / "table.json"
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            self.folder.mkdir(exist_ok=True)
            with replacing(note) as partial:
                partial.write_text(told, encoding="utf-8")
        elif not note.is_file() or note.read_text(encoding="utf-8") != told:
            raise FileError(
                f"{self.folder} holds something else than {self.table.name} as it is asked for now",
                "an experiment goes on only with the table, scale, weights and version that it began with",
                "pass another folder",
            )

    def _asked(self) -> dict[str, object]:
        weights = {name: str(path) for name, path in self.weights.items()}
        return {"version": __version__, "scale": self.scale, "weights": weights, "table": to_dict(self.table)}

    @property
    def runs(self) -> list[Run]:
        """The runs that can be made: those whose weights, or whose predecessor's, are there."""
        return [run for run in self.table.runs if self._possible(run)]

    def _possible(self, run: Run) -> bool:
        before = [self.table.run(name) for name in (run.of, run.start) if name]
        return (not run.weights or run.weights in self.weights) and all(map(self._possible, before))

    def leaf(self, name: str) -> Example:
        """Return a leaf's part, grown now if it is not there."""
        place = self.folder / "leaves"
        place.mkdir(exist_ok=True)
        return example(self.table.leaves[name], place, self.progress)

    def of_run(self, run: Run) -> Progress:
        """Return a progress that says which run is at work."""
        return named(self.progress, run.name)
