"""Embeddings: who shares a cell, what it costs, how points become cells; and that the loss alone teaches a network."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from catalogue import CASES, crowd, touching_pair
from complaint import complaint
from laws import found
from mesophyll.errors import SettingsError
from mesophyll.labels import outlines, same_partition
from mesophyll.network import Network
from mesophyll.representations import Embeddings, embeddings
from mesophyll.representations.decoding import voting
from mesophyll.representations.embeddings import VARIANTS
from mesophyll.representations.geometry import angles
from mesophyll.representations.learning import attraction
from mesophyll.representations.learning.sharing import sharing

EACH = pytest.mark.parametrize("variant", VARIANTS)


def shared(labels, whole=True):
    """Who shares a cell in a batch of one, read from the target of a labelling."""
    method = Embeddings(variant="discriminative")
    target = torch.from_numpy(method.encode(labels))[None]
    inside = target[:, 0] > 0
    ways = method.unit_vox * target[:, 1:].movedim(1, -1)[inside]
    return sharing(inside, ways, torch.full((len(ways),), whole))


def points(labels, seed=0, wide=2.0):
    """Who shares a cell, and an embedding that scatters around the middle of each."""
    cells = shared(labels)
    middles = cells.mean(cells.places.double())
    noise = np.random.default_rng(seed).normal(0, wide, cells.places.shape)
    return cells, middles[cells.cell] + torch.from_numpy(noise)


def loss_of(method, output, labels, target=None):
    target = method.encode(labels) if target is None else target
    known = torch.from_numpy(labels >= 0)[None]
    return method.loss(output, torch.from_numpy(target)[None], known)


# ------------------------------------------------------------------------------------------------- who shares a cell


@pytest.mark.parametrize("ndim", [2, 3])
def test_voxels_that_are_led_to_one_point_are_those_of_one_cell(ndim):
    for case in (crowd(ndim, side=40), *(case(ndim) for case in CASES.values())):
        labels = np.maximum(case, 0)
        groups = np.zeros(labels.shape, np.int32)
        groups[labels > 0] = shared(labels).cell.numpy() + 1
        assert same_partition(groups, labels)


@EACH
def test_a_cropped_target_still_tells_who_shares_a_cell(variant):
    """The two ends of a bent cell, whose middle is cut away, are of one cell; so are those of another patch of the batch."""
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 10:15] = labels[10:30, 25:30] = labels[25:30, 10:30] = 3
    method = Embeddings(variant=variant)
    target = np.stack([method.encode(labels)[:, 5:20]] * 2)
    inside = torch.from_numpy(target[:, 0] > 0)
    ways = method._ways(embeddings._numbers(torch.from_numpy(target), inside))
    cells = sharing(inside, ways, torch.ones(len(ways), dtype=torch.bool))
    assert len(cells.points) == 2
    assert torch.equal(cells.cell, inside.nonzero()[:, 0])


def slow_facing(labels, whole):
    """All pairs (voxel in raster order, other cell) a step of 1 or, between whole cells, of 3 apart."""
    numbers = {tuple(place): number for number, place in enumerate(np.argwhere(labels > 0))}
    found_ = []
    for place, number in numbers.items():
        for axis, step in itertools.product(range(labels.ndim), (-3, -1, 1, 3)):
            there = tuple(where + step * (along == axis) for along, where in enumerate(place))
            if there in numbers and labels[there] != labels[place] and (whole or abs(step) == 1):
                found_.append((number, labels[there]))
    return sorted(found_)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("ndim", [2, 3])
def test_voxels_face_the_cells_beside_them_and_across_a_thin_gap_if_those_are_whole(ndim, whole):
    labels = touching_pair(ndim)[(slice(10, 24),) * ndim]
    labels[..., -2:] = 3
    labels[..., -4:-2] = 0
    cells = shared(labels, whole)
    first = {
        int(number): int(labels[tuple(place)]) for number, place in zip(cells.cell, np.argwhere(labels), strict=True)
    }
    pairs = sorted((int(voxel), first[int(other)]) for voxel, other in zip(*cells.facing, strict=True))
    assert pairs == slow_facing(labels, whole)
    expected = {(1, 2), (2, 1)} | ({(2, 3), (3, 2)} if whole else set())
    assert {(first[int(one)], first[int(other)]) for one, other in cells.neighbours().T} == expected


# ------------------------------------------------------------------------------------------------------- what it costs


@pytest.mark.parametrize("ndim", [2, 3])
def test_pull_and_push_are_the_two_hinges_of_the_paper(ndim):
    cells, ends = points(crowd(ndim, side=20))
    pull, push = 1.5, 6.0
    clusters = [ends[cells.cell == number].numpy() for number in range(len(cells.points))]
    means = [cluster.mean(axis=0) for cluster in clusters]
    var = np.mean(
        [
            np.mean(np.maximum(np.linalg.norm(cluster - mean, axis=1) - pull, 0) ** 2)
            for cluster, mean in zip(clusters, means, strict=True)
        ]
    )
    dist = [
        max(2 * push - np.linalg.norm(means[one] - means[other]), 0) ** 2
        for one, other in itertools.permutations(range(len(means)), 2)
        if (torch.tensor([[one], [other]]) == cells.neighbours()).all(dim=0).any()
    ]
    assert len(dist) > 4
    expected = (var + np.mean(dist)) / push**2
    assert float(attraction.pull_and_push(ends, cells, pull, push)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("ndim", [2, 3])
def test_turning_and_crossing_are_those_of_the_paper_on_the_product_of_the_factors(ndim):
    cells, ends = points(crowd(ndim, side=20))
    codes = angles.write(ends / 8) / math.sqrt(len(angles.WAVES))
    whole = codes[..., 0]
    for axis in range(1, ndim):
        whole = torch.einsum("na,nb->nab", whole, codes[..., axis]).flatten(1)
    factors = torch.nn.functional.normalize(cells.mean(codes), dim=1)
    mean = factors[..., 0]
    for axis in range(1, ndim):
        mean = torch.einsum("na,nb->nab", mean, factors[..., axis]).flatten(1)
    expected = []
    for cell in range(len(mean)):
        own = torch.cosine_similarity(whole[cells.cell == cell], mean[cell][None]).mean()
        beside = cells.facing[0][cells.facing[1] == cell]
        crossed = torch.cosine_similarity(whole[beside], mean[cell][None]).square().mean() if len(beside) else 0
        expected.append(float(1 - own + crossed))
    assert float(attraction.turn_and_cross(codes, cells)) == pytest.approx(np.mean(expected), rel=1e-6)


def soft(labels, wide):
    cells, ends = points(labels, wide=wide)
    centres = cells.mean(ends)
    return cells, ends, attraction.masks(ends, cells, centres, torch.full_like(centres, 3.0))


def slow_lovasz(mask, true):
    """Algorithm 1 of the paper on one mask: errors from the largest on, each times what it adds to the Jaccard loss."""
    signs = 2 * true - 1
    errors = 1 - (2 * mask - 1) * signs
    order = np.argsort(-errors, kind="stable")
    cost, last = 0.0, 0.0
    for count in range(1, len(order) + 1):
        wrong = np.zeros(len(order), bool)
        wrong[order[:count]] = True
        said = np.where(wrong, 1 - true, true)
        loss = 1 - (said * true).sum() / np.maximum(said, true).sum()
        cost += max(errors[order[count - 1]], 0) * (loss - last)
        last = loss
    return cost


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_lovasz_hinge_of_all_masks_is_the_mean_of_that_of_each(ndim):
    cells, _, (own, others) = soft(crowd(ndim, side=14), wide=3.0)
    each = []
    for cell in range(len(cells.points)):
        inside, beside = own[cells.cell == cell].numpy(), others[cells.facing[1] == cell].numpy()
        each.append(slow_lovasz(np.r_[inside, beside], np.r_[np.ones(len(inside)), np.zeros(len(beside))]))
    assert float(attraction.lovasz(own, others, cells)) == pytest.approx(np.mean(each), rel=1e-6)


def test_of_hard_masks_the_lovasz_hinge_is_twice_one_minus_the_iou():
    """A wrong voxel has an error of 2 in place of 0."""
    cells, _, (own, others) = soft(crowd(2, side=30), wide=4.0)
    own, others = own.round(), others.round()
    each = []
    for cell in range(len(cells.points)):
        inside, beside = own[cells.cell == cell], others[cells.facing[1] == cell]
        each.append(1 - float(inside.sum() / (len(inside) + beside.sum())))
    assert 0.1 < np.mean(each) < 0.9
    assert float(attraction.lovasz(own, others, cells)) == pytest.approx(2 * np.mean(each), rel=1e-6)


def test_overlap_is_one_minus_the_dice_of_each_cell_with_the_kernel_around_its_mean():
    cells, ends = points(crowd(2, side=30), wide=1.0)
    each = []
    for cell in range(len(cells.points)):
        voxels = torch.cat([torch.nonzero(cells.cell == cell)[:, 0], cells.facing[0][cells.facing[1] == cell]])
        true = (cells.cell[voxels] == cell).double()
        far = (ends[voxels] - ends[cells.cell == cell].mean(dim=0)).norm(dim=1)
        kernel = 0.5 ** (far / 2).square()  # one half at 2
        each.append(float(1 - 2 * (kernel * true).sum() / (kernel.square().sum() + true.sum())))
    assert float(attraction.overlap(ends, cells, 2.0)) == pytest.approx(np.mean(each), rel=1e-6)


# ----------------------------------------------------------------------------------------------- where gradients come from


@EACH
def test_the_loss_has_a_gradient_although_nothing_is_clustered(variant, monkeypatch):
    """What stopped the report: the gradient is that of finite differences, and the clustering is never asked."""

    def never(*_):
        raise AssertionError("the loss clusters")

    monkeypatch.setattr(embeddings, "modes", never)
    monkeypatch.setattr(embeddings, "assign", never)
    labels, method = crowd(2, side=20), Embeddings(variant=variant, alpha=0)
    target = torch.from_numpy(method.encode(labels))[None]
    rng = np.random.default_rng(0)
    output = torch.from_numpy(rng.normal(0, 0.3, target.shape).astype(np.float32)).requires_grad_()
    known = torch.ones((1, *labels.shape), dtype=torch.bool)
    method.loss(output, target, known).backward()
    for _ in range(5):
        way = torch.from_numpy(rng.normal(size=target.shape).astype(np.float32))
        with torch.no_grad():
            ahead, back = (method.loss(output + step * way, target, known) for step in (3e-3, -3e-3))
        assert float((ahead - back) / 6e-3) == pytest.approx(float((output.grad * way).sum()), rel=0.03, abs=2e-3)


@EACH
@pytest.mark.parametrize("ndim", [2, 3])
def test_the_same_cells_elsewhere_cost_the_same(variant, ndim):
    labels, method = crowd(ndim, side=16), Embeddings(variant=variant)
    costs = []
    for start in (1, 7):  # not 0: the faces of an image are no surface, so that a cell there has another point
        wide = np.full((24,) * ndim, -1, np.int32)
        wide[(slice(start, start + 16),) * ndim] = labels
        output = np.random.default_rng(0).normal(size=(1, method.channels(ndim), *labels.shape)).astype(np.float32)
        padded = np.zeros((1, method.channels(ndim), *wide.shape), np.float32)
        padded[(..., *(slice(start, start + 16),) * ndim)] = output
        costs.append(float(loss_of(method, torch.from_numpy(padded), wide)))
    assert costs[0] == pytest.approx(costs[1], rel=1e-4)


@EACH
def test_where_no_cell_is_only_the_foreground_is_learnt(variant):
    method, empty = Embeddings(variant=variant), np.zeros((16, 16), np.int32)
    output = torch.full((1, method.channels(2), 16, 16), 0.3, requires_grad=True)
    loss = loss_of(method, output, empty)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(1 + math.exp(0.3)), rel=1e-5)
    assert not output.grad[:, 1:].any()


# ------------------------------------------------------------------------------------------------------------- sections


@EACH
def test_a_section_does_not_teach_where_its_cell_lies(variant):
    """All that leads to the section's point may lead elsewhere, and the cell may be as wide as it likes."""
    method, labels = Embeddings(variant=variant, anchor=10.0), crowd(2, side=32)
    whole = method.encode(labels)
    section = method.forget(whole, labels > 0)
    away = section.copy()
    if variant == "cosine":
        hands = torch.from_numpy(section[1:]).reshape(1, -1, 2, *labels.shape)
        away[1:] = angles.turn(hands, torch.full((1, 2, *labels.shape), 5.0))[0].flatten(0, 1).numpy() * (labels > 0)
    else:
        away[1:] += 5 * (labels > 0)
    output = torch.from_numpy(np.random.default_rng(0).normal(size=whole.shape).astype(np.float32))[None]
    costs = [float(loss_of(method, output, labels, target)) for target in (whole, section, away)]
    assert costs[1] == pytest.approx(costs[2], rel=1e-4)
    assert costs[0] > 1.1 * costs[1]


@EACH
def test_a_section_teaches_which_voxels_share_a_cell(variant):
    method, labels = Embeddings(variant=variant), crowd(2, side=32)
    section = method.forget(method.encode(labels), labels > 0)
    output = torch.zeros((1, *section.shape), requires_grad=True)
    optimizer = torch.optim.Adam([output], lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        loss_of(method, output, labels, section).backward()
        optimizer.step()
    assert found(method.decode(method.activate(output.detach())[0]), labels) >= 0.9


# --------------------------------------------------------------------------------------------------------------- angles


def test_ways_are_read_back_from_their_angles_up_to_half_the_longest_wave():
    longest = max(angles.WAVES) / 2
    ways = torch.linspace(-0.99 * longest, 0.99 * longest, 400).reshape(100, 2, 2)
    hands = angles.write(ways)
    assert hands.shape == (100, 2 * len(angles.WAVES), 2, 2)
    torch.testing.assert_close(angles.read(hands), ways, atol=1e-4, rtol=0)
    assert not torch.allclose(angles.read(angles.write(ways + longest)), ways + longest)


def test_a_shorter_wave_makes_up_for_what_a_longer_one_says_badly():
    ways = torch.linspace(-8, 8, 200).reshape(200, 1)
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (200, 2 * len(angles.WAVES), 1)))
    error = (angles.read(angles.write(ways.double()) + noise) - ways).abs()
    assert error.max() < 4 * 0.1 * min(angles.WAVES) / (2 * math.pi)


def test_to_be_turned_by_a_place_is_to_stand_at_the_sum():
    rng = np.random.default_rng(0)
    ways, places = (torch.from_numpy(rng.uniform(-9, 9, (50, 3))) for _ in range(2))
    torch.testing.assert_close(angles.turn(angles.write(ways), places), angles.write(ways + places))


def test_raw_numbers_become_hands_and_none_at_all_says_no_way():
    raw = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 2 * len(angles.WAVES), 3)))
    hands = angles.upright(raw)
    torch.testing.assert_close(hands[:, 0::2].square() + hands[:, 1::2].square(), torch.ones(20, 3, 3).double())
    assert not angles.read(angles.upright(torch.zeros(1, 2 * len(angles.WAVES), 2))).any()


# --------------------------------------------------------------------------------------------------------------- voting


def scattered(ndim, wide, seed=0):
    """Votes around three places, the last of which lies outside."""
    rng = np.random.default_rng(seed)
    places = np.array([[6, 6, 6], [14, 7, 12], [-5, 20, 10]])[:, :ndim]
    ends = np.concatenate([place + rng.normal(0, wide, (200, ndim)) for place in places])
    return places, ends.astype(np.float32)


@pytest.mark.parametrize("ndim", [2, 3])
def test_modes_are_the_maxima_of_the_density_of_votes(ndim):
    places, ends = scattered(ndim, 1.2)
    grid = np.stack(np.meshgrid(*[np.arange(-12, 30)] * ndim, indexing="ij"), axis=-1).reshape(-1, ndim)
    density = np.exp(-0.5 * cdist(grid, np.rint(ends), "sqeuclidean")).sum(axis=1).reshape((42,) * ndim)
    slow = []
    for place in np.argwhere(density >= 20):
        around = density[tuple(slice(max(where - 1, 0), where + 2) for where in place)]
        if density[tuple(place)] == around.max():
            slow.append((-density[tuple(place)], tuple(place - 12)))
    centres = voting.modes(ends, (25,) * ndim, spread=1.0, apart=1.0, least=20)
    assert [tuple(centre) for centre in centres.astype(int)] == [place for _, place in sorted(slow)]
    assert (cdist(places, centres).min(axis=1) < 1.5).all()


def test_of_two_modes_that_lie_near_the_denser_one_stays():
    ends = np.repeat(np.array([[5, 5], [5, 9], [20, 20]], np.float32), [50, 90, 10], axis=0)
    assert voting.modes(ends, (30, 30), 1.0, 3.0, 5).tolist() == [[5, 9], [5, 5], [20, 20]]
    assert voting.modes(ends, (30, 30), 1.0, 4.0, 5).tolist() == [[5, 9], [20, 20]]
    assert voting.modes(ends, (30, 30), 1.0, 3.0, 11).tolist() == [[5, 9], [5, 5]]


def test_votes_for_what_lies_far_outside_are_lost():
    ends = np.repeat(np.array([[5, 5], [1e6, 5], [-1e6, -1e6]], np.float32), 50, axis=0)
    assert voting.modes(ends, (30, 30), 1.0, 3.0, 5).tolist() == [[5, 5]]
    assert voting.modes(ends[50:], (30, 30), 1.0, 3.0, 5).shape == (0, 2)
    assert not voting.assign(ends, np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), 9.0).any()


@pytest.mark.parametrize("ndim", [2, 3])
def test_points_go_to_the_nearest_centre_in_units_of_its_width(ndim):
    rng = np.random.default_rng(0)
    ends, centres = rng.uniform(0, 20, (500, ndim)), rng.uniform(0, 20, (4, ndim))
    widths = rng.uniform(1, 4, (4, ndim))
    far = np.linalg.norm((ends[:, None] - centres) / widths, axis=2)
    expected = np.where(far.min(axis=1) < 2.5, far.argmin(axis=1) + 1, 0)
    assert 0 < (expected == 0).mean() < 0.9
    assert np.array_equal(voting.assign(*(each.astype(np.float32) for each in (ends, centres, widths)), 2.5), expected)


# -------------------------------------------------------------------------------------------------------------- decoding


@EACH
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_tensor_is_read_as_an_array_is(variant, ndim):
    method = Embeddings(variant=variant)
    target = method.encode(crowd(ndim, side=32))
    assert np.array_equal(method.decode(torch.from_numpy(target)), method.decode(target))


@EACH
def test_cells_survive_points_that_scatter(variant):
    """By a voxel, as those of a network do."""
    method, truth = Embeddings(variant=variant), crowd(3, side=40)
    output = method.encode(truth)
    noise = np.random.default_rng(0).normal(0, 1 / method.unit_vox, output[1:].shape)
    output[1:] += (noise * (truth > 0)).astype(np.float32)
    assert found(method.decode(output), truth) >= 0.97


def test_a_wide_cell_reaches_farther_than_a_narrow_one():
    """Voxels beside the narrow cell point to where its centre is nearer, but not in widths."""
    method = Embeddings(variant="spatial", min_votes=50)
    truth = np.zeros((40, 56), np.int32)
    truth[8:32, 8:12], truth[8:32, 12:44] = 1, 2
    output = method.encode(truth)
    narrow, wide = (place + method.unit_vox * output[2, 20, place] for place in (9, 20))
    between = (narrow + wide) / 2 - 0.5
    output[2, 18:20, 12:16] = (between - np.arange(12, 16)) / method.unit_vox
    assert same_partition(method.decode(output), truth)
    output[4] = 0  # as if both were alike
    labels = method.decode(output)
    assert labels[18, 12] == labels[18, 8]


# ------------------------------------------------------------------------------------------------------------- learning


def picture(labels, seed):
    """Bright cells, darker where two touch, and noise."""
    grey = (labels > 0) - 0.7 * outlines(labels) + np.random.default_rng(seed).normal(0, 0.1, labels.shape)
    return torch.from_numpy(grey.astype(np.float32))[None, None]


def taught(method, image, labels, steps):
    """A tiny network that has learnt from one image by the loss alone."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(ndim=2, inputs=1, outputs=method.channels(2), levels=3).build()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(method, network(image), labels).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return lambda seen: method.activate(network(seen).detach())[0]


@EACH
def test_a_network_learns_cells_from_one_image(variant):
    """And finds those of another image, which it never saw."""
    method, labels, other = Embeddings(variant=variant), crowd(2, side=64), crowd(2, side=64, seed=9)
    see = taught(method, picture(labels, 0), labels, steps=60)
    assert found(method.decode(see(picture(labels, 0))), labels, 0.5) >= 0.9
    assert found(method.decode(see(picture(other, 5))), other, 0.5) >= 0.9


def test_a_network_learns_from_a_third_of_the_cells():
    """All others are unknown, and yet found."""
    method, truth = Embeddings(variant="sparse"), crowd(2, side=64)
    drawn = np.random.default_rng(0).permutation(np.arange(1, truth.max() + 1))[: truth.max() // 3]
    labels = np.where(np.isin(truth, drawn) | (truth == 0), truth, -1).astype(np.int32)
    see = taught(method, picture(truth, 0), labels, steps=80)
    others = np.where(np.isin(truth, drawn), 0, truth)
    assert found(method.decode(see(picture(truth, 0))), others, 0.5) >= 0.9


# --------------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("wrong", [{"unit_vox": 0.0}, {"pull_vox": 0.0}, {"pull_vox": 4.0, "push_vox": 3.0}])
def test_lengths_that_mean_nothing_are_refused(wrong):
    name, value = next(iter(wrong.items()))
    complaint(SettingsError, lambda: replace(Embeddings(), **wrong), f"{name} = {value}", "above 0", "correct")
