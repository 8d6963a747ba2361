"""Pieces of scans to learn from: where they are cut, and how they are varied.

A patch is cut with a margin, varied as a whole - image and labels alike - and only then encoded, so that no target is ever
interpolated. Everything random comes from the generator that is passed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from mesophyll.blocks import Region
from mesophyll.errors import SettingsError
from mesophyll.image import Image
from mesophyll.labels import UNKNOWN, Labels, Subject, check, seen_in_section, split_pieces
from mesophyll.position import THROUGH
from mesophyll.tissue_map import as_labels
from mesophyll.volume import LazyArray

__all__ = ["Augmentation", "Patch", "Source", "move", "regrey", "sample"]

_DRAWS = 8  # a patch in which little is labelled teaches little and is drawn anew, so often at most
_WELL_KNOWN = 0.5  # of a patch's voxels; it is not drawn anew

_MOST = {"turn": 1.0, "lean": 90.0, "blur": 1.0, "contrast": 1.0} | dict.fromkeys(
    ("brightness", "gamma", "noise", "shading"), math.inf
)


@dataclass(frozen=True)
class Source:
    """A scan to learn from, at the model's spacing.

    Parameters
    ----------
    name
        What logs and model cards call it.
    images
        One or more reconstructions of the same scan; a patch is cut from one of them.
    labels
        What is learnt, shape as the images: cells, -1 where nobody knows; or a tissue map, 255 where nobody knows.
    within
        Where patches may lie.
    subject
        Which of the two it is.
    slices
        Of a volume in which only slices are labelled: across which axis they lie, and their places. Sections are cut there.
    tissue
        The tissue map where it is learnt beside cells, shape as the images, 255 where nobody knows.
    """

    name: str
    images: tuple[Image, ...]
    labels: LazyArray
    within: Region
    subject: Subject = "cells"
    slices: tuple[int, tuple[int, ...]] | None = None
    tissue: LazyArray | None = None

    def read_labels(self, region: Region) -> Labels:
        """Return what is learnt in a region: int32, into which -1 can be written."""
        if self.subject == "tissue":
            return _codes(self.labels, region, self.name)
        return check(self.labels[region], f"the labelling of {self.name}")


def _codes(tissue: LazyArray, region: Region, name: str) -> Labels:
    return as_labels(np.asarray(tissue[region]), f"the tissue map of {name}")


@dataclass(frozen=True)
class Patch:
    """An image (C, *S), ``scans`` channels of grey values first, and its labels (S), with a margin on every side.

    ``sections_S`` (bool) marks cells of which only a section is labelled; ``tissue_S`` is what is learnt beside cells.
    """

    image_CS: NDArray[np.float32]
    labels_S: Labels
    sections_S: NDArray[np.bool_]
    margin: int
    scans: int = 1
    tissue_S: Labels | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the cell is known, or the tissue; shape S."""
        known = self.labels_S != UNKNOWN
        return np.asarray(known if self.tissue_S is None else known | (self.tissue_S != UNKNOWN))

    @property
    def core(self) -> Region:
        """The voxels within the margin."""
        return tuple(slice(self.margin, length - self.margin) for length in self.labels_S.shape)


@dataclass(frozen=True)
class Augmentation:
    """How patches are varied. Ranges are half-widths around no change; shares are probabilities.

    Parameters
    ----------
    mirror
        Mirror and swap axes, all ways alike: a leaf has no up in a scanner. Of an upright one, those across it are swapped.
    turn
        Share of patches that are turned and zoomed: freely; an upright leaf about the way through it, which then leans.
    lean
        By so many degrees, at most.
    zoom
        Smallest and largest factor.
    brightness, contrast, gamma
        Of the model's range, drawn uniformly.
    noise
        Largest standard deviation of added white noise.
    blur
        Share of patches that are blurred, by up to one voxel.
    shading
        Largest amplitude of a slow ramp across the patch.
    """

    mirror: bool = True
    turn: float = 0.25
    lean: float = 25.0
    zoom: tuple[float, float] = (0.8, 1.25)
    brightness: float = 0.15
    contrast: float = 0.25
    gamma: float = 0.25
    noise: float = 0.08
    blur: float = 0.2
    shading: float = 0.1

    def __post_init__(self) -> None:
        low, high = self.zoom
        if not 0 < low <= high:
            raise SettingsError(f"zoom = {self.zoom}", "factors are above 0, the smallest first", "correct zoom")
        for name, most in _MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise SettingsError(
                    f"{name} = {getattr(self, name)}", f"{name} lies between 0 and {most:g}", f"correct {name}"
                )


def sample(source: Source, sides: Sequence[int], margin: int, rng: np.random.Generator) -> Patch:
    """Cut a patch at random.

    Parameters
    ----------
    source
        Where from.
    sides
        Voxels of the core along each axis of the source; one of them may be 1: then the patch is a 2D section, and cells that
        the section cuts into pieces are cells of their own; tissues are not.
    margin
        Voxels around the core. What lies outside the scan is mirrored in the image and unknown in the labels.
    rng
        Everything is drawn from here.
    """
    image = source.images[int(rng.integers(len(source.images)))]
    region = _taught(source, sides, rng)
    flat = tuple(axis for axis, side in enumerate(sides) if side == 1)
    wide = tuple(
        axis if side == 1 else slice(axis.start - margin, axis.stop + margin)
        for axis, side in zip(region, sides, strict=True)
    )
    seen = _read_padded(image.read, wide, image.shape, mode="reflect")
    labels = _read_padded(source.read_labels, wide, image.shape, constant_values=UNKNOWN)
    seen, labels = seen.squeeze(tuple(1 + axis for axis in flat)), labels.squeeze(flat)
    if source.subject == "tissue":
        return Patch(seen, labels, np.zeros(labels.shape, dtype=bool), margin, image.scans)
    labels = split_pieces(labels) if flat else labels
    patch = Patch(seen, labels, seen_in_section(labels), margin, image.scans)
    if (codes := source.tissue) is None:
        return patch
    tissue = _read_padded(lambda inside: _codes(codes, inside, source.name), wide, image.shape, constant_values=UNKNOWN)
    return replace(patch, tissue_S=tissue.squeeze(flat))


def _taught(source: Source, sides: Sequence[int], rng: np.random.Generator) -> Region:
    """Draw boxes until one is known by half; where few voxels are labelled, take the one of some draws that knows most."""
    drawn = []
    for _ in range(_DRAWS):
        region = _at_slice(source, _draw(source.within, sides, rng), rng)
        known = float((source.read_labels(_cut(region, source.labels.shape)) != UNKNOWN).mean())
        drawn.append((known, region))
        if known >= _WELL_KNOWN:
            break
    return max(drawn, key=lambda one: one[0])[1]


def _at_slice(source: Source, region: Region, rng: np.random.Generator) -> Region:
    """Move a section to one of the labelled slices, if it lies across their axis."""
    if source.slices is None:
        return region
    axis, places = source.slices
    within = [place for place in places if source.within[axis].start <= place < source.within[axis].stop]
    if region[axis].stop - region[axis].start > 1 or not within:
        return region
    place = within[int(rng.integers(len(within)))]
    return (*region[:axis], slice(place, place + 1), *region[axis + 1 :])


def _draw(within: Region, sides: Sequence[int], rng: np.random.Generator) -> Region:
    """Draw a box uniformly; along an axis that is too short for it, it is centred."""
    starts = []
    for axis, side in zip(within, sides, strict=True):
        room = axis.stop - axis.start - side
        starts.append(axis.start + int(rng.integers(room + 1) if room > 0 else room // 2))
    return tuple(slice(start, start + side) for start, side in zip(starts, sides, strict=True))


def _cut(region: Region, shape: tuple[int, ...]) -> Region:
    return tuple(slice(max(axis.start, 0), min(axis.stop, length)) for axis, length in zip(region, shape, strict=True))


def _read_padded(read: Any, region: Region, shape: tuple[int, ...], **padding: Any) -> NDArray[Any]:
    """Read a region that may reach beyond the array; channels, if there are any, come first."""
    inside = _cut(region, shape)
    widths = [(cut.start - axis.start, axis.stop - cut.stop) for axis, cut in zip(region, inside, strict=True)]
    found = read(inside)
    return np.pad(found, [(0, 0)] * (found.ndim - len(widths)) + widths, **({"mode": "constant"} | padding))


def move(patch: Patch, how: Augmentation, rng: np.random.Generator, *, upright: bool = False) -> Patch:
    """Mirror, turn and zoom a patch; the one passed is not changed. Where it is ``upright``, it stays so, up to a lean."""
    ndim = patch.labels_S.ndim
    if how.mirror:
        patch = _mirror(patch, _swap_across(rng) if upright else rng.permutation(ndim), rng)
    if rng.random() >= how.turn:
        return patch
    rotation = _leaning(how.lean, rng) if upright else _any_rotation(ndim, rng)
    return _turn(patch, rotation / rng.uniform(*how.zoom))


def regrey(
    image_CS: NDArray[np.float32], scans: int, how: Augmentation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Vary the grey values of the first ``scans`` channels, each on its own; the image passed is not changed."""
    return np.concatenate(
        [*(_regrey(image_CS[place : place + 1], how, rng) for place in range(scans)), image_CS[scans:]]
    )


def _swap_across(rng: np.random.Generator) -> NDArray[np.intp]:
    """Return an order of the axes of a volume in which the one through an upright leaf keeps its place."""
    order = np.arange(3)
    across = np.delete(order, THROUGH)
    order[across] = rng.permutation(across)
    return order


def _mirror(patch: Patch, order: NDArray[np.intp], rng: np.random.Generator) -> Patch:
    flips = tuple(slice(None, None, -1 if rng.random() < 0.5 else 1) for _ in order)  # a coin for each axis
    image = patch.image_CS.transpose(0, *(axis + 1 for axis in order))[(slice(None), *flips)]
    labels, sections = patch.labels_S.transpose(order)[flips], patch.sections_S.transpose(order)[flips]
    tissue = None if patch.tissue_S is None else patch.tissue_S.transpose(order)[flips]
    return replace(patch, image_CS=image, labels_S=labels, sections_S=sections, tissue_S=tissue)


def _any_rotation(ndim: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a rotation, all alike, shape (ndim, ndim)."""
    if ndim == 2:
        angle = rng.uniform(0, 2 * np.pi)
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(Rotation.from_quat(rng.normal(size=4)).as_matrix())


def _leaning(most: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return any rotation about the way through an upright leaf, and a lean by up to so many degrees; shape (3, 3)."""
    about = np.zeros(3)
    about[THROUGH] = rng.uniform(0, 2 * np.pi)
    towards = rng.uniform(0, 2 * np.pi)
    lean = np.insert([np.cos(towards), np.sin(towards)], THROUGH, 0.0) * np.radians(rng.uniform(0, most))
    return np.asarray((Rotation.from_rotvec(lean) * Rotation.from_rotvec(about)).as_matrix())


def _turn(patch: Patch, matrix: NDArray[np.float64]) -> Patch:
    """Turn and zoom a patch about its centre: what lands at v lay at the matrix times v."""
    centre = (np.array(patch.labels_S.shape) - 1) / 2
    offset = centre - matrix @ centre
    labels = _turn_numbers(patch.labels_S, matrix, offset)
    tissue = None if patch.tissue_S is None else _turn_numbers(patch.tissue_S, matrix, offset)
    sections = patch.sections_S
    if sections.any():
        sections = ndimage.affine_transform(sections.view(np.uint8), matrix, offset, order=0).view(bool)
    image = [
        ndimage.affine_transform(channel, matrix, offset, order=1 if place < patch.scans else 0, mode="reflect")
        for place, channel in enumerate(patch.image_CS)  # tissues, after the grey values, have no values in between
    ]
    return replace(patch, image_CS=np.stack(image), labels_S=labels, sections_S=sections, tissue_S=tissue)


def _turn_numbers(labels_S: Labels, matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> Labels:
    turned: Labels = ndimage.affine_transform(labels_S, matrix, offset, order=0, mode="constant", cval=UNKNOWN)
    return turned


def _regrey(image_CS: NDArray[np.float32], how: Augmentation, rng: np.random.Generator) -> NDArray[np.float32]:
    grey: NDArray[Any] = image_CS
    if rng.random() < how.blur:
        grey = ndimage.gaussian_filter(grey, (0, *[rng.uniform(0.3, 1.0)] * (grey.ndim - 1)))
    if how.gamma:
        low, span = float(grey.min()), max(float(np.ptp(grey)), 1e-6)
        grey = ((grey - low) / span) ** np.float32(np.exp(rng.uniform(-how.gamma, how.gamma))) * span + low
    grey = (
        (grey - 0.5) * (1 + rng.uniform(-how.contrast, how.contrast))
        + 0.5
        + rng.uniform(-how.brightness, how.brightness)
    )
    for axis in range(1, grey.ndim):
        ramp = np.linspace(-1, 1, grey.shape[axis]) * rng.uniform(-how.shading, how.shading)
        grey = grey + ramp.reshape([-1 if other == axis else 1 for other in range(grey.ndim)])
    noise = rng.standard_normal(grey.shape, dtype=np.float32) * np.float32(rng.uniform(0, how.noise))
    return np.asarray(grey + noise, dtype=np.float32)
