"""Make the sample that comes with the package, and that `mesophyll demo` works on: a small synthetic leaf.

Run it again whenever the phantom changes: ``python benchmarks/make_sample.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from mesophyll.phantom import make

SAMPLE = Path(__file__).parents[1] / "src" / "mesophyll" / "sample"

SEED, SIDE = 1001, 144
"""No model learns from this seed."""


def main() -> None:
    """Write scan.tif, labels.tif and tissue.tif, compressed, as ImageJ reads them."""
    leaf = make(SEED, shape=(SIDE, SIDE, SIDE))
    SAMPLE.mkdir(exist_ok=True)
    arrays = {"scan": leaf.gridrec, "labels": leaf.labels.astype(np.uint16), "tissue": leaf.tissue}
    depth, height, width = leaf.spacing_um
    for name, array in arrays.items():
        tifffile.imwrite(
            SAMPLE / f"{name}.tif",
            array,
            imagej=True,
            compression="zlib",
            compressionargs={"level": 9},
            resolution=(1 / width, 1 / height),
            metadata={"axes": "ZYX", "unit": "um", "spacing": depth},
        )
    print(f"{leaf.labels.max()} cells, {sum(file.stat().st_size for file in SAMPLE.iterdir()) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
