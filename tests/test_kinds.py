"""Descriptions of leaves: presets, a user's own in a file, and leaves that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from complaint import complaint
from mesophyll import phantom
from mesophyll.errors import SettingsError
from mesophyll.phantom import KINDS, describe
from mesophyll.phantom.anatomy.description import Anatomy, Blade, Epidermis, Palisade, Spongy, Stomata, Veins
from mesophyll.phantom.ranges import draw

OAK = """
like = "thick"
summary = "an oak of ours"

[anatomy]
porosity = [0.1, 0.2]

[anatomy.palisade]
width_um = [7, 9]

[optics.walls_seen]
3 = 0.5
"""


def written(folder: Path, text: str) -> str:
    path = folder / "oak.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_says_in_what_a_leaf_differs_from_a_kind(tmp_path):
    oak, thick = describe(written(tmp_path, OAK)), KINDS["thick"]
    assert oak.summary == "an oak of ours"
    assert oak.anatomy.porosity == (0.1, 0.2)
    assert oak.anatomy.palisade == replace(thick.anatomy.palisade, width_um=(7.0, 9.0))
    assert oak.optics.walls_seen == thick.optics.walls_seen | {3: 0.5}
    assert replace(oak.anatomy, porosity=(0, 0), palisade=Palisade()) == replace(
        thick.anatomy, porosity=(0, 0), palisade=Palisade()
    )


def test_a_leaf_is_grown_from_a_file(tmp_path):
    own = written(tmp_path, 'like = "grape"\n[anatomy]\nporosity = [0.42, 0.42]\n')
    size = {"shape": (40, 110, 40), "spacing_um": 1.0}
    airy, plain = phantom.make(3, kind=own, **size), phantom.make(3, **size)
    assert np.sum(airy.labels > 0) < 0.95 * np.sum(plain.labels > 0)
    assert airy.kind == own


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('like = "oak"', ["unknown kind of leaf 'oak'", "did you mean"]),
        ("[anatomy.palisade]\nwidth = [7, 9]", ["oak.toml, anatomy, palisade: unknown key 'width'", "'width_um'"]),
        ("[anatomy]\nporosity = [0.3, 0.1]", ["porosity = (0.3, 0.1)", "the least value comes first"]),
        ("[anatomy]\nporosity = 3", ["oak.toml: anatomy.porosity = 3"]),
        ("[anatomy", ["oak.toml: "]),
    ],
)
def test_a_file_that_describes_no_leaf_is_refused(text, words, tmp_path):
    complaint(SettingsError, lambda: describe(written(tmp_path, text)), *words)


@pytest.mark.parametrize(
    ("impossible", "words"),
    [
        (lambda: Epidermis(width_um=(0.0, 3.0)), ["epidermis: width_um = (0.0, 3.0)", "width_um is above 0"]),
        (lambda: Veins(kranz=1.5), ["veins: kranz = 1.5", "kranz is between 0 and 1"]),
        (lambda: Stomata(lower_per_mm2=(-1.0, 2.0)), ["stomata: lower_per_mm2", "is 0 or more"]),
        (lambda: Blade(tilt_deg=(3.0, -3.0)), ["blade: tilt_deg = (3.0, -3.0)", "tilt_deg is a number"]),
        (lambda: Spongy(distance_um=(1.0, float("inf"))), ["spongy: distance_um = (1.0, inf)"]),
        (lambda: Spongy(core_um=(float("nan"), 3.0)), ["spongy: core_um = (nan, 3.0)"]),
        (lambda: Blade(thinnest_um=150.0), ["thinnest_um = 150", "no leaf is made thicker"]),
        (
            lambda: Anatomy(epidermis=Epidermis(thickness_um=(60.0, 80.0))),
            ["two epidermes of 80 µm in a leaf of 143", "no thicker than the leaf"],
        ),
        (
            lambda: Anatomy(spongy=Spongy(distance_um=(100.0, 200.0))),
            ["cells of up to 200 µm in a mesophyll of 109", "at least one cell fits"],
        ),
    ],
)
def test_an_anatomy_that_cannot_be_is_refused(impossible, words):
    complaint(SettingsError, impossible, *words)


def test_a_palisade_that_is_not_there_may_be_as_wide_as_it_likes():
    Anatomy(palisade=Palisade(share=(0.0, 0.0), width_um=(500.0, 600.0)))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"grape"}))
def test_every_kind_says_what_it_is_and_differs_from_grape(kind):
    assert KINDS[kind].summary != KINDS["grape"].summary
    assert KINDS[kind].anatomy != KINDS["grape"].anatomy


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_two_seeds_of_a_kind_draw_the_same(kind):
    described = KINDS[kind].anatomy
    draws = {draw(np.random.default_rng(seed), described.porosity) for seed in range(20)}
    assert len(draws) == 20
    low, high = described.porosity
    assert all(low <= value <= high for value in draws)
