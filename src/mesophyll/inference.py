"""From a scan to cells: tiles through the network, blended; blocks decoded, stitched.

Nothing here holds the whole volume: outputs and labels lie in files of a scratch folder, tiles and blocks are read and written
one at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from mesophyll.blocks import Block, Region, grid, intersect, relative, shape_of
from mesophyll.device import Device, fast_precision, pick
from mesophyll.errors import SettingsError
from mesophyll.image import Image
from mesophyll.labels import Labels, Subject
from mesophyll.model import Model, choose
from mesophyll.progress import Progress, silent, track
from mesophyll.representations import Representation, from_table, to_table
from mesophyll.scratch import mapped
from mesophyll.sections import Seen, slabs
from mesophyll.staging import stage
from mesophyll.stitching import agreements, merge, successors
from mesophyll.tiling import tiles
from mesophyll.volume import Resampled, Volume, check_spacing

__all__ = ["SegmentationPlan", "at_scan", "decode", "find_cells", "look", "predict", "segment", "segment_volume"]

_LOOKING: dict[Subject, str] = {"cells": "looking for walls", "tissue": "looking for tissues"}


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
        for name in ("agreement", "slice_agreement"):
            if not 0 < getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} = {getattr(self, name)}", "an agreement lies between 0 and 1", f"correct {name}"
                )


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
        Another reconstruction of the same voxels, for a model that reads two.
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
        return found.read().copy()


def segment_volume(  # noqa: PLR0913 - what is read beside the scan, and how
    volume: Volume,
    model: str | Path | Model | None = None,
    *,
    tissue: Volume | None = None,
    second: Volume | None = None,
    scratch: Path,
    plan: SegmentationPlan | None = None,
    progress: Progress = silent,
) -> Volume:
    """Find the cells of a scan of any size; the labels returned are lazy and live as long as the scratch folder.

    ``tissue`` holds codes of `mesophyll.tissues`, of the scan's shape, ``second`` is another reconstruction of the same voxels:
    for a model that reads them.
    """
    plan = plan or SegmentationPlan()
    model = choose(model, "cells", volume.ndim)
    model = replace(model, representation=from_table(to_table(model.representation) | plan.decoding))
    image = model.prepare(volume, tissue, second)
    outputs = look(model, image, scratch=scratch, plan=plan, progress=progress)
    labels = find_cells(model, outputs, scratch=scratch, plan=plan, progress=progress)
    return at_scan(labels, volume, "cells")


def look(
    model: Model, image: Image, *, scratch: Path, plan: SegmentationPlan, progress: Progress = silent
) -> NDArray[np.float16]:
    """Return what the network says of an image, activated: shape (C, *S), in a file of the scratch folder.

    `find_cells` reads it, as often as is wanted and with what settings one likes. Where a model of images goes through a
    volume slice by slice, the channels are those of images.
    """
    slices = _by_slices(model, len(image.shape), plan)
    channels = model.representation.channels(2 if slices else len(image.shape))
    image = stage(image, channels, scratch, progress)
    outputs = mapped(scratch / "outputs.npy", (channels, *image.shape), np.float16)
    if slices:
        _predict_slices(model, image, outputs, plan=plan, progress=progress)
    else:
        predict(model, image, outputs, plan=plan, progress=progress)
    return outputs


def find_cells(
    model: Model,
    outputs: NDArray[np.float16],
    *,
    scratch: Path,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> Labels:
    """Return the cells in what `look` returned: shape S, in a file of the scratch folder."""
    labels = mapped(scratch / "labels.npy", outputs.shape[1:], np.int32)
    read = _decode_slices if _by_slices(model, labels.ndim, plan) else decode
    read(model.representation, outputs, labels, scratch=scratch, plan=plan, progress=progress)
    return labels


def _by_slices(model: Model, ndim: int, plan: SegmentationPlan) -> bool:
    return model.network.ndim < ndim and plan.volume_by == "slices"


def at_scan(found: NDArray[Any], scan: Volume, what: str) -> Volume:
    """Return what was found at a model's voxels as a volume of the scan's, lazily; ``what`` names it."""
    same = found.shape == scan.shape
    data = found if same else Resampled(found, scan.shape, labels=True)
    return replace(scan, data=data, name=f"{what} of {scan.name}")


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

    def look(tile_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the activated output of a tile, seen in a mirror that turns some axes round."""
        mirrored = np.flip(tile_CS, tuple(1 + axis for axis in axes))
        padded = torch.from_numpy(_pad(mirrored, model.network.stride))[None].to(where, memory_format=layout)
        raw = module(padded)[(0, slice(None), *(slice(0, length) for length in tile_CS.shape[1:]))]
        activated: NDArray[np.float32] = model.representation.activate(raw[None].float())[0].cpu().numpy()
        return model.representation.mirror(activated, axes) if axes else activated

    def see(image: Seen, outputs: NDArray[Any], progress: Progress = silent, /) -> None:
        for tile in track(list(tiles(image.shape, tiling, side, plan.overlap)), task, progress):
            seen = np.pad(image.read(tile.write), [(0, 0), *tile.margins])
            activated = _mean_of_told(look(seen, axes) for axes in mirrors)[(slice(None), *tile.inner)]
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


def decode(
    representation: Representation,
    outputs: NDArray[np.float16],
    labels: Labels,
    *,
    scratch: Path,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> None:
    """Find the cells of each block, stitch them, and write them into ``labels``, shape S, numbered 1, 2, 3, ..."""
    blocks = grid(labels.shape, plan.block, plan.block_halo)
    on_gpu = pick(plan.device).type == "cuda"
    counts, own = [], []
    for block in track(blocks, "finding cells", progress):
        output = np.asarray(outputs[(slice(None), *block.read)], dtype=np.float32)
        found = representation.decode(torch.from_numpy(output).cuda() if on_gpu else output)
        np.save(_place(scratch, block), found)
        counts.append(int(found.max(initial=0)))
        own.append(np.flatnonzero(np.bincount(found[block.inner].ravel())))
    pairs = [
        (first.index, second.index, _agreements(first, second, shared, scratch, plan.agreement))
        for first, second in track(list(itertools.combinations(blocks, 2)), "stitching blocks", progress)
        if (shared := intersect(first.read, second.read))
    ]
    tables = merge(counts, pairs)
    # What was seen in the halo of one block only is written nowhere, and its number is given to another.
    kept = np.unique(np.concatenate([[0], *(table[cells] for table, cells in zip(tables, own, strict=True))]))
    for block, table in zip(blocks, tables, strict=True):
        numbers = np.searchsorted(kept, table).astype(np.int32)
        labels[block.write] = numbers[np.load(_place(scratch, block), mmap_mode="r")[block.inner]]


def _decode_slices(
    representation: Representation,
    outputs: NDArray[np.float16],
    labels: Labels,
    *,
    scratch: Path,
    plan: SegmentationPlan,
    progress: Progress = silent,
) -> None:
    """Find the cells of each slice along Z on its own and write those that follow each other as one cell."""
    counts: list[int] = []
    pairs: list[tuple[int, int, NDArray[np.int64]]] = []
    for here in track(range(len(labels)), "finding cells", progress):
        decode(representation, outputs[:, here], labels[here], scratch=scratch, plan=plan)
        counts.append(int(labels[here].max(initial=0)))
        if here:
            found = successors(labels[here - 1], labels[here], plan.slice_agreement)
            pairs.append((here - 1, here, found))
    for here, table in enumerate(merge(counts, pairs)):
        labels[here] = table[labels[here]]


def _place(scratch: Path, block: Block) -> Path:
    return scratch / f"block-{block.index:06d}.npy"


def _agreements(first: Block, second: Block, shared: Region, scratch: Path, iou: float) -> NDArray[np.int64]:
    seen = [np.load(_place(scratch, block), mmap_mode="r")[relative(shared, block.read)] for block in (first, second)]
    return agreements(np.asarray(seen[0]), np.asarray(seen[1]), iou)
