"""What each column of a table of cells means: the one place from which glossary and table headers are made."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COLUMNS", "Column"]


class Column(NamedTuple):
    """One measurement: its unit ("" for a pure number), its definition, and where it comes from."""

    unit: str
    definition: str
    source: str


_CROFTON = (
    "Crofton's formula on voxel lines, weights by spherical Voronoi cells (Ohser & Mücklich 2000; Legland et al. 2007)"
)
_CROFTON_2D = "Crofton's formula on 4 directions of pixel lines (Ohser & Mücklich 2000; Legland et al. 2007)"
_FACES = "tissue map: smooth sheets through the outside of both epidermes"
_HULL = "convex hull (Qhull, Barber et al. 1996) of the centres of the outer voxel faces"

COLUMNS: dict[str, Column] = {
    "label": Column("", "the cell's number in the label image", "labels"),
    "tissue": Column("", "the tissue of most of its voxels; the smaller code where two are equal", "tissue map"),
    "voxels": Column("", "number of voxels", "labels"),
    "volume_um3": Column("µm³", "voxels times the volume of one", "labels"),
    "area_um2": Column("µm²", "pixels times the area of one", "labels, 2D"),
    "surface_um2": Column("µm²", "area of the surface within the volume; cut faces at its edge are left out", _CROFTON),
    "perimeter_um": Column("µm", "length of the outline within the image; cut sides are left out", _CROFTON_2D),
    "equivalent_diameter_um": Column("µm", "diameter of the ball (2D: disc) of the same volume (area)", "labels"),
    "length_um": Column("µm", "longest distance between two points of the cell (maximum Feret diameter)", _HULL),
    "width_um": Column("µm", "largest extent at right angles to the first principal axis of the voxels", _HULL),
    "sphericity": Column(
        "", "surface of the ball of the same volume over the surface; too large where touches_border", "Wadell 1935"
    ),
    "circularity": Column("", "4 pi area / perimeter²; too large where touches_border", "Cox 1927"),
    "solidity": Column("", "volume (2D: area) over that of the convex hull, at most 1", _HULL),
    "centroid_z_um": Column("µm", "mean position along Z; the first voxel's centre is 0", "labels"),
    "centroid_y_um": Column("µm", "mean position along Y; the first voxel's centre is 0", "labels"),
    "centroid_x_um": Column("µm", "mean position along X; the first voxel's centre is 0", "labels"),
    "depth_um": Column(
        "µm", "from the leaf's upper face to the cell's mean position, straight through the leaf", _FACES
    ),
    "depth_share": Column("", "the same as a share of the leaf's thickness there: 0 above, 1 below", _FACES),
    "lean_deg": Column(
        "°", "between the cell's first principal axis and straight through the leaf: 0 upright, 90 lying", _FACES
    ),
    "air_share": Column(
        "", "share of the surface (2D: outline) that faces air: the map's airspace, or all background", "as the surface"
    ),
    "cell_share": Column(
        "",
        "share of the surface that faces other cells; the rest faces unknown voxels or other tissue",
        "as the surface",
    ),
    "epidermis_share": Column("", "share of the surface that faces cells of an epidermis", "as the surface"),
    "vein_share": Column("", "share of the surface that faces cells of a vein or of its sheath", "as the surface"),
    "neighbours": Column("", "number of cells with which it has faces of voxels in common", "labels"),
    "touches_border": Column("", "whether it reaches the edge of the volume, which may cut it", "labels"),
    "confidence": Column(
        "", "the probability that the cell is right: that its IoU with a true one is 0.5 at least", "model"
    ),
    "mean_grey": Column("grey value", "mean of the scan over its voxels", "scan"),
}
"""Every column that `mesophyll.traits.measure` can give, in the order of the table."""
