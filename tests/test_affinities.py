"""Affinities say of two voxels what labels say of them, and decoders read cells from them that are far from perfect."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from catalogue import crowd, touching_pair
from complaint import complaint
from laws import found
from mesophyll.errors import SettingsError
from mesophyll.labels import UNKNOWN
from mesophyll.representations import Affinities
from mesophyll.representations.linking.fragments import fragments
from mesophyll.representations.linking.graphs import ends
from mesophyll.representations.linking.joining import likely_pieces, peaks
from mesophyll.representations.linking.merging import PARTITIONS
from mesophyll.tissues import AIRSPACE, PALISADE, SPONGY

SHORT = Affinities(long_um=(2.0,), diagonal_um=(1.5,), spacing_um=1.0)


# ------------------------------------------------------------------------------------------------------------ targets


def test_lengths_are_in_um_and_become_voxels_by_the_spacing():
    assert SHORT.offsets(2) == [(1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (1, -1)]
    finer = SHORT.at(0.25)
    assert finer.offsets(2)[2:] == [(8, 0), (0, 8), (4, 4), (4, -4)]
    assert (SHORT.reach, finer.reach) == (2, 8)
    assert SHORT.channels(2) == 7
    assert SHORT.channels(3) == 1 + 3 + 3 + 6


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_target_says_of_every_pair_what_the_labels_say(ndim):
    labels = np.random.default_rng(0).integers(-1, 3, (7,) * ndim).astype(np.int32)
    target = SHORT.encode(labels)
    for here in np.ndindex(labels.shape):
        assert target[(0, *here)] == (labels[here] > 0) or labels[here] == UNKNOWN
        for channel, offset in enumerate(SHORT.offsets(ndim), start=1):
            there = tuple(at + step for at, step in zip(here, offset, strict=True))
            within = all(0 <= at < 7 for at in there)
            one, other = labels[here], labels[there] if within else 0
            said = target[(channel, *here)]
            if one == UNKNOWN or (one > 0 and other == UNKNOWN):
                assert np.isnan(said)
            else:
                assert said == (one == other > 0)


def test_a_section_tells_where_walls_are_but_not_that_two_pieces_are_two_cells():
    labels = np.zeros((4, 12), np.int32)
    labels[:, 2:5], labels[:, 5:8] = 1, 2
    target = SHORT.encode(labels)
    told = SHORT.forget(target, labels > 0)
    forgotten = np.isnan(told)
    assert not forgotten[:3].any()  # foreground, next neighbours
    along = 1 + SHORT.offsets(2).index((0, 2))
    assert forgotten[along].any(axis=0).tolist() == [place in (3, 4) for place in range(12)]
    assert np.array_equal(told[~forgotten], target[~forgotten])
    assert not np.isnan(target).any()


def test_a_section_speaks_of_the_volumes_channels_that_lead_within_it():
    method = Affinities()
    for across in range(3):
        of_section = [(0,) * 2, *method.offsets(2)]
        of_volume = [(0,) * 3, *method.offsets(3)]
        for way, channel in zip(of_section, method.in_volume(across), strict=True):
            assert of_volume[channel] == (*way[:across], 0, *way[across:])


def test_a_wall_counts_however_few_pairs_cross_it():
    """Of two outputs that say one cell of a pair of cells, that which says so of fewer pairs across the wall costs less."""
    truth = torch.from_numpy(SHORT.encode(touching_pair(2)))[None]
    known = torch.ones((1, *truth.shape[2:]), dtype=torch.bool)
    blind = torch.where(truth[:, :1] > 0, torch.ones_like(truth), truth) * 12 - 6
    half = blind.clone()
    half[..., :20, :] = truth[..., :20, :] * 12 - 6
    perfect, better, worse = (float(SHORT.loss(each, truth, known)) for each in (truth * 12 - 6, half, blind))
    assert perfect < 0.05 < better < worse
    without = replace(SHORT, overlap=0.0)
    crossed = float(without.loss(blind, truth, known))
    assert worse - crossed > 0.25  # half of the Dice of each affinity is that of its zeros, however few they are


# ------------------------------------------------------------------------------------------------------------ decoders


def degraded(method, labels, seed=0):
    """A perfect target with noise; neighbours do not see a quarter of the walls, and voxels farther off see those less well."""
    rng = np.random.default_rng(seed)
    output, ndim = method.encode(labels), labels.ndim
    hidden = ndimage.gaussian_filter(rng.normal(size=labels.shape), 3)
    hidden = hidden < np.quantile(hidden, 0.25)
    for channel, offset in enumerate(method.offsets(ndim), start=1):
        here, there = ends(labels.shape, offset)
        wall = (labels[here] > 0) & (labels[there] > 0) & (labels[here] != labels[there]) & hidden[here]
        output[channel][here][wall] = 0.9 if channel <= ndim else 0.3
    output[1:] += rng.normal(0, 0.1, output[1:].shape)
    return np.clip(output, 0, 1).astype(np.float32)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(
    ("decoder", "least"), [("mutex", 0.2), ("semantic", 0.2), ("linkage", 0.6), ("multicut", 0.6), ("lifted", 0.75)]
)
def test_cells_are_found_where_a_quarter_of_the_walls_is_invisible(decoder, least, ndim):
    method = Affinities(decoder=decoder)
    truth = crowd(ndim, side=64 if ndim == 3 else 160, spacing=16)
    assert found(method.decode(degraded(method, truth)), truth, iou=0.5) >= least


@pytest.mark.parametrize("decoder", PARTITIONS)
def test_cells_of_two_tissues_are_kept_apart_where_no_channel_sees_their_wall(decoder):
    method = Affinities(decoder=decoder)
    truth = touching_pair(3)
    output = method.encode((truth > 0).astype(np.int32))  # says that the two are one cell
    output[1:] = np.clip(0.9 * output[1:] + np.random.default_rng(0).normal(0, 0.1, output[1:].shape), 0, 1)
    tissue = np.where(truth == 0, AIRSPACE, np.where(truth == 1, PALISADE, SPONGY)).astype(np.uint8)
    tissue[:, :, 18:20] = 255  # and nobody knows it at the wall
    assert method.decode(output).max() == 1
    beside = method.decode_beside(output, tissue)
    assert found(beside, truth) == 1
    assert method.decode_beside(output, np.zeros_like(tissue)).max() == 1


def test_the_mutex_watershed_has_no_fragments_for_tissues_to_keep_apart():
    complaint(
        SettingsError,
        lambda: Affinities(decoder="mutex").decode_beside(np.zeros((19, 9, 9, 9), np.float32), np.zeros((9, 9, 9))),
        "decoder = 'mutex' beside a tissue map",
        "set decoder to one of linkage, multicut, lifted",
    )


# ----------------------------------------------------------------------------------------------------------- fragments


@pytest.mark.parametrize("shape", [(9, 10), (5, 6, 7)])
def test_what_hangs_together_by_likely_neighbours_is_one_piece_and_has_a_peak(shape):
    rng = np.random.default_rng(0)
    labels, affinities = rng.integers(0, 3, shape), rng.random((len(shape), *shape)).astype(np.float32)
    height = rng.random(shape).astype(np.float32)
    pieces, high = likely_pieces(labels, affinities), peaks(height, affinities)
    joined = {here: set() for here in np.ndindex(shape)}
    for axis, here in itertools.product(range(len(shape)), np.ndindex(shape)):
        there = tuple(at + (axis == other) for other, at in enumerate(here))
        if there in joined and affinities[(axis, *here)] > 0.5:
            joined[here].add(there)
            joined[there].add(here)
    for here, around in joined.items():
        assert high[here] == all(height[here] >= height[there] for there in around)
        assert (pieces[here] > 0) == (labels[here] > 0)
        for there in around:
            assert (pieces[here] == pieces[there]) == (labels[here] == labels[there]) or labels[here] == 0
    firsts = [int(np.flatnonzero(pieces.ravel() == number)[0]) for number in range(1, pieces.max() + 1)]
    assert firsts == sorted(firsts)
    for number in range(1, pieces.max() + 1):  # a piece is one: from its first voxel, all of it is reached
        reached, waiting = set(), [tuple(int(at) for at in np.argwhere(pieces == number)[0])]
        while waiting:
            here = waiting.pop()
            reached.add(here)
            waiting += [there for there in joined[here] - reached if pieces[there] == number]
        assert len(reached) == (pieces == number).sum()


@pytest.mark.parametrize("ndim", [2, 3])
def test_fragments_fill_the_cells_and_lie_in_one_each(ndim):
    method, truth = Affinities(), crowd(ndim, side=48)
    target, offsets = method.encode(truth), method.offsets(ndim)
    found = fragments(target[1:], offsets, truth > 0, smoothing_vox=0.5)
    assert np.array_equal(found > 0, truth > 0)
    for number in range(1, found.max() + 1):
        assert len(np.unique(truth[found == number])) == 1
    noisy = degraded(method, truth)
    counts = [fragments(noisy[1:], offsets, truth > 0, sigma).max() for sigma in (0.0, 0.5, 1.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2] > truth.max()


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("name", ["spacing_um", "strides"])
def test_numbers_that_are_not_above_0_are_refused(name):
    complaint(SettingsError, lambda: Affinities(**{name: 0}), f"{name} = 0", f"{name} is above 0", f"correct {name}")


@pytest.mark.parametrize(
    ("lengths", "where"),
    [
        ({"long_um": (0.7,)}, "(1, 0, 0)"),
        ({"long_um": (2.0, 2.1)}, "(3, 0, 0)"),
        ({"diagonal_um": (0.1,)}, "(0, 0, 0)"),
    ],
)
def test_two_channels_that_say_the_same_are_refused(lengths, where):
    complaint(SettingsError, lambda: Affinities(**lengths), "at 0.65 µm a voxel", where, "make it longer")
