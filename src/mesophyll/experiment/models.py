"""The model of a run: taught, imported, shipped, or another run's; and its decoder tuned, where the table says so."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from mesophyll import cellpose
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.table import Run
from mesophyll.io import Example
from mesophyll.model import ABOUT, Model, find, load, save
from mesophyll.training import train
from mesophyll.tuning import tune

__all__ = ["model", "tuned_folder"]


def model(setting: Setting, run: Run) -> Model:
    """Return the model by which a run is judged; what is to be taught or tuned is so now, unless it was."""
    known, leaves = _untuned(setting, run), setting.table.tuned_on(run)
    if not leaves or not known.representation.reader.decoding:
        return known
    folder = tuned_folder(setting, run)
    if not (folder / ABOUT).is_file():
        folder.parent.mkdir(exist_ok=True)
        with setting.counting(run, "tuning"):
            tune(
                known,
                _leaves(setting, leaves),
                folder,
                plan=setting.segmentation(run),
                progress=setting.of_run(run),
            )
    return load(folder)


def tuned_folder(setting: Setting, run: Run) -> Path:
    """Return where a run's model goes once its decoder is tuned."""
    return setting.folder / "tuned" / run.slug


def _untuned(setting: Setting, run: Run) -> Model:
    if run.of:
        (other,) = setting.table.before(run)
        return _untuned(setting, other)
    if run.model:
        return find(run.model)
    folder = _folder(setting, run)
    if not (folder / ABOUT).is_file():
        folder.parent.mkdir(exist_ok=True)
        _import(setting, run, folder) if run.weights else _teach(setting, run, folder)
    return load(folder)


def _folder(setting: Setting, run: Run) -> Path:
    return setting.folder / "models" / run.slug


def _import(setting: Setting, run: Run, folder: Path) -> None:
    save(cellpose.read(setting.weights[run.weights], diameter_um=run.diameter_um), folder, exact=True)


def _teach(setting: Setting, run: Run, folder: Path) -> None:
    plan = setting.table.training_plan(run, setting.scale)
    for before in setting.table.before(run):
        _untuned(setting, before)
        plan = replace(plan, start=str(_folder(setting, before)))
    at_once = not folder.exists()  # of a training that was cut off nobody knows any more what it took
    with setting.counting(run, "teaching") if at_once else nullcontext():
        learn = _leaves(setting, run.learn)
        train(learn, folder, plan, resume=True, device=setting.device, progress=setting.of_run(run))


def _leaves(setting: Setting, names: Sequence[str]) -> list[Example]:
    """Return leaves under the names that the table gives them."""
    return [replace(setting.leaf(name), name=name) for name in names]
