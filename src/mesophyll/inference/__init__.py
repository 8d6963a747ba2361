"""From a scan to cells: tiles through the network, blended; blocks decoded, stitched; and how sure each cell is.

Nothing here holds the whole volume: outputs and labels lie in files of a scratch folder, tiles and blocks are read and written
one at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mesophyll.confidence import evidence
from mesophyll.device import Device
from mesophyll.inference.finding import decode, find_cells, leave_out
from mesophyll.inference.looking import look, look_at, predict
from mesophyll.inference.plan import SegmentationPlan
from mesophyll.labels import Labels
from mesophyll.model import Model, choose
from mesophyll.position import THROUGH, axis_through, upright
from mesophyll.progress import Progress, silent
from mesophyll.representations import from_table, to_table
from mesophyll.volume import Resampled, Volume, check_spacing

__all__ = [
    "Segmentation",
    "SegmentationPlan",
    "at_scan",
    "decode",
    "find_cells",
    "look",
    "look_at",
    "predict",
    "segment",
    "segment_volume",
    "sureness",
]


@dataclass(frozen=True)
class Segmentation:
    """The cells of a scan.

    Parameters
    ----------
    labels
        Of the scan's shape: 0 background, 1, 2, 3, ... cells. Lazy; its files live as long as the scratch folder.
    confidence
        The probability that each cell is right (that its IoU with a true one is at least 0.5), float32 of shape (n,), of
        cell 1 first; None where the model was not calibrated for scans of so many axes.
    """

    labels: Volume
    confidence: NDArray[np.float32] | None


def segment(  # noqa: PLR0913 - what is read beside the scan, and how
    array: ArrayLike,
    *,
    spacing_um: float | tuple[float, ...],
    tissue: ArrayLike | None = None,
    second: ArrayLike | None = None,
    model: str | Path | Model | None = None,
    device: Device = "auto",
    progress: Progress = silent,
) -> Labels:
    """Find the cells of a scan that is in memory.

    Parameters
    ----------
    array
        Grey values, shape (Y, X) or (Z, Y, X).
    spacing_um
        Edge lengths of a voxel in µm, in the order of the axes; one number for cubic voxels.
    tissue
        Codes of `mesophyll.tissues`, shape as the scan, for a model that reads them.
    second
        Another reconstruction of the same voxels. A model that reads two needs it; one that reads one at a time looks at each,
        and the mean of what it says counts.
    model
        A shipped model's name, a folder, or a `Model`; by default the shipped one for the number of axes.
    device
        ``auto``, ``cpu`` or ``cuda``.
    progress
        Told how far it is.

    Returns
    -------
    labels
        int32, shape as the scan: 0 background, 1, 2, 3, ... cells.
    """
    data = np.asarray(array)
    volume = Volume(data, check_spacing(spacing_um, data.ndim), name="the array")
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        plan = SegmentationPlan(device=device)
        codes = None if tissue is None else replace(volume, data=np.asarray(tissue), name="the tissue map")
        other = None if second is None else replace(volume, data=np.asarray(second), name="the second array")
        beside = {"tissue": codes, "second": other}
        found = segment_volume(volume, model, **beside, scratch=Path(scratch), plan=plan, progress=progress)
        return found.labels.read().copy()


def segment_volume(  # noqa: PLR0913 - what is read beside the scan, and how
    volume: Volume,
    model: str | Path | Model | None = None,
    *,
    tissue: Volume | None = None,
    second: Volume | None = None,
    scratch: Path,
    plan: SegmentationPlan | None = None,
    progress: Progress = silent,
) -> Segmentation:
    """Find the cells of a scan of any size.

    ``tissue`` holds codes of `mesophyll.tissues`, of the scan's shape, for a model that reads them; ``second`` is another
    reconstruction of the same voxels. Otherwise as `segment`.
    """
    plan = plan or SegmentationPlan()
    model = choose(model, "cells", volume.ndim)
    model = replace(model, representation=from_table(to_table(model.representation) | plan.decoding))
    through = axis_through(volume, model.position, plan.through)
    beside: dict[str, Any] = {"tissue": tissue, "second": second, "through": through}
    outputs = look_at(model, volume, **beside, scratch=scratch, plan=plan, progress=progress)
    labels = find_cells(model, outputs, scratch=scratch, plan=plan, progress=progress)
    sure = sureness(model, outputs, labels, progress=progress)
    if sure is not None and (doubtful := sure < plan.least_confidence).any():
        leave_out(labels, doubtful, plan)
        sure = sure[~doubtful]
    return Segmentation(at_scan(labels, volume, "cells", through), sure)


def sureness(
    model: Model, outputs: NDArray[np.float16], labels: Labels, *, progress: Progress = silent
) -> NDArray[np.float32] | None:
    """Return how sure the cells are that `find_cells` found in what `look` returned, see `Segmentation`."""
    if model.confidence is None or model.network.ndim != labels.ndim:
        return None
    return model.confidence.of(evidence(model.representation, outputs, labels, progress=progress))


def at_scan(found: NDArray[Any], scan: Volume, what: str, through: int = THROUGH) -> Volume:
    """Return what was found at a model's voxels as a volume of the scan's, lazily; ``what`` names it.

    The scan was looked at upright, ``through`` being the axis that leads through its leaf.
    """
    seen = upright(scan, through)
    same = found.shape == seen.shape
    data = found if same else Resampled(found, seen.shape, labels=True)
    return upright(replace(seen, data=data, name=f"{what} of {scan.name}"), through)
