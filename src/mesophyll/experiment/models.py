"""The model of a run: taught, imported, shipped, or another run's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mesophyll import cellpose
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.table import Run
from mesophyll.model import ABOUT, Model, find, load, save
from mesophyll.training import train

__all__ = ["model"]


def model(setting: Setting, run: Run) -> Model:
    """Return a run's model; what is to be taught is taught now, unless it was."""
    if run.of:
        return model(setting, setting.table.run(run.of))
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
    if run.start:
        before = setting.table.run(run.start)
        model(setting, before)
        plan = replace(plan, start=str(_folder(setting, before)))
    learn = [replace(setting.leaf(name), name=name) for name in run.learn]
    train(learn, folder, plan, resume=True, device=setting.device, progress=setting.of_run(run))
