"""One experiment at one scale in one folder: what every step of it needs to know.

::

    FOLDER/table.json          what was asked for
    FOLDER/leaves/             leaves that were grown
    FOLDER/models/RUN/         models that were taught or imported
    FOLDER/tuned/RUN/          the same with their decoders tuned
    FOLDER/costs/RUN/          what teaching and tuning took
    FOLDER/labels/RUN/LEAF.npz what a run found
    FOLDER/scores/RUN/         how it did, by trial and mode

Every step leaves a file that is whole or not there; a rerun goes on where one is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mesophyll import __version__
from mesophyll.cost import Cost, counted
from mesophyll.device import Device
from mesophyll.errors import FileError
from mesophyll.experiment.leaves import example
from mesophyll.experiment.table import Run, Table
from mesophyll.inference import SegmentationPlan
from mesophyll.io import Example, replacing
from mesophyll.progress import Progress, named, silent
from mesophyll.settings import from_dict, to_dict

__all__ = ["Setting", "Step"]

Step = Literal["teaching", "tuning"]
"""What is done once for a run, before it finds anything."""


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
        return (not run.weights or run.weights in self.weights) and all(map(self._possible, self.table.before(run)))

    def leaf(self, name: str) -> Example:
        """Return a leaf's part, grown now if it is not there."""
        place = self.folder / "leaves"
        place.mkdir(exist_ok=True)
        return example(self.table.leaves[name], place, self.progress)

    def of_run(self, run: Run) -> Progress:
        """Return a progress that says which run is at work."""
        return named(self.progress, run.title)

    def segmentation(self, run: Run) -> SegmentationPlan:
        """Return how a run goes through a scan."""
        return replace(from_dict(SegmentationPlan, run.segmentation), device=self.device)

    @contextmanager
    def counting(self, run: Run, step: Step) -> Iterator[None]:
        """Count what a step of a run costs, and keep it in a file."""
        with counted() as cost:
            yield
        path = self._cost(run, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_text(json.dumps(to_dict(cost)), encoding="utf-8")

    def cost(self, run: Run, step: Step) -> Cost | None:
        """Return what a step took; None where it was not made, or not in one go."""
        path = self._cost(run, step)
        return from_dict(Cost, json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def _cost(self, run: Run, step: Step) -> Path:
        return self.folder / "costs" / run.slug / f"{step}.json"
