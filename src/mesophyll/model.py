"""A model: a network, what its numbers mean, and what a scan must look like to it.

On disk it is a folder of two files that can run no code: ``weights.safetensors`` (half precision) and ``model.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from mesophyll.alignment import check_aligned
from mesophyll.confidence import Confidence
from mesophyll.errors import FileError, LabelsError, MesophyllError, ModelError, VolumeError
from mesophyll.image import Image, Intensity
from mesophyll.io import Example, replacing
from mesophyll.labels import Labels, Subject
from mesophyll.likeness import Familiar, unlike
from mesophyll.network import Architecture, Built, network_from_table, network_to_table
from mesophyll.position import THROUGH, Position, upright
from mesophyll.representations import Representation, from_table, to_table
from mesophyll.representations.choosing import Chooser
from mesophyll.settings import from_dict, to_dict
from mesophyll.tissues import TISSUE_CHANNELS, TissueInput
from mesophyll.volume import Spacing, Volume, check_spacing

__all__ = [
    "DEFAULT_MODELS",
    "Image",
    "Intensity",
    "Model",
    "choose",
    "find",
    "load",
    "make_folder",
    "rounded",
    "save",
    "shipped",
]

DEFAULT_MODELS: dict[Subject, dict[int, str]] = {
    "cells": {2: "leaf-2d", 3: "leaf-3d"},
    "tissue": {2: "leaf-tissue", 3: "leaf-tissue"},
}
"""The shipped model that is taken for a scan of 2 or 3 axes, by what it finds."""

FINDS: dict[Subject, str] = {"cells": "segment", "tissue": "tissue"}
"""The verb of the command line that uses a model, by what it finds."""

MAX_ENLARGEMENT = 4.0
"""A scan whose voxels are coarser than the model's by more than this holds too little to see cells in."""

MIN_SIDE = 16
"""A scan needs so many voxels along each axis, at the model's spacing."""

ABOUT, WEIGHTS = "model.json", "weights.safetensors"

_FORMAT = 1

_CHOOSER = "chooser/"
"""Names of weights begin with this that are the chooser's, not the network's."""


@dataclass(frozen=True)
class Model:
    """Everything that is needed to go from a scan to cells.

    Parameters
    ----------
    name
        What reports call it.
    module
        The network with its weights.
    representation
        What its outputs mean.
    spacing_um
        The edge length in µm of the cubic voxels that it knows; scans are resampled to it.
    intensity
        How grey values are brought to its range.
    card
        How it was made: version, plan, data, seeds, scores, limits.
    checksum
        SHA-256 of the weights' file that it was loaded from; empty where there is none.
    tissue
        How the network sees a tissue map that comes with the scan.
    scans
        How many reconstructions of a scan it reads, 1 or 2, each as a channel.
    position
        How the leaves lie that it knows; `upright` brings a scan into that position before it is prepared.
    confidence
        How sure its cells are, in scans of as many axes as the network has; None where that was never calibrated.
    familiar
        What the patches looked like that it learnt from; None where nobody knows, as of weights from elsewhere.
    chooser
        What was learnt of which fragments are one cell, from outputs of as many axes as the network has; None where its
        representation alone tells.
    """

    name: str
    module: Built
    representation: Representation
    spacing_um: float
    intensity: Intensity = field(default_factory=Intensity)
    card: Mapping[str, Any] = field(default_factory=dict)
    checksum: str = ""
    tissue: TissueInput = "none"
    scans: Literal[1, 2] = 1
    position: Position = "any"
    confidence: Confidence | None = None
    familiar: Familiar | None = None
    chooser: Chooser | None = None

    def read(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Turn an activated output into labels, shape S: by its chooser, where it has one for so many axes."""
        if self.chooser is None or output_CS.ndim - 1 != self.network.ndim:
            return self.representation.decode(output_CS)
        return self.chooser.choose(self.representation.fragments(output_CS))

    @property
    def network(self) -> Architecture:
        """What the module was made from."""
        return self.module.network

    @property
    def learnt_from(self) -> tuple[str, ...]:
        """The names of what taught it, and of what taught the model that it was taught on from, as far as its card says."""
        return tuple(self.card.get("data", ())) + tuple(self.card.get("start", {}).get("data", ()))

    def prepare(
        self,
        volume: Volume,
        tissue: Volume | None = None,
        second: Volume | None = None,
        through: int = THROUGH,
    ) -> Image:
        """Return the scan as the network reads it, lazily; an error that says why where it does not suit.

        ``tissue`` is a map of the same voxels, ``second`` another reconstruction of them, for a model that reads these. All are
        made upright: ``through`` is the axis that leads through the leaf.
        """
        self._check_axes(volume)
        self._check_spacing(volume.known_spacing_um)
        self._check_tissue(tissue)
        self._check_second(second)
        lying = upright(volume, through)
        image = Image.of(lying, self.spacing_um, self.intensity)
        if min(image.shape) < MIN_SIDE:
            raise VolumeError(
                f"{volume.name} has {' x '.join(map(str, image.shape))} voxels of {self.spacing_um:g} µm",
                f"the model {self.name} needs at least {MIN_SIDE} along each axis, and colours are none",
                "pass a larger piece of the scan, or check --spacing",
            )
        if second is not None:
            image = image.with_second(upright(check_aligned(volume, second), through), self.intensity)
        return image if tissue is None else image.beside(upright(_like(tissue, volume), through), self.tissue)

    def doubts(self, image: Image) -> str:
        """Say in what a prepared scan is unlike all that the model learnt from; nothing if it is not, or if nobody knows."""
        found = [] if self.familiar is None else unlike(image, self.familiar, self.network.ndim)
        return f"{image.volume.name} is unlike what {self.name} learnt from: {'. '.join(found)}." if found else ""

    def beside(self, example: Example) -> dict[str, Volume | None]:
        """Return what `prepare` takes of an example beside its first scan, in so far as the model reads it."""
        second = example.scans[1] if self.scans == 2 and len(example.scans) == 2 else None
        return {"tissue": None if self.tissue == "none" else example.tissue, "second": second}

    def _check_tissue(self, tissue: Volume | None) -> None:
        if (tissue is not None) != (self.tissue != "none"):
            met, remedy = ("a tissue map", "leave --tissue out") if tissue else ("no tissue map", "pass --tissue FILE")
            rule = "reads none" if self.tissue == "none" else "reads one beside the scan"
            raise ModelError(f"{met} is given", f"the model {self.name} {rule}", f"{remedy}, or another model")

    def _check_second(self, second: Volume | None) -> None:
        if (1 if second is None else 2) != self.scans:
            met, remedy = ("a second", "pass one of them") if second else ("no second", "pass --with FILE")
            rule = f"the model {self.name} reads {'two, gridrec and Paganin' if self.scans == 2 else 'one'}"
            raise ModelError(f"{met} reconstruction is given", rule, f"{remedy}, or another model")

    def _check_axes(self, volume: Volume) -> None:
        if volume.ndim < self.network.ndim:
            raise ModelError(
                f"{volume.name} has {volume.ndim} axes",
                f"the model {self.name} reads volumes",
                f"pass --model {DEFAULT_MODELS[self.representation.subject][volume.ndim]}",
            )

    def _check_spacing(self, spacing_um: Spacing) -> None:
        if max(spacing_um) > MAX_ENLARGEMENT * self.spacing_um:
            raise ModelError(
                f"the scan's voxels of {max(spacing_um):g} µm are too coarse",
                f"the model {self.name} knows voxels of {self.spacing_um:g} µm and takes up to {MAX_ENLARGEMENT:g} times that",
                "scan finer, or check --spacing",
            )


def _like(tissue: Volume, scan: Volume) -> Volume:
    """Return a tissue map that lies on the scan's own grid of voxels."""
    if tissue.shape != scan.shape:
        raise LabelsError(
            f"{tissue.name} has the shape {tissue.shape}, {scan.name} {scan.shape}",
            "a tissue map shows the same voxels as its scan",
            "crop or resample it to the scan",
        )
    return replace(tissue, spacing_um=scan.spacing_um)


def save(model: Model, folder: Path, *, exact: bool = False) -> None:
    """Write a model into a folder, which may hold other things (logs, checkpoints) as well.

    The weights come first and ``model.json``, with their checksum, last: a model cut off in between does not load. They are
    written in half precision where they fit into its range; ``exact`` keeps them as they are.
    """
    state = model.module.state_dict()
    weights = {key: (value if exact else _half(value)).contiguous() for key, value in state.items()}
    if model.chooser is not None:
        weights |= {_CHOOSER + name: torch.from_numpy(value).float() for name, value in model.chooser.arrays().items()}
    make_folder(folder)
    with replacing(Path(folder) / WEIGHTS) as temporary:
        safetensors.torch.save_file(weights, temporary)
    about = {
        "format": _FORMAT,
        "name": model.name,
        "network": network_to_table(model.network),
        "representation": to_table(model.representation),
        "spacing_um": model.spacing_um,
        "intensity": to_dict(model.intensity),
        **to_dict(_Shown(model.tissue, model.scans, model.position)),
        "confidence": None if model.confidence is None else to_dict(model.confidence),
        "familiar": None if model.familiar is None else to_dict(model.familiar),
        "weights_sha256": _checksum(Path(folder) / WEIGHTS),
        "card": dict(model.card),
    }
    with replacing(Path(folder) / ABOUT) as temporary:
        temporary.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _half(value: torch.Tensor) -> torch.Tensor:
    fits = value.is_floating_point() and bool(torch.isfinite(value.half()).all())
    return value.half() if fits else value


def rounded(model: Model) -> bool:
    """Tell whether half precision holds all weights as they are: so do those of a model that was read from such a file."""
    return all(torch.equal(_half(value).to(value.dtype), value) for value in model.module.state_dict().values())


def make_folder(folder: Path) -> None:
    """Make the folder of a model, unless it is there; a `FileError` where that cannot be."""
    try:
        Path(folder).mkdir(exist_ok=True)
    except OSError as error:
        raise FileError(
            f"the folder {folder} cannot be made ({error.strerror})",
            "a model is written into a folder, whose own place exists and is writable",
            "correct the path, or make its parent",
        ) from None


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(folder: Path) -> Model:
    """Read a model; a `ModelError` says what is missing or damaged."""
    folder = Path(folder)
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != _FORMAT:
            raise ValueError(f"its format is {about['format']!r}, this version reads {_FORMAT}")
        return _read(folder, about)
    except MesophyllError as error:
        raise _damaged(folder, str(error)) from None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise _damaged(folder, f"{type(error).__name__}: {str(error).splitlines()[0][:200]}") from None


def _read(folder: Path, about: dict[str, Any]) -> Model:
    network = network_from_table(about["network"], f"{ABOUT}, network")
    representation = from_table(about["representation"])
    if network.outputs != representation.channels(network.ndim):
        raise ValueError(f"{network.outputs} outputs do not fit the representation")
    shown = from_dict(_Shown, {key: about[key] for key in to_dict(_Shown()) if key in about}, ABOUT)
    if shown.position != "any" and network.ndim != 3:
        raise ValueError(f"its position is {shown.position!r}, an image has no position")
    if not network.reads(shown.scans + TISSUE_CHANNELS[shown.tissue]):
        raise ValueError(f"{network.inputs} inputs do not fit scans = {shown.scans} and tissue = {shown.tissue!r}")
    intensity = from_dict(Intensity, about["intensity"], f"{ABOUT}, intensity")
    sure = about.get("confidence")  # models that are older than it, or were never calibrated, do not say
    familiar = about.get("familiar")  # nor do those that are older than this knowledge
    if _checksum(folder / WEIGHTS) != about["weights_sha256"]:
        raise ValueError(f"{WEIGHTS} is not the file that {ABOUT} describes")
    module = network.build()
    weights = _read_weights(folder / WEIGHTS)
    chosen = {name: weights.pop(name).numpy() for name in list(weights) if name.startswith(_CHOOSER)}
    module.load_state_dict(weights)
    return Model(
        about["name"],
        module.eval(),
        representation,
        check_spacing(float(about["spacing_um"]), 1)[0],
        intensity,
        dict(about["card"]),
        about["weights_sha256"],
        **vars(shown),
        confidence=None if sure is None else from_dict(Confidence, sure, f"{ABOUT}, confidence"),
        familiar=None if familiar is None else from_dict(Familiar, familiar, f"{ABOUT}, familiar"),
        chooser=Chooser.from_arrays({name.removeprefix(_CHOOSER): value for name, value in chosen.items()})
        if chosen
        else None,
    )


@dataclass(frozen=True)
class _Shown:
    """What a network is shown, see `Model`; the files of models that are older than one of these leave it out."""

    tissue: TissueInput = "none"
    scans: Literal[1, 2] = 1
    position: Position = "any"


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    weights = safetensors.torch.load_file(path)
    for key, value in weights.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{key} holds NaN or infinity")
    return {key: value.float() if value.is_floating_point() else value for key, value in weights.items()}


def _damaged(folder: Path, why: str) -> ModelError:
    return ModelError(
        f"the model {folder} cannot be read ({why})",
        f"a model is a folder with {ABOUT} and {WEIGHTS} that belong together",
        "copy or train it again",
    )


def shipped() -> dict[str, Path]:
    """Return the folders of the models that come with the package, by name."""
    folder = Path(str(resources.files("mesophyll"))) / "models"
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{ABOUT}"))}


def find(model: str | Path) -> Model:
    """Load a model by its shipped name or from a folder."""
    known = shipped()
    if str(model) in known:
        return load(known[str(model)])
    if Path(model).is_dir():
        return load(Path(model))
    raise ModelError(
        f"there is no model {str(model)!r}",
        f"the shipped ones are {', '.join(known)}",
        "pass one of these, or a model's folder",
    )


def choose(model: str | Path | Model | None, subject: Subject, ndim: int) -> Model:
    """Return the model passed, or else the shipped one for so many axes; it must find what is asked for."""
    usual = DEFAULT_MODELS[subject][ndim]
    if model is None and usual not in shipped():
        raise ModelError(
            f"the model {usual} is not there",
            f"no model that finds {subject} comes with this copy of the package",
            f"teach one (`mesophyll train{' --tissue' if subject == 'tissue' else ''}`), and pass --model FOLDER",
        )
    chosen = model if isinstance(model, Model) else find(model or usual)
    met = chosen.representation.subject
    if met != subject:
        raise ModelError(
            f"the model {chosen.name} finds {met}",
            f"{subject} are asked for",
            f"use it with `mesophyll {FINDS[met]}`, or pass --model {usual}",
        )
    return chosen
