"""How to go through a scan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mesophyll.device import Device
from mesophyll.errors import SettingsError
from mesophyll.position import AXES, Position, Through, axis_through
from mesophyll.volume import Volume

__all__ = ["SegmentationPlan"]


@dataclass(frozen=True)
class SegmentationPlan:
    """How to go through a scan; one TOML table.

    Parameters
    ----------
    tiling
        How an image is cut into tiles: ``even``, as few and as short as they can be; ``cellpose``, 224 voxels wide and fading
        into each other as in Cellpose 1 to 3, whatever is said of sides and overlap below; ``auto``, as the network learnt.
    tile_2d, tile_3d
        Greatest side of the pieces that pass through the network, in voxels of the model.
    mirror
        Look at each tile from all sides, mirrored along every set of its axes, and take the mean of what is seen: 4 times
        the time in 2D, 8 times in 3D.
    overlap
        Of neighbouring tiles, at least, over which one fades into the other.
    block
        Side of the pieces in which cells are found.
    block_halo
        How far a block looks beyond its own voxels; neighbours are compared where both have looked.
    agreement
        Two blocks saw the same cell where, in the part that both have looked at, its IoU is above this.
    volume_by
        How a model of images goes through a volume: ``planes``, sections across all three axes whose outputs are averaged and
        decoded in 3D; ``slices``, slice by slice along Z, where cells that follow each other become one.
    slice_agreement
        A cell goes on in the next slice as the one that overlaps it most, where their IoU is above this.
    least_confidence
        Cells that are less sure than this are left out, where the model says how sure they are: 0.2 is one right in five.
    through
        Which axis of the scan leads through the leaf from face to face, for a model that knows upright leaves; ``auto``: the
        one along which the scan changes most, see `mesophyll.position`.
    choose
        Cells are chosen among fragments by what the model has learnt of that, where it has a chooser.
    decoding
        Settings of the model's representation to change, for example ``{min_size_vox = 50}``.
    device
        ``auto``, ``cpu`` or ``cuda``.
    """

    tiling: Literal["auto", "even", "cellpose"] = "auto"
    tile_2d: int = 512
    tile_3d: int = 160
    mirror: bool = False
    overlap: int = 24
    block: int = 224
    block_halo: int = 32
    agreement: float = 0.5
    volume_by: Literal["planes", "slices"] = "planes"
    slice_agreement: float = 0.25
    least_confidence: float = 0.2
    through: Through = "auto"
    choose: bool = True
    decoding: dict[str, Any] = field(default_factory=dict)
    device: Device = "auto"

    def __post_init__(self) -> None:
        for name in ("tile_2d", "tile_3d"):
            side = getattr(self, name)
            if side <= 0 or self.overlap < 0 or side < 2 * self.overlap:
                raise SettingsError(
                    f"{name} = {side} with overlap = {self.overlap}",
                    "an overlap is not negative, and a tile's side is at least twice that",
                    f"correct {name} or overlap",
                )
        if self.block <= 0 or self.block_halo < 0:
            raise SettingsError(
                f"block = {self.block}, block_halo = {self.block_halo}",
                "a block has voxels, its halo is not negative",
                "correct the plan",
            )
        if not 0 <= self.least_confidence <= 1:
            raise SettingsError(
                f"least_confidence = {self.least_confidence}",
                "a confidence is a probability, between 0 and 1",
                "correct least_confidence; 0 keeps all cells",
            )
        for name in ("agreement", "slice_agreement"):
            if not 0 < getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} = {getattr(self, name)}", "an agreement lies between 0 and 1", f"correct {name}"
                )

    def settled(self, scan: Volume, position: Position) -> SegmentationPlan:
        """Return the plan for a scan and a model of this position: with the axis that leads through the leaf, if it matters."""
        if position == "any":
            return self
        return replace(self, through=AXES[axis_through(scan, position, self.through)])
