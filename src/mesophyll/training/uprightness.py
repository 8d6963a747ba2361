"""Scans to learn from, brought into the position that the model shall know."""

from __future__ import annotations

from mesophyll.device import Device
from mesophyll.errors import SettingsError
from mesophyll.inference import SegmentationPlan, find_through
from mesophyll.io import Example
from mesophyll.model import Model
from mesophyll.position import AXES, THROUGH
from mesophyll.training.plan import TrainingPlan

__all__ = ["made_upright"]


def made_upright(example: Example, plan: TrainingPlan, known: Model | None, device: Device) -> Example:
    """Return a labelled scan as the model shall know it; ``known`` is the model that is taught on, if one is.

    Raises
    ------
    SettingsError
        Where neither the plan nor a model that knows upright leaves tells how it lies.
    """
    if plan.position == "any":
        return example
    if plan.through != "auto":
        return example.swapped(AXES.index(plan.through), THROUGH)
    if known is None or known.position == "any":
        raise SettingsError(
            f"position = {plan.position!r} with through = {plan.through!r}",
            "only a model that knows upright leaves can tell how another lies, and none is taught on",
            "set through = 'Z', 'Y' or 'X', the axis from one face of the leaf to the other",
        )
    how = SegmentationPlan(device=device)
    return example.swapped(find_through(known, example.scans[0], **known.beside(example), plan=how), THROUGH)
