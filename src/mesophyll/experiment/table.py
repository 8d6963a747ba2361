"""An experiment as a table: leaves, what is judged on, runs, and which of them are compared. One TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mesophyll.errors import SettingsError
from mesophyll.settings import from_dict
from mesophyll.training import TrainingPlan

__all__ = ["MODELS", "Comparison", "Leaf", "Mode", "Place", "Run", "Table", "Trial"]

Mode = Literal["sections", "volume"]
"""On what a result is judged: on sections of it, cells cut apart numbered anew, or as a volume."""


Place = tuple[str, Mode]
"""A trial by its name, and a mode: what a column of a table of results stands for."""


@dataclass(frozen=True)
class Leaf:
    """A labelled scan: grown, or read from a folder.

    Parameters
    ----------
    folder
        An example's folder, see `mesophyll.io.read_example`; empty: a synthetic leaf is grown.
    kind, seed, shape, spacing_um
        Of the leaf that is grown.
    scan
        Which of its scans is used.
    part
        First and last voxel (not included) along each axis; empty: the whole leaf. Parts of one leaf may be learnt from and
        judged on; whether they are far enough apart is worked out, not declared.
    """

    folder: str = ""
    kind: str = "grape"
    seed: int = 0
    shape: tuple[int, int, int] = (256, 256, 256)
    spacing_um: float = 0.65
    scan: str = "gridrec"
    part: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if any(not 0 <= start < stop for start, stop in self.part) or len(self.part) not in (0, 3):
            raise SettingsError(
                f"part = {self.part}", "a part has a first and a later last voxel for each of 3 axes", "correct part"
            )

    @property
    def origin(self) -> tuple[Any, ...]:
        """What two parts of one leaf have in common."""
        return (self.folder,) if self.folder else (self.kind, self.seed, self.shape, self.spacing_um)

    def apart(self, other: Leaf, guard: int) -> bool:
        """Tell whether two leaves share no voxel, and at least ``guard`` voxels lie between parts of one leaf."""
        if self.origin != other.origin:
            return True
        if not self.part or not other.part:
            return False
        pairs = zip(self.part, other.part, strict=True)
        return any(first[1] + guard <= second[0] or second[1] + guard <= first[0] for first, second in pairs)


@dataclass(frozen=True)
class Trial:
    """What is judged on.

    Parameters
    ----------
    data
        Names of leaves.
    modes
        ``sections`` and ``volume``: both, so that 2D and 3D models stand on equal ground.
    sections
        How many are cut through each leaf, across its axes in turn.
    """

    data: tuple[str, ...]
    modes: tuple[Mode, ...] = ("sections", "volume")
    sections: int = 7


MODELS = ("learn", "model", "of", "weights")
"""The settings of a run of which one says where its model comes from."""


@dataclass(frozen=True)
class Run:
    """One row: a model, and how it goes through a scan. Its model is exactly one of the four that come first.

    Without any of them it learns from the experiment's ``learn`` leaves.

    Parameters
    ----------
    name
        What the row is called.
    learn
        Leaves that it is trained on, with ``plan``; it may ``start`` from another run's model.
    model
        A model that is there: a shipped one's name, or a folder.
    of
        Another run, whose model is used with other ``segmentation``.
    weights
        A name under which a file of Cellpose weights may be passed; without the file the run is left out.
    plan
        What its training plan changes of the experiment's.
    scales
        What it changes at one of the experiment's scales, by name.
    segmentation
        Of its segmentation plan.
    start
        A run whose model is taught on.
    seed
        Of its training. Where it is left out, the experiment's ``seeds`` make as many runs of one that learns, or that takes
        its model from one.
    tune
        Whether its decoder is tuned on the experiment's ``tune`` leaves before it is judged.
    diameter_um
        Of the cells, to which Cellpose weights are scaled.
    published
        The score that the original reported.
    note
        What is to be known about it.
    """

    name: str
    learn: tuple[str, ...] = ()
    model: str = ""
    of: str = ""
    weights: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    scales: dict[str, dict[str, Any]] = field(default_factory=dict)
    segmentation: dict[str, Any] = field(default_factory=dict)
    start: str = ""
    seed: int | None = None
    tune: bool = True
    diameter_um: float = 15.0
    published: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        given = [name for name in MODELS if getattr(self, name)]
        if len(given) != 1:
            raise SettingsError(
                f"run {self.name!r} has {' and '.join(given) or 'none of learn, model, of and weights'}",
                "a run has one model: learnt, there already, another run's, or imported",
                "keep one of them",
            )

    @property
    def title(self) -> str:
        """The name, and the seed where it has one."""
        return self.name if self.seed is None else f"{self.name}, seed {self.seed}"

    @property
    def slug(self) -> str:
        """The title as part of a path."""
        return "-".join("".join(letter if letter.isalnum() else " " for letter in self.title.lower()).split())


@dataclass(frozen=True)
class Comparison:
    """Two runs, and the question that their difference answers; in some trials only, if these are named."""

    run: str
    against: str
    question: str
    trials: tuple[str, ...] = ()

    def asks(self, trial: str) -> bool:
        """Tell whether the question is one about a trial."""
        return not self.trials or trial in self.trials


@dataclass(frozen=True)
class Table:
    """An experiment.

    Parameters
    ----------
    name, title, about
        What it is called, and what a reader must know; ``about`` is plain text, paragraphs are parted by empty lines.
    leaves, trials, runs, comparisons
        What it is made of; see there.
    learn
        Names of leaves that runs learn from which do not say where their model comes from.
    plan
        What all trainings have in common.
    scales
        What a scale changes in every training plan, by name; the first is taken if none is asked for.
    seeds
        Every model is taught once with each of them; scores are means over trainings then, and their intervals over them, too.
    tune
        Names of leaves on which every run's decoder is tuned before it is judged; none: as it is.
    shown
        Runs whose results are drawn.
    """

    name: str
    title: str
    about: str
    leaves: Mapping[str, Leaf]
    trials: Mapping[str, Trial]
    runs: tuple[Run, ...]
    comparisons: tuple[Comparison, ...] = ()
    learn: tuple[str, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    scales: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    tune: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @property
    def places(self) -> list[Place]:
        """What is judged on: every trial in its modes."""
        return [(name, mode) for name, trial in self.trials.items() for mode in trial.modes]

    def run(self, name: str, seed: int | None = None) -> Run:
        """Return a run by its name: the one of a seed, or the first."""
        named = [run for run in self.runs if run.name == name]
        return next((run for run in named if run.seed == seed), named[0])

    def before(self, run: Run) -> list[Run]:
        """Return the run, if any, whose model a run uses or is taught on from: the one of its own seed."""
        return [self.run(name, run.seed) for name in (run.of, run.start) if name]

    def tuned_on(self, run: Run) -> list[str]:
        """Return the names of the leaves on which a run's decoder is tuned."""
        return list(self.tune) if run.tune else []

    def training_plan(self, run: Run, scale: str) -> TrainingPlan:
        """Return how a run is trained; tables within plans are merged, unless they are of different names."""
        merged: dict[str, Any] = {}
        seed = {} if run.seed is None else {"seed": run.seed}
        for layer in (self.plan, self.scales.get(scale, {}), run.plan, run.scales.get(scale, {}), seed):
            for key, value in layer.items():
                merged[key] = _merged(merged.get(key, {}), value) if isinstance(value, Mapping) else value
        return from_dict(TrainingPlan, merged, f"plan of {run.name!r}")

    def learnt(self, run: Run) -> list[Leaf]:
        """Return every leaf that a run's model has seen, also where it started from another's."""
        before = [leaf for other in self.before(run) for leaf in self.learnt(other)]
        return [self.leaves[name] for name in run.learn] + before

    def leaks(self, run: Run, trial: Trial, guard: int) -> bool:
        """Tell whether a run was taught or tuned by what it is judged on, or by what lies less than ``guard`` voxels away."""
        seen = self.learnt(run) + [self.leaves[name] for name in self.tuned_on(run)]
        return any(not one.apart(self.leaves[name], guard) for one in seen for name in trial.data)


def _merged(before: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with its changes; settings of one representation say nothing of another."""
    other = "name" in value and value["name"] != before.get("name")
    return dict(value) if other else {**before, **value}
