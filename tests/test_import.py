"""Importing the package costs next to nothing: large libraries come when a name that needs them is used."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import mesophyll
from mesophyll.errors import MesophyllError

LARGE = {"torch", "numba", "matplotlib", "pandas", "lightning", "scipy", "skimage", "zarr", "numpy"}


def child(code):
    """Run Python in a process of its own and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_takes_less_than_half_a_second_and_no_large_library():
    """Processor time, best of three: that of a busy machine's clock would be its neighbours'."""
    code = "import sys, time; start = time.process_time(); import mesophyll; print(time.process_time() - start)"
    assert min(float(child(code)) for _ in range(3)) < 0.5
    loaded = child("import sys, mesophyll; print(*sys.modules)").split()
    assert not LARGE & set(loaded)
    assert "mesophyll.errors" in loaded


@pytest.mark.parametrize("room", ["errors", "progress", "tissues", "blocks", "settings"])
def test_rooms_of_the_ground_floor_are_light(room):
    loaded = child(f"import sys, mesophyll.{room}; print(*sys.modules)").split()
    assert not LARGE & set(loaded)


@pytest.mark.slow
@pytest.mark.parametrize("room", ["io", "evaluation", "traits", "phantom", "stitching"])
def test_rooms_without_a_network_do_without_torch(room):
    assert "torch" not in child(f"import sys, mesophyll.{room}; print(*sys.modules)").split()


def test_a_name_is_fetched_when_it_is_first_used():
    told = child(
        "import sys, mesophyll\n"
        "print('mesophyll.volume' in sys.modules, 'Volume' in vars(mesophyll))\n"
        "mesophyll.Volume\n"
        "print('mesophyll.volume' in sys.modules, 'Volume' in vars(mesophyll))"
    )
    assert told.split() == ["False", "False", "True", "True"]


@pytest.mark.parametrize("name", mesophyll.__all__)
def test_every_public_name_is_there_and_told(name):
    assert getattr(mesophyll, name) is not None
    assert name in dir(mesophyll)


def test_a_name_that_is_none_is_told():
    with pytest.raises(AttributeError, match=r"module 'mesophyll' has no attribute 'sgement'"):
        mesophyll.sgement  # noqa: B018 - asking is the test


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", mesophyll.__version__)
    assert mesophyll.MesophyllError is MesophyllError
