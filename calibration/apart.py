"""A classifier that is asked to tell patches of the real section from patches of phantoms.

50 % is a perfect phantom. Patches of one block of the real section, and of one phantom seed, are never on both sides of a
split: what is judged has not been seen. `Verdict` also says by what the classifier goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from calibration.patches import FEATURES, SIDE, Patch, describe, patches
from calibration.section import Section

__all__ = ["Verdict", "judge", "table"]

SIDES = 2
"""The real section is cut into so many blocks along y and as many along x; phantom seeds are dealt to them in turn."""

RESAMPLINGS = 1000

SEED = 0


@dataclass(frozen=True)
class Verdict:
    """How well patches are told apart, and by what.

    Parameters
    ----------
    scan, spacing_um
        Which reconstruction, at which pixel.
    patches
        How many there are, real and synthetic.
    accuracy, low, high
        Balanced, of patches not seen in training, with the interval that holds 95 % of resamplings of blocks and seeds.
    by_kind
        The accuracy of a classifier that is given one kind of feature only.
    importance
        One row for each feature, the most telling first: by how much the accuracy falls when it is shuffled, the area
        under the curve of this feature alone, and its median in real and in synthetic patches.
    """

    scan: str
    spacing_um: float
    patches: tuple[int, int]
    accuracy: float
    low: float
    high: float
    by_kind: dict[str, float]
    importance: pd.DataFrame

    def __str__(self) -> str:
        head = f"{self.scan} at {self.spacing_um:g} µm: {self.accuracy:.1%} ({self.low:.1%} to {self.high:.1%})"
        return f"{head}, {self.patches[0]} real and {self.patches[1]} phantom patches"


def table(sections: Sequence[Section], scan: str, stride: int) -> pd.DataFrame:
    """Describe the patches of several sections, the first of which is the real one.

    Returns
    -------
    One row for each patch: its features, ``synthetic``, its ``source`` (a block of the real section, or a phantom) and the
    ``fold`` in which it is judged.
    """
    rows = []
    for number, section in enumerate(sections):
        for patch in patches(section, section.scans[scan], stride):
            fold = _block(patch, section.tissue.shape) if number == 0 else (number - 1) % SIDES**2
            if fold is None:
                continue
            source = f"block {fold}" if number == 0 else section.name
            rows.append({**describe(patch.grey), "synthetic": int(number > 0), "source": source, "fold": fold})
    return pd.DataFrame(rows)


def _block(patch: Patch, shape: tuple[int, ...]) -> int | None:
    """Return the block that a patch lies in; None where it lies in two."""
    first = [start * SIDES // length for start, length in zip(patch[:2], shape, strict=True)]
    last = [(start + SIDE - 1) * SIDES // length for start, length in zip(patch[:2], shape, strict=True)]
    return first[0] * SIDES + first[1] if first == last else None


def judge(real: Section, synthetic: Sequence[Section], scan: str, stride: int) -> Verdict:
    """Train on all folds but one, judge that one, and so for each.

    Parameters
    ----------
    real, synthetic
        The sections, all at one pixel size; at least two of each must remain in every split, so give four phantoms or more.
    scan
        ``gridrec`` or ``Paganin``.
    stride
        How far patches lie apart, in pixels.
    """
    rows = table([real, *synthetic], scan, stride)
    features = [name for name in rows.columns if name not in ("synthetic", "source", "fold")]
    answer, drops = _cross(rows, features, weigh=True)
    low, high = _interval(rows, (answer == rows["synthetic"]).to_numpy(float))
    kinds = {kind: [name for name in features if name.startswith(f"{kind}:")] for kind in FEATURES}
    counts = rows["synthetic"].value_counts()
    return Verdict(
        scan,
        real.spacing_um,
        (int(counts.get(0, 0)), int(counts.get(1, 0))),
        float(balanced_accuracy_score(rows["synthetic"], answer)),
        low,
        high,
        {kind: float(balanced_accuracy_score(rows["synthetic"], _cross(rows, own)[0])) for kind, own in kinds.items()},
        _told(rows, features, drops),
    )


def _cross(
    rows: pd.DataFrame, features: list[str], *, weigh: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the answer to each patch by a model that has not seen its fold, and what shuffling each feature costs."""
    answer = np.zeros(len(rows), np.int64)
    drops = []
    for fold in sorted(set(rows["fold"])):
        seen, own = rows[rows["fold"] != fold], rows[rows["fold"] == fold]
        model = _fit(seen[features], seen["synthetic"])
        answer[own.index] = model.predict(own[features])
        if weigh and own["synthetic"].nunique() == 2:
            drops.append(_drops(model, own[features], own["synthetic"]))
    return answer, np.mean(drops, axis=0) if drops else np.full(len(features), np.nan)


def _fit(features: pd.DataFrame, synthetic: pd.Series) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(
        max_iter=80,
        max_leaf_nodes=8,
        learning_rate=0.1,
        class_weight="balanced",
        early_stopping=False,
        random_state=SEED,
    )
    return model.fit(features, synthetic)


def _drops(model: HistGradientBoostingClassifier, features: pd.DataFrame, synthetic: pd.Series) -> NDArray[np.float64]:
    found = permutation_importance(
        model, features, synthetic, scoring="balanced_accuracy", n_repeats=2, random_state=SEED
    )
    return np.asarray(found.importances_mean)


def _interval(rows: pd.DataFrame, right: NDArray[np.float64]) -> tuple[float, float]:
    """Resample the sources: neighbouring patches are alike, so a patch is no witness of its own."""
    rng = np.random.default_rng(SEED)
    rates = [
        [right[part.index].mean() for _, part in rows[rows["synthetic"] == kind].groupby("source")] for kind in (0, 1)
    ]
    drawn = [np.mean([rng.choice(each, len(each)).mean() for each in rates]) for _ in range(RESAMPLINGS)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _told(rows: pd.DataFrame, features: list[str], drops: NDArray[np.float64]) -> pd.DataFrame:
    """Put the features in the order of what they tell."""
    real, synthetic = rows[rows["synthetic"] == 0], rows[rows["synthetic"] == 1]
    alone = [roc_auc_score(rows["synthetic"], rows[name]) for name in features]
    told = pd.DataFrame(
        {
            "feature": features,
            "fall": drops,
            "alone": np.maximum(alone, 1 - np.asarray(alone)),
            "real": real[features].median().to_numpy(),
            "phantom": synthetic[features].median().to_numpy(),
        }
    )
    return told.sort_values(["fall", "alone"], ascending=False, ignore_index=True)
