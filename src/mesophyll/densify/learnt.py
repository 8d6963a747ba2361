"""What phantoms taught about each tissue, from seeds that no score uses: ``python -m benchmarks.densify learn`` and ``trust``.

The rules are a first lesson, of phantoms grape 11 and thick 11 in Paganin. The lower epidermis has that of the upper one, the
vein that of the bundle sheath, and the sizes are rounded. A longer lesson, of all scans together, did worse: see LOG.md.
"""

from __future__ import annotations

from mesophyll import tissues

__all__ = ["LEARNT", "SOUND"]

LEARNT: dict[int, tuple[tuple[float, ...], float]] = {
    tissues.UPPER_EPIDERMIS: ((2.2, -4.3, 1.4, 0.6, -1.3, -0.8), 4000.0),
    tissues.LOWER_EPIDERMIS: ((2.2, -4.3, 1.4, 0.6, -1.3, -0.8), 2500.0),
    tissues.PALISADE: ((10.3, -2.2, 0.5, 0.3, -1.4, -8.2), 1500.0),
    tissues.SPONGY: ((2.2, -0.8, 1.5, 0.1, -1.2, -2.7), 1500.0),
    tissues.BUNDLE_SHEATH: ((3.6, -3.5, 2.9, 1.1, -1.7, -3.7), 1500.0),
    tissues.VEIN: ((3.6, -3.5, 2.9, 1.1, -1.7, -3.7), 500.0),
}
"""By tissue: the weights of the figures of `rule.Rule`, and the median volume of a cell in µm³."""

_SHARED = (0.27, 2.05, 1.52, 0.44, -0.52)

SOUND: dict[int, tuple[float, ...]] = {
    tissues.UPPER_EPIDERMIS: (*_SHARED, -0.49),
    tissues.LOWER_EPIDERMIS: (*_SHARED, -0.58),
    tissues.PALISADE: (*_SHARED, -1.48),
    tissues.SPONGY: (*_SHARED, -1.41),
    tissues.BUNDLE_SHEATH: (*_SHARED, -2.23),
    tissues.VEIN: (*_SHARED, -4.28),
}
"""By tissue: the weights of what speaks for an added cell, `sieve.evidence`; right is a cell at IoU 0.5."""
