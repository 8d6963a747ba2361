"""Cells chosen among nested candidates: sums that merge, trees that hold everything, cuts that are best, and what is learnt."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import expit, logit

from catalogue import crowd
from complaint import complaint
from mesophyll import evaluation, phantom
from mesophyll.errors import LabelsError, ModelError, SettingsError
from mesophyll.inference import SegmentationPlan
from mesophyll.inference.finding import find_cells
from mesophyll.io import Example
from mesophyll.labels import same_partition
from mesophyll.model import Model, load, save
from mesophyll.network import Network
from mesophyll.perceptron import Perceptron, fitted
from mesophyll.representations import Affinities, Flows
from mesophyll.representations.choosing import Chooser, learnt
from mesophyll.representations.choosing.clusters import Clusters
from mesophyll.representations.choosing.convergence import convergence_fragments, divergence
from mesophyll.representations.choosing.figures import (
    CANDIDATE_FIGURES,
    PAIR_FIGURES,
    figures_of_candidates,
    figures_of_pairs,
)
from mesophyll.representations.choosing.learning import _Told
from mesophyll.representations.choosing.nested import Nested, best_cut, nested
from mesophyll.tuning import learn_chooser, tune
from mesophyll.tuning.looking import Sight
from mesophyll.volume import Volume

FLOWS = Flows()


def blurred(truth: np.ndarray, seed: int = 0, blur: float = 2.5) -> np.ndarray:
    """What a network says that sees no walls: flows that turn slowly from one cell to the other, and noise."""
    output = FLOWS.encode(truth)
    for channel in output[1:]:
        channel[:] = ndimage.gaussian_filter(channel, blur)
    noise = np.random.default_rng(seed).normal(scale=0.1, size=output[1:].shape)
    output[1:] += ndimage.gaussian_filter(noise, (0, *(1,) * truth.ndim))
    return output


def leaf(seed: int) -> np.ndarray:
    return np.maximum(phantom.make(seed, shape=(48, 96, 48), spacing_um=1.0).labels, 0)


def clusters_of(fragments: np.ndarray, seed: int = 0) -> Clusters:
    rng = np.random.default_rng(seed)
    foreground = rng.random(fragments.shape).astype(np.float32)
    flow = rng.normal(size=(3, *fragments.shape)).astype(np.float32)
    return Clusters.of(fragments, foreground, flow, rng.normal(size=fragments.shape).astype(np.float32))


@pytest.fixture(scope="module")
def taught() -> Chooser:
    return learnt((FLOWS.fragments(blurred(leaf(seed), seed)), leaf(seed)) for seed in (1, 2, 3, 4))


# A share from a few figures


def test_a_perceptron_learns_what_no_straight_line_tells():
    figures = np.random.default_rng(0).normal(size=(2000, 2))
    share = (figures[:, 0] * figures[:, 1] > 0).astype(float)
    learns = fitted(figures[:1500], share[:1500], hidden=8)
    assert ((learns.of(figures[1500:]) > 0.5) == share[1500:]).mean() > 0.95
    again = fitted(figures[:1500], share[:1500], hidden=8)
    np.testing.assert_array_equal(again.of(figures), learns.of(figures))


def test_a_perceptron_says_a_share_where_nothing_tells_more():
    figures = np.random.default_rng(0).normal(size=(4000, 3))
    share = np.random.default_rng(1).choice([0.0, 0.5, 1.0], 4000)
    np.testing.assert_allclose(fitted(figures, share, hidden=2).of(figures), 0.5, atol=0.1)


def test_of_several_searches_the_mean_is_taken_before_it_becomes_a_share():
    rng = np.random.default_rng(0)
    figures, share = rng.normal(size=(300, 3)), rng.random(300)
    alone = [fitted(figures, share, hidden=4, searches=1, seed=seed).of(figures) for seed in (5, 6)]
    together = fitted(figures, share, hidden=4, searches=2, seed=5)
    np.testing.assert_allclose(together.of(figures), expit(np.mean([logit(one) for one in alone], axis=0)))
    assert together.hidden.shape == (1 + 3, 2 * 4)


def test_a_perceptron_survives_being_written_down():
    learns = fitted(np.random.default_rng(0).normal(size=(50, 3)), np.arange(50) % 2, hidden=4)
    again = Perceptron.from_arrays(learns.arrays(), 3)
    figures = np.random.default_rng(1).normal(size=(7, 3))
    np.testing.assert_array_equal(again.of(figures), learns.of(figures))
    with pytest.raises(ValueError, match="of other figures than the 4 that there are"):
        Perceptron.from_arrays(learns.arrays(), 4)


# Fragments


@pytest.mark.parametrize("ndim", [2, 3])
def test_fragments_fill_the_inside_and_lie_in_one_cell_where_walls_are_seen(ndim):
    truth = crowd(ndim)
    seen = FLOWS.fragments(FLOWS.encode(truth))
    labels = seen.labels.reshape(truth.shape)
    assert ((labels > 0) == (truth > 0)).all()
    pairs = np.unique(np.stack([labels.ravel(), truth.ravel()]), axis=1).T
    shares = [
        np.bincount(truth[labels == number]).max() / (labels == number).sum() for number in range(1, labels.max() + 1)
    ]
    assert np.mean(shares) > 0.95
    assert len(pairs) > truth.max()


def test_cells_whose_flows_end_in_one_place_have_fragments_of_their_own():
    truth = leaf(3)
    output = blurred(truth)
    ends, labels = FLOWS.decode(output), FLOWS.fragments(output).labels
    given = [evaluation.match(whole(found, truth), truth).counts.mean_ap for found in (ends, labels)]
    assert given[1] > given[0] + 0.1


def whole(fragments: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Each fragment as part of the cell that most of it lies in: the best that can be made of fragments."""
    shared = np.zeros((fragments.max() + 1, truth.max() + 1), int)
    np.add.at(shared, (fragments, truth), 1)
    owner = shared.argmax(axis=1).astype(np.int32)
    return np.where(fragments > 0, owner[fragments], 0).astype(np.int32)


def test_a_piece_in_which_nothing_runs_together_is_a_fragment():
    inside = np.zeros((9, 9, 9), bool)
    inside[2:5, 2:5, 2:5] = inside[6:8, 6:8, 6:8] = True
    labels = convergence_fragments(divergence(np.zeros((3, 9, 9, 9), np.float32)), inside)
    assert ((labels > 0) == inside).all()
    assert labels.max() == 2


# Clusters


def test_what_is_known_of_merged_clusters_is_what_is_known_of_fragments_merged_before():
    fragments = np.random.default_rng(3).integers(0, 9, (6, 7, 8)).astype(np.int32)
    these = np.array([[1, 4], [2, 8], [3, 5]])
    into = np.arange(9)
    into[these[:, 1]] = these[:, 0]
    merged, anew = clusters_of(fragments).merged(these), clusters_of(into[fragments].astype(np.int32))
    there = np.unique(into)
    np.testing.assert_array_equal(merged.pairs, anew.pairs)
    np.testing.assert_allclose(figures_of_pairs(merged), figures_of_pairs(anew), rtol=1e-6, atol=1e-9)
    likely = expit(figures_of_pairs(merged)[:, 0])
    kept = [number for number in there if number < len(anew.sums)]
    np.testing.assert_allclose(
        figures_of_candidates(merged, likely)[kept], figures_of_candidates(anew, likely)[kept], rtol=1e-6, atol=1e-9
    )


def test_figures_are_as_many_as_their_names_and_those_of_a_pair_do_not_ask_which_comes_first():
    fragments = np.random.default_rng(3).integers(1, 4, (5, 6, 7)).astype(np.int32)
    clusters = clusters_of(fragments)
    turned = clusters_of(np.array([0, 3, 2, 1], np.int32)[fragments])
    assert figures_of_pairs(clusters).shape == (3, len(PAIR_FIGURES))
    assert figures_of_candidates(clusters, np.full(3, 0.5)).shape == (4, len(CANDIDATE_FIGURES))
    np.testing.assert_allclose(figures_of_pairs(clusters), figures_of_pairs(turned)[[2, 1, 0]])


def test_sums_over_faces_and_voxels_are_those_counted_by_hand():
    fragments = np.zeros((1, 2, 4), np.int32)
    fragments[0, 0] = [1, 1, 2, 2]
    fragments[0, 1] = [0, 1, 2, 0]
    flow = np.zeros((3, 1, 2, 4), np.float32)
    flow[2, 0] = [[0, -1, 1, 0], [0, -0.5, 0.5, 0]]
    clusters = Clusters.of(fragments, np.ones((1, 2, 4), np.float32), flow, np.zeros((1, 2, 4), np.float32))
    np.testing.assert_array_equal(clusters.pairs, [[1, 2]])
    told = dict(zip(PAIR_FIGURES, figures_of_pairs(clusters)[0], strict=True))
    assert np.exp(told["faces"]) == pytest.approx(2)
    assert told["parting, mean"] == pytest.approx(1.5)
    assert told["parting, greatest"] == pytest.approx(2)
    assert np.exp(told["both"]) == pytest.approx(6)
    assert told["towards each other"] < 0
    assert told["share of the smaller's faces"] == pytest.approx(2 / 4)


# Candidates


def by_parting(figures: np.ndarray) -> np.ndarray:
    return expit(2 - 4 * figures[:, 0])


def test_a_tree_holds_each_fragment_once_at_every_cut():
    seen = FLOWS.fragments(blurred(crowd(3)))
    tree = nested(seen.clusters, by_parting)
    held = tree.members[tree.roots].sum(axis=0)
    np.testing.assert_array_equal(held, np.arange(tree.leaves) > 0)
    assert (tree.parts[tree.leaves :] < np.arange(tree.leaves, len(tree.parts))[:, None]).all()
    assert (tree.parts[tree.leaves :] > 0).all()
    sizes = np.exp(tree.figures[:, 0])
    whole = np.arange(tree.leaves, len(tree.parts))
    np.testing.assert_allclose(sizes[whole], sizes[tree.parts[whole]].sum(axis=1))


def test_the_likeliest_two_are_joined_first_and_the_unlikely_never():
    fragments = np.repeat([1, 2, 3, 4], 4).reshape(1, 1, 16).repeat(3, axis=1).astype(np.int32)
    clusters = clusters_of(fragments)

    def likely(figures: np.ndarray) -> np.ndarray:
        return np.array([0.2, 0.9, 0.001])[: len(figures)] if len(figures) == 3 else np.full(len(figures), 0.01)

    tree = nested(clusters, likely)
    assert tree.parts[tree.leaves :].tolist() == [[2, 3]]
    assert tree.figures[-1][-4] == pytest.approx(0.9)
    assert sorted(tree.roots.tolist()) == [1, 4, 5]


def test_the_best_cut_is_the_best_of_all_cuts():
    parts = np.array([[0, 0]] * 6 + [[1, 2], [3, 4], [6, 7], [8, 5]])
    tree = Nested(parts, np.zeros((10, 1)), np.array([9]), 6)

    def cuts(candidate: int) -> list[list[int]]:
        if candidate < tree.leaves:
            return [[candidate]]
        one, other = parts[candidate]
        return [[candidate], *(a + b for a, b in itertools.product(cuts(one), cuts(other)))]

    for seed in range(20):
        worth = np.random.default_rng(seed).normal(size=10)
        best = max(worth[cut].sum() for cut in cuts(9))
        assert worth[best_cut(tree, worth)].sum() == pytest.approx(best)


def test_a_table_of_fragments_names_those_chosen():
    parts = np.array([[0, 0]] * 5 + [[1, 2], [5, 3]])
    tree = Nested(parts, np.zeros((7, 1)), np.array([4, 6]), 5)
    assert tree.fragments_of(np.array([3, 4, 5])).tolist() == [0, 3, 3, 1, 2]
    assert tree.fragments_of(np.array([4, 6])).tolist() == [0, 2, 2, 2, 1]


# What is learnt


def test_who_has_learnt_to_choose_finds_cells_that_flows_have_lost(taught):
    for seed in (11, 12):
        truth, output = leaf(seed), blurred(leaf(seed), seed)
        chosen, ends = taught.choose(FLOWS.fragments(output)), FLOWS.decode(output)
        assert evaluation.match(chosen, truth).counts.mean_ap > evaluation.match(ends, truth).counts.mean_ap + 0.05
        assert np.bincount(chosen.ravel())[1:].max() < 2 * np.bincount(truth.ravel())[1:].max()  # no giants


def test_cells_that_are_chosen_fill_what_fragments_fill_but_for_what_is_too_small(taught):
    output = blurred(leaf(12))
    seen = replace(FLOWS, min_size_vox=0).fragments(output)
    cells = taught.choose(seen)
    assert ((cells > 0) == (output[0] > 0.5)).all()
    assert np.unique(cells).tolist() == list(range(int(cells.max()) + 1))
    for cell, place in enumerate(ndimage.find_objects(cells), start=1):
        assert ndimage.label(cells[place] == cell)[1] == 1  # of one piece
    large = taught.choose(replace(seen, min_size_vox=200))
    assert np.bincount(large.ravel())[1:].min() >= 200


def test_where_there_is_nothing_nothing_is_chosen_and_one_fragment_is_one_cell(taught):
    output = np.zeros((4, 20, 20, 20), np.float32)
    assert not taught.choose(FLOWS.fragments(output)).any()
    output[0, 5:15, 5:15, 5:15] = 1
    cells = taught.choose(FLOWS.fragments(output))
    assert same_partition(cells, (output[0] > 0).astype(np.int32))


def test_what_nobody_knows_teaches_nothing():
    truth = leaf(1)
    seen = FLOWS.fragments(blurred(truth))
    upper, lower = truth.copy(), truth.copy()
    upper[:, 48:], lower[:, :48] = -1, -1
    both, one, other = (len(_Told.of(seen, labels).pairs()[1]) for labels in (truth, upper, lower))
    assert 0 < one < both
    assert 0 < other < both
    assert one + other <= both  # pairs across the edge of what is known are known to neither


def test_who_knows_too_little_learns_nothing():
    truth = leaf(1)
    seen = FLOWS.fragments(blurred(truth))
    nowhere = np.full_like(truth, -1)
    for examples, met in (([], "of 0 "), ([(seen, truth)], "of "), ([(seen, nowhere), (seen, nowhere)], "of 0 ")):
        complaint(
            LabelsError,
            lambda examples=examples: learnt(examples),
            met,
            "pairs of fragments that are known",
            "in two scans or blocks at least",
            "pass more scans in which all cells are labelled",
        )


def test_other_methods_have_no_fragments():
    complaint(
        SettingsError,
        lambda: Affinities().fragments(np.zeros((4, 8, 8, 8), np.float32)),
        "Affinities has no fragments to choose cells among",
        "of flows alone",
        "learn no chooser",
    )


# In a model


def model(ndim: int, chooser: Chooser | None = None) -> Model:
    return Model("tiny", Network(ndim, 1, 1 + ndim, "small", 2).build().eval(), FLOWS, 1.0, chooser=chooser)


def test_a_model_keeps_its_chooser_in_its_weights(taught, tmp_path):
    save(model(3, taught), tmp_path / "with")
    again = load(tmp_path / "with")
    output = blurred(leaf(11))
    assert same_partition(again.read(output), taught.choose(FLOWS.fragments(output)))
    save(model(3), tmp_path / "without")
    assert load(tmp_path / "without").chooser is None


def test_a_chooser_of_other_figures_is_a_damaged_model(taught, tmp_path):
    save(model(3, replace(taught, cells=taught.pairs)), tmp_path / "model")
    complaint(
        ModelError,
        lambda: load(tmp_path / "model"),
        "of other figures than the",
        "belong together",
        "copy or train it again",
    )


def test_a_chooser_chooses_where_it_has_learnt_and_is_asked(taught, tmp_path):
    output = blurred(leaf(11))
    chooses, flat = model(3, taught), model(2, taught)
    ends, chosen = FLOWS.decode(output), taught.choose(FLOWS.fragments(output))
    assert not same_partition(ends, chosen)
    assert same_partition(flat.read(output), ends)  # sections of three axes, averaged, are not what it has learnt from
    for plan, wanted in (
        (SegmentationPlan(device="cpu"), chosen),
        (SegmentationPlan(device="cpu", choose=False), ends),
    ):
        found = find_cells(chooses, output.astype(np.float16), scratch=tmp_path, plan=plan)
        assert evaluation.match(np.asarray(found), wanted).counts.mean_ap > 0.95  # but for half precision


def examples_that_say(outputs: dict[str, np.ndarray], monkeypatch) -> None:
    """Have a model say what is wanted of scans, by their names."""

    def sights(_: Model, examples: list[Example], **__: object) -> list[Sight]:
        return [Sight(one, outputs[one.name].astype(np.float16)) for one in examples]

    for room in ("mesophyll.tuning.choosing", "mesophyll.tuning"):
        monkeypatch.setattr(f"{room}.sights", sights)


def labelled(name: str, truth: np.ndarray) -> Example:
    volume = Volume(truth, (1.0,) * truth.ndim, name=name)
    return Example(name, (volume,), volume, None)


def test_a_model_learns_to_choose_by_scans_block_by_block(taught, monkeypatch):
    truth = {str(seed): leaf(seed) for seed in (1, 2)}
    examples_that_say({name: blurred(labels, int(name)) for name, labels in truth.items()}, monkeypatch)
    chooses = learn_chooser(
        model(3),
        [labelled(name, labels) for name, labels in truth.items()],
        plan=SegmentationPlan(device="cpu", block=64, block_halo=16),
    )
    unseen, output = leaf(11), blurred(leaf(11), 11)
    gain = [evaluation.match(read(output), unseen).counts.mean_ap for read in (FLOWS.decode, chooses.read)]
    assert gain[1] > gain[0]


@pytest.mark.parametrize("seen", [False, True])
def test_tuning_takes_a_chooser_that_is_surely_better(seen, monkeypatch, tmp_path):
    truth = {str(seed): leaf(seed) for seed in (1, 2, 11)}
    said = {name: FLOWS.encode(labels) if seen else blurred(labels, int(name)) for name, labels in truth.items()}
    examples_that_say(said, monkeypatch)
    one, two, kept = (labelled(name, labels) for name, labels in truth.items())
    plan = SegmentationPlan(device="cpu")
    found = tune(model(3), [kept], tmp_path / "tuned", choose_by=[one, two], plan=plan)
    step = found.steps[0]
    assert (step.name, step.was, step.best) == ("chooser", "as it was", "by 2 scans")
    assert step.taken is not seen  # where all walls are seen, the flow needs no help
    assert (load(tmp_path / "tuned").chooser is None) is seen
    assert found.model.card["tuning"]["choose_by"] == ["1", "2"]
    assert found.gain.mean_ap >= step.gain.mean_ap if step.taken else step.gain.mean_ap <= 0.02


def test_scans_cannot_both_tune_and_teach_to_choose(tmp_path):
    one = labelled("leaf-8", leaf(1))
    complaint(
        ModelError,
        lambda: tune(model(3), [one], tmp_path / "tuned", choose_by=[one]),
        "learns to choose by leaf-8, by which it is tuned, too",
        "more than of other scans",
        "choose by other labelled scans",
    )
