"""What each number of a report means, in a line, for people who know segmentation."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FIGURE_MEANINGS", "SCORE_MEANINGS"]

SCORE_MEANINGS: Mapping[str, str] = {
    "dice": "Overlap of predicted and true class; 1 is perfect.",
    "jaccard": "The same as intersection over union; 1 is perfect.",
    "hd95": "From 95 % of either surface the other one is no farther than this.",
    "asd": "Mean distance from either surface to the other one.",
    "expected_calibration_error": (
        "How far promised and true accuracy are apart: at 0.05, what is called 90 % sure is right "
        "in about 85 or 95 %."
    ),
    "brier_score": (
        "Squared distance of the probabilities from the truth, summed over the classes, 0 to 2: "
        "good if labels are right and the probabilities honest."
    ),
    "negative_log_likelihood": (
        "Surprise at the truth, in nats a voxel: to be sure and wrong costs most (at most 16.6)."
    ),
    "pavpu": (
        "Share of the patches (4 voxels wide) that are surer than the average patch and right, or "
        "less sure and wrong. Counts caution against a network that is hardly ever wrong."
    ),
    "error_auroc": (
        "Chance that a wrong voxel has a higher uncertainty than a right one; 0.5 knows nothing."
    ),
    "error_auprc": (
        "Share of wrong voxels among the most uncertain ones, over all depths of looking; what "
        "knows nothing has the share of wrong voxels itself."
    ),
    "aurc": (
        "Share of wrong voxels among the surest part of the volume, over all sizes of that part."
    ),
    "error_removed_at_5_percent": (
        "Share of all wrong voxels that a reviewer finds who looks at the most uncertain 5 % of "
        "the volume; 0.05 if the uncertainty knows nothing."
    ),
}
"""By key of ``comparison.SCORES``."""

FIGURE_MEANINGS: Mapping[str, str] = {
    "error_removed": (
        "Whoever looks at this share of the volume, the most uncertain voxels first, finds this "
        "share of the wrong ones. Dashed: looking anywhere."
    ),
    "reliability": (
        "Voxels by the probability of their label, and how many of them are right. On the dashed "
        "line promises are kept; below it the network is too sure. The larger a dot, the more "
        "voxels it speaks for."
    ),
    "risk_coverage": (
        "If only the surest part of the volume is trusted, this share of it is wrong. At the right "
        "end everything is trusted."
    ),
    "pavpu": (
        "Patches 4 voxels wide, called uncertain above a threshold. A good network has right "
        "patches among the certain ones and uncertain ones among the wrong, at one threshold."
    ),
}
"""By name of the figure's file."""
