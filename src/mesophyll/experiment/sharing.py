"""The runs of an experiment shared out among processes: each makes and judges runs, and leaves what it made in files.

Decoders and the preparation of patches use one core for most of their time, so two runs side by side are made in less time
than one after the other with twice the threads. What a run comes to does not depend on who made it.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context

from mesophyll.device import keep_to
from mesophyll.errors import SettingsError
from mesophyll.experiment.judging import Truth, judgement
from mesophyll.experiment.setting import Setting
from mesophyll.experiment.table import Place, Run
from mesophyll.progress import silent, track

__all__ = ["chains", "share_out"]


def share_out(setting: Setting, workers: int) -> None:
    """Make and judge all runs in so many processes at once; what is there already is not made again.

    Raises
    ------
    SettingsError
        Where there is no worker; and whatever a run raises, once those that were at work have ended.
    """
    if workers < 1:
        raise SettingsError(f"workers = {workers}", "somebody has to do the work", "take 1, or more")
    threads = max((os.cpu_count() or 1) // workers, 1)
    quiet = replace(setting, progress=silent)
    # Started anew, not forked: this process has threads, and a fork of their locks may hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_open, initargs=(quiet, threads)) as pool:
        try:
            # Every leaf is grown once, before two runs ask for it.
            wanted = {leaf.origin: name for name, leaf in setting.table.leaves.items()}
            growing = [pool.submit(_grow, name) for name in wanted.values()]
            for leaf in track(growing, f"{setting.table.name}: leaves", setting.progress):
                leaf.result()
            making = [pool.submit(_make, chain) for chain in chains(setting)]
            for done, chain in enumerate(as_completed(making), start=1):
                chain.result()
                setting.progress(f"{setting.table.name}: models", done, len(making))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def chains(setting: Setting) -> list[list[Run]]:
    """Return the runs in chains: one that needs another's model comes after it, and nobody else needs either.

    The first seeds come first, so that what was made tells of all methods whenever the work is cut off.
    """
    found: dict[str, list[Run]] = {}
    for run in setting.runs:
        found.setdefault(_first(setting, run).title, []).append(run)
    return sorted(found.values(), key=lambda chain: chain[0].seed or 0)


def _first(setting: Setting, run: Run) -> Run:
    before = setting.table.before(run)
    return _first(setting, before[0]) if before else run


_setting: Setting
_truths: dict[Place, Truth] = {}  # true cells, which every run is judged by


def _open(setting: Setting, threads: int) -> None:
    """Begin a process: with so many threads, so that all together have no more than there are cores."""
    global _setting
    _setting = setting
    keep_to(threads)


def _grow(name: str) -> None:
    _setting.leaf(name)


def _make(chain: list[Run]) -> None:
    for run in chain:
        for place in _setting.table.places:
            judgement(_setting, run, place, _truths)
