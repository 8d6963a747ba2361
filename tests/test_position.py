"""How a leaf lies: a scan that lies otherwise gives the same cells, and a model that knows one position finds it."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

import mesophyll
from catalogue import crowd
from complaint import complaint
from conftest import run
from mesophyll import io
from mesophyll.errors import ModelError, SettingsError, UnfamiliarScanWarning, VolumeError
from mesophyll.inference import SegmentationPlan, segment, segment_volume
from mesophyll.inference.staging import stage
from mesophyll.io import Example
from mesophyll.labels import same_partition
from mesophyll.mapping import map_tissue_volume
from mesophyll.model import ABOUT, Image, Model, load, save
from mesophyll.network import Network
from mesophyll.position import AXES, THROUGH, axis_through, find_through, layering, upright
from mesophyll.progress import silent
from mesophyll.representations import Flows, Tissue
from mesophyll.training import TrainingPlan, train
from mesophyll.training.patches import Augmentation, Patch, move
from mesophyll.tuning.looking import sights
from mesophyll.volume import Swapped, Volume, resample, swap
from networks import lively

CPU = SegmentationPlan(device="cpu")
SPACING = (1.0, 0.5, 2.0)


class OnDisk:
    """An array that is read region by region, and remembers which."""

    def __init__(self, array):
        self.array, self.asked = array, []
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, region):
        self.asked.append(region)
        return self.array[region]


def numbered(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def lying(volume: Volume, axis: int) -> Volume:
    """Return an upright volume as it is when another axis leads through the leaf; in memory, as a file would hold it."""
    turned = upright(volume, axis)
    return replace(turned, data=np.ascontiguousarray(turned.read()))


# ------------------------------------------------------------------------------------------------------------- swapping


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (1, 2), (0, 2)])
def test_swapped_axes_carry_their_lengths_and_places_with_them(axes):
    array = numbered(4, 5, 6)
    for data in (array, OnDisk(array)):
        volume = Volume(data, SPACING, (1.0, 2.0, 3.0), "leaf")
        turned = swap(volume, *axes)
        assert np.array_equal(turned.read(), array.swapaxes(*axes))
        assert turned.shape == array.swapaxes(*axes).shape
        order = [*range(3)]
        order[axes[0]], order[axes[1]] = order[axes[1]], order[axes[0]]
        assert turned.spacing_um == tuple(SPACING[axis] for axis in order)
        assert turned.origin_um == tuple((1.0, 2.0, 3.0)[axis] for axis in order)
        back = swap(turned, *axes[::-1])
        assert np.array_equal(back.read(), array)
        assert (back.spacing_um, back.origin_um) == (volume.spacing_um, volume.origin_um)


def test_an_axis_in_its_own_place_changes_nothing():
    volume = Volume(numbered(4, 5), (1.0, 1.0))
    assert swap(volume, 1, 1) is volume
    assert upright(volume, THROUGH) is volume


def test_a_lazy_array_swapped_twice_is_itself():
    volume = Volume(OnDisk(numbered(4, 5, 6)), SPACING)
    assert swap(swap(volume, 0, 2), 2, 0).data is volume.data
    assert isinstance(swap(swap(volume, 0, 2), 0, 1).data, Swapped)  # another pair, on top of the first


@pytest.mark.parametrize(
    "region",
    [
        (slice(1, 3), slice(0, 4), slice(2, 5)),
        (slice(None, None, 2), slice(1, None, 3), slice(None)),
        (slice(1, 3),),
        slice(2, 4),
    ],
)
def test_a_region_of_a_swapped_array_is_that_of_the_whole(region):
    array = numbered(4, 5, 6)
    assert np.array_equal(Swapped(OnDisk(array), (0, 2))[region], array.swapaxes(0, 2)[region])


@pytest.mark.parametrize("labels", [False, True])
def test_a_scan_that_lies_otherwise_is_resampled_alike(labels):
    array = crowd(3, side=24) if labels else np.random.default_rng(0).random((24, 20, 22)).astype(np.float32)
    volume = Volume(OnDisk(array), SPACING)
    one = resample(swap(volume, 0, 1), (0.8, 1.1, 1.5), labels=labels)
    other = swap(resample(volume, (1.1, 0.8, 1.5), labels=labels), 0, 1)
    assert one.spacing_um == other.spacing_um
    assert np.array_equal(one.read(), other.read())


def test_files_are_read_page_by_page_however_the_leaf_lies(tmp_path, monkeypatch):
    monkeypatch.setattr("mesophyll.inference.staging._STAGED_VOXELS", 60)
    file = OnDisk(numbered(4, 5, 6))
    image = Image(swap(Volume(file, (1.0,) * 3), 0, 1), 0.0, 1.0, None)
    staged = stage(image, 4, tmp_path, silent)
    assert np.array_equal(staged.volume.read(), file.array.swapaxes(0, 1))
    assert [region[0] for region in file.asked] == [slice(0, 2), slice(2, 4)]  # each page once, in their order


def test_a_labelled_leaf_is_made_upright_as_a_whole():
    volumes = {name: Volume(numbered(4, 5, 6), SPACING, name=name) for name in ("labels", "tissue", "confidence")}
    leaf = Example("leaf", (Volume(numbered(4, 5, 6), SPACING),), **volumes)
    turned = leaf.upright(0)
    for volume in (*turned.scans, turned.labels, turned.tissue, turned.confidence):
        assert volume.shape == (5, 4, 6)
    bare = replace(leaf, tissue=None, confidence=None).upright(0)
    assert (bare.tissue, bare.confidence) == (None, None)


# ------------------------------------------------------------------------------------------------------- finding cells


@pytest.fixture(scope="module")
def scan():
    labels = crowd(3, side=40)[:, :32, :36]
    grey = np.where(labels > 0, 0.8, 0.2) + np.random.default_rng(0).normal(0, 0.1, labels.shape)
    return Volume(grey.astype(np.float32), (1.0,) * 3, name="leaf")


def model(subject="cells", **changes) -> Model:
    representation = Tissue() if subject == "tissue" else Flows(min_size_vox=5)
    network = Network(3, changes.get("scans", 1), representation.channels(3), levels=2)
    return Model("one-way", lively(network), representation, 1.0, position="upright", **changes)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_scan_that_lies_otherwise_has_the_same_cells(scan, axis, tmp_path):
    plan = replace(CPU, through=AXES[axis])
    found = {}
    for name, seen, how in (("upright", scan, replace(CPU, through="Y")), ("lying", lying(scan, axis), plan)):
        (tmp_path / name).mkdir()
        found[name] = segment_volume(seen, model(), scratch=tmp_path / name, plan=how).labels
        assert found[name].shape == seen.shape
        assert found[name].spacing_um == seen.spacing_um
    assert found["upright"].read().max() > 3
    assert np.array_equal(upright(found["lying"], axis).read(), found["upright"].read())


def test_a_model_that_minds_sees_something_else_in_a_leaf_on_its_side(scan, tmp_path):
    found = []
    for through in ("Y", "X"):
        (tmp_path / through).mkdir()
        segmentation = segment_volume(scan, model(), scratch=tmp_path / through, plan=replace(CPU, through=through))
        found.append(segmentation.labels.read().copy())
    assert not same_partition(*found)


def test_a_model_that_does_not_mind_is_asked_nothing(scan, tmp_path):
    anyhow = replace(model(), position="any")
    found = segment_volume(scan, anyhow, scratch=tmp_path, plan=replace(CPU, through="X")).labels.read()
    (tmp_path / "again").mkdir()
    assert np.array_equal(found, segment_volume(scan, anyhow, scratch=tmp_path / "again", plan=CPU).labels.read())


def test_tissues_lie_as_their_scan_does(scan, tmp_path):
    found = {}
    for axis in (THROUGH, 2):
        place = tmp_path / AXES[axis]
        place.mkdir()
        plan = replace(CPU, through=AXES[axis])
        found[axis] = map_tissue_volume(lying(scan, axis), model("tissue"), scratch=place, plan=plan)
    assert found[2].shape == lying(scan, 2).shape
    assert len(np.unique(found[THROUGH].read())) > 2
    assert np.array_equal(upright(found[2], 2).read(), found[THROUGH].read())


def test_what_lies_beside_a_scan_is_turned_with_it(scan):
    codes = Volume(
        (np.arange(scan.shape[1])[None, :, None] % 7 + np.zeros(scan.shape)).astype(np.uint8), scan.spacing_um
    )
    reads = Model("reads", Network(3, 2, 4, levels=2).build().eval(), Flows(), 1.0, tissue="codes", position="upright")
    straight = reads.prepare(scan, codes)
    turned = reads.prepare(lying(scan, 0), lying(codes, 0), through=0)
    whole = tuple(slice(0, length) for length in straight.shape)
    assert np.array_equal(straight.read(whole), turned.read(whole))
    pair = model(scans=2)
    second = replace(scan, data=scan.read() ** 2)
    straight, turned = pair.prepare(scan, None, second), pair.prepare(lying(scan, 0), None, lying(second, 0), 0)
    assert np.array_equal(straight.read(whole), turned.read(whole))


def test_a_decoder_is_tuned_by_what_is_seen_upright(scan, tmp_path):
    leaf = Example("leaf", (scan,), replace(scan, data=crowd(3, side=40)[:, :32, :36]))
    fates = []
    for axis in (THROUGH, 0):
        (tmp_path / AXES[axis]).mkdir()
        plan = replace(CPU, through=AXES[axis])
        shown = leaf.upright(axis)
        (sight,) = sights(model(), [shown], plan=plan, scratch=tmp_path / AXES[axis], progress=silent)
        fates.append(sight.fates(model(), plan, tmp_path))
    assert len(fates[0].cells) > 10
    assert np.array_equal(fates[0].claims, fates[1].claims)


# ------------------------------------------------------------------------------------------------- finding the position


def leaf_of(seed, kind="grape"):
    leaf = mesophyll.make_phantom(seed=seed, kind=kind, shape=(64, 224, 64), spacing_um=1.0)
    return Volume(leaf.gridrec, leaf.spacing_um, name=kind)


@pytest.mark.parametrize("kind", ["grape", "grass", "honeycomb", "hard"])
def test_the_way_through_a_leaf_is_found_however_it_lies(kind):
    standing = leaf_of(3, kind)
    for axis in range(3):
        seen = lying(standing, axis)
        assert find_through(seen) == axis
        assert find_through(replace(seen, data=OnDisk(seen.data))) == axis
        assert axis_through(seen, "any", "X") == THROUGH  # whoever knows all positions does not ask
        assert axis_through(seen, "upright") == axis
        assert axis_through(seen, "upright", "Z") == 0


def leaning(volume):
    by = Rotation.from_rotvec(np.radians([14, 0, 14])).as_matrix()
    centre = (np.array(volume.shape) - 1) / 2
    grey = ndimage.affine_transform(volume.read().astype(np.float32), by, centre - by @ centre, order=1, mode="reflect")
    return replace(volume, data=grey)


def in_a_round_field(volume, across):
    """What lies outside a cylinder is 0, as in a reconstruction."""
    far = 0.0
    for axis in {0, 1, 2} - {across}:
        place = np.linspace(-1, 1, volume.shape[axis]) ** 2
        far = far + place.reshape([-1 if other == axis else 1 for other in range(3)])
    return replace(volume, data=np.where(np.broadcast_to(far, volume.shape) < 1, volume.read(), 0))


def inverted(volume):
    return replace(volume, data=255 - volume.read())


def coarse_through(volume):
    return replace(volume, data=volume.read()[:, ::2], spacing_um=(1.0, 2.0, 1.0))


def noisy(volume):
    return replace(volume, data=volume.read() + np.random.default_rng(0).normal(0, 15, volume.shape))


@pytest.mark.parametrize(
    "seen",
    [leaning, inverted, coarse_through, noisy, *(partial(in_a_round_field, across=axis) for axis in range(3))],
)
def test_the_way_through_a_leaf_is_found_whatever_becomes_of_the_scan(seen):
    assert find_through(seen(leaf_of(3))) == THROUGH


def test_a_scan_is_read_at_steps_that_keep_the_sample_small():
    file = OnDisk(np.broadcast_to(np.float32(1), (900, 800, 700)))
    layering(Volume(file, (0.65,) * 3))
    (steps,) = [{axis.step for axis in region} for region in file.asked]
    assert steps == {5}  # 3.3 µm: at 2.6 there would be 8 million voxels


def test_in_doubt_a_scan_is_left_as_it_lies_and_that_is_told_where_it_is_asked(scan):
    with pytest.warns(UnfamiliarScanWarning, match="the array hardly shows how its leaf lies: Y is taken") as told:
        segment(scan.read(), spacing_um=1.0, model=model(), device="cpu")
    assert "say so in a plan (through)" in str(told[0].message)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error", UnfamiliarScanWarning
        )  # nobody is in doubt who was told, or does not mind, or sees
        axis_through(scan, "upright", "X")
        axis_through(scan, "any")
        find_through(leaf_of(3))


@pytest.mark.filterwarnings("ignore::mesophyll.errors.UnfamiliarScanWarning")
def test_a_scan_a_few_voxels_thick_is_no_trouble():
    array = np.random.default_rng(0).random((2, 40, 60)).astype(np.float32)
    assert np.isfinite(layering(Volume(array, (0.65,) * 3))).all()
    before = array.copy()
    complaint(
        VolumeError, lambda: segment(array, spacing_um=0.65, model=model(), device="cpu"), "at least 16 along each"
    )
    assert np.array_equal(array, before)  # nobody's array is changed


@pytest.mark.parametrize("grey", [0.0, 7.0])
def test_where_nothing_changes_nothing_is_told_and_nothing_fails(grey):
    assert np.ptp(layering(Volume(np.full((20, 30, 40), grey), (1.0,) * 3))) == 0


@pytest.mark.parametrize("verb", ["segment", "tissue"])
def test_a_scan_that_is_turned_is_told_and_noted(verb, tmp_path):
    save(model("cells" if verb == "segment" else "tissue"), tmp_path / "one-way")
    save(replace(model("cells" if verb == "segment" else "tissue"), position="any"), tmp_path / "all-ways")
    for axis in ("Y", "Z"):
        io.write(tmp_path / f"{axis}.tif", lying(leaf_of(3), AXES.index(axis)))
    said = {}
    for name, axis in (("one-way", "Y"), ("one-way", "Z"), ("all-ways", "Z")):
        out = tmp_path / f"{name}-{axis}.tif"
        result = run(verb, tmp_path / f"{axis}.tif", "-o", out, "--model", tmp_path / name, "--device", "cpu")
        assert result.exit_code == 0, result.output
        said[name, axis] = "Z leads through the leaf: made upright for one-way" in result.output
        assert io.read_notes(out)["plan"]["through"] == (axis if name == "one-way" else "auto")
    assert said == {("one-way", "Y"): False, ("one-way", "Z"): True, ("all-ways", "Z"): False}


# ------------------------------------------------------------------------------------------------------------- learning


def layers(side=36):
    labels = np.zeros((side,) * 3, np.int32)
    labels[:, side // 2 :] = 1
    return Patch(labels[None].astype(np.float32), labels, np.zeros(labels.shape, bool), 4)


def across(patch):
    """Return how much the means of planes across each axis differ: all of it along the axis that leads through layers."""
    core = patch.labels_S[10:-10, 10:-10, 10:-10]
    spread = [core.mean(tuple(other for other in range(3) if other != axis)).std() for axis in range(3)]
    return np.array(spread) / max(spread)


def test_an_upright_leaf_stays_upright_however_it_is_varied():
    how = Augmentation(turn=1, lean=0, zoom=(1, 1))
    for seed in range(20):
        spread = across(move(layers(), how, np.random.default_rng(seed), upright=True))
        assert spread[THROUGH] == 1
        assert np.delete(spread, THROUGH).max() < 1e-6


def test_it_leans_as_far_as_it_may():
    leans = []
    for seed in range(40):
        how = Augmentation(mirror=False, turn=1, lean=30, zoom=(1, 1))
        moved = move(layers(), how, np.random.default_rng(seed), upright=True)
        grey = moved.image_CS[0, 8:-8, 8:-8, 8:-8]
        normal = np.abs([slope.sum() for slope in np.gradient(grey)])
        leans.append(np.degrees(np.arccos(normal[THROUGH] / np.linalg.norm(normal))))
    assert 20 < max(leans) < 31
    assert min(leans) < 5


def test_without_a_position_a_leaf_is_turned_all_ways():
    spreads = [across(move(layers(), Augmentation(turn=0), np.random.default_rng(seed))) for seed in range(20)]
    assert {int(spread.argmax()) for spread in spreads} == {0, 1, 2}


def test_the_axes_across_an_upright_leaf_change_places():
    patch = layers()
    patch = replace(patch, image_CS=np.arange(patch.image_CS.size, dtype=np.float32).reshape(patch.image_CS.shape))
    drawn = [
        move(patch, Augmentation(turn=0), np.random.default_rng(seed), upright=True).image_CS.tobytes()
        for seed in range(100)
    ]
    assert len(set(drawn)) == 16  # two orders, and a mirror for each axis


PLAN = TrainingPlan(
    levels=2,
    patch=16,
    batch=2,
    epochs=1,
    steps=2,
    spacing_um=1.0,
    validation_patches=2,
    split="leaking",
    position="upright",
    through="Z",
    representation={"name": "flows", "halo": 4},
)


@pytest.fixture(scope="module")
def lying_leaf(scan):
    labels = replace(scan, data=crowd(3, side=40)[:, :32, :36], name="labels")
    return Example("leaf", (scan,), labels).upright(0)


def test_what_a_model_learnt_of_positions_is_kept_and_continued(lying_leaf, tmp_path):
    first = train([lying_leaf], tmp_path / "first", PLAN, device="cpu")
    assert first.position == load(tmp_path / "first").position == "upright"
    onward = replace(PLAN, start=str(tmp_path / "first"), position="any", through="auto", representation={})
    second = train([lying_leaf], tmp_path / "second", onward, device="cpu")
    assert second.position == "upright"  # as all that a plan leaves at its default and a model decides
    assert second.card["plan"]["position"] == "upright"


def test_scans_are_learnt_from_as_they_are_told_to_lie(lying_leaf, tmp_path):
    """A scan on its side and what is said of it teach what the upright one teaches."""
    plans = {"lying": PLAN, "upright": replace(PLAN, through="Y")}
    leaves = {"lying": lying_leaf, "upright": lying_leaf.upright(0)}
    weights = [
        train([leaves[name]], tmp_path / name, plan, device="cpu").module.state_dict() for name, plan in plans.items()
    ]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_images_have_no_position():
    words = ("position = 'upright' with ndim = 2", "need not show what leads through the leaf", "set ndim = 3")
    complaint(SettingsError, lambda: TrainingPlan(ndim=2, position="upright"), *words)


def test_a_model_whose_position_is_none_does_not_load(tmp_path):
    save(model(), tmp_path / "m")
    about = json.loads((tmp_path / "m" / ABOUT).read_text())
    for position, words in (("askew", "position = 'askew'"), ("upright", None)):
        (tmp_path / "m" / ABOUT).write_text(json.dumps(about | {"position": position}))
        if words:
            complaint(ModelError, lambda: load(tmp_path / "m"), words, "'any' or 'upright'")
        else:
            assert load(tmp_path / "m").position == "upright"
    del about["position"]  # so are files that are older than positions
    (tmp_path / "m" / ABOUT).write_text(json.dumps(about))
    assert load(tmp_path / "m").position == "any"


def test_a_model_of_images_with_a_position_does_not_load(tmp_path):
    flat = Model("flat", Network(2, 1, 3, levels=2).build(), Flows(), 1.0, position="upright")
    save(flat, tmp_path / "m")
    complaint(ModelError, lambda: load(tmp_path / "m"), "an image has no position")


def test_a_command_line_plan_says_what_leads_through_the_leaf(tmp_path: Path):
    from mesophyll.settings import read_toml

    (tmp_path / "plan.toml").write_text('through = "Z"\n')
    assert read_toml(SegmentationPlan, tmp_path / "plan.toml").through == "Z"
    (tmp_path / "plan.toml").write_text('through = "W"\n')
    complaint(
        SettingsError, lambda: read_toml(SegmentationPlan, tmp_path / "plan.toml"), "through = 'W'", "'auto', 'Z'"
    )


def test_the_phantom_grows_upright_leaves(tmp_path):
    """Its models are taught by them unturned."""
    from typer.testing import CliRunner

    from mesophyll.cli import app

    arguments = ["phantom", str(tmp_path / "leaf"), "--shape", "24", "160", "24", "--spacing", "1.3", "--seed", "3"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    leaf = io.read_example(tmp_path / "leaf")
    air = [
        (leaf.tissue.read() > 0).mean(tuple(other for other in range(3) if other != axis)).std() for axis in range(3)
    ]
    assert int(np.argmax(air)) == THROUGH
