"""``mesophyll tissue``: from a scan to a tissue map."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesophyll.cli.numbers import Spacing, one_or_all
from mesophyll.cli.options import DeviceOption, PlanFile, SecondScan
from mesophyll.cli.outputs import check_output, scratch_beside
from mesophyll.cli.screen import bars, busy, heeding, say, show
from mesophyll.cli.segmenting import plan_of, provenance, settled
from mesophyll.cli.verb import verb
from mesophyll.tissues import TISSUES

if TYPE_CHECKING:
    from mesophyll.volume import LazyArray

__all__ = ["register", "tissue"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    verb(
        app,
        tissue,
        examples=[
            "mesophyll tissue leaf.tif -o tissue.tif",
            "mesophyll tissue slices/ -o tissue.nrrd --spacing 0.65 --model my-tissue",
        ],
    )


def tissue(  # noqa: PLR0913, PLR0917 - the options of a verb
    scan: Annotated[Path, typer.Argument(metavar="SCAN", help="A scan in any readable format, or a folder of slices.")],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The tissue map; the suffix tells the format.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME_OR_FOLDER",
            help="A shipped model of tissues, or a folder: `mesophyll train --tissue`.",
        ),
    ] = None,
    spacing: Spacing = None,
    second: SecondScan = None,
    device: DeviceOption = None,
    plan: PlanFile = None,
) -> None:
    """Find the tissues of a scan: epidermis, palisade, veins, airspace, ..."""
    from mesophyll import io
    from mesophyll.mapping import map_tissue_volume
    from mesophyll.model import choose

    check_output(out, io.WRITABLE)
    volume = io.read(scan, spacing_um=one_or_all(spacing))
    volume.known_spacing_um  # noqa: B018 - asks for it before anything long begins
    how, chosen = plan_of(plan, device), choose(model, "tissue", volume.ndim)
    other = None if second is None else io.read(second, spacing_um=volume.spacing_um)
    start = time.monotonic()
    with scratch_beside(out) as scratch:
        with bars() as progress, heeding() as heard:
            how = settled(how, volume, chosen)
            codes = map_tissue_volume(volume, chosen, second=other, scratch=scratch, plan=how, progress=progress)
        shares, seconds = _shares(codes.data), time.monotonic() - start
        notes = provenance(volume, chosen, how, heard) | {"seconds": round(seconds, 1)}
        with busy("writing"):
            io.write(out, codes, kind="tissue", notes=notes)
        del codes  # its files lie in the scratch folder
    show([shares])
    say(f"the tissue map took {seconds:.0f} s and is written to {out}")


def _shares(codes: LazyArray) -> dict[str, Any]:
    """Return each tissue's share of the voxels, counted block by block: the map may be larger than memory."""
    import numpy as np

    from mesophyll.blocks import grid

    counts = np.sum(
        [np.bincount(codes[block.write].ravel(), minlength=len(TISSUES)) for block in grid(codes.shape, 256, 0)], axis=0
    )
    return {name: f"{share:.1%}" for name, share in zip(TISSUES.values(), counts / counts.sum(), strict=True)}
