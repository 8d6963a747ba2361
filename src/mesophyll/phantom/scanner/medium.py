"""What surrounds a leaf in a scan: a medium or air, bubbles or droplets on its faces, a corner that was not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesophyll.phantom.scanner.noise import Field, blur, smooth
from mesophyll.phantom.scanner.optics import Optics
from mesophyll.volume import Spacing

__all__ = ["dark_corner", "surround"]


def surround(
    rng: np.random.Generator, density: Field, outside: NDArray[np.bool_], spacing_um: Spacing, optics: Optics
) -> None:
    """Write the medium's density, and that of what lies in it, to the voxels ``outside`` the leaf.

    Parameters
    ----------
    density
        Shape (Z, Y, X): 1 as dense as cells, 0 air. Written to.
    """
    airy = rng.uniform() < optics.medium_is_air
    density[outside] = 0.0 if airy else 1.0
    if not airy:
        _trap(rng, density, outside, spacing_um)
    along, across = density.shape[0] * spacing_um[0], density.shape[2] * spacing_um[2]
    for _ in range(rng.poisson(rng.uniform(0, optics.drops) * along * across / 10_000)):
        _drop(rng, density, outside, spacing_um, 1.0 if airy else 0.0)


def _drop(
    rng: np.random.Generator, density: Field, outside: NDArray[np.bool_], spacing_um: Spacing, value: float
) -> None:
    """Lay a bubble or a droplet on a face of the leaf, round or flat, more or less sunk in."""
    k, i = int(rng.integers(density.shape[0])), int(rng.integers(density.shape[2]))
    below = rng.uniform() < 0.3
    size = rng.uniform(4.0, 12.0) * (rng.uniform(1, 4) if rng.uniform() < 0.3 else 1.0)
    flat, sink = rng.uniform(0.4, 1.0), rng.uniform(-0.2, 0.9)
    height = _face(~outside[k, :, i], from_below=below)
    if height is not None:
        lift = size * flat * sink * (1 if below else -1)
        centre = (k * spacing_um[0], height * spacing_um[1] + lift, i * spacing_um[2])
        _ellipsoid(density, outside, centre, (size, size * flat, size), spacing_um, value)


def _trap(rng: np.random.Generator, density: Field, outside: NDArray[np.bool_], spacing_um: Spacing) -> None:
    """Leave air in some of the pits of the leaf's faces, where two outer walls meet."""
    enclosed = blur(1 - outside.astype(np.float32), 1.5, spacing_um)
    where = smooth(rng, outside.shape, (12.0, 12.0, 12.0), spacing_um)
    density[outside & (enclosed > 0.58 + 0.06 * where)] = 0.0


def _face(column: NDArray[np.bool_], *, from_below: bool) -> int | None:
    """Return where a column (Y,) through the volume enters the leaf; None where it does not, or starts in it."""
    if from_below:
        column = column[::-1]
    if not column.any() or column[0]:
        return None
    met = int(np.argmax(column))
    return len(column) - 1 - met if from_below else met


def _ellipsoid(
    density: Field,
    outside: NDArray[np.bool_],
    centre: tuple[float, ...],
    half: tuple[float, ...],
    spacing_um: Spacing,
    value: float,
) -> None:
    """Write a value to the outside voxels of an ellipsoid, all in µm."""
    box, squares = [], []
    for axis, (middle, radius, step) in enumerate(zip(centre, half, spacing_um, strict=True)):
        low = max(int((middle - radius) / step), 0)
        high = min(int((middle + radius) / step) + 2, density.shape[axis])
        box.append(slice(low, max(high, low)))
        offset = ((np.arange(low, max(high, low)) + 0.5) * step - middle) / radius
        squares.append((offset**2).reshape([-1 if other == axis else 1 for other in range(3)]))
    place = tuple(box)
    within = (squares[0] + squares[1] + squares[2] < 1) & outside[place]
    density[place][within] = value


def dark_corner(
    rng: np.random.Generator, outside: NDArray[np.bool_], spacing_um: Spacing, optics: Optics
) -> NDArray[np.bool_] | None:
    """Draw a corner outside the field of view: background voxels beyond a circle in (Y, X); mostly none."""
    seen = rng.uniform() >= optics.dark_corner
    angle, share = rng.uniform(0, 2 * np.pi), rng.uniform(0.88, 0.98)
    if seen:
        return None
    _, high, wide = outside.shape
    y = (np.arange(high) - high / 2)[:, None] * spacing_um[1]
    x = (np.arange(wide) - wide / 2)[None, :] * spacing_um[2]
    reach = np.hypot(high * spacing_um[1], wide * spacing_um[2]) / 2
    radius = 6 * reach  # so large that its edge is nearly straight
    far = np.hypot(y + (radius - share * reach) * np.sin(angle), x + (radius - share * reach) * np.cos(angle)) > radius
    return np.asarray(outside & far[None])
