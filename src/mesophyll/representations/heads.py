"""Several representations on one network: each learns in its own channels, and one of them is read back.

One may be the tissue map. It is learnt from another file than cells are; each is learnt where its own tells. A
cell lies in one tissue, so what the map says can keep fragments apart between which no wall is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from mesophyll.errors import SettingsError
from mesophyll.labels import UNKNOWN, Labels
from mesophyll.representations.affinities import Affinities
from mesophyll.representations.base import Representation, as_array, tunable
from mesophyll.representations.descriptors import Descriptors
from mesophyll.representations.flows import Flows
from mesophyll.representations.methods import METHODS, Kinds, read_table, write_table
from mesophyll.representations.tissue import Tissue
from mesophyll.settings import unknown
from mesophyll.tissues import UNKNOWN_CODE

__all__ = ["PARTS", "Heads"]


PARTS: Kinds = {**METHODS, "descriptors": Descriptors}
"""What can be one of several: every method, and what is only learnt beside one."""


def _as_table(part: Representation) -> dict[str, Any]:
    return write_table(part, PARTS)


def _as_part(table: object) -> Representation:
    if not isinstance(table, Mapping):
        raise SettingsError(
            f"a part is {table!r}",
            "each part is a table with a name and its settings",
            "write it under [[representation.parts]]",
        )
    return read_table(table, PARTS)


Part = Annotated[Representation, PlainValidator(_as_part), PlainSerializer(_as_table)]
"""A representation that stands in a file as the table of its name and settings."""

_AS_GOOD_AS_NONE = 0.01  # a loss far below this pulls no more than one at it


@dataclass(frozen=True)
class Heads(Representation):
    """Several representations of the same cells, and perhaps of their tissues.

    Parameters
    ----------
    halo
        Of all parts: those that stand in the parts' own settings do not count.
    parts
        What is learnt, in the order of the channels.
    decode_by
        The name of the part that cells are read from; empty: the first one that finds any.
    tissue_above
        Where one part is tissue, and cells are read from affinities that merge fragments: fragments in two tissues are never
        merged, by the voxels whose tissue it says with a share above this. 1: by none, for a map with few mistakes parts cells
        that are one, and parts few that are two.
    """

    parts: tuple[Part, ...] = (Flows(), Affinities())
    decode_by: str = ""
    tissue_above: float = tunable(1.0, among=(0.5, 0.8, 0.95, 1.0))

    def __post_init__(self) -> None:
        names = self._names
        if not names or len(set(names)) < len(names):
            raise SettingsError(
                f"parts are {', '.join(names) or 'none'}",
                "heads have at least one part, and each part a name of its own",
                "correct parts",
            )
        if self.decode_by and self.decode_by not in names:
            raise unknown("decode_by =", self.decode_by, names)
        if not _finds_cells(self.parts[self._decoding]):
            raise SettingsError(
                f"cells are to be read from {names[self._decoding]}",
                "it finds none, and only helps another method to be learnt",
                "add a part that finds cells, and name it in decode_by",
            )

    @property
    def _names(self) -> list[str]:
        return [str(_as_table(part)["name"]) for part in self.parts]

    @property
    def _decoding(self) -> int:
        """The place of the part that decodes."""
        if self.decode_by:
            return self._names.index(self.decode_by)
        return next((place for place, part in enumerate(self.parts) if _finds_cells(part)), 0)

    @property
    def _tissue(self) -> int | None:
        """The place of the part that learns tissues, if there is one."""
        return next((place for place, part in enumerate(self.parts) if isinstance(part, Tissue)), None)

    @property
    def learns_tissue(self) -> bool:
        """Whether one part does."""
        return self._tissue is not None

    def _spans(self, ndim: int) -> list[slice]:
        """Return the channels of each part."""
        bounds = accumulate((part.channels(ndim) for part in self.parts), initial=0)
        return [slice(start, stop) for start, stop in pairwise(bounds)]

    def _with_channels(self, ndim: int) -> Iterable[tuple[Representation, slice]]:
        return zip(self.parts, self._spans(ndim), strict=True)

    @property
    def reader(self) -> Representation:
        """The part that decodes."""
        return self.parts[self._decoding].reader

    def with_reader(self, reader: Representation) -> Heads:
        """Return the same parts, but for the one that decodes."""
        place = self._decoding
        part = self.parts[place].with_reader(reader)
        return replace(self, parts=(*self.parts[:place], part, *self.parts[place + 1 :]))

    @property
    def reach(self) -> int:
        """That of the part which reaches farthest."""
        return max(part.reach for part in self.parts)

    def at(self, spacing_um: float) -> Heads:
        """Return each part for other voxels."""
        return replace(self, parts=tuple(part.at(spacing_um) for part in self.parts))

    @property
    def axes(self) -> tuple[int, ...]:
        """Those that all parts can have."""
        return tuple(ndim for ndim in (2, 3) if all(ndim in part.axes for part in self.parts))

    def channels(self, ndim: int) -> int:
        """Those of all parts."""
        return sum(part.channels(ndim) for part in self.parts)

    @property
    def ceiling(self) -> float:
        """That of the part that decodes."""
        return self.parts[self._decoding].ceiling

    def encode(self, labels_S: Labels) -> NDArray[np.float32]:
        """Return the targets of all parts, one after the other; that of tissues is not known (NaN)."""
        return self.encode_beside(labels_S, np.full_like(labels_S, UNKNOWN))

    def encode_beside(self, labels_S: Labels, tissue_S: Labels) -> NDArray[np.float32]:
        """Return the targets of all parts, one after the other; each is NaN where its own labels do not tell."""
        targets = []
        for part in self.parts:
            own = labels_S if part.subject == "cells" else tissue_S
            target = part.encode(own)
            if self.learns_tissue:
                target[:, own == UNKNOWN] = np.nan
            targets.append(target)
        return np.concatenate(targets)

    def loss(self, output_BCS: torch.Tensor, target_BCS: torch.Tensor, known_BS: torch.Tensor) -> torch.Tensor:
        """Return the mean logarithm of the parts' losses, shifted so that a loss of 0 costs 0.

        A step then lowers each loss by its own share, whatever their scales, and no weights are tuned. Weights learnt as
        the uncertainty of each task (Kendall et al., CVPR 2018) lead to the same: L / s² + log s² is least at s² = L, and is
        1 + log L there. What these learn slowly is here what the batch has, so nothing is kept between steps. The value falls
        with each loss, so trainings can be judged by it. A part whose loss is 0, as where a batch tells nothing of it, adds 0.

        What is known of a voxel's tissue need not be known of its cell, so a part is asked where its own target tells anything.
        """
        losses = [
            part.loss(output_BCS[:, span], target_BCS[:, span], known_BS & ~target_BCS[:, span].isnan().all(dim=1))
            for part, span in self._with_channels(known_BS.ndim - 1)
        ]
        return torch.log1p(torch.stack(losses) / _AS_GOOD_AS_NONE).mean()

    def activate(self, output_BCS: torch.Tensor) -> torch.Tensor:
        """Activate each part."""
        parts = self._with_channels(output_BCS.ndim - 2)
        return torch.cat([part.activate(output_BCS[:, span]) for part, span in parts], dim=1)

    def forget(self, target_CS: NDArray[np.float32], sections_S: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Forget what each part forgets."""
        parts = self._with_channels(sections_S.ndim)
        return np.concatenate([part.forget(target_CS[span], sections_S) for part, span in parts])

    def mirror(self, output_CS: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Mirror each part."""
        parts = self._with_channels(output_CS.ndim - 1)
        return np.concatenate([part.mirror(output_CS[span], axes) for part, span in parts])

    def in_volume(self, across: int) -> tuple[int, ...]:
        """Those of each part, among its own channels."""
        parts = self._with_channels(3)
        return tuple(span.start + channel for part, span in parts for channel in part.in_volume(across))

    def decode(self, output_CS: NDArray[np.float32] | torch.Tensor) -> Labels:
        """Decode by one of the parts, beside the tissues that another one says."""
        spans = self._spans(output_CS.ndim - 1)
        reader, output = self.parts[self._decoding], output_CS[spans[self._decoding]]
        if self._tissue is None or self.tissue_above >= 1 or not (isinstance(reader, Affinities) and reader.merges):
            return reader.decode(output)
        shares = as_array(output_CS[spans[self._tissue]])
        sure = shares.max(axis=0) > self.tissue_above
        return reader.decode_beside(output, np.where(sure, self.parts[self._tissue].decode(shares), UNKNOWN_CODE))


def _finds_cells(part: Representation) -> bool:
    return part.subject == "cells" and part.ceiling > 0
