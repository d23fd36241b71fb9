"""What a decision is worth: how many wrong voxels a review removes, in our order and in others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import hippocampus
from benchmarks.data import MODELS, Case, sample, workspace
from benchmarks.plain_pass import save_mean_network
from benchmarks.predictions import NUM_SAMPLES
from benchmarks.reviewer import Places, WorthCurve, inspect, most_uncertain, runner_up
from benchmarks.rows import Goal, Row, at_least, at_most, skipped
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.review.region_settings import (
    RegionSettings,
    default_measure,
    default_settings,
)
from napari_bayesseg.review.region_source import RegionSource

__all__ = ["LOOKED", "CaseWorth", "case_worth", "mean_curve", "run", "wide_settings"]

LOOKED = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1)
"""Shares of the volume at which curves are read."""
DECISIONS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200)
"""Numbers of decisions at which curves are read."""

OURS, LARGEST, RANDOM, PLAIN, BEST = (
    "ours: expected error first",
    "largest first",
    "random (mean of 20)",
    "entropy of one plain pass",
    "best that any order can do",
)
_SEEDS = range(20)
_SHARE = 0.05
_WANTED = 0.8
_WIDE_PERCENTILE = 90.0

# Half the volume that a review looks at is where the curves of a picture end.
Curves = dict[str, WorthCurve]


@dataclass(frozen=True, eq=False)
class CaseWorth:
    """What reviews of one case remove.

    Attributes
    ----------
    wrong_share : float
        Of all voxels, before any review.
    voxelwise : dict
        Name of a map to the share of the wrong voxels among its most uncertain 5 %.
    curves : dict
        Name of an order to the curve of a review with keys and brush, all voxels above the lower
        handle in regions (:func:`wide_settings`).
    by_default : dict
        The same with the regions that a person is offered at first.
    keys_only : WorthCurve
        In our order, accept or reject alone.
    """

    wrong_share: float
    voxelwise: dict[str, float]
    curves: Curves
    by_default: Curves
    keys_only: WorthCurve
