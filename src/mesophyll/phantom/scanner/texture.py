"""What varies where nothing is: the grain inside cells, slow shading and streaks along the leaf, the detector's noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mesophyll.phantom.grid import Grid
from mesophyll.phantom.scanner.chance import Field, seed_from
from mesophyll.phantom.scanner.faces import Faces
from mesophyll.phantom.scanner.noise import grain, ramped, smooth
from mesophyll.phantom.scanner.optics import Look

__all__ = ["Texture"]

GRAIN_GRIDREC = 5.2
GRAINS_PAGANIN = ((0.29, 0.5), (0.27, 1.9))
"""The height of gridrec's noise. Paganin's is two grains, one finer and one coarser: the height of each, and its reach as a
multiple of that of gridrec's."""

CELLS_GRIDREC, CELLS_PAGANIN = 0.9, 0.95
SHADING_GRIDREC, SHADING_PAGANIN = 1.2, 8.0
STREAKS_GRIDREC, STREAKS_PAGANIN = 2.5, 2.1
STREAKS_UM = (1.0, 0.65, 25.0)
"""The reach of streaks along each axis."""

NEAR_UM = 8.0
"""How far from a face of the leaf streaks and shading are stronger."""


@dataclass(frozen=True)
class Texture:
    """The textures of one scan.

    Parameters
    ----------
    seeds
        One for each texture.
    faces
        Where the leaf begins and ends.
    """

    seeds: tuple[int, ...]
    faces: Faces

    @classmethod
    def draw(cls, rng: np.random.Generator, faces: Faces) -> Texture:
        """Draw the seeds."""
        return cls(tuple(seed_from(rng) for _ in range(7)), faces)

    def add(self, gridrec: Field, paganin: Field, density: Field, box: Grid, look: Look) -> None:
        """Add the textures to both images of a box, all of shape (Z, Y, X)."""
        if look.texture:
            self._add_cells(gridrec, paganin, density, box, look)
        if look.shading or look.streaks:
            self._add_shading(gridrec, paganin, box, look)
        if look.noise:
            gridrec += np.float32(GRAIN_GRIDREC * look.noise) * ramped(self.seeds[0], box, look.noise_um)
            for seed, (height, reach) in zip((self.seeds[1], self.seeds[6]), GRAINS_PAGANIN, strict=True):
                paganin += np.float32(height * look.noise) * grain(seed, box, reach * look.noise_um)

    def _add_cells(self, gridrec: Field, paganin: Field, density: Field, box: Grid, look: Look) -> None:
        """Add what the inside of cells looks like: faint grain of about a µm, the same in both reconstructions."""
        inside = smooth(self.seeds[2], box, (0.8, 0.8, 0.8))
        inside *= np.minimum(density, 1)
        inside *= np.float32(look.contrast * look.texture)
        gridrec += np.float32(CELLS_GRIDREC) * inside
        paganin += np.float32(CELLS_PAGANIN) * inside

    def _add_shading(self, gridrec: Field, paganin: Field, box: Grid, look: Look) -> None:
        """Add slow shading (mostly Paganin) and streaks along the leaf, strongest at its faces."""
        near = self._near(box)
        shading = smooth(self.seeds[3], box, (30.0, 14.0, 30.0))
        shading *= np.float32(0.5) + np.float32(0.3) * near
        shading += (np.float32(0.25) + np.float32(0.55) * near) * smooth(self.seeds[4], box, (12.0, 4.0, 70.0))
        shading *= np.float32(look.shading)
        paganin += np.float32(SHADING_PAGANIN) * shading
        gridrec += np.float32(SHADING_GRIDREC) * shading
        streaks = smooth(self.seeds[5], box, STREAKS_UM)
        streaks *= np.float32(look.streaks) * (np.float32(0.8) + np.float32(0.6) * near)
        paganin += np.float32(STREAKS_PAGANIN) * streaks
        gridrec += np.float32(STREAKS_GRIDREC) * streaks

    def _near(self, box: Grid) -> Field:
        """Return 1 at the leaf's faces, 0 far from them, shape (Z, Y, X)."""
        near = np.zeros(box.shape, np.float32)
        y = box.centres(1)[None, :, None]
        for height in self.faces.at(box.centres(0), box.centres(2)):
            bump = ((y - height[:, None, :]) / NEAR_UM).astype(np.float32)
            bump *= bump
            bump *= np.float32(0.37)
            bump += np.float32(1)
            bump *= bump
            near += 1 / bump
        return near
