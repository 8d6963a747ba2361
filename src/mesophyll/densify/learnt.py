"""What phantoms taught about each tissue, from seeds that no score uses: ``python -m benchmarks.densify learn`` and ``trust``.

The rules are a first lesson, of phantoms grape 11 and thick 11 in Paganin; the lower epidermis has that of the upper one, the vein
that of the bundle sheath, and the sizes are rounded.
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

SOUND: dict[int, tuple[float, ...]] = dict.fromkeys(LEARNT, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
"""By tissue: the weights of what speaks for an added cell, `sieve.evidence`; the scores of cells that were right at IoU 0.5."""
