"""What a leaf may be built like: terms of the field with the ranges that a seed draws from, part by part.

The figures are those measured on a grape leaf at 0.1625 µm (synchrotron), widened where other leaves are known to differ.
Lengths are in µm, shares between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesophyll.errors import SettingsError
from mesophyll.phantom.ranges import NONE, Range, check

__all__ = ["Anatomy", "Blade", "Epidermis", "Idioblasts", "Palisade", "Spongy", "Stomata", "Veins"]


@dataclass(frozen=True)
class Blade:
    """The leaf as a whole.

    Parameters
    ----------
    thickness_um, thinnest_um
        From face to face; a leaf made thinner to fit a low volume keeps at least ``thinnest_um``.
    typical_um
        The thickness at which all other lengths hold: the cells of a thinner leaf are smaller.
    tilt_deg, relief_um
        How far the leaf's plane leans, and how high its faces undulate.
    arch_um
        How high it arches over half a millimetre to one and a half; little of that is seen in a small volume.
    """

    thickness_um: Range = (110.0, 160.0)
    thinnest_um: float = 70.0
    typical_um: float = 143.0
    tilt_deg: Range = (-3.0, 3.0)
    relief_um: Range = (1.0, 4.0)
    arch_um: Range = (0.0, 25.0)

    def __post_init__(self) -> None:
        check(self, above_0=("thickness_um", "thinnest_um", "typical_um"), signed=("tilt_deg",))
        if self.thinnest_um > self.thickness_um[0]:
            raise SettingsError(
                f"blade: thinnest_um = {self.thinnest_um:g}, thickness_um = {self.thickness_um}",
                "no leaf is made thicker to fit a volume",
                "make thinnest_um smaller",
            )


@dataclass(frozen=True)
class Epidermis:
    """One layer of pavement cells on either face.

    Parameters
    ----------
    thickness_um, bulge_um
        From its outer to its inner face, and how far an outer wall swells.
    width_um, elongation
        A cell's width, and its length along z as a multiple of it; cells longer than two and a half lie in files.
    jigsaw_um, lobe_um
        How far lobes reach into the neighbouring cells, and how wide a lobe is.
    bulliform
        The share of the upper face, in strips along z, where cells are large and reach deep into the leaf (grasses).
    """

    thickness_um: Range = (13.0, 17.0)
    bulge_um: Range = (2.0, 6.0)
    width_um: Range = (18.0, 34.0)
    elongation: Range = (0.8, 1.25)
    jigsaw_um: Range = (0.0, 3.5)
    lobe_um: Range = (6.0, 11.0)
    bulliform: Range = NONE

    def __post_init__(self) -> None:
        check(self, shares=("bulliform",), above_0=("thickness_um", "width_um", "elongation", "lobe_um"))


@dataclass(frozen=True)
class Palisade:
    """Columns under the upper epidermis.

    Parameters
    ----------
    share, layers
        Their length as a share of the mesophyll, all layers together, and the fewest and most layers. No share, no palisade.
    width_um, taper, missing
        The columns' width, the lower end's radius as a share of the upper end's, and the share of columns that stop short
        and leave a larger gap.
    arms
        How many lobes a column has on its sides, at fewest and most (arm palisade, H-shaped cells).
    """

    share: Range = (0.35, 0.45)
    layers: tuple[int, int] = (1, 1)
    width_um: Range = (9.5, 13.5)
    taper: Range = (0.68, 0.86)
    missing: Range = (0.0, 0.06)
    arms: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        check(self, shares=("share", "taper", "missing"), above_0=("width_um", "layers"))


@dataclass(frozen=True)
class Spongy:
    """The mesophyll below the palisade: lobed cells that touch at the tips of their arms.

    Parameters
    ----------
    distance_um, flatness
        The distance of centres along the leaf, and by how much they lie closer across its depth.
    core_um, arm_um
        The radii of a cell's body and of its arms, where centres lie 20.5 µm apart; otherwise in proportion.
    body, links
        By how much all bodies of one leaf are smaller (and its cells more lobed), and the share of neighbours that an arm
        reaches.
    lobes
        How many lobes a cell of grown tissue has, on average.
    paradermal
        How much rarer arms are that lead up or down than those that lie in the leaf's plane, and how strictly cells keep to
        layers: 1 gives a honeycomb.
    """

    distance_um: Range = (18.0, 25.0)
    flatness: float = 1.25
    core_um: Range = (5.5, 9.5)
    arm_um: Range = (3.5, 6.5)
    body: Range = (0.65, 1.0)
    links: Range = (0.45, 0.8)
    lobes: Range = (1.0, 4.0)
    paradermal: Range = NONE

    def __post_init__(self) -> None:
        above_0 = ("distance_um", "flatness", "core_um", "arm_um", "body", "lobes")
        check(self, shares=("links", "paradermal"), above_0=above_0)


@dataclass(frozen=True)
class Veins:
    """Vascular bundles, each a core of thin cells in a sheath.

    Parameters
    ----------
    distance_um, turn_deg, spread_deg
        From vein to vein, on average, the angle of all of them to z, and how far the veins of one leaf diverge.
    branches, endings
        The share of places, one for each ``distance_um`` of a lane between neighbouring veins, where a thinner vein leaves
        one of them for the other; and how many of those end before they reach it.
    extended, rib_um
        How likely a vein is large and spans both epidermes by bundle-sheath extensions, and how far it then stands out of
        the leaf's lower face.
    sheath_um, sheath_length_um, core_um, core_length_um
        Cells of the bundle sheath and of the vein's core: width and length.
    core_radius_um
        The half width of the core of a vein of middle size; a large one's is up to 1.6 times that, a branch's half.
    kranz
        How likely the sheath of a leaf is one even ring of wide, short cells (C4 grasses).
    """

    distance_um: float = 150.0
    turn_deg: Range = (-30.0, 30.0)
    spread_deg: float = 15.0
    branches: Range = (0.2, 0.8)
    endings: float = 0.3
    extended: float = 0.25
    rib_um: Range = (0.0, 12.0)
    sheath_um: Range = (10.0, 17.0)
    sheath_length_um: Range = (30.0, 60.0)
    core_um: Range = (4.5, 8.0)
    core_length_um: Range = (60.0, 150.0)
    core_radius_um: Range = (11.0, 16.0)
    kranz: float = 0.0

    def __post_init__(self) -> None:
        lengths = ("distance_um", "sheath_um", "sheath_length_um", "core_um", "core_length_um", "core_radius_um")
        check(self, shares=("branches", "endings", "extended", "kranz"), above_0=lengths, signed=("turn_deg",))


@dataclass(frozen=True)
class Stomata:
    """Pores between two guard cells, with a cavity behind.

    Parameters
    ----------
    upper_per_mm2, lower_per_mm2
        How many lie in either epidermis.
    length_um, width_um
        A guard cell's.
    pore_um, sunken_um
        How wide the pore is, and how far below the leaf's face guard cells lie.
    cavity_um
        The radius of the air behind the pore.
    aligned
        Whether all lie along z, in rows, each between two subsidiary cells (grasses).
    """

    upper_per_mm2: Range = NONE
    lower_per_mm2: Range = (100.0, 300.0)
    length_um: Range = (16.0, 28.0)
    width_um: Range = (6.0, 10.0)
    pore_um: Range = (2.0, 5.0)
    sunken_um: Range = (-1.5, 3.0)
    cavity_um: Range = (8.0, 16.0)
    aligned: bool = False

    def __post_init__(self) -> None:
        check(self, above_0=("length_um", "width_um", "cavity_um"), signed=("sunken_um",))


@dataclass(frozen=True)
class Idioblasts:
    """Single large cells in the mesophyll that hold a crystal.

    Parameters
    ----------
    per_mm3
        How many there are in the mesophyll.
    width_um, crystal
        A cell's width, and its crystal's as a share of it.
    druse
        How likely a crystal is a druse (a star of points); otherwise it is a bundle of needles.
    """

    per_mm3: Range = (0.0, 1500.0)
    width_um: Range = (18.0, 32.0)
    crystal: Range = (0.45, 0.75)
    druse: float = 0.8

    def __post_init__(self) -> None:
        check(self, shares=("crystal", "druse"), above_0=("width_um",))


@dataclass(frozen=True)
class Anatomy:
    """A leaf, part by part.

    Parameters
    ----------
    blade, epidermis, palisade, spongy, veins, stomata, idioblasts
        The parts.
    porosity
        Air as a share of the mesophyll (veins left out).
    grown
        How likely the mesophyll of a leaf is tissue that came apart at its junctions, instead of bodies that were pressed
        together: two ways of making cells, so that no model learns the habits of one.
    """

    blade: Blade = Blade()
    epidermis: Epidermis = Epidermis()
    palisade: Palisade = Palisade()
    spongy: Spongy = Spongy()
    veins: Veins = Veins()
    stomata: Stomata = Stomata()
    idioblasts: Idioblasts = Idioblasts()
    porosity: Range = (0.22, 0.31)
    grown: float = 0.0

    def __post_init__(self) -> None:
        check(self, shares=("porosity", "grown"))
        skins = 2 * self.epidermis.thickness_um[1]
        if skins >= self.blade.typical_um:
            raise SettingsError(
                f"two epidermes of {self.epidermis.thickness_um[1]:g} µm in a leaf of {self.blade.typical_um:g}",
                "its layers are together no thicker than the leaf",
                "make the epidermis thinner, or typical_um larger",
            )
        if self.widest_um > self.blade.typical_um - skins:
            raise SettingsError(
                f"cells of up to {self.widest_um:g} µm in a mesophyll of {self.blade.typical_um - skins:g}",
                "at least one cell fits between the epidermes",
                "make distance_um or width_um smaller, or the leaf thicker",
            )

    @property
    def widest_um(self) -> float:
        """How wide the largest cells of the mesophyll are."""
        return max(self.spongy.distance_um[1], self.palisade.width_um[1] * (self.palisade.share[1] > 0))

    @property
    def narrowest_um(self) -> float:
        """How wide the smallest of its larger cells are: a view must hold one."""
        return self.spongy.distance_um[0]
