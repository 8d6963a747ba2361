"""Slices through a scan with the cells drawn on them, as SVG in µm: grey values and outlines are PNGs within."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import edt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mesophyll.labels import Labels
from mesophyll.volume import Spacing, Volume

__all__ = ["Plane", "heat", "picture", "planes"]

_MOST_PIXELS = 1400
"""Along the longer side of a picture; a larger slice is thinned out."""

_OUTLINE_PIXELS = 1000
"""Outlines are drawn at least about this fine, however few voxels a slice has."""

_OUTLINE = 0.003
"""The width of an outline, as a share of the longer side."""

_HOT = (232, 93, 42)
"""The colour of heat; how much of it there is, is how opaque it is."""

_FILL, _LINE = 70, 255
"""How opaque cells and their outlines are, of 255."""


@dataclass(frozen=True)
class Plane:
    """A slice, ready to be shown.

    Parameters
    ----------
    title
        Which one it is.
    cells
        How many cells it cuts.
    bare, drawn
        SVG of the scan alone, and with the cells.
    """

    title: str
    cells: int
    bare: str
    drawn: str


def planes(scan: Volume, labels: Labels, spacing_um: Spacing, middle: tuple[int, ...]) -> list[Plane]:
    """Draw the three slices that meet in a voxel; of an image, the image. Only these are read from the scan."""
    if scan.ndim == 2:
        return [_plane("Y down, X across", scan.read(), labels, spacing_um)]
    drawn = []
    for axis, (name, place) in enumerate(zip("ZYX", middle, strict=True)):
        region = tuple(slice(place, place + 1) if other == axis else slice(None) for other in range(3))
        grey, cells = (np.asarray(array[region]).squeeze(axis) for array in (scan.data, labels))
        down, across = [letter for letter in "ZYX" if letter != name]
        title = f"{name} = {place} of {scan.shape[axis]}, {down} down, {across} across"
        drawn.append(_plane(title, grey, cells, spacing_um[:axis] + spacing_um[axis + 1 :]))
    return drawn


def _plane(title: str, grey: NDArray[Any], labels: Labels, spacing_um: Spacing) -> Plane:
    height, width = (length * step for length, step in zip(grey.shape, spacing_um, strict=True))
    every, step_um = _thinned(grey, spacing_um)
    cells = int(np.count_nonzero(np.unique(labels) > 0))
    name = f"slice-{title[0].lower()}"
    picture = f'<image id="{name}" {_size(width, height)} href="{_png(_to_8_bit(grey[every]))}"/>'
    overlay = f'<image {_size(width, height)} href="{_png(_drawn(labels[every], step_um))}"/>'
    bar = _scale_bar(width, height)
    bare = _svg(width, height, f"Scan, slice {title}", picture + bar)
    drawn = _svg(
        width, height, f"Scan with {cells} cells outlined, slice {title}", f'<use href="#{name}"/>{overlay}{bar}'
    )
    return Plane(title, cells, bare, drawn)


def picture(grey: NDArray[Any], labels: Labels | None, spacing_um: Spacing, told: str) -> str:
    """Draw one slice as SVG, with the cells of ``labels`` where they are given; ``told`` says what is shown."""
    if labels is None:
        return _layers(grey, None, spacing_um, told)
    every, step_um = _thinned(grey, spacing_um)
    return _layers(grey, _drawn(labels[every], step_um), spacing_um, told)


def heat(grey: NDArray[Any], values: NDArray[Any], most: float, spacing_um: Spacing, told: str) -> str:
    """Draw one slice as SVG under values from 0, which are seen most strongly from ``most`` on."""
    every, _ = _thinned(grey, spacing_um)
    painted = np.zeros((*grey[every].shape, 4), np.uint8)
    painted[..., :3] = _HOT
    painted[..., 3] = np.clip(values[every] / max(most, 1e-12), 0, 1) * 220
    return _layers(grey, painted, spacing_um, told)


def _thinned(grey: NDArray[Any], spacing_um: Spacing) -> tuple[tuple[slice, slice], tuple[float, float]]:
    """Return which pixels of a slice are shown, and how far apart they lie in µm."""
    thin = -(-max(grey.shape) // _MOST_PIXELS)
    return (slice(None, None, thin),) * 2, (spacing_um[0] * thin, spacing_um[1] * thin)


def _layers(grey: NDArray[Any], over: NDArray[np.uint8] | None, spacing_um: Spacing, told: str) -> str:
    """Draw grey values and, over them, an RGBA picture."""
    height, width = (length * step for length, step in zip(grey.shape, spacing_um, strict=True))
    every, _ = _thinned(grey, spacing_um)
    pictures = [_to_8_bit(grey[every]), *([] if over is None else [over])]
    shown = "".join(f'<image {_size(width, height)} href="{_png(pixels)}"/>' for pixels in pictures)
    return _svg(width, height, told, shown + _scale_bar(width, height))


def _size(width: float, height: float) -> str:
    return f'width="{width:.6g}" height="{height:.6g}" preserveAspectRatio="none"'


def _svg(width: float, height: float, told: str, content: str) -> str:
    return f'<svg viewBox="0 0 {width:.6g} {height:.6g}" role="img" aria-label="{told}">{content}</svg>'


def _to_8_bit(grey: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = np.percentile(grey, [0.3, 99.7])
    scaled = (grey.astype(np.float32) - low) / max(float(high - low), 1e-6)
    return np.asarray(np.clip(scaled, 0, 1) * 255, dtype=np.uint8)


def _drawn(labels: Labels, step_um: tuple[float, float]) -> NDArray[np.uint8]:
    """Paint cells into an RGBA picture, shape (H, W, 4): a light fill, and a line along the inner side of the edge."""
    finer = max(round(_OUTLINE_PIXELS / max(labels.shape)), 1)
    numbers, place = np.unique(np.maximum(labels, 0), return_inverse=True)
    table = np.zeros((len(numbers), 4), np.uint8)
    table[:, :3], table[numbers > 0, 3] = _colours(numbers), _FILL
    cells = place.reshape(labels.shape).astype(np.uint32).repeat(finer, 0).repeat(finer, 1)
    painted: NDArray[np.uint8] = table[cells]
    steps = tuple(step / finer for step in step_um)
    line_um = max(_OUTLINE * max(length * step for length, step in zip(cells.shape, steps, strict=True)), max(steps))
    inside_um = edt.edt(cells + 1, anisotropy=steps, black_border=False, parallel=1)
    painted[(painted[..., 3] > 0) & (inside_um <= line_um), 3] = _LINE
    return painted


def _colours(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Give each cell a colour, shape (n, 3): hues a golden angle apart, so that near numbers differ."""
    from skimage.color import lab2rgb

    angle = 2 * np.pi * ((numbers * (math.sqrt(5) - 1) / 2) % 1)
    light = np.where(numbers % 2, 68.0, 80.0)
    lab = np.stack([light, 62 * np.cos(angle), 62 * np.sin(angle)], axis=1)
    return np.asarray(np.rint(lab2rgb(lab[None])[0] * 255), dtype=np.uint8)


def _png(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _scale_bar(width: float, height: float) -> str:
    """Draw a bar of a round length, about a fifth of the width, at the lower right."""
    wanted = width / 5
    power = 10.0 ** math.floor(math.log10(wanted))
    length = max(power * digit for digit in (1, 2, 5) if power * digit <= wanted)
    unit = width / 100
    right, low = width - 3 * unit, height - 3 * unit
    return (
        f'<g class="scale"><rect x="{right - length:.6g}" y="{low - unit:.6g}" width="{length:.6g}" height="{unit:.6g}"/>'
        f'<text x="{right - length / 2:.6g}" y="{low - 2.2 * unit:.6g}" font-size="{3.6 * unit:.6g}" '
        f'stroke-width="{0.9 * unit:.6g}">{length:g} µm</text></g>'
    )
