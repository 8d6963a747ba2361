"""What a step of work costs: its seconds, and the most memory that it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

__all__ = ["Cost", "counted"]

_PROCESS = Path("/proc/self")


@dataclass
class Cost:
    """What some work cost.

    Parameters
    ----------
    seconds
        By the clock: on a busy machine also those of its neighbours.
    memory_bytes
        The most that the whole program held in memory meanwhile, what it held before included; 0 where the system does not
        tell, as Linux does.
    gpu_bytes
        The most that lay on the GPU; 0 where none was used.
    """

    seconds: float = 0.0
    memory_bytes: int = 0
    gpu_bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Return what two steps cost, one after the other: seconds add up, memory does not."""
        return Cost(
            self.seconds + other.seconds,
            max(self.memory_bytes, other.memory_bytes),
            max(self.gpu_bytes, other.gpu_bytes),
        )


@contextmanager
def counted() -> Iterator[Cost]:
    """Yield a cost that is filled in at the end; one count within another spoils the outer one's memory."""
    cost, start = Cost(), time.monotonic()
    on_gpu, told = torch.cuda.is_available(), _forget_peak()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    yield cost
    cost.seconds = time.monotonic() - start
    cost.memory_bytes = _peak() if told else 0
    cost.gpu_bytes = torch.cuda.max_memory_allocated() if on_gpu else 0


def _forget_peak() -> bool:
    """Let the peak of the resident set begin anew, see proc(5); tell whether this can be done here."""
    try:
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _peak() -> int:
    told = dict(line.split(":", 1) for line in (_PROCESS / "status").read_text(encoding="utf-8").splitlines())
    return int(told["VmHWM"].split()[0]) * 1024
