"""Weight files of Cellpose 1 to 3 become models.

A file is the user's own download, or their own training. It is read with `torch.load(weights_only=True)`, which builds
numbers and runs nothing; what it must hold follows, name by name, from `mesophyll.network.CPNet`.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from mesophyll import __version__
from mesophyll.errors import FileError, ModelError, SettingsError
from mesophyll.image import Intensity
from mesophyll.model import Model
from mesophyll.network import CellposeNetwork, CPNet
from mesophyll.representations import Cellpose

__all__ = ["DIAMETERS_VOX", "NAMES", "file_name", "read"]

NAMES = {
    "down.": "downsample.down.res_down_",
    "up.": "upsample.up.res_up_",
    ".units.": ".conv.conv_",
    ".carry.": ".proj.",
    ".style.": ".full.",
}
"""The one rule from a weight's name in `CPNet` to its name in a file: each part on the left is written as on the right."""

DIAMETERS_VOX = {"nuclei": 17.0, "": 30.0}
"""How wide the cells are that a network knows, by how its file's name begins, where the file does not say it (version 1)."""

_DIAMETER, _OWN_DIAMETER = "diam_mean", "diam_labels"
_SOURCE = "Stringer et al., Nature Methods 18 (2021), 100-106, doi:10.1038/s41592-020-01018-x"


def read(path: Path, *, diameter_um: float, name: str = "", sha256: str = "") -> Model:
    """Read a weight file of Cellpose 1 to 3 as a model.

    Parameters
    ----------
    path
        The file: ``cyto``, ``cyto2``, ``cyto3``, ``nuclei`` or one's own training.
    diameter_um
        How wide the cells are that shall be found, in µm: scans are seen at the voxel size at which such cells are as wide
        as those that the network knows (30 voxels, 17 for nuclei).
    name
        What reports call the model; by default the file's name.
    sha256
        Where given, the file must have this checksum.

    Returns
    -------
    Model
        Its card holds the checksum, and the widths.

    Raises
    ------
    FileError
        Where there is no such file.
    ModelError
        Where it holds no such network: cut off, no torch file, code inside, Cellpose-SAM, other classes, NaN.
    SettingsError
        Where the diameter is not above 0.
    """
    path = Path(path)
    if not (math.isfinite(diameter_um) and diameter_um > 0):
        raise SettingsError(
            f"diameter_um = {diameter_um:g}", "cells have a width above 0 µm", "measure one of them in the scan"
        )
    checksum = _checksum(path, sha256)
    weights = _tensors(path)
    widths = {key: float(weights.pop(key).ravel()[0]) for key in (_DIAMETER, _OWN_DIAMETER) if key in weights}
    width = widths.get(_DIAMETER, next(width for start, width in DIAMETERS_VOX.items() if path.name.startswith(start)))
    if not (math.isfinite(width) and width > 0):
        raise _refused(path, f"it says that cells are {width:g} voxels wide", "download it again")
    card = {
        "version": __version__,
        "imported": {"file": path.name, "sha256": checksum, "diameter_um": diameter_um, "diameter_vox": width},
        "source": _SOURCE,
    }
    if _OWN_DIAMETER in widths:
        card["imported"]["training_diameter_vox"] = widths[_OWN_DIAMETER]  # type: ignore[index]
    module = _built(path, weights)
    intensity = Intensity(clip=None, zeros=True)
    return Model(name or path.name, module, Cellpose(), diameter_um / width, intensity, card)


def _checksum(path: Path, wanted: str) -> str:
    try:
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise FileError(
            f"{path} cannot be read ({error.strerror})", "a model is imported from a file", "check the path"
        ) from None
    if wanted and checksum != wanted.strip().lower():
        raise ModelError(
            f"{path.name} has the SHA-256 {checksum}", f"the one wanted is {wanted}", "download the file again"
        )
    return checksum


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a file of named tensors, and nothing else."""
    try:
        with warnings.catch_warnings(action="ignore"):  # on pickles that torch would not have written itself
            content = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise _unreadable(path, str(error)) from None
    if not isinstance(content, Mapping) or not content:
        raise _refused(path, f"it holds a {type(content).__name__}", "pass the file that Cellpose itself loads")
    if "W2" in content:
        raise _refused(path, "it is Cellpose-SAM, version 4, which is another network", "pass cyto3 or an older one")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise _refused(path, f"{key!r} is a {type(value).__name__}", "pass the file that Cellpose itself loads")
    return dict(content)


def _unreadable(path: Path, why: str) -> ModelError:
    with path.open("rb") as file:
        begins = file.read(2)
    if begins != b"PK" and begins[:1] != b"\x80":  # a zip; before version 1.6 of torch, a row of pickles
        return _refused(path, "it is no file of torch", "pass the file that Cellpose itself loads")
    if "Unsupported" in why or "GLOBAL" in why:
        return _refused(
            path, "it holds code besides numbers, which was not run", "take it from a source that you trust"
        )
    return _refused(path, "it is cut off or damaged", "download it again")


def _built(path: Path, weights: Mapping[str, torch.Tensor]) -> CPNet:
    """Return the network with the file's weights; every name and shape must be as it has them."""
    first, last = file_name("down.0.units.0.2.weight"), file_name("output.2.weight")
    outputs = CellposeNetwork().outputs
    if last in weights and weights[last].shape[0] != outputs:
        raise _refused(
            path, f"it tells {weights[last].shape[0]} classes, and not {outputs}", "pass one that finds cells"
        )
    inputs = weights[first].shape[1] if first in weights and weights[first].ndim == 4 else CellposeNetwork().inputs
    module = CellposeNetwork(inputs=inputs).build()
    wanted = module.state_dict()
    names = {file_name(key): key for key in wanted}
    odd = sorted(names.keys() ^ weights.keys())
    if odd:
        where = "lacks" if odd[0] in names else "has also"
        raise _refused(path, f"it {where} {odd[0]}, and {len(odd)} names differ in all", "pass one of Cellpose 1 to 3")
    for key, value in weights.items():
        if value.shape != wanted[names[key]].shape:
            shapes = f"{tuple(value.shape)} and not {tuple(wanted[names[key]].shape)}"
            raise _refused(path, f"{key} has the shape {shapes}", "pass one of Cellpose 1 to 3")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise _refused(path, f"{key} holds NaN or infinity", "download it again")
    module.load_state_dict({names[key]: value for key, value in weights.items()})
    return module.eval()


def file_name(name: str) -> str:
    """Return what a weight of `CPNet` is called in a file, by `NAMES`."""
    for ours, theirs in NAMES.items():
        name = theirs + name.removeprefix(ours) if not ours.startswith(".") and name.startswith(ours) else name
        name = name.replace(ours, theirs) if ours.startswith(".") else name
    return name


def _refused(path: Path, why: str, remedy: str) -> ModelError:
    return ModelError(
        f"{path.name} cannot be imported ({why})", "a weight file of Cellpose 1 to 3 holds the network CPnet", remedy
    )
