"""What a synthetic leaf may look like: terms of the field with the ranges that a seed draws from.

The figures are those measured on a grape leaf at 0.1625 µm (synchrotron, both reconstructions), widened where other
leaves are known to differ. Lengths are in µm, shares between 0 and 1, grey values on the 8-bit scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mesophyll import tissues

__all__ = ["KINDS", "PLAIN", "Anatomy", "Description", "Optics", "Range"]

Range = tuple[float, float]
"""The least and the greatest value; a seed draws between them, all values equally likely."""


@dataclass(frozen=True)
class Anatomy:
    """The shapes of a leaf, from its faces to its cells.

    Parameters
    ----------
    thickness_um, thinnest_um
        From face to face; a leaf made thinner to fit a low volume keeps at least ``thinnest_um``.
    tilt_deg, relief_um
        How far the leaf's plane leans, and how high its faces undulate.
    epidermis_um, bulge_um, pavement_um, jigsaw_um
        An epidermis: its thickness, how far an outer wall swells, a cell's width, how far its outline waves.
    palisade_share, palisade_um, palisade_taper, palisade_missing
        The columns: length as a share of the mesophyll, width, lower end's radius as a share of the upper end's, and
        the share of columns that stop short and leave a larger gap.
    spongy_um, spongy_core_um, spongy_arm_um, spongy_body, spongy_links
        The spongy cells: distance of centres, radius of the body, radius of an arm, by how much all bodies of one leaf
        are smaller (and its cells more lobed), and the share of neighbours that an arm reaches.
    porosity
        Air as a share of the mesophyll (veins left out).
    veins, vein_extended
        How likely a vein crosses each 150 µm of leaf, and how likely it spans both epidermes.
    sheath_um, sheath_length_um, core_um, core_length_um
        Cells of the bundle sheath and of the vein's core: width and length.
    """

    thickness_um: Range = (110.0, 160.0)
    thinnest_um: float = 70.0
    tilt_deg: Range = (-3.0, 3.0)
    relief_um: Range = (1.0, 4.0)
    epidermis_um: Range = (13.0, 17.0)
    bulge_um: Range = (2.0, 6.0)
    pavement_um: Range = (18.0, 34.0)
    jigsaw_um: Range = (0.0, 2.5)
    palisade_share: Range = (0.35, 0.45)
    palisade_um: Range = (9.5, 13.5)
    palisade_taper: Range = (0.70, 0.88)
    palisade_missing: Range = (0.0, 0.06)
    spongy_um: Range = (18.0, 25.0)
    spongy_core_um: Range = (5.5, 9.5)
    spongy_arm_um: Range = (3.5, 6.5)
    spongy_body: Range = (0.65, 1.0)
    spongy_links: Range = (0.45, 0.8)
    porosity: Range = (0.22, 0.31)
    veins: float = 1.0
    vein_extended: float = 0.25
    sheath_um: Range = (10.0, 17.0)
    sheath_length_um: Range = (30.0, 60.0)
    core_um: Range = (4.5, 8.0)
    core_length_um: Range = (60.0, 150.0)


def _walls_seen() -> dict[int, float]:
    return {
        tissues.BACKGROUND: 0.7,
        tissues.UPPER_EPIDERMIS: 0.95,
        tissues.LOWER_EPIDERMIS: 0.95,
        tissues.PALISADE: 0.85,
        tissues.SPONGY: 0.25,
        tissues.BUNDLE_SHEATH: 0.95,
        tissues.VEIN: 0.95,
    }


@dataclass(frozen=True)
class Optics:
    """How a scanner shows a leaf, in both reconstructions.

    Parameters
    ----------
    walls_seen
        Tissue code: the share of its walls that leave a ridge. A contact of two tissues takes the lower share; that
        of background counts where a leaf's face touches a medium as dense as cells.
    hidden
        The share of those walls that is hidden all the same.
    noise
        Noise, as a multiple of the measured one.
    contrast, brightness
        Multiplies the differences of grey; moves all grey values.
    blur
        Widens the edges.
    shading, texture, streaks
        Slow variation, the grain inside cells, and streaks along the leaf, as multiples of the measured ones.
    medium_is_air
        How likely the leaf hangs in air and not in a medium as grey as tissue.
    drops
        How many bubbles (or droplets, in air) lie on the leaf, at most, for each 10,000 µm² of face.
    dark_corner
        How likely a corner lies outside the field of view.
    """

    walls_seen: dict[int, float] = field(default_factory=_walls_seen)
    hidden: float = 0.0
    noise: Range = (0.7, 1.5)
    contrast: Range = (0.85, 1.15)
    brightness: Range = (-10.0, 10.0)
    blur: Range = (0.9, 1.25)
    shading: Range = (0.5, 1.6)
    texture: Range = (0.5, 1.2)
    streaks: Range = (0.0, 1.5)
    medium_is_air: float = 0.25
    drops: float = 2.0
    dark_corner: float = 0.15


_NONE: Range = (0.0, 0.0)
_ONE: Range = (1.0, 1.0)

PLAIN = Optics(
    noise=_NONE,
    contrast=_ONE,
    brightness=_NONE,
    blur=_ONE,
    shading=_NONE,
    texture=_NONE,
    streaks=_NONE,
    medium_is_air=1.0,
    drops=0.0,
    dark_corner=0.0,
)
"""Nothing but edges and walls: the measured grey values, air around the leaf, nothing that varies or disturbs."""


@dataclass(frozen=True)
class Description:
    """A kind of leaf: one line about it, its anatomy, and how it is seen."""

    summary: str
    anatomy: Anatomy = Anatomy()
    optics: Optics = field(default_factory=Optics)


KINDS: dict[str, Description] = {
    "grape": Description("a grape leaf: one palisade layer, lobed spongy cells, a quarter of air"),
    "hard": Description(
        "a dense grape leaf, noisier, where most contacts show no wall",
        Anatomy(porosity=(0.21, 0.25)),
        Optics(hidden=0.35, noise=(1.05, 2.25)),
    ),
}
