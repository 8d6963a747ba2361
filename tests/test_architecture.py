"""Arrows point one way, and the test that says so sees when they do not."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import mesophyll
from architecture import BESIDE, FLOORS, PACKAGE, breaches, imports, sources

MODULES = sources(Path(mesophyll.__file__).parent)

SOUND = '"""One idea."""\n\n__all__ = []\n'
HOUSE = {
    "__init__": SOUND,
    "errors": SOUND,
    "volume": SOUND + "from mesophyll.errors import VolumeError\n",
    "io.__init__": SOUND + "from mesophyll.io.tiff import read\n",
    "io.tiff": SOUND + "from mesophyll.volume import Volume\nfrom mesophyll import __version__\n",
    "network": SOUND + "import torch\n",
    "traits.__init__": SOUND + "def write():\n    from mesophyll.io import replacing\n",
    "model": SOUND + "from mesophyll import io, network\nimport safetensors.torch\n",
    "cli.__init__": SOUND + "from mesophyll.model import load\n",
    "__main__": '"""The roof."""\nfrom mesophyll.cli import main\n',
}


def test_the_house_keeps_its_rules():
    assert breaches(MODULES) == []


def test_every_room_of_the_table_is_there_and_stands_on_one_floor():
    rooms = [room for floor in FLOORS.values() for room in floor]
    assert sorted(rooms) == sorted({name.split(".")[0] for name in MODULES})


def test_no_room_may_lean_on_another_that_it_does_not_need():
    used = {
        (name.split(".")[0], other.split(".")[0])
        for name, source in MODULES.items()
        for other in imports(name, source, MODULES)
    }
    assert {(room, other) for room, others in BESIDE.items() for other in others} <= used


def test_a_sound_house_is_not_complained_about():
    assert breaches(HOUSE) == []


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("errors", SOUND + "from mesophyll.io import read\n", "errors: imports io.__init__, which is not below it"),
        ("errors", SOUND + "import mesophyll.io.tiff\n", "errors: imports io.tiff, which is not below it"),
        ("volume", SOUND + "from mesophyll import model\n", "volume: imports model, which is not below it"),
        ("io.tiff", SOUND + "from ..network import Network\n", "io.tiff: imports network, which is not below it"),
        ("io.tiff", SOUND + "def late():\n    from mesophyll import cli\n", "io.tiff: imports cli.__init__, which"),
        (
            "io.tiff",
            SOUND + "if TYPE_CHECKING:\n    from mesophyll.model import Model\n",
            "io.tiff: imports model, which is not below it",
        ),
        ("io.tiff", SOUND + "from mesophyll.traits import measure\n", "io.tiff: imports traits.__init__, which is not"),
        ("volume", SOUND + "import torch.nn\n", "volume: imports torch"),
        ("cli.__init__", SOUND + "def train():\n    import lightning\n", "cli.__init__: imports lightning"),
        ("io.__init__", SOUND + "from mesophyll.io import tiff\n", None),
        ("io.tiff", SOUND + "from mesophyll.io import read\n", "a circle: "),
        ("io.tiff", SOUND + "from . import read\n", "a circle: "),
        ("io.utils", SOUND, "io.utils: the name utils says nothing"),
        ("core.__init__", SOUND, "core.__init__: on no floor"),
        ("io.tiff", "__all__ = []\n", "io.tiff: no docstring"),
        ("io.tiff", '"""One idea."""\n', "io.tiff: no __all__"),
        ("io.tiff", SOUND + "# more\n" * 400, "io.tiff: 403 lines are more than 400"),
    ],
)
def test_what_breaks_a_rule_is_seen(name, source, complaint):
    found = breaches(HOUSE | {name: source})
    if complaint is None:
        assert found == []
    else:
        assert any(each.startswith(complaint) for each in found), found


@pytest.mark.parametrize("name", [name for name in MODULES if name != "__main__"])
def test_every_public_name_is_there(name):
    module = importlib.import_module(f"{PACKAGE}.{name}".removesuffix(".__init__"))
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert getattr(module, public) is not None
    assert module.__doc__
