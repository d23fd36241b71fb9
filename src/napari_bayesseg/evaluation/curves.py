"""The curves of an evaluation, as plain numbers that can be drawn and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_bayesseg.numerics.calibration import ReliabilityBins
from napari_bayesseg.numerics.patch_metrics import counts_at
from napari_bayesseg.numerics.ranked_errors import RankedErrors

__all__ = [
    "Curves",
    "ErrorRemoved",
    "PatchCurve",
    "ReliabilityDiagram",
    "RiskCoverage",
    "error_removed",
    "patch_curve",
    "reliability_diagram",
    "risk_coverage",
]

Numbers = tuple[float, ...]

_NUM_POINTS = 100
_NUM_THRESHOLDS = 50


@dataclass(frozen=True)
class RiskCoverage:
    """Share of wrong voxels among the surest ones.

    Attributes
    ----------
    coverage : tuple of float
        Shares of the voxels that are kept, the surest first, ascending to 1.
    risk : tuple of float
        Share of those that is wrong.
    """

    coverage: Numbers
    risk: Numbers


@dataclass(frozen=True)
class ErrorRemoved:
    """Share of all wrong voxels that is found by looking at the most uncertain ones.

    Attributes
    ----------
    reviewed : tuple of float
        Shares of the judged volume, the most uncertain first, ascending from 0 to 1; denser near 0.
    removed : tuple of float
        Share of all wrong voxels in it; NaN where none is wrong.
    threshold : tuple of float
        Of the measure, above which that share lies; descending.
    """

    reviewed: Numbers
    removed: Numbers
    threshold: Numbers


@dataclass(frozen=True)
class PatchCurve:
    """Patches on either side of a threshold of their mean uncertainty.

    Attributes
    ----------
    threshold : tuple of float
        In the measure's unit, ascending from the surest patch to the most uncertain one.
    accurate_given_certain, uncertain_given_inaccurate, pavpu : tuple of float
        Shares; NaN where there is no certain, or no inaccurate, patch.
    """

    threshold: Numbers
    accurate_given_certain: Numbers
    uncertain_given_inaccurate: Numbers
    pavpu: Numbers


@dataclass(frozen=True)
class ReliabilityDiagram:
    """How often predictions of each confidence are right.

    Attributes
    ----------
    edges : tuple of float
        Of the bins, n + 1 from 0 to 1.
    counts : tuple of int
        Voxels in each bin.
    confidence, accuracy : tuple of float
        Mean probability of the predicted class, and share that is right; NaN in an empty bin.
    """

    edges: Numbers
    counts: tuple[int, ...]
    confidence: Numbers
    accuracy: Numbers


@dataclass(frozen=True)
class Curves:
    """All curves of an evaluation; those but the reliability belong to one measure."""

    risk_coverage: RiskCoverage
    error_removed: ErrorRemoved
    pavpu: PatchCurve
    reliability: ReliabilityDiagram


def risk_coverage(ranked: RankedErrors) -> RiskCoverage:
    """Return the curve at every per cent of coverage."""
    coverage = np.arange(1, _NUM_POINTS + 1) / _NUM_POINTS
    return RiskCoverage(_numbers(coverage), _numbers(ranked.risk(coverage)))


def error_removed(ranked: RankedErrors) -> ErrorRemoved:
    """Return the curve at the squares of every per cent: where people review, it is steep."""
    reviewed = (np.arange(_NUM_POINTS + 1) / _NUM_POINTS) ** 2
    return ErrorRemoved(
        _numbers(reviewed),
        _numbers(ranked.removed(reviewed)),
        _numbers(ranked.threshold_of(reviewed)),
    )


def patch_curve(patches: RankedErrors) -> PatchCurve:
    """Return the curve from the surest patch to the most uncertain one, denser near the first."""
    if not patches.values.size:
        return PatchCurve((), (), (), ())
    low, high = float(patches.values[0]), float(patches.values[-1])
    steps = (np.arange(_NUM_THRESHOLDS + 1) / _NUM_THRESHOLDS) ** 2
    thresholds = _numbers(low + (high - low) * steps)
    counts = [counts_at(patches, threshold) for threshold in thresholds]
    return PatchCurve(
        thresholds,
        tuple(count.accurate_given_certain for count in counts),
        tuple(count.uncertain_given_inaccurate for count in counts),
        tuple(count.pavpu for count in counts),
    )


def reliability_diagram(bins: ReliabilityBins) -> ReliabilityDiagram:
    """Return the diagram as plain numbers."""
    return ReliabilityDiagram(
        _numbers(bins.edges),
        tuple(int(count) for count in bins.counts),
        _numbers(bins.confidence),
        _numbers(bins.accuracy),
    )


def _numbers(values: Any) -> Numbers:
    return tuple(float(value) for value in values)
