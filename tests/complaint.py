"""What every error of the package is asked for: its kind, one line, value, rule and remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesophyll.errors import MesophyllError

__all__ = ["complaint"]


def complaint(kind: type[MesophyllError], action: Callable[[], object], *words: str) -> str:
    """Return the error that an action raises: of one kind, one line of three parts, with these words."""
    with pytest.raises(kind) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.value and caught.value.rule and caught.value.remedy
    for word in words:
        assert word in text, text
    return text
