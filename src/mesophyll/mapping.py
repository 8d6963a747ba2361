"""From a scan to a tissue map: tiles through the network, blended; then the likeliest tissue of each voxel, block by block."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mesophyll.blocks import grid
from mesophyll.device import Device
from mesophyll.inference import SegmentationPlan, at_scan, look_at
from mesophyll.model import Model, choose
from mesophyll.position import axis_through
from mesophyll.progress import Progress, silent, track
from mesophyll.representations import Representation
from mesophyll.scratch import mapped
from mesophyll.tissue_map import as_codes
from mesophyll.volume import Volume, check_spacing

__all__ = ["decode", "map_tissue", "map_tissue_volume"]


def map_tissue(
    array: ArrayLike,
    *,
    spacing_um: float | tuple[float, ...],
    second: ArrayLike | None = None,
    model: str | Path | Model | None = None,
    device: Device = "auto",
    progress: Progress = silent,
) -> NDArray[np.uint8]:
    """Find the tissues of a scan that is in memory.

    Parameters
    ----------
    array
        Grey values, shape (Y, X) or (Z, Y, X).
    spacing_um
        Edge lengths of a voxel in µm, in the order of the axes; one number for cubic voxels.
    second
        Another reconstruction of the same voxels. A model that reads two needs it; one that reads one at a time looks at each,
        and the mean of what it says counts.
    model
        A shipped model's name, a folder, or a `Model`, of one that finds tissues; by default ``leaf-tissue``.
    device
        ``auto``, ``cpu`` or ``cuda``.
    progress
        Told how far it is.

    Returns
    -------
    tissue
        uint8, shape as the scan: codes of `mesophyll.tissues`.
    """
    data = np.asarray(array)
    volume = Volume(data, check_spacing(spacing_um, data.ndim), name="the array")
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        plan = SegmentationPlan(device=device)
        other = None if second is None else replace(volume, data=np.asarray(second), name="the second array")
        found = map_tissue_volume(volume, model, second=other, scratch=Path(scratch), plan=plan, progress=progress)
        return found.read().copy()


def map_tissue_volume(
    volume: Volume,
    model: str | Path | Model | None = None,
    *,
    second: Volume | None = None,
    scratch: Path,
    plan: SegmentationPlan | None = None,
    progress: Progress = silent,
) -> Volume:
    """Find the tissues of a scan of any size; the map returned is lazy and lives as long as the scratch folder.

    ``second`` is another reconstruction of the same voxels, see `map_tissue`.

    Of the plan, what speaks of tiles, of the size of blocks and of the device is followed. A model of images looks at the
    sections of a volume across all three axes, and the mean of what it says of a voxel counts.
    """
    plan = replace(plan or SegmentationPlan(), volume_by="planes")
    model = choose(model, "tissue", volume.ndim)
    through = axis_through(volume, model.position, plan.through)
    outputs = look_at(model, volume, second=second, through=through, scratch=scratch, plan=plan, progress=progress)
    codes = decode(model.representation, outputs, scratch=scratch, plan=plan, progress=progress)
    return at_scan(codes, volume, "tissue", through)


def decode(
    representation: Representation,
    outputs: NDArray[np.float16],
    *,
    scratch: Path,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> NDArray[np.uint8]:
    """Return the tissue of each voxel, shape S, uint8, in a file of the scratch folder; no voxel needs its neighbours."""
    codes = mapped(scratch / "codes.npy", outputs.shape[1:], np.uint8)
    for block in track(grid(codes.shape, plan.block, 0), "naming tissues", progress):
        output = np.asarray(outputs[(slice(None), *block.write)], dtype=np.float32)
        codes[block.write] = as_codes(representation.decode(output))
    return codes
