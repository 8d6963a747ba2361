"""From a micro-CT scan of a leaf to individual, measured cells.

The names below are the public API. They are fetched from their rooms when first used: importing the package imports
neither torch nor any other large library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mesophyll.errors import MesophyllError, UnfamiliarScanWarning

if TYPE_CHECKING:
    from mesophyll.evaluation import match as evaluate
    from mesophyll.inference import SegmentationPlan, segment
    from mesophyll.io import read, read_labels, read_result, write
    from mesophyll.mapping import map_tissue
    from mesophyll.model import Model
    from mesophyll.model import find as find_model
    from mesophyll.phantom import make as make_phantom
    from mesophyll.report import write as write_report
    from mesophyll.training import TrainingPlan, train
    from mesophyll.traits import measure, measure_leaf
    from mesophyll.tuning import tune
    from mesophyll.volume import Volume

__version__ = "0.1.0"

__all__ = [
    "read",
    "read_labels",
    "read_result",
    "write",
    "Volume",
    "segment",
    "SegmentationPlan",
    "map_tissue",
    "measure",
    "measure_leaf",
    "evaluate",
    "make_phantom",
    "train",
    "TrainingPlan",
    "tune",
    "Model",
    "find_model",
    "write_report",
    "MesophyllError",
    "UnfamiliarScanWarning",
    "__version__",
]

_ROOMS = {
    "read": "io",
    "read_labels": "io",
    "read_result": "io",
    "write": "io",
    "Volume": "volume",
    "segment": "inference",
    "SegmentationPlan": "inference",
    "map_tissue": "mapping",
    "measure": "traits",
    "measure_leaf": "traits",
    "evaluate": "evaluation:match",
    "make_phantom": "phantom:make",
    "train": "training",
    "TrainingPlan": "training",
    "tune": "tuning",
    "Model": "model",
    "find_model": "model:find",
    "write_report": "report:write",
}
"""Where each name lives, and after a colon what it is called there."""


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room, _, other = _ROOMS[name].partition(":")
    found = getattr(importlib.import_module(f"{__name__}.{room}"), other or name)
    globals()[name] = found  # the next time it is found without asking
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
