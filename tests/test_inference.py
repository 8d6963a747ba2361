"""Tiles and blocks leave no trace: what is found piece by piece is what is found in the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cc3d
import numpy as np
import pytest
import torch

from catalogue import crowd
from complaint import complaint
from laws import found
from mesophyll import io, scratch
from mesophyll.errors import FileError, ModelError, SettingsError, VolumeError
from mesophyll.inference import SegmentationPlan, decode, looking, predict, segment, segment_volume
from mesophyll.labels import same_partition, split_pieces
from mesophyll.model import Image, Intensity, Model, load
from mesophyll.network import Network
from mesophyll.representations import Affinities, Cellpose, Flows, Representation
from mesophyll.representations.linking.graphs import ends
from mesophyll.tiling import even
from mesophyll.volume import Volume

CPU = SegmentationPlan(device="cpu")


@dataclass(frozen=True)
class Pieces(Representation):
    """Cells are the connected pieces of one channel, and in the corner of every block stands one that is none."""

    corner: bool = False

    ceiling = 1.0

    def channels(self, ndim):
        return 1

    def encode(self, labels_S):
        return (labels_S > 0)[None].astype(np.float32)

    def loss(self, output_BCS, target_BCS, known_BS):
        raise NotImplementedError

    def activate(self, output_BCS):
        return output_BCS

    def forget(self, target_CS, sections_S):
        raise NotImplementedError

    def mirror(self, output_CS, axes):
        return np.flip(output_CS, [1 + axis for axis in axes])

    def decode(self, output_CS):
        found = output_CS[0] > 0.5
        if self.corner:
            found = np.array(found)
            found[(0,) * found.ndim] = True
        return cc3d.connected_components(found, connectivity=6 if found.ndim == 3 else 4).astype(np.int32)


class Same(torch.nn.Module):
    """A network that returns its image."""

    def __init__(self, ndim, levels=4):
        super().__init__()
        self.network = Network(ndim, 1, 1, levels=levels)

    def forward(self, image_BCS):
        assert all(side % self.network.stride == 0 for side in image_BCS.shape[2:])
        return image_BCS


def same(ndim):
    return Model("same", Same(ndim), Pieces(), 1.0)


def image_of(array):
    return Image(Volume(array, (1.0,) * array.ndim), 0.0, 1.0, (-10.0, 10.0))


def predicted(model, array, **plan):
    outputs = np.zeros((model.representation.channels(array.ndim), *array.shape), np.float16)
    predict(model, image_of(array), outputs, plan=replace(CPU, **plan))
    return outputs


def picture(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.fixture
def float32(monkeypatch):
    """Compute in full precision, wherever this runs."""
    monkeypatch.setattr(looking, "fast_precision", lambda _: torch.float32)


@pytest.fixture(scope="module")
def models(untrained):
    return {ndim: load(folder) for ndim, folder in untrained.items()}


# ----------------------------------------------------------------------------------------------------------------- tiles


class Lopsided(Same):
    """A network that sees one voxel to the side along the last axis, and says that cells lie towards its end."""

    def __init__(self, ndim):
        super().__init__(ndim)
        self.network = replace(self.network, outputs=1 + ndim)

    def forward(self, image_BCS):
        image = super().forward(image_BCS)
        shifted = torch.roll(image, 1, dims=-1)
        return torch.cat([shifted, *[torch.ones_like(image)] * (image.ndim - 2)], dim=1)


@pytest.mark.parametrize("shape", [(24, 40), (12, 17, 24)])  # one side is not a multiple of the stride
def test_what_a_network_says_of_one_side_only_is_undone_by_mirrors(shape, float32):
    model = Model("lopsided", Lopsided(len(shape)), Flows(), 1.0)
    array = picture(*shape)
    straight, mirrored = predicted(model, array), predicted(model, array, mirror=True)
    assert np.abs(straight[1:] - np.tanh(1)).max() < 1e-3
    assert np.abs(mirrored[1:]).max() < 1e-3  # as often one way as the other
    inner = (..., slice(1, 8))  # what a roll carries round, and padding, lies outside
    sigmoid = (1 / (1 + np.exp(-np.roll(array, 1, -1)[inner])) + 1 / (1 + np.exp(-np.roll(array, -1, -1)[inner]))) / 2
    np.testing.assert_allclose(mirrored[0][inner], sigmoid, atol=2e-3)


class Pairwise(Same):
    """A network that says of each pair of voxels how much grey the two hold together."""

    def __init__(self, ndim):
        super().__init__(ndim)
        self.network = replace(self.network, outputs=Affinities().channels(ndim))

    def forward(self, image_BCS):
        image = super().forward(image_BCS)[:, 0]
        axes = tuple(range(1, image.ndim))
        others = [torch.roll(image, [-step for step in way], axes) for way in Affinities().offsets(len(axes))]
        return torch.stack([image, *(image + other for other in others)], dim=1)


@pytest.mark.parametrize("shape", [(32, 40), (16, 24, 32)])
def test_of_pairs_that_lead_out_of_a_mirror_the_straight_look_tells(shape, float32):
    model = Model("pairs", Pairwise(len(shape)), Affinities(), 1.0)
    straight, mirrored = (predicted(model, picture(*shape), mirror=mirror) for mirror in (False, True))
    assert np.isfinite(mirrored).all()
    for channel, offset in enumerate(Affinities().offsets(len(shape)), start=1):
        here, _ = ends(shape, offset)  # what a roll carries round lies outside
        np.testing.assert_allclose(mirrored[channel][here], straight[channel][here], atol=4e-3)


def test_a_network_that_sees_alike_from_all_sides_needs_no_mirrors(float32):
    array = picture(12, 17, 24)
    np.testing.assert_allclose(predicted(same(3), array, mirror=True), predicted(same(3), array), atol=4e-3)


@pytest.mark.parametrize(
    ("shape", "plan"),
    [
        ((40, 56), {}),
        ((37, 61), {"tile_2d": 24, "overlap": 5}),
        ((17, 16), {"tile_2d": 16, "overlap": 0}),
        ((9, 100), {"tile_2d": 32, "overlap": 16}),
        ((37, 61), {"tiling": "cellpose"}),
        ((230, 300), {"tiling": "cellpose"}),
        ((24, 17, 20), {"tiling": "cellpose"}),
        ((24, 24, 24), {}),
        ((19, 26, 33), {"tile_3d": 16, "overlap": 6}),
    ],
)
def test_a_network_that_returns_its_image_gives_it_back(shape, plan):
    image = picture(*shape)
    np.testing.assert_allclose(predicted(same(image.ndim), image, **plan)[0], image, atol=0.01)


def test_the_order_of_tiles_does_not_matter(models, monkeypatch):
    image, plan, tiles = picture(60, 60), {"tile_2d": 32, "overlap": 12}, looking.tiles
    forth = predicted(models[2], image, **plan)
    monkeypatch.setattr(looking, "tiles", lambda *given: reversed(list(tiles(*given))))
    back = predicted(models[2], image, **plan)
    np.testing.assert_allclose(forth, back, atol=2e-3)


@pytest.mark.parametrize("ndim", [2, 3])
def test_tiles_see_what_the_whole_sees_but_for_their_borders(ndim, models, float32):
    """Sides and starts are even, as the network's stride: it is moved by whole strides only."""
    image, reach = picture(*[64] * 2, *[16] * (ndim - 2)), 12
    tiled = predicted(models[ndim], image, tile_2d=40, tile_3d=40, overlap=16)
    whole = predicted(models[ndim], image, tile_2d=64, tile_3d=64, overlap=16)
    for axis in (0, 1):
        assert [(span.start, span.stop) for span in even(64, 40, 16)] == [(0, 40), (24, 64)]
        places = np.arange(64)
        inner = (places < 24 - 0) & (places < 40 - reach) | (places >= 40) & (places >= 24 + reach)
        tiled, whole = tiled.compress(inner, axis + 1), whole.compress(inner, axis + 1)
    np.testing.assert_allclose(tiled, whole, atol=2e-3)
    assert np.std(whole[0].astype(float)) > 0.005


def test_a_voxel_of_a_border_is_blended_from_both_tiles(models, float32):
    image = picture(64, 64)
    tiled = predicted(models[2], image, tile_2d=40, overlap=16)
    whole = predicted(models[2], image)
    difference = np.abs(tiled.astype(float) - whole)
    assert 0 < difference.max() < 0.5 * np.ptp(whole.astype(float))


@pytest.mark.parametrize(("ndim", "shape"), [(2, (21, 35)), (3, (17, 18, 23))])
def test_sides_that_are_no_multiple_of_the_stride_are_mirrored_at_their_end(ndim, shape, models, float32):
    image = picture(*shape)
    padded = np.pad(image, [(0, -length % 2) for length in shape], mode="reflect")
    with torch.inference_mode():
        raw = models[ndim].module(torch.from_numpy(padded)[None, None])
        expected = models[ndim].representation.activate(raw)[0].numpy()
    expected = expected[(slice(None), *(slice(0, length) for length in shape))]
    np.testing.assert_allclose(predicted(models[ndim], image), expected, atol=2e-3)


def test_half_precision_agrees_with_full_precision(models, monkeypatch):
    image, outputs = picture(48, 48), {}
    for precision in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(looking, "fast_precision", lambda _, chosen=precision: chosen)
        outputs[precision] = predicted(models[2], image).astype(float)
    apart = np.abs(outputs[torch.float32] - outputs[torch.bfloat16])
    assert 0 < apart.mean() < 0.01
    assert apart.max() < 0.1


def test_the_image_given_stays_as_it_is(models):
    image = picture(40, 40)
    kept = image.copy()
    image.flags.writeable = False
    predicted(models[2], image)
    assert np.array_equal(image, kept)


# ---------------------------------------------------------------------------------------------------------------- blocks


@pytest.mark.parametrize("ndim", [2, 3])
def test_blocks_write_into_files_what_the_whole_would_be(ndim, tmp_path):
    truth = crowd(ndim, side=48)
    method = Flows(halo=16)
    outputs = np.lib.format.open_memmap(tmp_path / "outputs.npy", "w+", np.float16, (1 + ndim, *truth.shape))
    outputs[:] = method.encode(truth)
    outputs.flush()
    readable = np.load(tmp_path / "outputs.npy", mmap_mode="r")
    labels = np.lib.format.open_memmap(tmp_path / "labels.npy", "w+", np.int32, truth.shape)
    decode(method.decode, readable, labels, scratch=tmp_path, plan=replace(CPU, block=28, block_halo=20))
    written = np.load(tmp_path / "labels.npy")
    whole = method.decode(np.asarray(outputs, np.float32))
    assert found(written, whole) >= method.ceiling  # one cell in a hundred may be cut otherwise
    assert abs(int(written.max()) - int(whole.max())) <= 1
    assert len(list(tmp_path.glob("block-*.npy"))) == 2**ndim


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_cell_through_all_blocks_is_one_and_numbers_have_no_gaps(ndim, tmp_path):
    """Each block sees a cell in the corner of its halo that no other block does: its number must not be missed."""
    cells = np.zeros((36,) * ndim, np.int32)
    cells[(slice(4, 32),) * ndim] = 1
    cells[(slice(33, 35),) * ndim] = 2
    outputs = Pieces().encode(cells).astype(np.float16)
    labels = np.zeros(cells.shape, np.int32)
    decode(Pieces(corner=True).decode, outputs, labels, scratch=tmp_path, plan=replace(CPU, block=12, block_halo=3))
    corner = (0,) * ndim
    cells[corner] = 3  # the corner of the volume is the block's own, and stays
    assert same_partition(labels, cells)
    assert sorted(np.unique(labels)) == [0, 1, 2, 3]


def test_nothing_found_is_nothing_written(tmp_path):
    labels = np.zeros((20, 20), np.int32)
    decode(Flows().decode, np.zeros((3, 20, 20), np.float16), labels, scratch=tmp_path, plan=replace(CPU, block=8))
    assert not labels.any()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_finds_what_the_processor_finds(models, tmp_path):
    image, found = picture(64, 64), {}
    for device in ("cpu", "cuda"):
        outputs = np.zeros((3, *image.shape), np.float16)
        predict(models[2], image_of(image), outputs, plan=replace(CPU, device=device))
        found[device] = outputs.astype(float)
    assert np.abs(found["cpu"] - found["cuda"]).max() < 0.1


# --------------------------------------------------------------------------------------------- images, joined to volumes


class Oracle(Same):
    """A network that knows the truth of every section of a volume by its grey values, which are a number for each voxel."""

    def __init__(self, method, truth):
        super().__init__(2)
        self.network = replace(self.network, outputs=3)
        self.method, self.truth = method, truth

    def forward(self, image_BCS):
        places = image_BCS[0, 0].round().long().numpy()
        section = split_pieces(self.truth.ravel()[places])
        target = torch.from_numpy(self.method.encode(section))[None]
        raw = {Flows: torch.atanh(target.clamp(-0.999, 0.999)), Cellpose: 5 * target}[type(self.method)]
        place = 0 if isinstance(self.method, Flows) else 2
        raw[:, place] = 20 * target[:, place] - 10
        return raw


def of_truth(method, truth):
    """A model that knows a truth, and the scan that it knows it of."""
    model = Model("oracle", Oracle(method, truth), method, 1.0)
    numbers = np.arange(truth.size, dtype=np.float32).reshape(truth.shape)
    return model, Image(Volume(numbers, (1.0,) * 3, name="leaf"), 0.0, 1.0, None)


BALLS = np.zeros((24, 32, 40), np.int32)
"""Two balls that touch along X, and one above them."""
for number, centre in enumerate([(10, 16, 10), (10, 16, 26), (18, 8, 18)], start=1):
    apart = np.indices(BALLS.shape).transpose(1, 2, 3, 0) - centre
    BALLS[(np.square(apart).sum(axis=-1) < 49) & (BALLS == 0)] = number


@pytest.mark.parametrize("method", [Flows(), Cellpose()])
def test_the_outputs_of_sections_are_averaged_channel_by_channel(method, float32):
    model, image = of_truth(method, BALLS)
    outputs = np.zeros((4, *BALLS.shape), np.float16)
    predict(model, image, outputs, plan=CPU)
    flows, expected = np.zeros((3, *BALLS.shape)), slice(1, 4) if isinstance(method, Flows) else slice(0, 3)
    for across in range(3):
        for place in range(BALLS.shape[across]):
            here = (slice(None),) * across + (place,)
            target = method.encode(split_pieces(np.ascontiguousarray(BALLS[here])))
            section = np.delete(target, 0 if isinstance(method, Flows) else 2, axis=0)
            for axis, flow in zip([axis for axis in range(3) if axis != across], section, strict=True):
                flows[(axis, *here)] += flow / 2
    np.testing.assert_allclose(outputs[expected], flows, atol=5e-3)
    foreground = outputs[0 if isinstance(method, Flows) else 3]
    np.testing.assert_allclose(foreground, BALLS > 0, atol=2e-3)


@pytest.mark.parametrize("method", [Flows(), Cellpose()])
@pytest.mark.parametrize("volume_by", ["planes", "slices"])
def test_a_model_of_images_finds_the_cells_of_a_volume(method, volume_by, tmp_path, monkeypatch, float32):
    model, image = of_truth(method, BALLS)
    monkeypatch.setattr(Model, "prepare", lambda *_: image)
    plan = replace(CPU, volume_by=volume_by, block=20, block_halo=16)
    labels = segment_volume(image.volume, model, scratch=tmp_path, plan=plan).labels.read()
    assert labels.max() == 3
    assert found(labels, BALLS, 0.7) == 1


def test_slices_are_joined_by_overlap_and_by_nothing_else(tmp_path, monkeypatch, float32):
    """A cell that moves by half its width from slice to slice has an IoU of 1/3 with itself."""
    truth = np.zeros((20, 20, 40), np.int32)
    for z in range(6):
        truth[z, 4:14, 4 * z : 4 * z + 8] = 1
    truth[12:16, 4:14, 4:12] = 2
    model, image = of_truth(Flows(), truth)
    monkeypatch.setattr(Model, "prepare", lambda *_: image)
    for bound, cells in ((0.3, 2), (0.4, 7)):
        (place := tmp_path / str(bound)).mkdir()
        plan = replace(CPU, volume_by="slices", slice_agreement=bound)
        labels = segment_volume(image.volume, model, scratch=place, plan=plan).labels.read()
        assert labels.max() == cells
        assert np.array_equal(labels > 0, truth > 0)


def test_a_method_that_does_not_say_where_its_channels_point_goes_by_slices(tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Pointing(Pieces):
        def channels(self, ndim):
            return ndim

    words = ("Pointing has 2 channels in images and 3 in volumes", "volume_by = 'slices'")
    complaint(SettingsError, lambda: Pointing().in_volume(0), *words)
    assert Pieces().in_volume(0) == (0,)


def test_the_way_that_the_network_learnt_is_the_way_that_tiles_are_cut(monkeypatch):
    """Unless the plan names another one."""
    asked, tiles = [], looking.tiles
    monkeypatch.setattr(looking, "tiles", lambda *given: asked.append(given[1]) or tiles(*given))
    model, array = same(2), picture(20, 20)
    predicted(model, array)
    model.module.network = type("Learnt", (Network,), {"tiling": "cellpose"})(2, 1, 1)
    predicted(model, array)
    predicted(model, array, tiling="even")
    assert asked == ["even", "cellpose", "even"]


# ------------------------------------------------------------------------------------------------------ from scan to cells


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((40, 50), 0.65), ((60, 70), (0.4, 0.9)), ((21, 23), 1.3), ((20, 24, 28), 0.65), ((10, 30, 30), (1.3, 0.5, 0.5))],
)
def test_labels_have_the_shape_of_their_scan_whatever_its_voxels(shape, spacing, models):
    scan = (picture(*shape) * 20 + 100).astype(np.uint8)
    kept = scan.copy()
    labels = segment(scan, spacing_um=spacing, model=models[len(shape)], device="cpu")
    assert labels.shape == shape
    assert labels.dtype == np.int32
    assert labels.min() >= 0
    labels[:] = 5  # they are the caller's
    assert np.array_equal(scan, kept)


@pytest.mark.parametrize("spacing", [0.65, np.float32(0.65), (0.65, 0.65), [0.65, 0.65], np.full(2, 0.65)])
def test_a_voxel_size_is_a_number_or_several(spacing, models):
    scan = picture(32, 32) * 20 + 100
    expected = segment(scan, spacing_um=0.65, model=models[2], device="cpu")
    assert np.array_equal(segment(scan, spacing_um=spacing, model=models[2], device="cpu"), expected)


def test_a_scan_that_lies_in_a_file_is_segmented_as_one_in_memory(models, untrained, tmp_path):
    scan = Volume((picture(24, 30, 36) * 20 + 100).astype(np.uint8), (1.0, 0.7, 0.65), name="leaf")
    io.write(tmp_path / "leaf.tif", scan)
    in_memory, in_file = tmp_path / "memory", tmp_path / "file"
    for place in (in_memory, in_file):
        place.mkdir()
    lazy = io.read(tmp_path / "leaf.tif", spacing_um=scan.spacing_um)
    expected = segment_volume(scan, models[3], scratch=in_memory, plan=CPU).labels
    found = segment_volume(lazy, untrained[3], scratch=in_file, plan=CPU).labels
    assert np.array_equal(found.read(), expected.read())
    assert found.spacing_um == scan.spacing_um
    assert found.name == "cells of leaf.tif"


def test_labels_stay_on_the_disk_until_they_are_read(models, tmp_path):
    scan = Volume(picture(40, 40) * 20 + 100, (0.65, 0.65))
    labels = segment_volume(scan, models[2], scratch=tmp_path, plan=CPU).labels
    assert isinstance(labels.data, np.memmap)
    assert Path(labels.data.filename) == tmp_path / "labels.npy"
    assert np.array_equal(labels.read(), np.load(tmp_path / "labels.npy"))


def test_a_plan_can_change_how_cells_are_read(models, tmp_path):
    scan = Volume(picture(48, 48) * 20 + 100, (0.65, 0.65))
    found = {}
    for least in (1, 10**6):
        place = tmp_path / str(least)
        place.mkdir()
        plan = replace(CPU, decoding={"min_size_vox": least, "min_arrivals": 1, "threshold": 0.1})
        found[least] = segment_volume(scan, models[2], scratch=place, plan=plan).labels.read()
    assert found[1].any()
    assert not found[10**6].any()


def test_where_it_stands_is_told_from_tiles_to_blocks(models, tmp_path):
    told = []
    scan = Volume(picture(40, 40) * 20 + 100, (0.65, 0.65))
    plan = replace(CPU, tile_2d=32, overlap=8, block=20, block_halo=4)
    segment_volume(scan, models[2], scratch=tmp_path, plan=plan, progress=lambda *where: told.append(where))
    assert told[-1][1] == told[-1][2]
    tasks = list(dict.fromkeys(task for task, _, _ in told))
    assert tasks == ["looking for walls", "finding cells", "stitching blocks"]
    for task in tasks:
        steps = [(done, total) for name, done, total in told if name == task]
        assert steps == [(done, steps[0][1]) for done in range(steps[0][1] + 1)]


def test_what_does_not_suit_is_told_before_anything_is_computed(models, tmp_path):
    scan = Volume(picture(40, 40) * 20 + 100, (0.65, 0.65), name="leaf.tif")

    def cut(volume=scan, model=models[2], **plan):
        segment_volume(volume, model, scratch=tmp_path, plan=replace(CPU, **plan))

    complaint(SettingsError, lambda: cut(decoding={"treshold": 0.4}), "'treshold'", "did you mean 'threshold'?")
    complaint(ModelError, lambda: cut(model=models[3]), "leaf.tif has 2 axes", "--model leaf-2d")
    complaint(ModelError, lambda: cut(model="leaf-4d"), "no model 'leaf-4d'")
    complaint(VolumeError, lambda: cut(Volume(np.zeros((40, 40)), (1, 1))), "nearly everywhere")
    complaint(
        SettingsError, lambda: segment(scan.read(), spacing_um=1, model=models[2], device="tpu"), "device = 'tpu'"
    )
    complaint(VolumeError, lambda: segment(np.zeros((2, 3, 4, 5)), spacing_um=1, model=models[2]), "has 4 axes")
    complaint(VolumeError, lambda: segment(scan.read(), spacing_um=(1, 2, 3), model=models[2]), "1 2 3 µm cannot be")
    assert not list(tmp_path.iterdir())


def test_a_disk_without_room_is_told_at_once(tmp_path):
    complaint(FileError, lambda: scratch.check_room(tmp_path, 10**18), "GB left", "1000000000.0 GB", "make room")


def test_a_scan_is_seen_in_the_models_range(tmp_path):
    """The image that reaches the network is that of the percentiles, and pieces above their middle are cells."""
    grey = np.full((40, 40), 50.0, np.float32)
    grey[8:20, 8:20] = grey[24:36, 24:36] = 150
    model = replace(same(2), intensity=Intensity(10, 90))
    outputs = np.zeros((1, 40, 40), np.float16)
    predict(model, model.prepare(Volume(grey, (1.0, 1.0))), outputs, plan=CPU)
    labels = np.zeros((40, 40), np.int32)
    decode(Pieces().decode, outputs, labels, scratch=tmp_path, plan=CPU)
    assert np.array_equal(labels > 0, grey > 100)
    assert labels.max() == 2
