"""An experiment from its file: built, checked before anything long begins, and made once with each seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from mesophyll.errors import SettingsError
from mesophyll.experiment.table import MODELS, Comparison, Leaf, Run, Table, Trial
from mesophyll.inference import SegmentationPlan
from mesophyll.settings import from_dict, read_table, unknown

__all__ = ["build", "read", "shipped"]

T = TypeVar("T")


def shipped() -> dict[str, Path]:
    """Return the experiments that come with the package, by name."""
    folder = Path(str(resources.files("mesophyll"))) / "experiment" / "tables"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read(name: str) -> Table:
    """Read a shipped experiment by its name, or a TOML file; a `SettingsError` says what does not fit in it."""
    known = shipped()
    path = known.get(name, Path(name))
    if name not in known and not path.is_file():
        raise SettingsError(
            f"there is no experiment {name!r}",
            f"the shipped ones are {', '.join(known)}",
            "pass one of these, or a TOML file",
        )
    return build(read_table(path), path.stem)


def build(table: Mapping[str, Any], name: str) -> Table:
    """Build an experiment from plain tables."""
    _check_keys(table, name)
    learn = {"learn": table["learn"]} if "learn" in table else {}
    parts: dict[str, Any] = {
        "leaves": _by_name(Leaf, table["leaves"], f"{name}, leaves"),
        "trials": _by_name(Trial, table["trials"], f"{name}, trials"),
        "runs": tuple(from_dict(Run, _with_model(row, learn), f"{name}, runs") for row in table["runs"]),
        "comparisons": tuple(
            from_dict(Comparison, row, f"{name}, comparisons") for row in table.get("comparisons", ())
        ),
    }
    rows: dict[str, Any] = {key: tuple(table[key]) for key in ("learn", "seeds", "tune", "shown") if key in table}
    made = Table(name=name, **{**table, **rows, **parts})
    _check_names(made)
    for run in made.runs:
        _check_tuning(made, run)
    return replace(made, runs=tuple(_each_seed(made)))


def _check_keys(table: Mapping[str, Any], name: str) -> None:
    known = {one.name for one in fields(Table)} - {"name"}
    for key in table:
        if key not in known:
            raise unknown(f"{name}: unknown key", key, known)
    for key in ("title", "about", "leaves", "trials", "runs"):
        if key not in table:
            raise SettingsError(
                f"{name} has no {key}", "an experiment has title, about, leaves, trials, runs", "add it"
            )


def _by_name(kind: type[T], tables: Any, name: str) -> dict[str, T]:
    if not isinstance(tables, Mapping):
        raise SettingsError(f"{name} = {tables!r}", "each of them is a table with a name", "write [leaves], [trials]")
    return {one: from_dict(kind, table, f"{name}.{one}") for one, table in tables.items()}


def _with_model(row: Any, usual: Mapping[str, Any]) -> Any:
    """Return a run with what is usual, unless it says where its model comes from."""
    says = not isinstance(row, Mapping) or any(row.get(key) for key in MODELS)
    return row if says else {**usual, **row}


def _each_seed(table: Table) -> Iterator[Run]:
    """Yield the runs, those that are taught once for each seed."""
    for run in table.runs:
        several = run.seed is None and _is_taught(table, run)
        yield from (replace(run, seed=seed) for seed in (table.seeds if several and table.seeds else [run.seed]))


def _is_taught(table: Table, run: Run) -> bool:
    return bool(run.learn) or any(_is_taught(table, other) for other in table.before(run))


def _check_tuning(table: Table, run: Run) -> None:
    """What would only fail after hours of training."""
    leaves = table.tuned_on(run)
    both = [name for name in leaves if not all(seen.apart(table.leaves[name], 0) for seen in table.learnt(run))]
    if both:
        raise SettingsError(
            f"{run.name!r} learns from {', '.join(both)}, and is tuned on it",
            "a decoder is tuned on leaves that its network has not learnt from",
            "tune on other leaves, or set tune = false in the run",
        )
    if leaves and "decoding" in run.segmentation:
        raise SettingsError(
            f"segmentation of {run.name!r} says decoding, and its decoder is tuned",
            "tuning chooses these settings",
            "leave decoding out, or set tune = false in the run",
        )


def _check_names(table: Table) -> None:
    """Every name that is used is one that is there; runs come before those that build on them."""
    for names in (*(trial.data for trial in table.trials.values()), table.learn, table.tune):
        _check_known("leaf", names, table.leaves)
    seen: dict[str, Run] = {}
    for run in table.runs:
        _check_known("leaf", run.learn, table.leaves)
        _check_known("run (of those above)", [name for name in (run.of, run.start) if name], seen)
        if run.slug in {other.slug for other in seen.values()}:
            raise SettingsError(f"two runs are called {run.name!r}", "every run has a name of its own", "rename one")
        seen[run.name] = run
        _check_known(f"scale of {run.name!r}", run.scales, table.scales)
        from_dict(SegmentationPlan, run.segmentation, f"segmentation of {run.name!r}")
    named = [name for pair in table.comparisons for name in (pair.run, pair.against)]
    _check_known("run", [*named, *table.shown], seen)
    _check_known("trial", [name for pair in table.comparisons for name in pair.trials], table.trials)
    for scale, run in _trained(table):
        table.training_plan(run, scale)


def _trained(table: Table) -> Iterator[tuple[str, Run]]:
    for scale in table.scales or {"": {}}:
        for run in table.runs:
            if run.learn:
                yield scale, run


def _check_known(what: str, names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            raise (
                unknown(f"unknown {what}", name, known)
                if known
                else SettingsError(f"unknown {what} {name!r}", "there is none above it", "move it up")
            )
