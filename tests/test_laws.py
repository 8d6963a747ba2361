"""Every representation keeps the laws, in 2D and 3D; and a representation with a planted bug does not."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import laws
from complaint import complaint
from mesophyll import mapping
from mesophyll.blocks import grid
from mesophyll.errors import SettingsError
from mesophyll.inference import finding
from mesophyll.representations import (
    Affinities,
    Boundaries,
    Boxes,
    Cellpose,
    Contours,
    Descriptors,
    Embeddings,
    Flows,
    Heads,
    Patches,
    Representation,
    Skeletons,
    Spheres,
    Stars,
    Tissue,
    embeddings,
)
from mesophyll.representations.base import tunable

METHODS = {
    "flows to the centre": Flows(target="centre", foreground_loss="mae"),
    "flows to the interior": Flows(target="interior"),
    "diffusion flows": Flows(target="diffusion"),
    "flows to the skeleton": Flows(target="skeleton"),
    "cellpose": Cellpose(),
    "mutex watershed": Affinities(decoder="mutex"),
    "semantic mutex watershed": Affinities(decoder="semantic"),
    "average linkage": Affinities(decoder="linkage"),
    "multicut": Affinities(decoder="multicut"),
    "lifted multicut": Affinities(decoder="lifted"),
    "stars": Stars(rays=32),
    "contours": Contours(),
    "spheres": Spheres(),
    "boxes": Boxes(),
    "patches by average linkage": Patches(decoder="linkage"),
    "patches by multicut": Patches(decoder="multicut"),
    "patches by lifted multicut": Patches(decoder="lifted"),
    "flows beside affinities": Heads(),
    "affinities beside flows": Heads(parts=(Flows(), Affinities()), decode_by="affinities"),
    "interiors within boundaries": Boundaries(variant="interior"),
    "centroids and membranes": Boundaries(variant="centroid"),
    "distances within contours": Boundaries(variant="distance"),
    "skeletons": Skeletons(),
    "cosine embeddings": Embeddings(variant="cosine"),
    "discriminative embeddings": Embeddings(variant="discriminative"),
    "spatial embeddings": Embeddings(variant="spatial"),
    "sparse embeddings": Embeddings(variant="sparse"),
    "shapes beside affinities": Heads(parts=(Descriptors(), Affinities())),
    "flows beside contours": Heads(parts=(Flows(), Contours())),
    "tissue": Tissue(),
}

ASKED = [pytest.param(method, ndim, id=f"{ndim}-{name}") for name, method in METHODS.items() for ndim in method.axes]
"""Each method with the number of axes that it is made for."""


def keep(law, method: Representation, ndim: int, scratch) -> None:
    needs_scratch = "scratch" in inspect.signature(law).parameters
    law(method, ndim, scratch) if needs_scratch else law(method, ndim)


@pytest.mark.parametrize(("method", "ndim"), ASKED)
@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
def test_representations_keep_the_laws(law, method, ndim, tmp_path):
    keep(law, method, ndim, tmp_path)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_is_made_for_images_or_volumes_and_says_so(method):
    assert method.axes
    for ndim in (2, 3):
        if ndim in method.axes:
            assert method.channels(ndim) > 0
        else:
            complaint(SettingsError, lambda ndim=ndim: method.channels(ndim), "only", "correct ndim")


@pytest.mark.parametrize(
    ("method", "ndim"), [(m, n) for m in (Stars(), Contours(), Spheres(), Boxes(), Patches()) for n in m.axes]
)
def test_shapes_are_mirrored_exactly(method, ndim):
    """Law 12 in every channel, however small its part: a shape has no two ways that are equally long."""
    truth = laws.material(method, ndim, side=30)
    target = method.encode(truth)
    for axes in ((0,), (ndim - 1,), tuple(range(ndim))):
        again = method.encode(np.ascontiguousarray(np.flip(truth, axes)))
        np.testing.assert_allclose(method.mirror(target, axes), again, atol=1e-5)


@dataclass(frozen=True)
class NegatedFlow(Flows):
    def encode(self, labels_S):
        target = super().encode(labels_S)
        return np.concatenate([target[:1], -target[1:]])


@dataclass(frozen=True)
class SwappedAxes(Flows):
    def encode(self, labels_S):
        target = super().encode(labels_S)
        return np.concatenate([target[:1], target[:0:-1]])


@dataclass(frozen=True)
class LossWithoutMask(Flows):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), torch.ones_like(known_BS))


@dataclass(frozen=True)
class ForgottenSigmoid(Flows):
    def activate(self, output_BCS):
        return torch.cat([output_BCS[:, :1], torch.tanh(output_BCS[:, 1:])], dim=1)


@dataclass(frozen=True)
class HaloTooSmall(Flows):
    halo: int = 4


@dataclass(frozen=True)
class OffsetByOne(Flows):
    def decode(self, output_CS):
        return np.roll(super().decode(output_CS), 1, axis=-1)


@dataclass(frozen=True)
class IdsInTheTarget(Flows):
    def encode(self, labels_S):
        return super().encode(labels_S) * (1 + labels_S / 1000).astype(np.float32)


@dataclass(frozen=True)
class FlowBeyondCells(Flows):
    def encode(self, labels_S):
        target = super().encode(labels_S)
        target[1:] += 0.1
        return target


@dataclass(frozen=True)
class FlowOnlyFlipped(Flows):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])


@dataclass(frozen=True)
class LearnsFlowFromSections(Flows):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), known_BS)


@dataclass(frozen=True)
class WritesToItsInput(Flows):
    def encode(self, labels_S):
        labels_S[labels_S > 1] = 1
        return super().encode(labels_S)


@dataclass(frozen=True)
class EmbeddingAstray(Embeddings):
    """Leads away from the point."""

    def encode(self, labels_S):
        target = super().encode(labels_S)
        return np.concatenate([target[:1], -target[1:]])


@dataclass(frozen=True)
class EmbeddingOfNumbers(Embeddings):
    """Tells who shares a cell by the cell's number."""

    def encode(self, labels_S):
        target = super().encode(labels_S)
        target[1:] += labels_S.astype(np.float32)
        return target


@dataclass(frozen=True)
class EmbeddingOfTheUnknown(Embeddings):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), torch.ones_like(known_BS))


@dataclass(frozen=True)
class EmbeddingNotLearnt(Embeddings):
    """Only the foreground is."""

    variant: embeddings.Variant = "discriminative"
    beta: float = 0.0


@dataclass(frozen=True)
class EmbeddingNotUpright(Embeddings):
    variant: embeddings.Variant = "cosine"

    def activate(self, output_BCS):
        return torch.cat([torch.sigmoid(output_BCS[:, :1]), output_BCS[:, 1:]], dim=1)


@dataclass(frozen=True)
class EmbeddingWithoutForeground(Embeddings):
    """What is said outside is the width of nothing."""

    def encode(self, labels_S):
        target = super().encode(labels_S)
        target[1:, labels_S == 0] = 1
        return target


@dataclass(frozen=True)
class EmbeddingTowardsCentroids(Embeddings):
    """A ring and the cell within have the same."""

    def encode(self, labels_S):
        target, numbers = super().encode(labels_S), np.maximum(labels_S, 0)
        for number in np.unique(numbers[numbers > 0]):
            places = np.argwhere(numbers == number)
            ways = (places.mean(axis=0) - places) / self.unit_vox
            target[1 : 1 + labels_S.ndim, numbers == number] = ways.T
        return target


@dataclass(frozen=True)
class EmbeddingOnlyFlipped(Embeddings):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])


@dataclass(frozen=True)
class EmbeddingTornBySections(Embeddings):
    """Forgets even that a cell is there."""

    def forget(self, target_CS, sections_S):
        return np.where(sections_S, np.nan, target_CS).astype(np.float32)


@dataclass(frozen=True)
class NegatedFlowToTheSkeleton(NegatedFlow):
    target: str = "skeleton"


@dataclass(frozen=True)
class NothingParts(Flows):
    target: str = "skeleton"
    parting: float = 2.5


@dataclass(frozen=True)
class SkeletonTooFarForItsHalo(Flows):
    target: str = "skeleton"
    halo: int = 1


@dataclass(frozen=True)
class BoundaryOnBothSides(Boundaries):
    """A cell's neighbours in the air are its boundary, too."""

    def encode(self, labels_S):
        target = super().encode(labels_S)
        for axis in range(labels_S.ndim):
            target[1] = np.maximum(target[1], np.roll(target[1], 1, axis))
        return target


@dataclass(frozen=True)
class CentroidsBesideThemselves(Boundaries):
    variant: str = "centroid"

    def encode(self, labels_S):
        target = super().encode(labels_S)
        return np.concatenate([target[:2], np.roll(target[2:], 12, axis=-1)])


@dataclass(frozen=True)
class EveryCellIsDeep(Boundaries):
    """Depth as a share of the greatest in the patch, which is other in a crop."""

    variant: str = "distance"

    def encode(self, labels_S):
        target = super().encode(labels_S)
        return np.concatenate([target[:2], target[2:] / max(target[2].max(), 0.1)])


@dataclass(frozen=True)
class BoundariesThatLearnTheUnknown(Boundaries):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), torch.ones_like(known_BS))


@dataclass(frozen=True)
class BoundariesWithoutThem(Boundaries):
    """The foreground alone is learnt."""

    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.cat([target_BCS[:, :1], 0 * target_BCS[:, 1:]], dim=1), known_BS)


@dataclass(frozen=True)
class BoundariesAsLogits(Boundaries):
    def activate(self, output_BCS):
        return output_BCS


@dataclass(frozen=True)
class BoundariesFromSections(Boundaries):
    def forget(self, target_CS, sections_S):
        return np.where(sections_S, np.float32(np.nan), target_CS)


@dataclass(frozen=True)
class BoundariesFlippedAcross(Boundaries):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, axes)


@dataclass(frozen=True)
class SkeletonOfTheFirst(Skeletons):
    """One skeleton for all cells: nearness falls with the number of the cell."""

    def encode(self, labels_S):
        target = super().encode(labels_S)
        target[-1] /= np.maximum(labels_S, 1)
        return target


@dataclass(frozen=True)
class SkeletonsOnlyFlipped(Skeletons):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])


@dataclass(frozen=True)
class SkeletonsJoinAll(Skeletons):
    oneness: float = -0.1


@dataclass(frozen=True)
class SkeletonsLearnTheirNaN(Skeletons):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), known_BS)


@dataclass(frozen=True)
class SkeletonsWithinALayer(Skeletons):
    """The halo that a skeleton needs is forgotten."""

    halo: int = 1


@dataclass(frozen=True)
class TissueByOccurrence(Tissue):
    """A channel for what comes first, one for what comes next, ..., instead of one for each code."""

    def encode(self, labels_S):
        _, first, place = np.unique(labels_S, return_index=True, return_inverse=True)
        return super().encode(first.argsort().argsort()[place].reshape(labels_S.shape))


@dataclass(frozen=True)
class TissueBesideItself(Tissue):
    def decode(self, output_CS):
        return np.roll(super().decode(output_CS), 1, axis=-1)


@dataclass(frozen=True)
class TissueThatLearnsTheUnknown(Tissue):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), torch.ones_like(known_BS))


@dataclass(frozen=True)
class TissueByOverlapWithLogits(Tissue):
    def activate(self, output_BCS):
        return output_BCS


@dataclass(frozen=True)
class TissueWithoutBackground(Tissue):
    """The foreground alone: where there is no tissue, nothing is learnt."""

    def encode(self, labels_S):
        target = super().encode(labels_S)
        target[0] = 0
        return target


@dataclass(frozen=True)
class TissueSwapped(Tissue):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, axes)


@dataclass(frozen=True)
class TissueSmoothed(Tissue):
    """Looks beyond its halo of 0."""

    def encode(self, labels_S):
        target = super().encode(labels_S)
        return (target + np.roll(target, 1, axis=-1)) / 2


@dataclass(frozen=True)
class AnyTissue(Tissue):
    """Tells tissue from background, and no tissue from another."""

    def loss(self, output_BCS, target_BCS, known_BS):
        any_BCS = target_BCS[:, 1:].mean(dim=1, keepdim=True).expand_as(target_BCS[:, 1:])
        return super().loss(output_BCS, torch.cat([target_BCS[:, :1], any_BCS], dim=1), known_BS)


@dataclass(frozen=True)
class EncodesByTheThreshold(Flows):
    def encode(self, labels_S):
        return super().encode(labels_S) * np.float32(self.threshold)


@dataclass(frozen=True)
class ValuesWithoutTheDefault(Flows):
    passes: int = tunable(7, among=(6, 8))


@dataclass(frozen=True)
class RaysInAnotherOrder(Stars):
    def decode(self, output_CS):
        return super().decode(np.concatenate([output_CS[:2], np.roll(output_CS[2:], len(output_CS) // 3, axis=0)]))


@dataclass(frozen=True)
class StarsOnlyFlipped(Stars):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])


@dataclass(frozen=True)
class StarsWithATooSmallHalo(Stars):
    halo: int = 3


@dataclass(frozen=True)
class LearnsStarsFromSections(Stars):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), known_BS)


@dataclass(frozen=True)
class StarsInLogits(Stars):
    def activate(self, output_BCS):
        return output_BCS


@dataclass(frozen=True)
class RingsAreSaidToBeStars(Stars):
    """Keeps what no star can hold."""

    def decode(self, output_CS):
        return Flows().decode(Flows().encode(laws.CASES["ring"](output_CS.ndim - 1)))


@dataclass(frozen=True)
class AxesOfOutlinesSwapped(Contours):
    def encode(self, labels_S):
        target = super().encode(labels_S)
        pairs = target[4:].reshape(-1, 2, 2, *labels_S.shape)
        return np.concatenate([target[:4], pairs[:, ::-1].reshape(target[4:].shape)])


@dataclass(frozen=True)
class OutlinesOnlyFlipped(Contours):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])


@dataclass(frozen=True)
class OutlinesWithoutMask(Contours):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), torch.ones_like(known_BS))


@dataclass(frozen=True)
class SpheresOfTwiceTheRadius(Spheres):
    def encode(self, labels_S):
        target = super().encode(labels_S)
        target[2] *= 2
        return target


@dataclass(frozen=True)
class SpheresOnlyFlipped(Spheres):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])


@dataclass(frozen=True)
class SpheresBeyondCells(Spheres):
    def encode(self, labels_S):
        target = super().encode(labels_S)
        target[1] += 0.01
        return target


@dataclass(frozen=True)
class BinsInAnotherOrder(Boxes):
    def encode(self, labels_S):
        target = super().encode(labels_S)
        first = 2 + 2 * labels_S.ndim
        return np.concatenate([target[:first], np.roll(target[first:], 1, axis=0)])


@dataclass(frozen=True)
class BoxesOnlyFlipped(Boxes):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])


@dataclass(frozen=True)
class BinsByTheNumberOfTheCell(Boxes):
    def encode(self, labels_S):
        target = super().encode(labels_S)
        return np.where(labels_S % 2, target, np.concatenate([target[:-9], target[:-10:-1]]))


@dataclass(frozen=True)
class AxesOfPointsSwapped(Patches):
    def encode(self, labels_S):
        return np.swapaxes(super().encode(np.swapaxes(labels_S, -1, -2)), -1, -2)


@dataclass(frozen=True)
class PatchesOfLargerNumbers(Patches):
    """A voxel says who has its number or a higher one."""

    def encode(self, labels_S):
        target = super().encode(labels_S)
        for channel, offset in enumerate(self.offsets(labels_S.ndim), start=1):
            higher = np.roll(labels_S, [-step for step in offset], range(labels_S.ndim)) >= labels_S
            target[channel] = higher & (labels_S > 0)
        return target


@dataclass(frozen=True)
class PatchesWiderThanTheirHalo(Patches):
    halo: int = 5


@dataclass(frozen=True)
class PatchesThatLearnTheUnknown(Patches):
    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.nan_to_num(target_BCS), torch.ones_like(known_BS))


@dataclass(frozen=True)
class PatchesWithoutThem(Patches):
    """The foreground alone is learnt."""

    def loss(self, output_BCS, target_BCS, known_BS):
        return super().loss(output_BCS, torch.cat([target_BCS[:, :1], 0 * target_BCS[:, 1:]], dim=1), known_BS)


@dataclass(frozen=True)
class PatchesInLogits(Patches):
    def activate(self, output_BCS):
        return output_BCS


@dataclass(frozen=True)
class PatchesOfTheAir(Patches):
    """Air has patches, too."""

    def encode(self, labels_S):
        return super().encode(labels_S + 1)


@dataclass(frozen=True)
class PatchesOnlyFlipped(Patches):
    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])


@dataclass(frozen=True)
class PatchesTornBySections(Patches):
    """Forgets even that a cell is there."""

    def forget(self, target_CS, sections_S):
        return np.where(sections_S, np.nan, target_CS).astype(np.float32)


PLANTED = [
    (NegatedFlow, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (SwappedAxes, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (OffsetByOne, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (IdsInTheTarget, laws.law_2_renaming_cells_changes_nothing),
    (HaloTooSmall, laws.law_3_the_halo_is_honest),
    (LossWithoutMask, laws.law_4_only_unknown_voxels_have_no_gradient),
    (ForgottenSigmoid, laws.law_6_minimising_the_loss_returns_the_labels),
    (FlowBeyondCells, laws.law_7_no_cells_in_no_cells_out),
    (WritesToItsInput, laws.law_8_same_in_same_out_and_nothing_is_written_to),
    (LearnsFlowFromSections, laws.law_13_a_section_tells_that_a_cell_is_there_but_not_where_it_lies),
    (FlowOnlyFlipped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (EmbeddingAstray, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (EmbeddingOfNumbers, laws.law_2_renaming_cells_changes_nothing),
    (EmbeddingOfTheUnknown, laws.law_4_only_unknown_voxels_have_no_gradient),
    (EmbeddingNotLearnt, laws.law_5_truth_costs_less_than_what_is_not_true),
    (EmbeddingNotUpright, laws.law_6_minimising_the_loss_returns_the_labels),
    (EmbeddingWithoutForeground, laws.law_7_no_cells_in_no_cells_out),
    (EmbeddingTowardsCentroids, laws.law_11_every_cell_of_the_catalogue_is_kept_apart_and_whole),
    (EmbeddingOnlyFlipped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (EmbeddingTornBySections, laws.law_13_a_section_tells_that_a_cell_is_there_but_not_where_it_lies),
    (NegatedFlowToTheSkeleton, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (NothingParts, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (SkeletonTooFarForItsHalo, laws.law_3_the_halo_is_honest),
    (CentroidsBesideThemselves, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (EveryCellIsDeep, laws.law_3_the_halo_is_honest),
    (BoundariesThatLearnTheUnknown, laws.law_4_only_unknown_voxels_have_no_gradient),
    (BoundariesWithoutThem, laws.law_5_truth_costs_less_than_what_is_not_true),
    (BoundariesAsLogits, laws.law_6_minimising_the_loss_returns_the_labels),
    (BoundaryOnBothSides, laws.law_7_no_cells_in_no_cells_out),
    (BoundariesFlippedAcross, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (BoundariesFromSections, laws.law_13_a_section_tells_that_a_cell_is_there_but_not_where_it_lies),
    (SkeletonsJoinAll, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (SkeletonOfTheFirst, laws.law_2_renaming_cells_changes_nothing),
    (SkeletonsWithinALayer, laws.law_3_the_halo_is_honest),
    (SkeletonsOnlyFlipped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (SkeletonsLearnTheirNaN, laws.law_13_a_section_tells_that_a_cell_is_there_but_not_where_it_lies),
    (TissueBesideItself, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (TissueByOccurrence, laws.law_2_renaming_cells_changes_nothing),
    (TissueSmoothed, laws.law_3_the_halo_is_honest),
    (TissueThatLearnsTheUnknown, laws.law_4_only_unknown_voxels_have_no_gradient),
    (AnyTissue, laws.law_5_truth_costs_less_than_what_is_not_true),
    (TissueByOverlapWithLogits, laws.law_6_minimising_the_loss_returns_the_labels),
    (TissueWithoutBackground, laws.law_7_no_cells_in_no_cells_out),
    (TissueBesideItself, laws.law_11_every_cell_of_the_catalogue_is_kept_apart_and_whole),
    (TissueSwapped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (EncodesByTheThreshold, laws.law_14_decoding_alone_reads_what_can_be_tuned),
    (ValuesWithoutTheDefault, laws.law_14_decoding_alone_reads_what_can_be_tuned),
    (RaysInAnotherOrder, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (StarsOnlyFlipped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (StarsWithATooSmallHalo, laws.law_3_the_halo_is_honest),
    (LearnsStarsFromSections, laws.law_13_a_section_tells_that_a_cell_is_there_but_not_where_it_lies),
    (StarsInLogits, laws.law_6_minimising_the_loss_returns_the_labels),
    (RingsAreSaidToBeStars, laws.law_11_every_cell_of_the_catalogue_is_kept_apart_and_whole),
    (AxesOfOutlinesSwapped, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (OutlinesOnlyFlipped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (OutlinesWithoutMask, laws.law_4_only_unknown_voxels_have_no_gradient),
    (SpheresOfTwiceTheRadius, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (SpheresOnlyFlipped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (SpheresBeyondCells, laws.law_7_no_cells_in_no_cells_out),
    (BinsInAnotherOrder, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (BoxesOnlyFlipped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (BinsByTheNumberOfTheCell, laws.law_2_renaming_cells_changes_nothing),
    (AxesOfPointsSwapped, laws.law_1_decoding_a_target_finds_the_cells_up_to_the_ceiling),
    (PatchesOfLargerNumbers, laws.law_2_renaming_cells_changes_nothing),
    (PatchesWiderThanTheirHalo, laws.law_3_the_halo_is_honest),
    (PatchesThatLearnTheUnknown, laws.law_4_only_unknown_voxels_have_no_gradient),
    (PatchesWithoutThem, laws.law_5_truth_costs_less_than_what_is_not_true),
    (PatchesInLogits, laws.law_6_minimising_the_loss_returns_the_labels),
    (PatchesOfTheAir, laws.law_7_no_cells_in_no_cells_out),
    (PatchesOnlyFlipped, laws.law_12_a_mirrored_output_says_the_mirrored_cells),
    (PatchesTornBySections, laws.law_13_a_section_tells_that_a_cell_is_there_but_not_where_it_lies),
]


@pytest.mark.parametrize(
    ("bug", "law", "ndim"),
    [
        pytest.param(bug, law, ndim, id=f"{ndim}-{bug.__name__}-{law.__name__}")
        for bug, law in PLANTED
        for ndim in bug().axes
    ],
)
def test_a_planted_bug_breaks_its_law(bug, law, ndim, tmp_path):
    with pytest.raises((AssertionError, ValueError)):
        keep(law, bug(), ndim, tmp_path)


def test_a_block_that_is_forgotten_breaks_law_9(monkeypatch, tmp_path):
    monkeypatch.setattr(mapping, "grid", lambda shape, size, halo: grid(shape, size, halo)[1:])
    with pytest.raises(AssertionError):
        laws.law_9_decoding_by_blocks_equals_decoding_the_whole(Tissue(), 3, tmp_path)


def test_block_ids_that_restart_break_law_9(monkeypatch, tmp_path):
    def restart(counts, pairs):
        return [np.arange(count + 1, dtype=np.int32) for count in counts]

    monkeypatch.setattr(finding, "merge", restart)
    with pytest.raises(AssertionError):
        laws.law_9_decoding_by_blocks_equals_decoding_the_whole(Flows(), 3, tmp_path)
