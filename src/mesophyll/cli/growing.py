"""``mesophyll phantom``: synthetic leaves, and synthetic scans of leaves that are labelled already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesophyll import __version__
from mesophyll.cli.numbers import Shape, Spacing, one_or_all
from mesophyll.cli.outputs import scratch_beside
from mesophyll.cli.screen import bars, say
from mesophyll.cli.verb import verb

if TYPE_CHECKING:
    from mesophyll.io import Example

__all__ = ["phantom", "register"]

Cells = Annotated[
    Path | None, typer.Option("--labels", metavar="FILE", help="Scan these cells instead of growing a leaf.")
]
Kind = Annotated[
    str | None,
    typer.Option("--kind", metavar="NAME", help="The kind of leaf: grape, hard, ...; an unknown one lists all."),
]
Place = Annotated[Path, typer.Argument(metavar="OUT", help="A new folder of TIFF files, or one OME-Zarr (.zarr).")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="The same seed makes the same leaf.")]
TissueFile = Annotated[
    Path | None, typer.Option("--tissue", metavar="FILE", help="The tissues of --labels, for its walls and medium.")
]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    verb(
        app,
        phantom,
        examples=[
            "mesophyll phantom leaf-1 --seed 1",
            "mesophyll phantom leaf.zarr --seed 7 --kind hard --shape 192 256 192 --spacing 0.65",
            "mesophyll phantom again --labels cells.tif --tissue tissue.tif --seed 3",
        ],
    )


def phantom(  # noqa: PLR0913, PLR0917 - the options of a verb
    out: Place,
    seed: Seed = None,
    shape: Shape = None,
    spacing: Spacing = None,
    kind: Kind = None,
    labels: Cells = None,
    tissue: TissueFile = None,
) -> None:
    """Make a synthetic leaf: two scans, the true cells, and the tissues. Or scan cells that are known already."""
    from mesophyll import io

    io.check_place(out)
    _check_choice(labels, tissue, shape=shape, kind=kind)
    size = None if shape is None else tuple(shape) * (3 // len(shape))
    given = {"seed": seed, "shape": size, "spacing_um": one_or_all(spacing), "kind": kind}
    wanted = {name: value for name, value in given.items() if value is not None}
    with scratch_beside(out) as scratch, bars() as progress:
        working = {"scratch": scratch, "progress": progress}
        made = _grow(wanted, working) if labels is None else _render(labels, tissue, wanted, working)
        example, how, cells = made
        io.write_example(out, example, {"versions": {"mesophyll": __version__}, "phantom": how})
        names = [scan.name for scan in example.scans] + ["labels"] + ["tissue"] * (example.tissue is not None)
        say(f"{cells} cells, {', '.join(names[:-1])} and {names[-1]} written to {out}")
        del example, made  # their files lie in the scratch folder


def _check_choice(labels: Path | None, tissue: Path | None, **grown: Any) -> None:
    clash = [f"--{name}" for name, value in grown.items() if value is not None]
    if labels is not None and clash:
        raise typer.BadParameter(f"{', '.join(clash)}: of a leaf that is grown; --labels brings its own cells")
    if labels is None and tissue is not None:
        raise typer.BadParameter("--tissue: the tissues of --labels; pass both, or neither")


def _grow(wanted: dict[str, Any], working: dict[str, Any]) -> tuple[Example, dict[str, Any], int]:
    """Grow a leaf; return it, how it is grown again, and the number of its cells."""
    from mesophyll.io import Example
    from mesophyll.phantom import make

    leaf = make(**wanted, **working)
    gridrec, paganin, labels, tissue = leaf.volumes().values()
    return Example(leaf.kind, (gridrec, paganin), labels, tissue), {"kind": leaf.kind, "seed": leaf.seed}, leaf.cells


def _render(
    labels: Path, tissue: Path | None, wanted: dict[str, Any], working: dict[str, Any]
) -> tuple[Example, dict[str, Any], int]:
    """Scan the cells of a file; return them with their scans, where they are from, and their highest number."""
    from mesophyll import io
    from mesophyll.phantom import render
    from mesophyll.volume import Volume, check_spacing

    cells = replace(io.read_labels(labels), name="labels")
    spacing = wanted.pop("spacing_um", None)
    cells = cells if spacing is None else replace(cells, spacing_um=check_spacing(spacing, cells.ndim))
    codes = None if tissue is None else replace(io.read(tissue), spacing_um=cells.spacing_um, name="tissue")
    images = render(cells, codes, **wanted, **working)
    gridrec, paganin = (
        Volume(image, cells.spacing_um, name=name) for image, name in zip(images, ("gridrec", "paganin"), strict=True)
    )
    highest = max(int(cells.data[plane].max()) for plane in range(cells.shape[0]))
    return io.Example(labels.name, (gridrec, paganin), cells, codes), {"labels": labels.name, **wanted}, highest
