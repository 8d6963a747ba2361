"""``mesophyll annotate`` and ``presets``: labels as people make them become an example to learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mesophyll import __version__
from mesophyll.cli.numbers import Offset, Spacing, one_or_all
from mesophyll.cli.outputs import check_output
from mesophyll.cli.screen import busy, say, show
from mesophyll.cli.verb import verb

if TYPE_CHECKING:
    from mesophyll.annotation import Choice, Statement
    from mesophyll.volume import Volume

__all__ = ["annotate", "presets", "register"]

Axis = Annotated[
    Literal["Z", "Y", "X"], typer.Option("--axis", metavar="Z|Y|X", help="Along which axis slices are counted.")
]
LabelFile = Annotated[
    Path | None,
    typer.Option(
        "--labels", metavar="WHAT", help="Cells: a label image, an ImageJ RoiSet.zip or .roi, or a folder of masks."
    ),
]
Map = Annotated[
    Path | None, typer.Option("--tissue", metavar="FILE", help="A tissue map, of the scan or of the same slices.")
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", metavar="NAME", help="The convention of its grey values; see `mesophyll presets`."),
]
Mesophyll = Annotated[
    Literal["palisade", "spongy", "unknown"],
    typer.Option(
        "--mesophyll",
        metavar="palisade|spongy|unknown",
        help="What a mesophyll cell becomes where the preset has one value for both.",
    ),
]
Upper = Annotated[
    str,
    typer.Option(
        "--upper", metavar="SIDE", help="Where the upper epidermis lies, if both have one value: -Y is at small Y."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verb(
        app,
        annotate,
        examples=[
            "mesophyll annotate leaf.tif --labels RoiSet.zip -o traced",
            "mesophyll annotate leaf.tif --labels painted.tif --slices 5,9,12-14 -o painted",
            "mesophyll annotate leaf.tif --labels part.npy --offset 20 0 64 --slices all -o part",
            "mesophyll annotate leaf.tif --labels cells/ --tissue map.tif --preset leaf-traits-hand -o leaf-1",
        ],
    )
    verb(app, presets, examples=["mesophyll presets", "mesophyll presets map.tif"])


def annotate(  # noqa: PLR0913, PLR0917 - the options of a verb
    scan: Annotated[Path, typer.Argument(metavar="SCAN", help="The scan that was labelled, 2D or 3D.")],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A new folder of TIFF files, or one OME-Zarr (.zarr).")
    ],
    labels: LabelFile = None,
    slices: Annotated[
        str | None,
        typer.Option(
            "--slices",
            metavar="5,9,12-14|all",
            help="Slices labelled completely, counted from 1; without it, only the cells are known.",
        ),
    ] = None,
    axis: Axis = "Z",
    offset: Offset = None,
    unlabelled: Annotated[
        int | None,
        typer.Option(
            "--unlabelled", metavar="VALUE", help="The value of what nobody knows, if not 0: then 0 is background."
        ),
    ] = None,
    tissue: Map = None,
    preset: Preset = None,
    mesophyll: Mesophyll = "unknown",
    upper: Upper = "-Y",
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="NAMES", help="Tissues that must have been labelled, separated by commas."),
    ] = None,
    spacing: Spacing = None,
) -> None:
    """Turn labels as people make them into an example to learn from, -1 where nobody knows; and say what was understood."""
    from mesophyll import io

    if labels is None and tissue is None:
        raise typer.BadParameter("--labels, --tissue, or both: what was labelled")
    check_output(out, ("",))
    image = io.read(scan, spacing_um=one_or_all(spacing))
    image = replace(image, name=_name(scan))
    stated = _statement(slices, axis, offset, unlabelled, image)
    with busy("reading"):
        cells = _cells(labels, image, stated)
        codes = None if tissue is None else _codes(tissue, image, stated, preset, _choice(mesophyll, upper, image))
    _check_expected(codes, expect)
    notes = {"versions": {"mesophyll": __version__}, "scan": scan.name, "annotation": _notes(labels, tissue, preset)}
    with busy("writing"):
        io.write_example(out, io.Example(out.name, (image,), cells, codes), notes)
    say(f"written to {out}")


def _name(scan: Path) -> str:
    """Return what the scan is called in the example: its file's name, unless that means something else there."""
    stem = scan.name.split(".")[0]
    return "scan" if stem.lower() in ("labels", "tissue", "") else stem


def _statement(slices: str | None, axis: str, offset: Any, unlabelled: int | None, image: Volume) -> Statement:
    from mesophyll.annotation import Statement, parse_slices
    from mesophyll.errors import SettingsError

    letters = "ZYX"[-image.ndim :]
    if axis not in letters and slices is not None:
        raise SettingsError(
            f"--axis {axis}",
            f"{image.name} has the axes {', '.join(letters)}",
            "an image has no slices; leave --slices out",
        )
    return Statement(
        slices=None if slices is None else parse_slices(slices),
        axis=max(letters.find(axis), 0),
        unlabelled=unlabelled,
        offset=None if offset is None else tuple(offset),
    )


def _cells(labels: Path | None, image: Volume, stated: Statement) -> Volume:
    """Read the cells, and say what was understood; without any, all is unknown."""
    import numpy as np

    from mesophyll import annotation
    from mesophyll.labels import UNKNOWN

    if labels is None:
        say("no cells: every voxel is unknown (-1) in labels")
        return replace(image, data=np.full(image.shape, UNKNOWN, np.int32), name="labels")
    found = annotation.read(labels, image.shape, stated)
    for line in found.told():
        say(line)
    return replace(image, data=found.labels, name="labels")


def _choice(mesophyll: str, upper: str, image: Volume) -> Choice:
    from mesophyll.annotation import Choice, parse_upper

    axis, first = parse_upper(upper, image.ndim)
    return Choice(mesophyll, axis, first)


def _codes(tissue: Path, image: Volume, stated: Statement, preset: str | None, choice: Choice) -> Volume:
    """Read the tissue map, and say how its values were understood."""
    import numpy as np

    from mesophyll import annotation
    from mesophyll.labels import UNKNOWN
    from mesophyll.tissues import name_of

    codes = annotation.read_tissue(
        tissue, image.shape, stated, **({} if preset is None else {"preset": preset}), choice=choice
    )
    say(f"tissues of {tissue.name} by {f'the preset {preset}' if preset else 'the codes of mesophyll'}:")
    numbers, counts = np.unique(codes, return_counts=True)
    for code, count in zip(numbers, counts, strict=True):
        say(f"  {'unknown' if code == UNKNOWN else name_of(int(code))}: {count} voxels")
    return replace(image, data=codes, name="tissue")


def _check_expected(codes: Volume | None, expect: str | None) -> None:
    from mesophyll.annotation import check_expected

    if expect is None:
        return
    if codes is None:
        raise typer.BadParameter("--expect: tissues of a map; pass --tissue, too")
    check_expected(codes.read(), [name.strip() for name in expect.split(",")])


def _notes(labels: Path | None, tissue: Path | None, preset: str | None) -> dict[str, str]:
    given = {"labels": labels and labels.name, "tissue": tissue and tissue.name, "preset": preset}
    return {name: value for name, value in given.items() if value}


def presets(
    tissue: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A tissue map: what each of its values would become.")
    ] = None,
    mesophyll: Mesophyll = "unknown",
) -> None:
    """List the conventions of tissue labels; or tell which one a map seems to follow. Nothing is changed."""
    from mesophyll import annotation, io
    from mesophyll.labels import check

    if tissue is None:
        show([_row(name, convention) for name, convention in annotation.CONVENTIONS.items()])
        return
    values = check(io.read(tissue).read(), tissue.name)
    names = annotation.likely(values)
    if not names:
        nearest = annotation.nearest(values)
        say(f"No preset knows all values of {tissue.name}; the nearest is {nearest}:")
        names = [nearest]
    else:
        say(f"{tissue.name} seems to follow: {' or '.join(names)}. Nothing is applied until you say --preset.")
    for name in names:
        say(f"{name}:")
        show(annotation.preview(values, name, annotation.Choice(mesophyll)))


def _row(name: str, convention: Any) -> dict[str, str]:
    meanings = ", ".join(f"{value} {meaning}" for value, meaning in convention.meanings.items())
    return {"preset": name, "of": convention.summary, "values": meanings}
