"""The leaves of an experiment: grown once, kept in its folder, and cut into the parts that runs learn from or are judged on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mesophyll import __version__, phantom
from mesophyll.errors import SettingsError
from mesophyll.experiment.table import Leaf
from mesophyll.io import Example, read_example, write_example
from mesophyll.progress import Progress, named
from mesophyll.volume import Volume

__all__ = ["example"]


def example(leaf: Leaf, folder: Path, progress: Progress) -> Example:
    """Return a leaf's part, with the one scan that is used; what is grown lies in ``folder`` and is not grown again."""
    whole = read_example(leaf.folder or _grown(leaf, folder, progress))
    scans = {scan.name.removesuffix(".tif"): scan for scan in whole.scans}
    if leaf.scan not in scans:
        raise SettingsError(f"scan = {leaf.scan!r}", f"{whole.name} holds {', '.join(scans)}", "correct scan")
    return replace(
        whole,
        scans=(_part(scans[leaf.scan], leaf),),
        labels=_part(whole.labels, leaf),
        tissue=None if whole.tissue is None else _part(whole.tissue, leaf),
    )


def _grown(leaf: Leaf, folder: Path, progress: Progress) -> Path:
    name = "-".join(map(str, (leaf.kind, leaf.seed, *leaf.shape, f"{leaf.spacing_um:g}")))
    place = folder / name
    if not place.exists():
        made = phantom.make(
            leaf.seed,
            shape=leaf.shape,
            spacing_um=leaf.spacing_um,
            kind=leaf.kind,
            progress=named(progress, f"leaf {name}"),
        )
        *scans, labels, tissue = made.volumes().values()
        notes = {"versions": {"mesophyll": __version__}, "phantom": {"kind": leaf.kind, "seed": leaf.seed}}
        write_example(place, Example(name, tuple(scans), labels, tissue), notes)
    return place


def _part(volume: Volume, leaf: Leaf) -> Volume:
    region = tuple(slice(*ends) for ends in leaf.part) or (slice(None),) * volume.ndim
    too_far = [stop for ends, stop in zip(leaf.part, volume.shape, strict=False) if ends[1] > stop]
    if too_far:
        raise SettingsError(
            f"part = {leaf.part}", f"{volume.name} has {volume.shape} voxels", "choose a part within the leaf"
        )
    return replace(volume, data=volume.data[region], origin_um=(0.0,) * volume.ndim)
