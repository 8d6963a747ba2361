"""What an error costs: the parts that the losses of several methods are made of."""

from __future__ import annotations

__all__: list[str] = []
