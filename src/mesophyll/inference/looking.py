"""From a scan to what a network says of it: tiles through the network, blended."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mesophyll.alignment import check_aligned
from mesophyll.blocks import grid, shape_of
from mesophyll.device import fast_precision, pick
from mesophyll.errors import UnfamiliarScanWarning
from mesophyll.image import Image
from mesophyll.inference.plan import SegmentationPlan
from mesophyll.inference.sections import Seen, slabs
from mesophyll.inference.staging import stage
from mesophyll.labels import Subject
from mesophyll.model import Model
from mesophyll.position import THROUGH
from mesophyll.progress import Progress, silent, track
from mesophyll.representations import Representation
from mesophyll.scratch import mapped
from mesophyll.tiling import tiles
from mesophyll.volume import Volume

__all__ = ["by_slices", "look", "look_at", "predict"]

_LOOKING: dict[Subject, str] = {"cells": "looking for walls", "tissue": "looking for tissues"}


def look_at(  # noqa: PLR0913 - what is read beside the scan, and how
    model: Model,
    scan: Volume,
    *,
    tissue: Volume | None = None,
    second: Volume | None = None,
    through: int = THROUGH,
    scratch: Path,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> NDArray[np.float16]:
    """Return what the network says of a scan, as `look` does; of two reconstructions the mean, where it reads one at a time.

    ``through`` is the axis that leads through the leaf, see `mesophyll.position`; the outputs are of the scan made upright.
    """
    how: dict[str, Any] = {"plan": plan, "progress": progress}
    if second is None or model.scans == 2:
        return look(model, model.prepare(scan, tissue, second, through), scratch=scratch, **how)
    images = [model.prepare(one, tissue, through=through) for one in (scan, check_aligned(scan, second))]
    beside = scratch / "second"
    beside.mkdir()
    outputs, other = (
        look(model, image, scratch=place, **how) for image, place in zip(images, (scratch, beside), strict=True)
    )
    for block in grid(outputs.shape[1:], plan.block, 0):
        here = (slice(None), *block.write)
        outputs[here] = (outputs[here].astype(np.float32) + other[here]) / 2
    return outputs


def look(
    model: Model, image: Image, *, scratch: Path, plan: SegmentationPlan, progress: Progress = silent
) -> NDArray[np.float16]:
    """Return what the network says of an image, activated: shape (C, *S), in a file of the scratch folder.

    `find_cells` reads it, as often as is wanted and with what settings one likes. Where a model of images goes through a
    volume slice by slice, the channels are those of images. An `UnfamiliarScanWarning` says where the image looks like nothing
    that the model learnt from.
    """
    slices = by_slices(model, len(image.shape), plan)
    channels = model.representation.channels(2 if slices else len(image.shape))
    image = stage(image, channels, scratch, progress)
    if doubts := model.doubts(image):  # asked here and not before: pieces of a staged scan cost nothing to read
        warnings.warn(doubts, UnfamiliarScanWarning, stacklevel=5)  # the line that called `segment` or `map_tissue`
    outputs = mapped(scratch / "outputs.npy", (channels, *image.shape), np.float16)
    if slices:
        _predict_slices(model, image, outputs, plan=plan, progress=progress)
    else:
        predict(model, image, outputs, plan=plan, progress=progress)
    return outputs


def by_slices(model: Model, ndim: int, plan: SegmentationPlan) -> bool:
    """Tell whether a model of images goes through a volume slice by slice."""
    return model.network.ndim < ndim and plan.volume_by == "slices"


def predict(
    model: Model,
    image: Image,
    outputs: NDArray[np.float16],
    *,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> None:
    """Add the activated outputs of the network into ``outputs``, zeros of shape (C, *S).

    Tiles overlap; each is weighted by ramps that add up to one everywhere, so no tile needs to know its neighbours and the
    order does not matter. A model of images looks at the sections of a volume across all three axes: each channel of the
    volume is the mean over the sections that speak of it, two of them for a flow and three for the foreground.
    """
    with _sight(model, plan) as see:
        if len(image.shape) == model.network.ndim:
            see(image, outputs, progress)
        else:
            _see_planes(see, model.representation, image, outputs, progress)


class _See(Protocol):
    def __call__(self, image: Seen, outputs: NDArray[Any], progress: Progress = silent, /) -> None:
        """Add what a network says of an image into outputs, shape (C, *S)."""


@contextmanager
def _sight(model: Model, plan: SegmentationPlan) -> Iterator[_See]:
    """Bring a network to its device, and yield what lets it look at an image tile by tile."""
    where, ndim = pick(plan.device), model.network.ndim
    precision = fast_precision(where)
    side = plan.tile_2d if ndim == 2 else plan.tile_3d
    tiling = model.network.tiling if plan.tiling == "auto" else plan.tiling
    layout = torch.channels_last if ndim == 2 else torch.channels_last_3d
    module = model.module.to(where, memory_format=layout).eval()  # type: ignore[call-overload]
    mirrors = _mirrors(ndim) if plan.mirror else [()]
    task = _LOOKING[model.representation.subject]

    def glance(tile_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the activated output of a tile, seen in a mirror that turns some axes round."""
        mirrored = np.flip(tile_CS, tuple(1 + axis for axis in axes))
        padded = torch.from_numpy(_pad(mirrored, model.network.stride))[None].to(where, memory_format=layout)
        raw = module(padded)[(0, slice(None), *(slice(0, length) for length in tile_CS.shape[1:]))]
        activated: NDArray[np.float32] = model.representation.activate(raw[None].float())[0].cpu().numpy()
        return model.representation.mirror(activated, axes) if axes else activated

    def see(image: Seen, outputs: NDArray[Any], progress: Progress = silent, /) -> None:
        for tile in track(list(tiles(image.shape, tiling, side, plan.overlap)), task, progress):
            seen = np.pad(image.read(tile.write), [(0, 0), *tile.margins])
            activated = _mean_of_told(glance(seen, axes) for axes in mirrors)[(slice(None), *tile.inner)]
            for axis, ramp in enumerate(tile.ramps, start=1):
                activated *= ramp.reshape([-1 if other == axis else 1 for other in range(activated.ndim)])
            outputs[(slice(None), *tile.write)] += activated.astype(outputs.dtype)

    with torch.inference_mode(), torch.autocast(where.type, precision, enabled=precision != torch.float32):
        yield see


def _see_planes(
    see: _See, representation: Representation, image: Image, outputs: NDArray[np.float16], progress: Progress
) -> None:
    """Add the mean of what sections across all axes say into the outputs of a volume."""
    into = [list(representation.in_volume(across)) for across in range(3)]
    views = np.bincount(np.concatenate(into), minlength=len(outputs)).astype(np.float32)
    for slab in track(
        [slab for across in range(3) for slab in slabs(image.shape, across)], "looking at sections", progress
    ):
        channels = into[slab.across]
        said = np.zeros((len(channels), *shape_of(slab.region)), np.float32)
        for index, section in slab.sections(image):
            see(section, said[index])
        place: tuple[Any, ...] = (channels, *slab.region)
        outputs[place] += (said / views[channels, None, None, None]).astype(np.float16)


def _predict_slices(
    model: Model, image: Image, outputs: NDArray[np.float16], *, plan: SegmentationPlan, progress: Progress
) -> None:
    """Add what a network of images says of each slice along Z."""
    with _sight(model, plan) as see:
        for slab in track(slabs(image.shape, 0), "going through slices", progress):
            for index, section in slab.sections(image):
                see(section, outputs[:, slab.region[0]][index])


def _mean_of_told(looks: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of what is told, in the first look's own memory; that one, in no mirror, tells everything.

    A mirror does not tell of pairs of voxels that lead out of it (NaN).
    """
    total, count = next(looks), np.ones(1, np.float32)
    for said in looks:
        told = np.isfinite(said)
        np.add(total, said, out=total, where=told)
        count = count + told
    total /= count
    return total


def _mirrors(ndim: int) -> list[tuple[int, ...]]:
    """Return every set of axes, the empty one first."""
    return [axes for count in range(ndim + 1) for axes in itertools.combinations(range(ndim), count)]


def _pad(image_CS: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Mirror the image at its end up to sides that the network can halve."""
    return np.pad(image_CS, [(0, 0)] + [(0, -length % stride) for length in image_CS.shape[1:]], mode="reflect")
