"""How to train: one frozen table, one TOML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from mesophyll.errors import SettingsError
from mesophyll.image import Intensity
from mesophyll.model import DEFAULT_MODELS
from mesophyll.network import CellposeNetwork, Size
from mesophyll.position import Position, Through
from mesophyll.representations.base import SPACING_UM
from mesophyll.tissues import TissueInput
from mesophyll.training.nursery import Leaves
from mesophyll.training.patches import Augmentation

__all__ = ["TrainingPlan", "continuation"]

_ABOVE_0 = (
    "levels",
    "batch",
    "accumulate",
    "epochs",
    "steps",
    "validation_patches",
    "repeats",
    "workers",
    "spacing_um",
    "rate",
)


@dataclass(frozen=True)
class TrainingPlan:
    """How to train; one TOML table.

    Parameters
    ----------
    ndim
        2 or 3. A 2D model learns from 2D scans and from sections of volumes.
    representation
        Name and settings of what is learnt, see `mesophyll.representations`. Empty: that of ``start``, or flows. The one named
        ``tissue`` learns the tissue map of the examples, all others learn their cells.
    architecture
        ``residual``, the U-Net of the report, or ``cellpose``, the network of Cellpose 1 to 3, for images only.
    size, levels
        Of a residual network.
    start
        The model that is taught on: a shipped one's name, or a folder, of an imported one too. What the plan leaves at its
        default (axes, architecture, representation, spacing, intensity, scans, tissue) is the model's; its network cannot be
        another. Empty: weights are drawn at random.
    hold
        Where the labels of what teaches it on say nothing, a model is held so firmly to what ``start`` says there; 0 lets go.
    spacing_um
        The cubic voxel that the model works at; lengths of the representation in µm become voxels by it.
    intensity
        How grey values are brought to one range.
    scans
        1: the model reads one reconstruction and learns from any; 2: it reads two of each scan at once, gridrec and Paganin, as
        channels, and asks for both whenever it is used.
    tissue
        How a model of cells is shown the tissue map beside the scan: not at all (``none``), as one channel of codes
        (``codes``, as in the report) or as one channel for each tissue (``classes``). Such a model asks for a map whenever it
        is used.
    position
        Whether the model shall know leaves that lie anyhow (``any``), or only volumes in which Y leads through the leaf
        (``upright``): scans are brought into that position before it looks, see `mesophyll.position`.
    through
        Which axis leads through the leaf in the scans that are passed, for an upright model; ``auto`` finds it.
    leaves
        Synthetic leaves that are grown while the model learns, instead of or besides scans.
    augmentation
        How patches are varied.
    patch
        Side in voxels, a multiple of the network's stride.
    batch, accumulate
        Patches in a step, and steps whose gradients are summed before the weights move.
    epochs, steps
        An epoch is so many steps; checkpoints and validation come at its end.
    validation_patches
        Drawn once, from scans (or ends of scans) that are never trained on.
    split
        ``guarded``: what is validated on shares no voxel with what is learnt. ``leaking``: both are drawn from the same scans,
        as in the report; its validation loss tells nothing about other leaves.
    held_out
        The share that is kept for validation in a guarded split: whole scans where the share makes at least one, otherwise
        the end of each scan along its first axis, parted from the rest by a guard of a patch's side.
    rate, weight_decay
        Of AdamW.
    schedule
        ``cosine``: up for a twentieth, then down to nothing over all epochs. ``plateau``: a tenth whenever validation has not
        improved for 10 epochs, as in the report.
    patience
        Stop when validation has not improved for so many epochs.
    repeats
        How often a prepared patch is learnt from, each time mirrored anew and in other greys, with others between.
    workers
        Threads that prepare patches; from 2 on, leaves are grown and their patches prepared by as many processes.
    seed
        Of everything random.
    """

    ndim: Literal[2, 3] = 3
    representation: dict[str, Any] = field(default_factory=dict)
    architecture: Literal["residual", "cellpose"] = "residual"
    size: Size = "small"
    levels: int = 4
    start: str = ""
    hold: float = 1.0
    spacing_um: float = SPACING_UM
    intensity: Intensity = field(default_factory=Intensity)
    scans: Literal[1, 2] = 1
    tissue: TissueInput = "none"
    position: Position = "any"
    through: Through = "auto"
    leaves: Leaves = field(default_factory=Leaves)
    augmentation: Augmentation = field(default_factory=Augmentation)
    patch: int = 64
    batch: int = 2
    accumulate: int = 1
    epochs: int = 30
    steps: int = 100
    validation_patches: int = 16
    split: Literal["guarded", "leaking"] = "guarded"
    held_out: float = 0.15
    rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: Literal["cosine", "plateau"] = "cosine"
    patience: int = 25
    repeats: int = 1
    workers: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in _ABOVE_0:
            if not getattr(self, name) > 0:  # this way round, for NaN
                raise SettingsError(f"{name} = {getattr(self, name)}", f"{name} is above 0", f"correct {name}")
        cellpose = self.architecture == "cellpose"
        if cellpose and self.ndim != CellposeNetwork.ndim:
            raise SettingsError(f"ndim = {self.ndim}", "the architecture cellpose is one for images", "set ndim = 2")
        stride = CellposeNetwork().stride if cellpose else 2 ** (self.levels - 1)
        if self.patch <= 0 or self.patch % stride:
            raise SettingsError(
                f"patch = {self.patch}",
                f"a network of {'Cellpose' if cellpose else f'{self.levels} levels'} needs a multiple of {stride}",
                "correct patch",
            )
        if self.position == "upright" and self.ndim != 3:
            raise SettingsError(
                f"position = {self.position!r} with ndim = {self.ndim}",
                "an image is a section across any axis, and need not show what leads through the leaf",
                "set ndim = 3, or leave position out",
            )
        if not self.hold >= 0:
            raise SettingsError(
                f"hold = {self.hold}", "what is held is held with a weight of 0 or more", "correct hold"
            )
        if not 0 < self.held_out < 1:
            raise SettingsError(
                f"held_out = {self.held_out}",
                "a share between 0 and 1 leaves something to learn from and something to judge on",
                "correct held_out",
            )


def continuation(ndim: Literal[2, 3]) -> TrainingPlan:
    """Return how a shipped model is taught on with a user's own labels: in less than 20 minutes on two cores."""
    piece: dict[str, Any] = {"patch": 128, "batch": 8} if ndim == 2 else {"patch": 64, "batch": 2}
    start = DEFAULT_MODELS["cells"][ndim]
    return TrainingPlan(ndim=ndim, start=start, epochs=10, steps=40, rate=3e-4, **piece)
