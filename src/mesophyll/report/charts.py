"""Charts as SVG, drawn by hand so that they follow the page's colours and print: distributions, profiles, scores of runs."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.report.numbers import written

__all__ = ["histogram", "intervals", "profile"]

_WIDTH, _HEIGHT, _TOP, _FLOOR = 440, 200, 34, 172
"""In units of the drawing: its size, and where the bars may begin and stand."""

_BARS = 24


def histogram(values: NDArray[Any], name: str, unit: str, *, share: bool = False) -> str:
    """Draw a histogram with its median; what lies beyond the 99th percentile is counted in the last bar.

    Parameters
    ----------
    values
        Shape (n,), finite.
    name, unit
        What they are; the unit is empty for a pure number.
    share
        Whether they lie between 0 and 1 by their nature: then the axis shows all of that.
    """
    if not values.size:
        return f'<p class="nothing">No whole cell to measure the {html.escape(name)} of.</p>'
    end = 1.0 if share else float(np.percentile(values, 99))
    ticks = _ticks(end if end > 0 else 1.0)
    counts, edges = np.histogram(np.minimum(values, ticks[-1]), bins=_BARS, range=(0, ticks[-1]))
    middle = float(np.median(values))
    quarter, three_quarters = np.percentile(values, [25, 75])
    told = (
        f"Histogram of {name}: {values.size} cells, median {written(middle, unit)}, "
        f"middle half from {written(quarter)} to {written(three_quarters, unit)}"
    )
    beyond = bool(values.max() > ticks[-1])
    content = _bars(counts, edges) + _axis(ticks, beyond=beyond) + _median(middle, ticks[-1], written(middle, unit))
    label = html.escape(told, quote=True)
    return f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{content}</svg>'


def _ticks(end: float) -> list[float]:
    """Return round numbers from 0 to at least ``end``, four to six steps."""
    power = 10.0 ** math.floor(math.log10(end / 4))
    step = next(power * digit for digit in (1, 2, 2.5, 5, 10) if end / (power * digit) <= 5.001)
    return [step * place for place in range(math.ceil(end / step - 1e-9) + 1)]


def _across(value: float, end: float) -> float:
    return 12 + (_WIDTH - 36) * value / end


def _bars(counts: NDArray[Any], edges: NDArray[Any]) -> str:
    tallest = max(int(counts.max()), 1)
    drawn = []
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        left, right = _across(low, edges[-1]), _across(high, edges[-1])
        height = (_FLOOR - _TOP) * count / tallest
        if count:
            drawn.append(
                f'<rect x="{left + 0.75:.1f}" y="{_FLOOR - height:.1f}" width="{right - left - 1.5:.1f}" '
                f'height="{height:.1f}" rx="1.5"/>'
            )
    return f'<g class="bars">{"".join(drawn)}</g>'


def _axis(ticks: Sequence[float], *, beyond: bool) -> str:
    line = f'<line x1="12" x2="{_WIDTH - 24}" y1="{_FLOOR}" y2="{_FLOOR}"/>'
    words = [f"{tick:,g}" if tick < 1e6 else f"{tick:.2g}" for tick in ticks]
    words[-1] = f"≥ {words[-1]}" if beyond else words[-1]
    texts = [
        f'<text x="{_across(tick, ticks[-1]):.1f}" y="{_FLOOR + 18}">{word}</text>'
        for tick, word in zip(ticks[:-1], words, strict=False)
    ]
    # The last one is the longest, and stands where there is no room to its right.
    texts.append(f'<text x="{_WIDTH - 4}" y="{_FLOOR + 18}" style="text-anchor: end">{words[-1]}</text>')
    return f'<g class="axis">{line}{"".join(texts)}</g>'


def _median(value: float, end: float, word: str) -> str:
    place = _across(min(value, end), end)
    side = "end" if place > _WIDTH * 0.6 else "start"
    text = place + (-6 if side == "end" else 6)
    return (
        f'<g class="median"><line x1="{place:.1f}" x2="{place:.1f}" y1="14" y2="{_FLOOR}"/>'
        f'<text x="{text:.1f}" y="22" text-anchor="{side}">median {word}</text></g>'
    )


_SIDE, _LAYERS = 92, 150
"""Of a profile: the room for the words beside it, and how high all layers together are."""


def profile(values: NDArray[Any], name: str, unit: str, ends: tuple[str, str]) -> str:
    """Draw a trait layer by layer, from above to below, as bars that lie.

    Parameters
    ----------
    values
        Shape (layers,); a layer of which nothing is known is NaN.
    name, unit
        What they are; the unit is empty for a pure number.
    ends
        What lies above the first layer, and below the last.
    """
    known = values[np.isfinite(values)]
    ticks = _ticks(max(float(known.max(initial=0.0)), 1e-9))
    scale, step = (_WIDTH - _SIDE - 30) / ticks[-1], _LAYERS / len(values)
    bars = "".join(
        f'<rect x="{_SIDE}" y="{14 + place * step + 0.75:.1f}" width="{value * scale:.1f}" height="{step - 1.5:.1f}" rx="1.5"/>'
        for place, value in enumerate(values)
        if np.isfinite(value)
    )
    floor = 14 + _LAYERS
    texts = "".join(f'<text x="{_SIDE + tick * scale:.1f}" y="{floor + 18}">{tick:,g}</text>' for tick in ticks)
    sides = "".join(
        f'<text x="{_SIDE - 10}" y="{place}" style="text-anchor: end">{html.escape(word)}</text>'
        for word, place in zip(ends, (24, floor - 4), strict=True)
    )
    line = f'<line x1="{_SIDE}" x2="{_SIDE}" y1="14" y2="{floor}"/>'
    told = f"{name} from {ends[0]} to {ends[1]}: {', '.join(written(float(value), unit) for value in values)}"
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {floor + 28}" role="img" aria-label="{html.escape(told, quote=True)}">'
        f'<g class="bars">{bars}</g><g class="axis">{line}{texts}{sides}</g></svg>'
    )


_ROW, _LETTER, _SCALE, _VALUE = 24, 7, 330, 60
"""In units of the drawing of intervals: the height of a row, the width of a letter, of the scale, and of the numbers."""


def intervals(rows: Sequence[tuple[str, float, tuple[float, float]]]) -> str:
    """Draw scores between 0 and 1, one row each: name, score and the ends of its interval."""
    floor = _ROW * len(rows) + 8
    left = _LETTER * max(len(name) for name, _, _ in rows) + 12
    lines = "".join(_interval(place, left, *row) for place, row in enumerate(rows))
    ticks = "".join(
        f'<line x1="{left + _SCALE * tick:.1f}" x2="{left + _SCALE * tick:.1f}" y1="0" y2="{floor}"/>'
        f'<text x="{left + _SCALE * tick:.1f}" y="{floor + 16}">{tick:g}</text>'
        for tick in (0, 0.25, 0.5, 0.75, 1)
    )
    told = "; ".join(f"{name}: {value:.3f}, {low:.3f} to {high:.3f}" for name, value, (low, high) in rows)
    box = f"0 0 {left + _SCALE + _VALUE} {floor + 22}"
    return (
        f'<svg class="chart" viewBox="{box}" role="img" aria-label="{html.escape(told, quote=True)}">'
        f'<g class="grid axis">{ticks}</g>{lines}</svg>'
    )


def _interval(place: int, left: int, name: str, value: float, ends: tuple[float, float]) -> str:
    height = _ROW * place + 16
    low, at, high = (left + _SCALE * score for score in (ends[0], value, ends[1]))
    return (
        f'<g class="interval"><text x="{left - 12}" y="{height + 4}" text-anchor="end">{html.escape(name)}</text>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{height}" y2="{height}"/>'
        f'<circle cx="{at:.1f}" cy="{height}" r="4"/>'
        f'<text x="{left + _SCALE + _VALUE}" y="{height + 4}" text-anchor="end">{value:.3f}</text></g>'
    )
