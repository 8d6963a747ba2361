"""A model's card as a page: how it was made, how well it does, how sure it is, what it cannot do."""

from __future__ import annotations

from statistics import mean
from typing import Any

__all__ = ["tell"]


def tell(name: str, card: dict[str, Any]) -> str:
    """Return the model's card as a page."""
    plan = card["plan"]
    of_tissue = plan["representation"]["name"] == "tissue"
    return "\n".join(
        [
            f"# {name}",
            "",
            f"Finds {'tissues' if of_tissue else 'cells'} in {plan['ndim']}D scans at voxels of {plan['spacing_um']} µm; "
            "others are resampled to that.",
            "",
            f"- **Taught by** synthetic leaves (kind and seed), as gridrec and as Paganin: {', '.join(card['data'])}.",
            f"- **Stopped by** its loss on {', '.join(card['validation']['data'])}, which were not learnt from.",
            f"- **Plan** `models/{name}.toml`, seed {plan['seed']}; it took {card['seconds'] / 60:.0f} minutes.",
            *([f"- **History** {card['history']}"] if card.get("history") else []),
            *([chooses(card["chooser"]["data"])] if "chooser" in card else []),
            f"- **Licence** {card['licence']}.",
            "",
            *(scores_of_tissues(card["scores"]) if of_tissue else scores_of_cells(card, plan["ndim"])),
            "",
            *(how_sure(card["confidence"]) if "confidence" in card else []),
            "## Limits",
            "",
            card["limits"].strip(),
            "",
        ]
    )


def chooses(leaves: list[str]) -> str:
    """Return the line that tells by what cells are chosen among candidates."""
    return (
        f"- **Chooses** cells among candidates by {len(leaves)} other leaves of all kinds, {leaves[0]} to {leaves[-1]}."
    )


def how_sure(confidence: dict[str, Any]) -> list[str]:
    """Return the lines that tell whether cells are as often right as they are said to be."""
    judged, by = confidence["judged"], confidence["data"]
    (low, high), pairs = judged["error_interval"], 100 * judged["ranking"]
    return [
        "## How sure it is",
        "",
        f"Confidence was calibrated by {confidence['cells']} cells of {len(by)} leaves of all kinds, and judged",
        f"on others. Its expected calibration error there is {judged['error']:.3f} ({low:.3f} to {high:.3f}); of a right and",
        f"a wrong cell, the right one is the surer in {pairs:.0f} of 100 pairs (right: an IoU of 0.5 or more).",
        "",
        "| confidence | cells | said, in the mean | right |",
        "|---|---|---|---|",
        *(
            f"| {row['confidence']} | {row['cells']} | {row['said']:.2f} | {row['right']:.2f} |"
            for row in judged["bins"]
        ),
        "",
    ]


def scores_of_cells(card: dict[str, Any], ndim: int) -> list[str]:
    """Return the lines that tell how well cells are found: in each kind of leaf, and in each tissue of all of them."""
    what = "volumes" if ndim == 3 else "sections (five across each axis)"
    kinds, tissues = card["kinds"], card["tissues"]
    whole = {key: mean(found[key] for found in kinds.values()) for key in ("mAP", "AJI", "merges", "splits")}
    half, most = (mean(found["AP"][iou] for found in kinds.values()) for iou in ("0.5", "0.8"))
    gridrec, paganin = (over_leaves(card["scores"], scan) for scan in ("gridrec", "paganin"))
    return [
        f"Scores on {what} of leaves that it never saw, as gridrec. mAP is the mean of TP / (TP + FP + FN) over IoU",
        "0.1 to 0.9, with the interval in which 95 % of resamplings of leaves and cells lie; merges and splits are for each",
        f"100 true cells. The mean over all leaves is {gridrec:.3f}, as Paganin {paganin:.3f}; each leaf in each scan is",
        "in `model.json`.",
        "",
        "| kind, leaves | mAP | AP at 0.5 | AP at 0.8 | AJI | merges | splits | cells found / true |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {kind}, {found['leaves']} | {with_interval(found)} | {found['AP']['0.5']:.3f} | {found['AP']['0.8']:.3f} | "
            f"{found['AJI']:.3f} | {found['merges']:.1f} | {found['splits']:.1f} | {found['cells']} / {found['truth_cells']} |"
            for kind, found in kinds.items()
        ),
        f"| mean over kinds | {whole['mAP']:.3f} | {half:.3f} | {most:.3f} | {whole['AJI']:.3f} | {whole['merges']:.1f} | "
        f"{whole['splits']:.1f} | |",
        "",
        "| tissue, of all leaves | mAP | AP at 0.5 | AP at 0.8 | merges | splits | true cells |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {tissue} | {with_interval(found)} | {found['AP']['0.5']:.3f} | {found['AP']['0.8']:.3f} | "
            f"{found['merges']:.1f} | {found['splits']:.1f} | {found['truth_cells']} |"
            for tissue, found in tissues.items()
        ),
    ]


def over_leaves(scores: dict[str, Any], scan: str) -> float:
    """Return the mean over all leaves of the mean AP in one of their scans."""
    return mean(found["mAP"] for name, found in scores.items() if name.endswith(scan))


def with_interval(found: dict[str, Any]) -> str:
    """Return the mean AP with its interval."""
    low, high = found["mAP_interval"]
    return f"{found['mAP']:.3f} ({low:.3f} to {high:.3f})"


def scores_of_tissues(scores: dict[str, Any]) -> list[str]:
    """Return the lines that tell how well tissues are found."""
    classes = list(next(iter(scores.values()))["tissue"])
    return [
        "Dice of each tissue on volumes of leaves that it never saw, at voxels of 0.65 µm, with the interval in which 95 % of",
        "resamplings of blocks of 32 voxels' side lie; a tissue neither there nor found scores 1. *Air lost* is the share of",
        "the airspace taken for tissue; *bridges* join cells across air, *islands* are epidermis where there is none.",
        "",
        f"| leaf and scan | mean Dice | {' | '.join(classes)} | air lost | bridges | islands |",
        "|---" * (len(classes) + 5) + "|",
        *(
            f"| {leaf} | {found['Dice']:.3f} | {' | '.join(map(dice_of, found['tissue'].values()))} | "
            f"{found['air_lost']:.3f} | {found['bridges']} | {found['islands']} |"
            for leaf, found in scores.items()
        ),
    ]


def dice_of(found: dict[str, Any]) -> str:
    """Return the Dice of a class with its interval."""
    low, high = found["Dice_interval"]
    return f"{found['Dice']:.3f} ({low:.3f} to {high:.3f})"
