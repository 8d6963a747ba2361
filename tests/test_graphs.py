"""What parts graphs of fragments and grids of voxels does what its papers say: it is compared with slow references."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage

from mesophyll.labels import same_partition
from mesophyll.representations.linking import graphs
from mesophyll.representations.linking.mutex import mutex_pieces, semantic_pieces
from mesophyll.representations.linking.smoothing import smoothed_within

SHAPES = [(9, 10), (5, 6, 4)]


def offsets_of(ndim):
    """Next neighbours, and two ways per axis that are longer."""
    axes = np.eye(ndim, dtype=int)
    return [tuple(int(step) for step in way) for steps in (1, 2, 3) for way in steps * axes]


def pairs_of(shape, offset):
    """Every voxel with the one at an offset, if that lies in the array."""
    for here in np.ndindex(shape):
        there = tuple(at + step for at, step in zip(here, offset, strict=True))
        if all(0 <= at < length for at, length in zip(there, shape, strict=True)):
            yield here, there


def blobs(shape, seed):
    """Fragments that fill about two thirds of an array, numbered from 1."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random((6, *shape)), (0, *[1] * len(shape)))
    fragments = smooth.argmax(0) - 1
    pieces, count = np.zeros(shape, np.int32), 0
    for kind in range(5):
        found, more = ndimage.label(fragments == kind)
        pieces[found > 0] = found[found > 0] + count
        count += more
    return np.where(fragments >= 0, pieces, 0)


def noise(shape, seed):
    offsets = offsets_of(len(shape))
    rng = np.random.default_rng(seed)
    return rng.random((len(offsets), *shape)).astype(np.float32), offsets


# ------------------------------------------------------------------------------------------------------ region graph


def slow_graph(fragments, affinities, offsets, touching):
    """The mean affinity and the number of links of each pair of fragments."""
    said = {}
    for affinity, offset in zip(affinities, offsets, strict=True):
        for here, there in pairs_of(fragments.shape, offset):
            pair = tuple(sorted((int(fragments[here]), int(fragments[there]))))
            if 0 < pair[0] < pair[1]:
                said.setdefault(pair, []).append(float(affinity[here]))
    near = {
        tuple(sorted((int(fragments[here]), int(fragments[there]))))
        for offset in offsets[: fragments.ndim]
        for here, there in pairs_of(fragments.shape, offset)
    }
    return {pair: (np.mean(values), len(values)) for pair, values in said.items() if (pair in near) == touching}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("touching", [True, False], ids=["touching", "distant"])
def test_pairs_hold_the_mean_over_all_that_leads_from_one_to_the_other(shape, touching):
    fragments = blobs(shape, seed=1)
    affinities, offsets = noise(shape, seed=2)
    graph = graphs.region_graph(fragments, affinities, offsets)
    if not touching:
        graph = graphs.distant_pairs(graph, fragments, affinities, offsets)
    truth = slow_graph(fragments, affinities, offsets, touching)
    assert graph.count == fragments.max()
    assert len(truth) > 3
    found = zip(map(tuple, graph.pairs.tolist()), graph.affinity, graph.links, strict=True)
    assert {pair: (pytest.approx(mean, abs=1e-5), links) for pair, mean, links in found} == truth


def test_a_graph_of_nothing_is_empty_and_its_partitions_are():
    nothing = np.zeros((6, 7), np.int32)
    affinities, offsets = noise(nothing.shape, seed=0)
    graph = graphs.region_graph(nothing, affinities, offsets)
    distant = graphs.distant_pairs(graph, nothing, affinities, offsets)
    assert graph.count == len(graph.pairs) == len(distant.pairs) == 0
    for table in (graphs.average_linkage(graph), graphs.multicut(graph), graphs.lifted_multicut(graph, distant)):
        assert table.tolist() == [0]


# -------------------------------------------------------------------------------------------------------- partitions


def random_graph(seed, count=9, edges=16):
    rng = np.random.default_rng(seed)
    every = np.array(list(itertools.combinations(range(1, count + 1), 2)))
    pairs = every[np.sort(rng.choice(len(every), edges, replace=False))]
    return graphs.RegionGraph(count, pairs, rng.random(edges), rng.integers(1, 9, edges).astype(float))


def slow_linkage(graph, threshold, apart):
    """Merge the two clusters with the greatest mean affinity, until none is above the threshold."""
    clusters = [{fragment} for fragment in range(1, graph.count + 1)]

    def likelihood(one, other):
        between = [
            place for place, (u, v) in enumerate(graph.pairs) if {u, v} & one and {u, v} & other and not {u, v} <= one
        ]
        if not between or apart[between].any():
            return -1.0
        return float(np.average(graph.affinity[between], weights=graph.links[between]))

    while True:
        best, one, other = max(
            ((likelihood(one, other), one, other) for one, other in itertools.combinations(clusters, 2)),
            key=lambda each: each[0],
            default=(-1.0, set(), set()),
        )
        if best <= threshold:
            return clusters
        clusters = [cluster for cluster in clusters if cluster not in (one, other)] + [one | other]


def as_clusters(table):
    assert table[0] == 0
    assert set(table[1:]) == set(range(1, int(table.max()) + 1))
    return {frozenset((np.flatnonzero(table == number)).tolist()) for number in range(1, int(table.max()) + 1)}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("threshold", [0.35, 0.5, 0.7])
def test_average_linkage_merges_the_likeliest_first(seed, threshold):
    graph = random_graph(seed)
    none = np.zeros(len(graph.pairs), bool)
    assert as_clusters(graphs.average_linkage(graph, threshold)) == set(
        map(frozenset, slow_linkage(graph, threshold, none))
    )


def energy(table, graph, threshold=0.5):
    cut = table[graph.pairs[:, 0]] != table[graph.pairs[:, 1]]
    odds = np.log(graph.affinity / (1 - graph.affinity)) - np.log(threshold / (1 - threshold))
    return float((odds * graph.links)[cut].sum())


def partitions(count):
    """Every way to part fragments 1 .. count, as tables."""
    tables = [[0]]
    for _ in range(count):
        tables = [[*table, number] for table in tables for number in range(1, max(table) + 2)]
    return [np.array(table) for table in tables]


@pytest.mark.parametrize("seed", range(6))
def test_multicut_is_as_good_as_the_best_of_all_partitions(seed):
    graph = random_graph(seed, count=7, edges=11)
    best = min(energy(table, graph) for table in partitions(7))
    assert energy(graphs.multicut(graph), graph) == pytest.approx(best)


def lifted_problem(seed):
    """Six fragments: eight pairs touch, and all others are distant ones."""
    graph = random_graph(seed, count=6, edges=8)
    others = [pair for pair in itertools.combinations(range(1, 7), 2) if list(pair) not in graph.pairs.tolist()]
    rng = np.random.default_rng(seed + 100)
    return graph, graphs.RegionGraph(6, np.array(others), *(rng.random((2, len(others))) * [[1], [9]]))


def slow_greedy(graph, distant):
    """Join the two touching clusters of which a cut would cost most, over all pairs between them, while it costs anything."""
    table = np.arange(graph.count + 1)
    while True:
        touching = {tuple(sorted(table[pair])) for pair in graph.pairs} - {(number, number) for number in table}
        joins = [(np.where(table == other, one, table)) for one, other in touching]
        lowest = min(joins, key=lambda join: energy(join, graph) + energy(join, distant), default=table)
        if energy(lowest, graph) + energy(lowest, distant) >= energy(table, graph) + energy(table, distant):
            return table
        table = lowest


def test_lifted_multicut_is_never_worse_than_greedy_and_mostly_the_best_of_all_connected_partitions():
    best = 0
    for seed in range(12):
        graph, distant = lifted_problem(seed)
        found = graphs.lifted_multicut(graph, distant)
        assert connected(found, graph.pairs)
        cost = energy(found, graph) + energy(found, distant)
        greedy = slow_greedy(graph, distant)
        assert (
            cost <= energy(greedy, graph) + energy(greedy, distant) + 0.5
        )  # very sure pairs cost no more than sure ones
        costs = (
            energy(table, graph) + energy(table, distant) for table in partitions(6) if connected(table, graph.pairs)
        )
        best += cost == pytest.approx(min(costs))
    assert best >= 8


def connected(table, pairs):
    """Whether each cell hangs together by pairs that touch."""
    kept = [(u, v) for u, v in pairs if table[u] == table[v]]
    reached = {number: {int(np.flatnonzero(table == number)[0])} for number in set(table[1:].tolist())}
    for _ in table:
        for u, v in kept:
            if {u, v} & reached[table[u]]:
                reached[table[u]] |= {int(u), int(v)}
    return all(len(nodes) == (table == number).sum() for number, nodes in reached.items())


@pytest.mark.parametrize("threshold", [0.2, 0.8])
def test_a_threshold_moves_what_the_multicut_joins(threshold):
    pair = graphs.RegionGraph(2, np.array([[1, 2]]), np.array([0.5]), np.array([3.0]))
    none = graphs.RegionGraph(2, np.empty((0, 2), np.int64), np.empty(0), np.empty(0))
    for table in (graphs.multicut(pair, threshold), graphs.lifted_multicut(pair, none, threshold)):
        assert table.tolist() == ([0, 1, 1] if threshold < 0.5 else [0, 1, 2])


def test_fragments_of_two_tissues_are_never_one_cell_but_those_of_none_join_either():
    """A row of four, all surely one: the first two in one tissue, the last in another, the third in none."""
    classes = np.array([0, 3, 3, 0, 4])

    def sure(*pairs):
        return graphs.RegionGraph(4, np.array(pairs), np.full(len(pairs), 0.9), np.full(len(pairs), 9.0))

    touching, row, ends = sure([1, 2], [2, 3], [2, 4], [3, 4]), sure([1, 2], [2, 3], [3, 4]), sure([1, 4], [2, 4])
    apart, along, across = (graphs.cannot_link(graph, classes) for graph in (touching, row, ends))
    assert apart.tolist() == [False, False, True, False]
    assert across.tolist() == [True, True]
    for table in (
        graphs.average_linkage(touching, apart=apart),
        graphs.multicut(touching, apart=apart),
        graphs.lifted_multicut(row, ends, apart=(along, across)),
    ):
        assert table[1] == table[2] != table[4]
        assert table[3] in (table[1], table[4])
    assert graphs.average_linkage(touching).tolist() == [0, 1, 1, 1, 1]


def test_a_fragment_has_the_code_of_most_of_its_voxels_and_one_of_none_that_of_its_likeliest_neighbour():
    fragments = np.array([[1, 1, 1, 2, 2, 3, 4, 4, 0]], np.int32)
    classes = graphs.majority(fragments, np.array([[5, 5, 0, 0, 0, 0, 7, 7, 9]]))
    assert classes.tolist() == [9, 5, 0, 0, 7]
    pairs = np.array([[1, 2], [2, 3], [3, 4]])
    graph = graphs.RegionGraph(4, pairs, np.array([0.6, 0.9, 0.7]), np.ones(3))
    assert graphs.spread(graph, classes).tolist() == [9, 5, 5, 7, 7]  # from both sides at once
    assert graphs.spread(graph, np.array([0, 0, 4, 0, 0])).tolist() == [0, 4, 4, 4, 4]
    likelier = graphs.RegionGraph(3, np.array([[1, 2], [2, 3]]), np.array([0.8, 0.7]), np.ones(2))
    assert graphs.spread(likelier, np.array([0, 1, 0, 2])).tolist() == [0, 1, 1, 2]


# --------------------------------------------------------------------------------------------------- mutex watershed


def slow_mutex(affinities, offsets, inside, strides):
    """The mutex watershed as algorithm 1 of its paper has it, with sets of voxels for clusters."""
    cluster = {here: {here} for here in np.ndindex(inside.shape) if inside[here]}
    apart = set()
    for _, joins, here, there in sorted(edges_of(affinities, offsets, inside, strides), reverse=True):
        one, other = cluster[here], cluster[there]
        if one is not other and not joins:
            apart |= {(here, there), (there, here)}
        elif one is not other and not any((u, v) in apart for u in one for v in other):
            one |= other
            cluster |= dict.fromkeys(other, one)
    return numbered(cluster, inside.shape)


def edges_of(affinities, offsets, inside, strides):
    """How sure each pair of voxels is, whether it may join or part, and the pair."""
    for channel, (affinity, offset) in enumerate(zip(affinities, offsets, strict=True)):
        joins = channel < inside.ndim
        for here, there in pairs_of(inside.shape, offset):
            if inside[here] and inside[there] and (joins or not any(at % strides for at in here)):
                yield float(affinity[here] if joins else 1 - affinity[here]), joins, here, there


def numbered(cluster, shape):
    labels = np.zeros(shape, np.int32)
    for voxel, members in cluster.items():
        labels[voxel] = 1 + np.ravel_multi_index(min(members), shape)
    return labels


def slow_split(labels, neighbours):
    """Part each piece where neighbours are likelier two than one."""
    parts = np.where(labels > 0, 1 + np.arange(labels.size).reshape(labels.shape), 0)
    changed = True
    while changed:
        changed = False
        for affinity, offset in zip(neighbours, offsets_of(labels.ndim)[: labels.ndim], strict=True):
            for here, there in pairs_of(labels.shape, offset):
                joined = labels[here] == labels[there] and affinity[here] > 0.5
                if joined and parts[here] != parts[there]:
                    parts[parts == parts[there]] = parts[here]
                    changed = True
    return parts


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_the_mutex_watershed_lets_the_surest_pair_decide_first(shape, strides, seed):
    affinities, offsets = noise(shape, seed)
    affinities[: len(shape)] = 0.3 + 0.7 * affinities[: len(shape)]  # so that there is something to join
    inside = np.random.default_rng(seed).random(shape) > 0.15
    truth = slow_mutex(affinities, offsets, inside, strides)
    found = mutex_pieces(affinities, offsets, inside, strides)
    assert same_partition(found, slow_split(truth, affinities[: len(shape)]))
    assert found.max() > 2


def test_with_classes_a_voxel_that_may_be_none_stays_where_its_neighbours_are_surer_that_it_is_theirs():
    """A row: the left half is surely a cell, the right end surely none; what lies between is decided by its neighbours."""
    affinities = np.broadcast_to(np.array([0.9, 0.9, 0.9, 0.2, 0.9, 0.9], np.float32), (2, 3, 6)).copy()
    foreground = np.broadcast_to(np.array([1, 1, 0.6, 0.4, 0.4, 0], np.float32), (3, 6)).copy()
    everywhere = np.ones((3, 6), bool)
    found = semantic_pieces(affinities, [(1, 0), (0, 1)], everywhere, 1, foreground)
    assert np.array_equal(found, np.repeat([[1, 1, 1, 1, 0, 0]], 3, axis=0))
    doubted = semantic_pieces(
        affinities, [(1, 0), (0, 1)], everywhere, 1, np.where(foreground == 0.6, 0.05, foreground)
    )
    assert np.array_equal(doubted, np.repeat([[1, 1, 0, 0, 0, 0]], 3, axis=0))
    outside = semantic_pieces(affinities, [(1, 0), (0, 1)], foreground > 0.5, 1, foreground)
    assert np.array_equal(outside, np.repeat([[1, 1, 1, 0, 0, 0]], 3, axis=0))


def test_smoothing_sees_nothing_of_what_lies_outside():
    inside = np.zeros((9, 9), bool)
    inside[2:7, 2:7] = True
    channels = np.where(inside, 0.7, -50).astype(np.float32)[None]
    smooth = smoothed_within(channels, inside, 1.0)
    np.testing.assert_allclose(smooth[0][inside], 0.7, rtol=1e-5)
    assert not smooth[0][~inside].any()
    assert np.array_equal(smoothed_within(channels, inside, 0), channels * inside)
    rough = np.random.default_rng(0).random((1, 9, 9)).astype(np.float32)
    assert smoothed_within(rough, inside, 1.0)[0][inside].std() < rough[0][inside].std() / 2
