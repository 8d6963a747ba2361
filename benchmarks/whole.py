"""The whole of ``mesophyll segment``, as a user runs it: time and peak memory for 256³ and 384³ voxels."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from mesophyll import io
from mesophyll.phantom import make
from mesophyll.volume import Volume

PEAK = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)


def measure() -> Iterator[str]:
    times = {}
    with TemporaryDirectory() as folder:
        for side in (256, 384):
            scan = Path(folder) / f"scan-{side}.tif"
            leaf = make(7, shape=(side, side, side))
            io.write(scan, Volume(leaf.gridrec, leaf.spacing_um))
            start = time.perf_counter()
            command = [sys.executable, "-m", "mesophyll", "segment", scan, "-o", Path(folder) / f"{side}.tif"]
            told = subprocess.run([sys.executable, "-c", PEAK, *command], check=True, capture_output=True, text=True)
            times[side] = time.perf_counter() - start
            peak = int(told.stdout.split()[-1]) / 2**20
            yield f"{side}³: {times[side]:.0f} s, peak {peak:.1f} GiB"
    yield f"384³ takes {times[384] / times[256]:.2f} times as long as 256³ (it has 3.38 times the voxels)"
