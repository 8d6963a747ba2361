"""How a long job tells where it stands, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

__all__ = ["Progress", "named", "silent", "track"]

T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Called with the task's name, the steps done and the steps in all."""


def silent(task: str, done: int, total: int) -> None:
    """Tell nobody."""


def named(progress: Progress, name: str) -> Progress:
    """Return a progress whose tasks begin with a name: several jobs tell one listener."""
    return lambda task, done, total: progress(f"{name}: {task}", done, total)


def track(items: Sequence[T], task: str, progress: Progress) -> Iterator[T]:
    """Yield the items, reporting each as done once the loop's body has finished with it."""
    progress(task, 0, len(items))
    for done, item in enumerate(items, start=1):
        yield item
        progress(task, done, len(items))
