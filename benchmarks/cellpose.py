"""An image to cells with the same weights: ours against the package cellpose 3, in both orders, and whether they agree.

It runs where cellpose is installed, see the top of `tests/test_cellpose_parity.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree

from benchmarks.timing import seconds
from mesophyll import cellpose
from mesophyll.device import fast_precision, pick
from mesophyll.evaluation import match
from mesophyll.inference import SegmentationPlan, segment_volume
from mesophyll.model import Model
from mesophyll.network import CellposeNetwork
from mesophyll.representations import Cellpose
from mesophyll.volume import Volume

SIDE, TAUGHT_SIDE, STEPS, ROUNDS = 512, 96, 100, 3
DIAMETER = 30.0  # in pixels, which are 1 µm wide: nothing is resampled


def measure() -> Iterator[str]:
    if util.find_spec("cellpose") is None:
        yield "cellpose 3 is not installed; nothing to compare"
        return
    image, truth = picture(SIDE, seed=0)
    with TemporaryDirectory() as folder:
        ours, by_them = both(Path(folder), image)

    def by_us() -> Any:
        with TemporaryDirectory() as scratch:
            volume, plan = Volume(image, (1.0, 1.0)), SegmentationPlan(device="cpu")
            return segment_volume(volume, ours, scratch=Path(scratch), plan=plan).labels.read().copy()

    fast = str(fast_precision(pick("cpu"))).removeprefix("torch.")
    yield f"{SIDE} x {SIDE}, {torch.get_num_threads()} threads, {fast} against float32"
    by_us(), by_them()
    for order in ("ours first", "theirs first"):
        pairs = [in_turn(by_us, by_them, order) for _ in range(ROUNDS)]
        us, them = (median(times) for times in zip(*pairs, strict=True))
        yield f"{order}: {us:.2f} s against {them:.2f} s, {median(b / a for a, b in pairs):.1f} times as fast"
    found, expected = by_us(), by_them()
    same = match(found, expected).to_dict()
    scores = [match(labels, truth).to_dict()["AP"]["0.5"] for labels in (found, expected)]
    yield (
        f"{same['cells']} and {same['truth_cells']} cells, between them AP@0.5 {same['AP']['0.5']:.3f}, "
        f"AP@0.9 {same['AP']['0.9']:.3f}, AJI {same['AJI']:.3f}; AP@0.5 against truth {scores[0]:.3f} and {scores[1]:.3f}"
    )


def in_turn(by_us: Callable[[], Any], by_them: Callable[[], Any], order: str) -> tuple[float, float]:
    """Seconds of ours and of theirs, in one order or the other."""
    if order == "ours first":
        return seconds(by_us), seconds(by_them)
    them = seconds(by_them)
    return seconds(by_us), them


def both(folder: Path, image: Any) -> tuple[Model, Callable[[], Any]]:
    """The same weights in both, taught for a minute so that flows lead somewhere."""
    from cellpose import models, resnet_torch  # of this name, the package

    net = resnet_torch.CPnet([2, 32, 64, 128, 256], 3, sz=3)
    taught = {cellpose.file_name(key): value for key, value in teach().state_dict().items()}
    net.load_state_dict(taught, strict=False)
    net.save_model(folder / "cyto3")
    theirs = models.CellposeModel(gpu=False, pretrained_model=str(folder / "cyto3"))

    def by_them() -> Any:
        return theirs.eval(image, channels=[0, 0], diameter=DIAMETER)[0].astype(np.int32)

    return cellpose.read(folder / "cyto3", diameter_um=DIAMETER), by_them


def teach() -> torch.nn.Module:
    torch.manual_seed(0)
    method, module = Cellpose(), CellposeNetwork().build().train()
    image, truth = picture(TAUGHT_SIDE, seed=1)
    low, high = np.percentile(image, [1, 99])
    grey = torch.from_numpy((image - low) / (high - low)).float()[None, None]
    target = torch.from_numpy(method.encode(truth))[None]
    optimizer = torch.optim.AdamW(module.parameters(), 2e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        method.loss(module(grey), target, torch.ones_like(target[:, 0], dtype=torch.bool)).backward()
        optimizer.step()
    return module.eval()


def picture(side: int, seed: int) -> tuple[Any, Any]:
    """Cells about 24 pixels wide with dark walls between them, and their truth."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, side, (round((side / 24) ** 2), 2))
    distance, nearest = cKDTree(points).query(np.indices((side, side)).reshape(2, -1).T, k=2)
    truth = np.where((distance[:, 1] - distance[:, 0] > 5) & (distance[:, 0] < 18), nearest[:, 0] + 1, 0)
    truth = truth.reshape(side, side).astype(np.int32)
    grey = ndimage.gaussian_filter((truth > 0) * 100.0, 1.0) + 20 + rng.normal(0, 5, truth.shape)
    return grey.astype(np.float32), truth
