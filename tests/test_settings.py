"""Every setting survives a file, and a misspelt one is not passed over."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import Literal

import pytest

from complaint import complaint
from mesophyll.errors import SettingsError
from mesophyll.inference import SegmentationPlan
from mesophyll.model import Intensity
from mesophyll.network import Network
from mesophyll.representations import REPRESENTATIONS, Affinities, Flows, Heads, from_table, to_table
from mesophyll.settings import from_dict, read_toml, to_dict
from mesophyll.training import TrainingPlan
from mesophyll.training.patches import Augmentation

PLAIN = [
    TrainingPlan(),
    SegmentationPlan(),
    Augmentation(),
    Intensity(),
    Network(3, 1, 4),
    *(kind() for kind in REPRESENTATIONS.values()),
]
CHANGED = [
    TrainingPlan(
        ndim=2,
        representation={"name": "flows", "halo": 8},
        size="large",
        intensity=Intensity(2, 98, (0, 1)),
        augmentation=Augmentation(mirror=False, zoom=(1, 1)),
        schedule="plateau",
    ),
    SegmentationPlan(tile_3d=64, overlap=16, decoding={"min_size_vox": 50}, device="cpu"),
    Augmentation(turn=0.5, zoom=(0.5, 1.0)),
    Intensity(0.1, 99.9, (-0.5, 1.5)),
    Network(2, 3, 7, "medium", 5),
    Flows(target="centre", foreground_loss="mae", halo=4),
    Affinities(long_um=(2.0, 5.0), diagonal_um=(), decoder="mutex"),
    Heads(parts=(Affinities(strides=3), Flows(passes=7)), decode_by="flows"),
    TrainingPlan(representation={"name": "heads", "parts": [{"name": "flows"}, {"name": "affinities", "strides": 3}]}),
]


def toml(table, head=""):
    """Write a table of plain values as TOML, by hand."""
    lines, inner, place = [head] if head else [], [], head.strip("[]")
    for key, value in table.items():
        name = f"{place}.{key}".strip(".")
        if isinstance(value, dict):
            inner.append(toml(value, f"[{name}]"))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            inner += [toml(each, f"[[{name}]]") for each in value]
        else:
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join([*lines, *inner]) + "\n"


@pytest.mark.parametrize("value", [*PLAIN, *CHANGED], ids=lambda value: type(value).__name__)
def test_settings_survive_json_and_toml(value, tmp_path):
    table = json.loads(json.dumps(to_dict(value)))
    assert from_dict(type(value), table) == value
    path = tmp_path / "plan.toml"
    path.write_text(toml(table), encoding="utf-8")
    assert read_toml(type(value), path) == value


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_an_empty_table_is_the_defaults_and_every_field_is_a_key(value):
    if not isinstance(value, Network):  # a network has no default for its axes and channels
        assert from_dict(type(value), {}) == value
    assert list(to_dict(value)) == [each.name for each in fields(value)]


@pytest.mark.parametrize("kind", REPRESENTATIONS.values())
def test_a_representation_stands_in_a_table_by_name(kind):
    table = to_table(kind())
    assert REPRESENTATIONS[table["name"]] is kind
    assert from_table(table) == kind()
    assert from_table(table | {"halo": 7}) == replace(kind(), halo=7)


def test_a_table_without_a_name_is_that_of_flows():
    assert from_table({"halo": 5}) == Flows(halo=5)


def test_settings_given_are_not_changed():
    table = {"augmentation": {"zoom": [1, 1]}, "representation": {"name": "flows"}}
    kept = json.dumps(table)
    from_dict(TrainingPlan, table)
    from_table(table["representation"])
    assert json.dumps(table) == kept


# ---------------------------------------------------------------------------------------------------- what goes wrong


def test_an_unknown_key_names_the_nearest_one():
    text = complaint(SettingsError, lambda: from_dict(TrainingPlan, {"epoch": 3}, "plan.toml"), "unknown key 'epoch'")
    assert text.startswith("plan.toml: ")
    assert "did you mean 'epochs'?" in text


def test_an_unknown_key_within_a_table_names_its_place_and_the_nearest_one():
    def read():
        from_dict(TrainingPlan, {"augmentation": {"mirrors": True}}, "plan.toml")

    complaint(SettingsError, read, "plan.toml, augmentation: unknown key 'mirrors'", "did you mean 'mirror'?")


def test_unknown_keys_are_met_however_deep_they_lie():
    @dataclass(frozen=True)
    class Leaf:
        colour: Literal["green"] = "green"

    @dataclass(frozen=True)
    class Twig:
        leaf: Leaf = field(default_factory=Leaf)

    @dataclass(frozen=True)
    class Tree:
        twig: Twig = field(default_factory=Twig)

    for kind in (Leaf, Twig):  # names in annotations are looked up in the module
        globals()[kind.__name__] = kind
    complaint(
        SettingsError,
        lambda: from_dict(Tree, {"twig": {"leaf": {"color": "green"}}}, "tree"),
        "tree, twig, leaf: unknown key 'color'",
        "'colour'",
    )


def test_a_key_like_none_of_them_still_gets_a_suggestion():
    complaint(SettingsError, lambda: from_dict(Intensity, {"@": 1}), "known are low, high, clip", "did you mean")


@pytest.mark.parametrize(
    ("kind", "table", "words"),
    [
        (TrainingPlan, {"epochs": "many"}, ["epochs = 'many'", "integer"]),
        (TrainingPlan, {"ndim": 4}, ["ndim = 4", "2 or 3"]),
        (TrainingPlan, {"augmentation": 3}, ["augmentation = 3"]),
        (TrainingPlan, {"augmentation": {"zoom": [1, "b"]}}, ["augmentation.zoom.1 = 'b'"]),
        (SegmentationPlan, {"device": "gpu"}, ["device = 'gpu'", "'auto', 'cpu' or 'cuda'"]),
        (Network, {"ndim": 3}, ["inputs", "required"]),
        (Network, ["ndim"], ["settings = ['ndim']", "a table of keys and values"]),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_place(kind, table, words):
    complaint(SettingsError, lambda: from_dict(kind, table), *words)


def test_an_unknown_representation_names_the_nearest_one():
    complaint(
        SettingsError, lambda: from_table({"name": "flow"}), "unknown representation 'flow'", "did you mean 'flows'?"
    )
    complaint(SettingsError, lambda: from_table({"name": "flows", "hallo": 3}), "representation flows", "'halo'")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"epochs = \n", ["plan.toml: ", "line 1", "a plan is a TOML file"]),
        (b"name = '\xff'\n", ["plan.toml: ", "utf-8", "correct that line"]),
        (b"epoch = 3\n", ["plan.toml: unknown key 'epoch'"]),
        (b"epochs = 0\n", ["epochs = 0", "above 0"]),
    ],
)
def test_a_plan_that_cannot_be_read_names_the_file(content, words, tmp_path):
    (tmp_path / "plan.toml").write_bytes(content)
    complaint(SettingsError, lambda: read_toml(TrainingPlan, tmp_path / "plan.toml"), *words)


def test_a_plan_that_is_missing_or_a_folder_names_the_path(tmp_path):
    complaint(SettingsError, lambda: read_toml(TrainingPlan, tmp_path / "no.toml"), "no.toml cannot be read")
    complaint(SettingsError, lambda: read_toml(TrainingPlan, tmp_path), "cannot be read", "check the path")


# -------------------------------------------------------------------------------------------------- rules of the plans


@pytest.mark.parametrize(
    "name",
    ["levels", "batch", "accumulate", "epochs", "steps", "validation_patches", "workers", "spacing_um", "rate"],
)
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_number_of_a_training_plan_is_above_0(name, value):
    complaint(
        SettingsError, lambda: TrainingPlan(**{name: value}), f"{name} = {value}", "is above 0", f"correct {name}"
    )


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_a_share_that_is_held_out_leaves_something_on_both_sides(share):
    complaint(SettingsError, lambda: TrainingPlan(held_out=share), f"held_out = {share}", "between 0 and 1")


@pytest.mark.parametrize(("patch", "levels", "stride"), [(60, 4, 8), (0, 4, 8), (-8, 4, 8), (24, 5, 16)])
def test_a_patch_is_a_multiple_of_the_stride(patch, levels, stride):
    complaint(
        SettingsError, lambda: TrainingPlan(patch=patch, levels=levels), f"patch = {patch}", f"multiple of {stride}"
    )


@pytest.mark.parametrize(
    "wrong", [{"low": 99, "high": 1}, {"low": -1}, {"high": 101}, {"low": float("nan")}, {"clip": (1, 1)}]
)
def test_percentiles_rise_from_0_to_100_and_so_does_the_range(wrong):
    complaint(SettingsError, lambda: Intensity(**wrong), "low = ", "between 0 and 100", "correct")


@pytest.mark.parametrize(
    "wrong",
    [{"zoom": (0, 1)}, {"zoom": (2, 1)}, {"turn": 1.5}, {"blur": -0.1}, {"noise": -1}, {"gamma": float("nan")}],
)
def test_shares_and_ranges_of_an_augmentation_are_such(wrong):
    name = next(iter(wrong))
    complaint(SettingsError, lambda: Augmentation(**wrong), f"{name} = {wrong[name]}", f"correct {name}")


@pytest.mark.parametrize("name", ["tile_2d", "tile_3d"])
@pytest.mark.parametrize("side", [0, -16, 63])
def test_a_tile_is_at_least_twice_the_overlap(name, side):
    complaint(
        SettingsError,
        lambda: SegmentationPlan(overlap=32, **{name: side}),
        f"{name} = {side} with overlap = 32",
        "twice",
    )


def test_tiles_do_not_leave_gaps():
    complaint(SettingsError, lambda: SegmentationPlan(overlap=-1), "overlap = -1", "not negative")


@pytest.mark.parametrize("wrong", [{"block": 0}, {"block_halo": -1}])
def test_blocks_have_voxels(wrong):
    name, value = next(iter(wrong.items()))
    complaint(SettingsError, lambda: SegmentationPlan(**wrong), f"{name} = {value}", "correct the plan")


@pytest.mark.parametrize("name", ["agreement", "slice_agreement"])
@pytest.mark.parametrize("value", [0, 1, -0.5])
def test_agreements_are_shares(name, value):
    rule = "an agreement lies between 0 and 1"
    complaint(SettingsError, lambda: SegmentationPlan(**{name: value}), f"{name} = {value}", rule, f"correct {name}")


@pytest.mark.parametrize("wrong", [{"volume_by": "plains"}, {"tiling": "odd"}])
def test_a_way_that_there_is_not_is_told(wrong):
    name, value = next(iter(wrong.items()))
    complaint(SettingsError, lambda: from_dict(SegmentationPlan, wrong), f"{name} = '{value}'", f"correct {name}")
