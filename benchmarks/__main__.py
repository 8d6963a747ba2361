"""Run all benchmarks, or those named: ``python -m benchmarks [cellpose decoding following inference matching whole]``."""

from __future__ import annotations

import sys

from benchmarks import cellpose, decoding, following, inference, matching, whole

BENCHMARKS = {
    "cellpose": cellpose,
    "decoding": decoding,
    "following": following,
    "inference": inference,
    "matching": matching,
    "whole": whole,
}


def main(names: list[str]) -> None:
    for name in names or BENCHMARKS:
        print(f"\n{name}: {(BENCHMARKS[name].__doc__ or '').splitlines()[0]}")
        for line in BENCHMARKS[name].measure():
            print(f"  {line}", flush=True)


main(sys.argv[1:])
