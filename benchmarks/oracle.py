"""What each representation could reach: from a perfect target, from walls that are not seen, from noise.

``python -m benchmarks.oracle [name ...]``, by hand, for it takes minutes; names are those of plans, by default all. Every
method of the registry that learns cells is asked, with each choice of each setting that has choices, the others as they are;
``tissues`` asks affinities beside a true tissue map, and beside one that is wrong in blobs, as of a neighbouring place.

A target is perfect where `encode` of the true labels is read as the network's output. To make a wall invisible, each contact of
two cells loses one patch of its faces, those nearest to a face drawn at random. A network that does not see a wall says what it
says of one cell that goes on: the target of labels in which these two cells, and no others, are one. Where it says so and in
which channels is asked of cells and targets, not of the method's name, so that all methods lose the same knowledge:

- It concerns the voxels that are nearer to the patch than to any other face of their cell, be it a wall that is seen or air: of
  all surfaces, this one would have told them what they are. A way to the middle of two cells taken for one does no harm beyond.
- A channel that speaks of the wall alone - one cell and two differ at the patch's own voxels and hardly elsewhere: a thin
  boundary, an affinity of neighbours - is lost there in every case. That is what makes a wall invisible.
- All other channels speak of it from afar, too: a depth, a long affinity, a way to the middle. Cusps, the rest of the wall or
  the size of cells may tell them better. *Sees*: they are right. *Blind*: they, too, speak of one cell. *Half*: the mean.

So *sees* asks whether a decoder makes use of what is known from afar, and *blind* what is left of cells by the rest of their
walls. Where all channels speak from afar, *sees* is perfect by its making, but for a little noise; where none does, the three
are the same.

Noise is Gaussian, of every voxel and channel on its own: other than a network's, which is smooth, but the same for all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from mesophyll.evaluation import match
from mesophyll.labels import Labels
from mesophyll.phantom import Phantom, make
from mesophyll.representations import Affinities, Representation
from mesophyll.representations.methods import METHODS

SHAPE, SPACING, SEEDS = (112, 128, 112), 0.8, (1, 2)
SHARES = (0.25, 0.5)
SIGHTS = {"sees": 1.0, "half": 0.5, "blind": 0.0}
UNSURE = 0.1
"""Who sees all from afar is so much less sure of what the wall itself seems to say; who sees half of it, half as much."""

NOISES = (0.3, 0.6)
UNEVEN = 0.1
"""Noise where walls are not seen: else it would be a toss-up which of two sure statements is believed first."""

AFAR = 0.05
"""A channel speaks of the wall alone where one cell and two differ around it by less than this share of what they do at it."""

SEEN = -1

ASTRAY = (0.0, 0.05, 0.1, 0.2)
"""Shares of a tissue map that are wrong."""

BLOB_VOX, ELSEWHERE_VOX = 3.0, 6
"""How large what is wrong of a tissue map is, and how far away, along each axis, is what it says instead."""

Reader = Callable[[NDArray[np.float32]], Labels]
"""Outputs to cells."""


def measure(names: Sequence[str] = tuple(METHODS)) -> Iterator[str]:
    yield f"AP@0.5 and mean AP over IoU 0.1 to 0.9; means of {len(SEEDS)} leaves; seconds to encode and decode one"
    situations = ["perfect", *(f"{share:.0%} {sight}" for share in SHARES for sight in SIGHTS)]
    yield "  ".join([f"{'':34}", *(f"{told:11}" for told in [*situations, *(f"noise {sd}" for sd in NOISES)]), "s"])
    leaves = [make(seed, shape=SHAPE, spacing_um=SPACING) for seed in SEEDS]
    walls = [
        [Unseen.of(leaf.labels, share, seed) for share in SHARES] for leaf, seed in zip(leaves, SEEDS, strict=True)
    ]
    for name in names:
        for told, method, readers in beside_tissues(leaves) if name == "tissues" else alone(name, leaves):
            rows = [judged(method, *each) for each in zip(readers, leaves, walls, strict=True)]
            scores, seconds = (np.mean([row[place] for row in rows], axis=0) for place in (0, 1))
            figures = "  ".join(f"{half:.3f} {mean:.3f}" for half, mean in scores)
            yield f"{told:34}  {figures}  {seconds[0]:.1f} {seconds[1]:.1f}"


def alone(name: str, leaves: Sequence[Phantom]) -> Iterator[tuple[str, Representation, list[Reader]]]:
    """What a row is called, the method, and how the outputs of each leaf are read."""
    for method in choices(METHODS[name]):
        yield label(name, method), method, [method.decode for _ in leaves]


def beside_tissues(leaves: Sequence[Phantom]) -> Iterator[tuple[str, Representation, list[Reader]]]:
    for method in choices(Affinities):
        if isinstance(method, Affinities) and method.merges:
            for share in ASTRAY:
                maps = [astray(leaf.tissue, share) for leaf in leaves]
                readers = [partial(method.decode_beside, tissue_S=codes) for codes in maps]
                yield f"{method.decoder}, {share:.0%} of tissues wrong", method, readers


def astray(tissue: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """A tissue map of which a share, in blobs, says what is true elsewhere; some of that is true here, too."""
    field = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=tissue.shape), BLOB_VOX)
    elsewhere = np.roll(tissue, (ELSEWHERE_VOX,) * tissue.ndim, tuple(range(tissue.ndim)))
    return np.where(field < np.quantile(field, share), elsewhere, tissue)


def choices(kind: type[Representation]) -> Iterator[Representation]:
    """A method of cells as it is by default, and with every other choice of a setting that names its choices."""
    usual = kind().at(SPACING)
    hints = get_type_hints(kind)
    named = [field.name for field in fields(kind) if get_origin(hints[field.name]) is Literal]
    others = [
        replace(usual, **{setting: choice})
        for setting in named
        if "loss" not in setting  # how it is learnt does not matter here
        for choice in get_args(hints[setting])
    ]
    fit = usual.subject == "cells" and 3 in usual.axes
    yield from dict.fromkeys([usual, *others] if fit else [])


def label(name: str, method: Representation) -> str:
    """The name of a method, with what differs from its defaults."""
    usual = type(method)().at(SPACING)
    told = [
        f"{f.name} = {getattr(method, f.name)}"
        for f in fields(method)
        if getattr(method, f.name) != getattr(usual, f.name)
    ]
    return ", ".join([name, *told])


def judged(method: Representation, read: Reader, leaf: Phantom, walls: list[Unseen]) -> tuple[list[Any], list[float]]:
    labels = leaf.labels
    start = time.perf_counter()
    perfect = method.encode(labels)
    encoded = time.perf_counter()
    scores = [score(read, perfect, labels)]
    seconds = [encoded - start, time.perf_counter() - encoded]
    for unseen, merged in zip(walls, taken_for_one(method, labels, walls, perfect), strict=True):
        said = (unseen.said(perfect, merged, sight) for sight in SIGHTS.values())
        scores += [score(read, noisy(output, UNEVEN), labels) for output in said]
    scores += [score(read, noisy(perfect, deviation), labels) for deviation in NOISES]
    return scores, seconds


def noisy(output: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    noisy, rng = output.copy(), np.random.default_rng(0)
    for channel in noisy:  # one by one, lest the noise of many channels of a large volume fill the memory
        channel += rng.normal(0, deviation, channel.shape).astype(np.float32)
    return noisy


def score(read: Reader, output: NDArray[np.float32], labels: Labels) -> tuple[float, float]:
    found = match(read(output), labels).to_dict()["AP"]
    return found["0.5"], float(np.mean(list(found.values())))


@dataclass(frozen=True)
class Unseen:
    """Patches of walls that are not seen.

    Parameters
    ----------
    pairs
        The two cells of each contact, shape (n, 2).
    wall, near
        The contact on whose patch a voxel lies, or to whose patch it is nearest of all its cell's surface, shape S; or `SEEN`.
    """

    pairs: NDArray[np.int64]
    wall: NDArray[np.int32]
    near: NDArray[np.int32]

    @classmethod
    def of(cls, labels: Labels, share: float, seed: int) -> Unseen:
        cells, voxels, middles = faces(labels)
        pairs, contact = np.unique(np.sort(cells, axis=1), axis=0, return_inverse=True)
        contact = contact.ravel()
        hidden = np.zeros(len(cells), bool)
        rng = np.random.default_rng(seed)
        for number in np.flatnonzero(pairs[:, 0] > 0):  # not air
            own = np.flatnonzero(contact == number)
            far = np.linalg.norm(middles[own] - middles[rng.choice(own)], axis=1)
            hidden[own[far <= np.quantile(far, share)]] = True
        told = np.where(hidden, contact, SEEN)
        wall = np.full(labels.shape, SEEN, np.int32)
        wall[tuple(voxels[hidden].T)] = told[hidden]
        return cls(pairs, wall, nearest(labels, cells[:, 0], middles, told))

    def said(self, two: NDArray[np.float32], one: NDArray[np.float32], sight: float) -> NDArray[np.float32]:
        """What a network says that sees so much from afar, given what is true and what is said of one cell."""
        apart, at_wall = np.abs(two - one), self.wall != SEEN
        around = (self.near != SEEN) & ~at_wall
        afar = apart[:, around].mean(axis=1) > AFAR * apart[:, at_wall].mean(axis=1)
        seen = np.where(afar, sight, UNSURE * sight).astype(np.float32).reshape(-1, *[1] * self.wall.ndim)
        return np.where(at_wall | around, seen * two + (1 - seen) * one, two)


def faces(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Every face of every cell, seen from it: its number and that beyond (n, 2), its voxel and the face's middle (n, 3)."""
    found = []
    for axis in range(labels.ndim):
        step = np.eye(labels.ndim, dtype=int)[axis]
        lower = np.argwhere(
            labels.take(range(labels.shape[axis] - 1), axis) != labels.take(range(1, labels.shape[axis]), axis)
        )
        for voxel, beyond in ((lower, lower + step), (lower + step, lower)):
            cells = np.stack([labels[tuple(voxel.T)], labels[tuple(beyond.T)]], axis=1)
            own = cells[:, 0] > 0
            found.append((cells[own].astype(np.int64), voxel[own], (voxel[own] + beyond[own]) / 2))
    cells, voxels, middles = (np.concatenate(each) for each in zip(*found, strict=True))
    return cells, voxels, middles


def nearest(
    labels: Labels, cell: NDArray[np.int64], middles: NDArray[np.float64], told: NDArray[np.int64]
) -> NDArray[np.int32]:
    """What is told of the nearest face of its own cell, for each voxel, shape S; `SEEN` outside cells."""
    near = np.full(labels.size, SEEN, np.int32)
    flat = np.argsort(labels, axis=None, kind="stable")
    starts = np.searchsorted(labels.ravel()[flat], np.arange(1, labels.max() + 2))
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(1, labels.max() + 2))
    for number in range(labels.max()):
        own, surface = flat[starts[number] : starts[number + 1]], order[bounds[number] : bounds[number + 1]]
        if len(surface) and (told[surface] != SEEN).any():
            places = np.stack(np.unravel_index(own, labels.shape), axis=1)
            near[own] = told[surface][cKDTree(middles[surface]).query(places)[1]]
    return near.reshape(labels.shape)


def taken_for_one(
    method: Representation, labels: Labels, walls: Sequence[Unseen], perfect: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """For each set of walls, what is said of two cells that are taken for one, at the wall and around it; perfect elsewhere.

    Each pair is merged on its own. Pairs that share no cell are merged at once, so that few labellings have to be encoded.
    """
    merged = [perfect.copy() for _ in walls]
    pairs = walls[0].pairs
    for together in rounds(pairs):
        names = np.arange(labels.max() + 1, dtype=np.int32)
        names[pairs[together, 1]] = pairs[together, 0]
        one = method.encode(names[labels])
        for target, unseen in zip(merged, walls, strict=True):
            concerned = np.isin(unseen.wall, together) | (np.isin(unseen.near, together) & (unseen.wall == SEEN))
            target[:, concerned] = one[:, concerned]
    return merged


def rounds(pairs: NDArray[np.int64]) -> list[list[int]]:
    """Contacts of two cells in groups in which no cell has two, each in the first group that has room."""
    groups: list[tuple[list[int], set[int]]] = []
    for number in np.flatnonzero(pairs[:, 0] > 0):
        two = set(pairs[number].tolist())
        group = next((group for group in groups if not two & group[1]), None)
        if group is None:
            groups.append(group := ([], set()))
        group[0].append(int(number))
        group[1].update(two)
    return [numbers for numbers, _ in groups]


if __name__ == "__main__":
    for line in measure(sys.argv[1:] or tuple(METHODS)):
        print(line, flush=True)
