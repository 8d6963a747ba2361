"""From a tissue map and a few cells to all cells, by rules; for lack of a model, or to have something to teach one with.

Tissue by tissue, the cells' voxels are cut where they are narrow and where walls show, into more fragments than there are
cells; then fragments are merged as long as a rule says that two are more likely one cell than not. Phantoms taught the rule,
and the user's cells move it. They themselves never change.
"""

from __future__ import annotations

from mesophyll.densify.base import CELL_TISSUES, Dense, trusted
from mesophyll.densify.filling import densify
from mesophyll.densify.recovery import FOLDS, Recovery, recover

__all__ = ["CELL_TISSUES", "FOLDS", "Dense", "Recovery", "densify", "recover", "trusted"]
