"""Single images, TIFF and PNG: what a slice in a folder is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mesophyll.errors import FileError
from mesophyll.io import tiff
from mesophyll.io.base import Found, Wanted
from mesophyll.io.units import Stated

__all__ = ["find", "header", "load"]

_PNG_TYPES = {"1": np.bool_, "L": np.uint8, "P": np.uint8, "I;16": np.uint16, "I;16B": np.uint16, "I": np.int32}


def find(wanted: Wanted) -> Found:
    """Find the image of a PNG; it states no voxel size."""
    image = load(wanted.path)
    return Found(image, "PNG", "YXS"[: image.ndim], Stated(None, "none: PNG has no place for a voxel size"))


def header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of an image without decoding it; colours are a third axis."""
    if path.suffix.lower() == ".png":
        with Image.open(path, formats=["PNG"]) as image:
            bands = image.getbands()
            dtype = _PNG_TYPES.get(image.mode, np.uint8)
            return (image.height, image.width, *([len(bands)] if len(bands) > 1 else [])), np.dtype(dtype)
    with tiff.unbroken(path), tifffile.TiffFile(path) as tif:
        if len(tif.pages) != 1:
            raise FileError(
                f"{path.name} holds {len(tif.pages)} images",
                "a slice in a folder is a single image",
                "pass the file itself instead of its folder",
            )
        page = tif.pages.first
        return tuple(page.shape), np.dtype(page.dtype).newbyteorder("=")


def load(path: Path) -> NDArray[Any]:
    """Decode an image."""
    if path.suffix.lower() == ".png":
        with Image.open(path, formats=["PNG"]) as image:
            return np.asarray(image)
    return np.asarray(tifffile.imread(path))
