"""Files that several rooms are tested with: a small synthetic leaf, and a model that has learnt nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mesophyll.cli import app


def run(*args: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture(scope="session")
def leaf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with gridrec, paganin, labels and tissue of a leaf of 48 x 64 x 56 voxels."""
    folder = tmp_path_factory.mktemp("leaves") / "leaf"
    result = run("phantom", folder, "--seed", 3, "--shape", 48, 64, 56, "--spacing", "0.65")
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return the folders of a 2D and a 3D model with fresh weights: they find something, but nothing right."""
    import torch

    from mesophyll.model import Model, save
    from mesophyll.network import Network
    from mesophyll.representations import Flows

    folder = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for ndim in (2, 3):
            module = Network(ndim, 1, 1 + ndim, "small", levels=2).build()
            save(Model(f"untrained-{ndim}d", module, Flows(), 0.65), folder / f"untrained-{ndim}d")
    return {ndim: folder / f"untrained-{ndim}d" for ndim in (2, 3)}
