"""Which convention a tissue map most likely follows: told, never applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll.annotation.conventions import CONVENTIONS
from mesophyll.labels import UNKNOWN

__all__ = ["Likelihood", "likely", "nearest", "ranked"]


@dataclass(frozen=True, order=True)
class Likelihood:
    """How well a convention explains a map; a larger one explains it better.

    Parameters
    ----------
    explained
        The share of voxels whose value it knows.
    outside
        The share of the voxels at the ends of the thickest axis, where background is, that it calls so; it tells
        conventions apart that use the same numbers for different things.
    """

    explained: float
    outside: float


def ranked(values: NDArray[Any]) -> dict[str, Likelihood]:
    """Return every convention with how well it explains a map, the best first; -1 in the map is left out.

    What no two numbers can tell - whether 0 is air and 255 is cell or the other way round - it does not know; such
    conventions are told as equally likely.
    """
    found = {name: _judge(values, convention.meanings) for name, convention in CONVENTIONS.items()}
    return dict(sorted(found.items(), key=lambda item: item[1], reverse=True))


def likely(values: NDArray[Any]) -> list[str]:
    """Return the names of the conventions that explain all of a map and do so best; none where no one explains all."""
    order = ranked(values)
    best = next(iter(order.values()))
    return [name for name, found in order.items() if found == best] if best.explained == 1 else []


def nearest(values: NDArray[Any]) -> str:
    """Return the name of the convention that explains most of a map."""
    return next(iter(ranked(values)))


def _judge(values: NDArray[Any], meanings: dict[int, str]) -> Likelihood:
    known = values[values != UNKNOWN]
    background = [value for value, meaning in meanings.items() if meaning == "background"]
    faces = [face[face != UNKNOWN] for axis in range(values.ndim) for face in _faces(values, axis)]
    outside = max((_share(np.isin(face, background)) for face in faces if face.size), default=0.0)
    return Likelihood(
        explained=_share(np.isin(known, list(meanings))),
        outside=round(outside, 2),
    )


def _faces(values: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    return values.take(0, axis), values.take(-1, axis)


def _share(mask: NDArray[np.bool_]) -> float:
    return float(mask.mean()) if mask.size else 0.0
