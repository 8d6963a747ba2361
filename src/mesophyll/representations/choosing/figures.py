"""What speaks for two clusters being one cell, and for a cluster being a cell: figures, from sums.

K clusters, 0 of them the outside, E pairs that touch, F figures.
"""

from __future__ import annotations

import numpy as np

from mesophyll.logistic import Floats
from mesophyll.representations.choosing.clusters import FACES, VALUES, Clusters
from mesophyll.representations.choosing.forms import Form

__all__ = ["CANDIDATE_FIGURES", "PAIR_FIGURES", "figures_of_candidates", "figures_of_pairs"]

PAIR_FIGURES = (
    *(f"{value}, {of}" for value in VALUES for of in ("mean", "least", "greatest")),
    "faces",
    "smaller",
    "larger",
    "both",
    "ridge above the deeper",
    "ridge above the shallower",
    "shallower",
    "deeper",
    "share of the smaller's faces",
    "share of the larger's faces",
    "faces by the smaller's size",
    "roundness, both",
    "roundness above the rounder",
    "roundness above the other",
    "distance",
    "distance by size",
    "towards each other",
    "divergence, lower",
    "divergence, higher",
    "length by thickness",
    "length by width",
    "length",
    "flow, shorter",
    "flow, longer",
    "surface, both",
    "surface above the rougher",
    "surface above the smoother",
)
"""What speaks for two clusters being one cell, or against it; sizes, faces and lengths as logarithms of voxels."""

CANDIDATE_FIGURES = (
    "size",
    "surface",
    "roundness",
    "length by thickness",
    "length by width",
    "length",
    "share of faces that touch",
    *(f"{value} of faces that touch" for value in VALUES),
    "divergence",
    "lowest divergence",
    "length of the flow",
    "length of its mean",
    "neighbours",
    "likeliest neighbour",
    "mean likelihood of neighbours",
    "sum of likelihoods",
)
"""What speaks for a cluster being a cell, see `figures_of_candidates`."""


def figures_of_pairs(clusters: Clusters) -> Floats:
    """Return the `PAIR_FIGURES` of each pair, shape (E, F)."""
    one, other = clusters.pairs.T
    faces, lowest = clusters.shared[:, 0], clusters.lowest[clusters.pairs]
    first, second = Form.of(clusters.sums[one]), Form.of(clusters.sums[other])
    both = clusters.sums[one] + clusters.sums[other]
    both[:, FACES] -= 2 * faces
    union = Form.of(both)
    way = second.centre - first.centre
    distance = np.maximum(np.linalg.norm(way, axis=1), 1e-6)
    towards = ((first.flow - second.flow) * way).sum(axis=1) / distance
    ridge = clusters.least[:, 1]
    smaller, larger = np.minimum(first.voxels, second.voxels), np.maximum(first.voxels, second.voxels)
    values = np.stack([clusters.shared[:, 1:] / faces[:, None], clusters.least, clusters.most], axis=2).reshape(
        -1, 3 * len(VALUES)
    )
    told = [
        np.log(faces),
        np.log(smaller),
        np.log(larger),
        np.log(union.voxels),
        ridge - lowest.min(axis=1),
        ridge - lowest.max(axis=1),
        lowest.max(axis=1),
        lowest.min(axis=1),
        faces / np.minimum(first.faces, second.faces),
        faces / np.maximum(first.faces, second.faces),
        faces / smaller ** (2 / 3),
        union.roundness,
        union.roundness - np.maximum(first.roundness, second.roundness),
        union.roundness - np.minimum(first.roundness, second.roundness),
        np.log(distance),
        distance / (first.voxels ** (1 / 3) + second.voxels ** (1 / 3)),
        towards,
        np.minimum(first.spread, second.spread),
        np.maximum(first.spread, second.spread),
        union.axes[:, 2] / union.axes[:, 0],
        union.axes[:, 2] / union.axes[:, 1],
        np.log(union.axes[:, 2]),
        np.minimum(first.length, second.length),
        np.maximum(first.length, second.length),
        union.surface,
        union.surface - np.maximum(first.surface, second.surface),
        union.surface - np.minimum(first.surface, second.surface),
    ]
    return np.concatenate([values, np.stack(told, axis=1)], axis=1)


def figures_of_candidates(clusters: Clusters, likely: Floats) -> Floats:
    """Return the `CANDIDATE_FIGURES` of each cluster, shape (K, F); of those that are gone, anything.

    Parameters
    ----------
    clusters
        What is known of them.
    likely
        How likely the two of each pair are one cell, shape (E,).
    """
    form = Form.of(clusters.sums)
    touching = clusters.at_both_ends(clusters.shared)
    faces = np.maximum(touching[:, 0], 1)
    neighbours, sum_likely = clusters.at_both_ends(np.stack([np.ones_like(likely), likely], axis=1)).T
    likeliest = np.zeros(len(clusters.sums))
    np.maximum.at(likeliest, clusters.pairs, likely[:, None])
    by_faces = clusters.at_both_ends((likely * clusters.shared[:, 0])[:, None])[:, 0]
    told = [
        np.log(form.voxels),
        form.surface,
        form.roundness,
        form.axes[:, 2] / form.axes[:, 0],
        form.axes[:, 2] / form.axes[:, 1],
        np.log(form.axes[:, 2]),
        touching[:, 0] / form.faces,
        *(touching[:, 1:] / faces[:, None]).T,
        form.spread,
        np.where(np.isfinite(clusters.lowest), clusters.lowest, 0),
        form.length,
        np.linalg.norm(form.flow, axis=1),
        neighbours,
        likeliest,
        by_faces / faces,
        sum_likely,
    ]
    return np.stack(told, axis=1)
