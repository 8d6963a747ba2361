"""One scan: all that differs from scan to scan is drawn once, then any box of the volume can be exposed on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesophyll import tissues
from mesophyll.blocks import Region, grow, relative, shape_of
from mesophyll.blocks import grid as blocks_of
from mesophyll.labels import Labels
from mesophyll.phantom.crystal import Crystal
from mesophyll.phantom.grid import Grid
from mesophyll.phantom.scanner import crystals as crystals_of
from mesophyll.phantom.scanner.artefacts import Motion, Rings, Seams
from mesophyll.phantom.scanner.chance import Field, seed_from
from mesophyll.phantom.scanner.faces import Faces
from mesophyll.phantom.scanner.formation import edges, edges_reach, to_grey
from mesophyll.phantom.scanner.glow import air_around
from mesophyll.phantom.scanner.medium import Medium
from mesophyll.phantom.scanner.optics import Bits, Look, Optics
from mesophyll.phantom.scanner.texture import Texture
from mesophyll.phantom.scanner.walls import Walls
from mesophyll.progress import Progress, silent, track
from mesophyll.volume import LazyArray, WritableArray

__all__ = ["Scan"]

SIDE = 256
"""Voxels along each axis of the blocks in which a volume is exposed: what it costs in memory beyond the images."""

RIDGE_PAGANIN = 0.78
"""A wall's ridge in Paganin, as a share of the one in gridrec."""

RINGS_GRIDREC, RINGS_PAGANIN = 1.3, 0.5
GLOW, GLOW_MEAN, GLOW_FULL = 40.0, 0.12, 0.6
"""By how many grey values a place all in air is brighter in Paganin than one all in tissue; the share of air around a cell as
grey as the plateau; and the share beyond which nothing gets brighter, as no more was seen. Phase retrieval loses what is
coarse: on a real slice 73 grey values lie between cells and air 10 µm apart, 57 at 25 µm and 54 at 40 µm."""

SEAMS_GRIDREC, SEAMS_PAGANIN = 0.8, 1.0

MOTION_GRIDREC, MOTION_PAGANIN = 0.5, 0.25
"""How much brighter an edge seen twice is in either image, as a share of the difference of Paganin across it."""

MEDIUM = np.iinfo(np.int32).max
"""The number by which walls know the medium, where it is as dense as a cell."""

UNNAMED = 255
"""The tissue of cells of which none is known."""


@dataclass(frozen=True)
class Scan:
    """One scan of a volume, ready to be exposed box by box.

    Parameters
    ----------
    volume
        The whole volume.
    look
        Contrast, blur, noise and the like.
    medium, walls, texture, rings, seams, motion
        The parts of the image.
    crystals
        What is denser than cells.
    bits
        Of its images.
    """

    volume: Grid
    look: Look
    medium: Medium
    walls: Walls
    texture: Texture
    rings: Rings
    seams: Seams
    motion: Motion
    crystals: tuple[Crystal, ...] = ()
    bits: Bits = 8

    @classmethod
    def draw(
        cls, rng: np.random.Generator, optics: Optics, volume: Grid, faces: Faces, crystals: Sequence[Crystal] = ()
    ) -> Scan:
        """Draw a scan of a leaf.

        Parameters
        ----------
        rng
            Draws noise and everything that differs from scan to scan.
        optics
            The ranges it draws from.
        volume
            The whole volume.
        faces
            Where the leaf begins and ends.
        crystals
            What is denser than cells, in cells of the leaf.
        """
        of_look, of_medium, of_walls, of_texture, of_rings, of_seams, of_motion = rng.spawn(7)
        return cls(
            volume=volume,
            look=optics.draw(of_look),
            medium=Medium.draw(of_medium, optics, faces, volume),
            walls=Walls.draw(of_walls, optics),
            texture=Texture.draw(of_texture, faces),
            rings=Rings.draw(of_rings, volume),
            seams=Seams.draw(of_seams),
            motion=Motion(seed_from(of_motion)),
            crystals=tuple(crystals),
            bits=optics.bits,
        )

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """The type of its images."""
        return np.uint8 if self.bits == 8 else np.uint16

    def write(
        self,
        labels: LazyArray,
        tissue: LazyArray | None,
        images: tuple[WritableArray, WritableArray],
        *,
        side: int = SIDE,
        progress: Progress = silent,
    ) -> None:
        """Expose the whole volume into two arrays, which may be larger than memory; ``side`` does not change the result.

        Parameters
        ----------
        labels, tissue
            As `expose` takes them.
        images
            Gridrec and Paganin, shape (Z, Y, X), of the type `dtype`.
        side
            Voxels along each axis of a block, at most.
        progress
            Told after each block.
        """
        for block in track(blocks_of(self.volume.shape, side, 0), "scanning", progress):
            for image, exposed in zip(images, self.expose(labels, tissue, block.write), strict=True):
                image[block.write] = exposed

    def expose(self, labels: LazyArray, tissue: LazyArray | None, region: Region) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what the scan shows in a region; it equals that region of the whole, bit by bit.

        Parameters
        ----------
        labels
            Of the whole volume, shape (Z, Y, X): > 0 cells. Only the region and what is around it is read.
        tissue
            Likewise, codes of `mesophyll.tissues`: background becomes the medium around the leaf. None where it is not
            known: all that is no cell is then air.
        region
            The region.

        Returns
        -------
        gridrec, paganin
            Of the region, uint8 or uint16.
        """
        box = self._box(region)
        moving = grow(region, 0, self.volume.shape) if not self.look.motion else self._around(region, self._moves)
        read = self._around(moving, self._sees)
        cells, codes = _look_at(labels, tissue, read)
        outside = (codes == tissues.BACKGROUND) & (cells <= 0)
        density = (cells > 0).astype(np.float32)
        self.medium.fill(density, outside, self._box(read))
        crystals_of.fill(self.crystals, density, self._box(read), self.look.crystals)

        spacing, inner = self.volume.spacing_um, relative(region, read)
        gridrec, paganin = self._edges(density, region, moving, read)
        if self.look.glow:
            glow = air_around(region, self.volume, lambda near: self._density(labels, tissue, near))
            np.minimum(glow, np.float32(GLOW_FULL), out=glow)
            glow -= np.float32(GLOW_MEAN)
            paganin += np.float32(GLOW * self.look.glow * self.look.contrast) * glow
        bodies = np.where(outside & (density > 0.5), MEDIUM, cells)  # a dense medium has a face like a cell
        ridges = self.walls.ridges(bodies, codes, spacing, inner)
        gridrec += np.float32(self.look.contrast) * ridges
        paganin += np.float32(self.look.contrast * RIDGE_PAGANIN) * ridges
        self.texture.add(gridrec, paganin, density[inner], box, self.look)
        self._add_artefacts(gridrec, paganin, box)
        unseen = self._unseen(outside[inner], box)
        return to_grey(gridrec, unseen, self.bits), to_grey(paganin, unseen, self.bits)

    def _density(self, labels: LazyArray, tissue: LazyArray | None, region: Region) -> Field:
        """Return the density of a region without what is fine: pits and crystals."""
        cells, codes = _look_at(labels, tissue, region)
        density = (cells > 0).astype(np.float32)
        self.medium.flood(density, (codes == tissues.BACKGROUND) & (cells <= 0), self._box(region))
        return density

    @property
    def _moves(self) -> tuple[int, int, int]:
        return self.motion.reach(self.look.motion, self.volume.spacing_um)

    @property
    def _sees(self) -> tuple[int, int, int]:
        """How many voxels around a box are looked at, along each axis."""
        spacing = self.volume.spacing_um
        filters = np.maximum(edges_reach(spacing, self.look), self.walls.reach(spacing))
        deep, high, wide = (filters + self.medium.reach(spacing)).tolist()
        return deep, high, wide

    def _around(self, region: Region, margin: tuple[int, int, int]) -> Region:
        """Widen a region, within the volume."""
        wider = zip(region, margin, self.volume.shape, strict=True)
        return tuple(grow((axis,), more, (count,))[0] for axis, more, count in wider)

    def _box(self, region: Region) -> Grid:
        deep, high, wide = shape_of(region)
        first = [axis.start + start for axis, start in zip(region, self.volume.start, strict=True)]
        return Grid((deep, high, wide), self.volume.spacing_um, (first[0], first[1], first[2]))

    def _edges(self, density: Field, region: Region, moving: Region, read: Region) -> tuple[Field, Field]:
        gridrec, paganin = edges(density, self.volume.spacing_um, self.look, relative(moving, read))
        if not self.look.motion:
            return gridrec, paganin
        inner = relative(region, moving)
        moved = self.motion.field(paganin, self.look.motion, self._box(region), inner)
        gridrec, paganin = gridrec[inner].copy(), paganin[inner].copy()
        gridrec += np.float32(MOTION_GRIDREC) * moved
        paganin += np.float32(MOTION_PAGANIN) * moved
        return gridrec, paganin

    def _add_artefacts(self, gridrec: Field, paganin: Field, box: Grid) -> None:
        if self.look.rings:
            rings = self.rings.field(box)
            gridrec += np.float32(RINGS_GRIDREC * self.look.rings) * rings
            paganin += np.float32(RINGS_PAGANIN * self.look.rings) * rings
        if self.look.seams:
            self.seams.add(gridrec, box, SEAMS_GRIDREC * self.look.seams)
            self.seams.add(paganin, box, SEAMS_PAGANIN * self.look.seams)
        if self.look.stars:
            crystals_of.add_stars(self.crystals, gridrec, box, self.look.stars)
            crystals_of.add_stars(self.crystals, paganin, box, self.look.stars)

    def _unseen(self, outside: NDArray[np.bool_], box: Grid) -> NDArray[np.bool_] | None:
        if self.medium.corner is None:
            return None
        return np.asarray(outside & self.medium.corner.holds(box)[None])


def _look_at(labels: LazyArray, tissue: LazyArray | None, region: Region) -> tuple[Labels, NDArray[np.uint8]]:
    """Read labels and tissue of a region."""
    cells = np.asarray(labels[region]).astype(np.int32, copy=False)
    if tissue is None:
        return cells, np.where(cells > 0, UNNAMED, tissues.AIRSPACE).astype(np.uint8)
    return cells, np.asarray(tissue[region])
