"""Draw the pictures of the documentation: ``python docs/pictures.py [FOLDER]`` (two minutes).

The folder holds ``gridrec.tif`` and ``paganin.tif``, both reconstructions of a section of a real leaf at 0.1625 µm; without
it the picture of the real section is left as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot
from numpy.typing import NDArray

from mesophyll import io, map_tissue, segment
from mesophyll.labels import Labels, outlines, split_pieces
from mesophyll.model import load, shipped
from mesophyll.phantom import Phantom, make
from mesophyll.representations import Flows
from mesophyll.representations.flows import TARGETS
from mesophyll.tissues import TISSUES

IMAGES = Path(__file__).parent / "images"

SEED, SHAPE, SPACING_UM = 12, (96, 240, 320), 0.65
AT = 48
"""The section that is shown, across Z."""

COLOURS = ("#ffffff", "#8c564b", "#e377c2", "#2ca02c", "#bcbd22", "#ff7f0e", "#d62728", "#9ecae1")
"""Of the tissues, in the order of their codes."""


RIGHT = (
    (319, 48), (320, 181), (324, 327), (349, 514), (383, 768), (385, 905), (403, 51), (432, 434), (438, 114),
    (528, 178), (409, 280), (476, 346), (471, 510), (455, 609), (580, 660), (446, 694), (709, 115), (775, 83),
    (850, 100), (943, 114), (973, 258), (702, 271), (771, 383), (734, 544), (762, 614), (1051, 170), (1050, 278),
    (1130, 93), (1161, 209), (1181, 304), (1225, 584), (852, 632), (1192, 739), (1271, 653), (1280, 716), (1268, 769),
    (1070, 814), (1124, 811), (881, 863), (472, 867), (467, 934), (563, 852), (602, 913), (539, 960), (1191, 826),
    (1276, 830), (1262, 960),
)  # fmt: skip
MERGED = ((1194, 927), (1269, 900))
"""Cells of the real section whose outline a person sees all around, (Y, X) in gridrec: found as they are, and run together
with a neighbour. Looked at on 2026-11-28; weights and choosers that come later want a new look."""


def main(folder: Path | None) -> None:
    """Write all of them."""
    mpl.use("agg")
    pyplot.rcParams |= {"font.size": 9, "figure.dpi": 150, "savefig.bbox": "tight", "savefig.pad_inches": 0.03}
    leaf = make(SEED, shape=SHAPE, spacing_um=SPACING_UM)
    scans(leaf)
    targets(leaf)
    found(leaf)
    tissues(leaf)
    reliability()
    if folder is not None:
        real(folder)
        real_tissues(folder)
        counted(folder)


def scans(leaf: Phantom) -> None:
    """Show both reconstructions and the true cells, with a bar of 50 µm."""
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    pictures = {
        "gridrec": leaf.gridrec[AT],
        "Paganin": leaf.paganin[AT],
        "the true cells, on gridrec": painted(leaf.gridrec[AT], leaf.labels[AT]),
    }
    for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture, cmap="gray", interpolation="nearest")
        axis.set_title(title)
        axis.axis("off")
    right, low = SHAPE[2] - 12, SHAPE[1] - 12
    axes[0].plot([right - 50 / SPACING_UM, right], [low, low], color="white", linewidth=3, solid_capstyle="butt")
    axes[0].text(right - 25 / SPACING_UM, low - 6, "50 µm", color="white", ha="center")
    figure.savefig(IMAGES / "phantom.png")


def found(leaf: Phantom) -> None:
    """Show a leaf that the shipped model has not seen, and the cells that it finds there."""
    labels = segment(leaf.gridrec, spacing_um=SPACING_UM)
    side_by_side(
        {"a leaf": leaf.gridrec[AT], "its cells": painted(leaf.gridrec[AT], labels[AT])}, "leaf.png", (12, 4.6)
    )


def reliability() -> None:
    """Show for each shipped model how often cells are right, against how often they are said to be: as its card tells."""
    figure, axis = pyplot.subplots(figsize=(4.6, 4.4), layout="constrained")
    axis.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    for name, folder in shipped().items():
        if "confidence" in (card := load(folder).card):
            judged = card["confidence"]["judged"]
            said, right = ([row[key] for row in judged["bins"]] for key in ("said", "right"))
            axis.plot(said, right, marker="o", label=f"{name}, error {judged['error']:.3f}")
    axis.set(xlabel="confidence", ylabel="right", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axis.legend(frameon=False)
    figure.savefig(IMAGES / "reliability.png")
    pyplot.close(figure)


def tissues(leaf: Phantom) -> None:
    """Show the tissues that the shipped model finds beside the true ones."""
    told = map_tissue(leaf.gridrec, spacing_um=SPACING_UM)
    tissue_maps(leaf.gridrec[AT], {"tissues found": told[AT], "true tissues": leaf.tissue[AT]}, "tissue.png", (12, 3.6))


def real_tissues(folder: Path) -> None:
    """Show the tissues that it finds in both reconstructions of a real section, beside gridrec."""
    grey = {name: io.read(folder / f"{name}.tif").read() for name in ("gridrec", "paganin")}
    maps = {f"found in {name}": map_tissue(scan, spacing_um=0.1625)[::2, ::2] for name, scan in grey.items()}
    tissue_maps(grey["gridrec"][::2, ::2], maps, "real-tissue.png", (12, 5.6))


def tissue_maps(
    grey: NDArray[np.uint8], maps: dict[str, NDArray[np.uint8]], name: str, size: tuple[float, float]
) -> None:
    """Write a section and its maps, with what colour is which."""
    figure, axes = pyplot.subplots(1, 1 + len(maps), figsize=size, layout="constrained")
    for axis, (title, picture) in zip(axes, {"gridrec": grey, **maps}.items(), strict=True):
        axis.imshow(coloured(picture) if title in maps else picture, cmap="gray", interpolation="nearest")
        axis.set_title(title)
        axis.axis("off")
    patches = [mpl.patches.Patch(facecolor=colour, edgecolor="grey") for colour in COLOURS]
    figure.legend(patches, TISSUES.values(), loc="outside lower center", ncols=len(TISSUES), frameon=False)
    figure.savefig(IMAGES / name)
    pyplot.close(figure)


def coloured(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return a tissue map as a picture, shape (Y, X, 3)."""
    return np.array([mpl.colors.to_rgb(colour) for colour in COLOURS])[codes]


def real(folder: Path) -> None:
    """Show the cells found in both reconstructions of a real section, at half its resolution."""
    pictures = {}
    for name in ("gridrec", "paganin"):
        grey = io.read(folder / f"{name}.tif").read()
        labels = segment(grey, spacing_um=0.1625)
        pictures[f"{name}, {labels.max()} cells"] = painted(stretched(grey)[::2, ::2], labels[::2, ::2])
    side_by_side(pictures, "real-slice.png", (12, 8.4))


def counted(folder: Path) -> None:
    """Mark in the real section which of the cells that a person sees were found."""
    grey = io.read(folder / "gridrec.tif").read()
    labels = segment(grey, spacing_um=0.1625)
    figure, axis = pyplot.subplots(figsize=(9, 12), layout="constrained")
    axis.imshow(painted(stretched(grey), labels), interpolation="nearest")
    for places, look in ((RIGHT, {"marker": "o", "color": "white"}), (MERGED, {"marker": "X", "color": "red"})):
        down, across = np.transpose(places)
        axis.scatter(across, down, s=60, edgecolors="black", linewidths=0.8, **look)
    axis.axis("off")
    figure.savefig(IMAGES / "real-counted.jpg", dpi=100)
    pyplot.close(figure)


def stretched(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return grey values spread over the whole range."""
    low, high = np.percentile(grey[grey > 0], [0.5, 99.5])
    return np.asarray(np.clip((grey - low) / (high - low), 0, 1) * 255, np.uint8)


def side_by_side(pictures: dict[str, NDArray[np.generic]], name: str, size: tuple[float, float]) -> None:
    """Write titled pictures, one beside the other."""
    figure, axes = pyplot.subplots(1, len(pictures), figsize=size, layout="constrained")
    for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture, cmap="gray", interpolation="nearest")
        axis.set_title(title)
        axis.axis("off")
    figure.savefig(IMAGES / name)
    pyplot.close(figure)


def painted(grey: NDArray[np.uint8], labels: Labels) -> NDArray[np.float64]:
    """Return the picture, shape (Y, X, 3), with each cell in a light colour of its own and its outline in full."""
    hues = (labels * 0.618034) % 1
    colours = mpl.colormaps["hsv"](hues)[..., :3]
    share = np.where(outlines(labels), 0.9, np.where(labels > 0, 0.25, 0.0))[..., None]
    return np.asarray((1 - share) * (grey / 255)[..., None] + share * colours)


def targets(leaf: Phantom) -> None:
    """Show the flow of each target on the same few spongy cells, in 2D."""
    cells = split_pieces(leaf.labels[AT, 120:176, 110:190])
    figure, axes = pyplot.subplots(len(TARGETS) // 2, 2, figsize=(10, 7.2), layout="constrained")
    for axis, target in zip(axes.flat, TARGETS, strict=True):
        _, down, right = Flows(target=target).encode(cells)
        inside = cells > 0
        axis.imshow(painted(np.full(cells.shape, 235, np.uint8), cells), interpolation="nearest")
        y, x = (index[::2, ::2][inside[::2, ::2]] for index in np.indices(cells.shape))
        axis.quiver(x, y, right[y, x], down[y, x], angles="xy", scale_units="xy", scale=0.6, width=0.0025)
        axis.set_title(target)
        axis.axis("off")
    figure.savefig(IMAGES / "targets.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
