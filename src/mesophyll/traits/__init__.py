"""What a cell is like: `measure` gives one row a cell, `COLUMNS` says what each column means; and a leaf: `measure_leaf`."""

from mesophyll.traits.columns import COLUMNS, Column
from mesophyll.traits.leaf import TRAITS, measure_leaf
from mesophyll.traits.measuring import measure
from mesophyll.traits.table import write

__all__ = ["COLUMNS", "TRAITS", "Column", "measure", "measure_leaf", "write"]
