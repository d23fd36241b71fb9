"""Means over scans, their spread over seeds, and how sure they are given so few scans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sample", "mean_of_known", "paired", "ratio"]

_NUM_RESAMPLES = 10_000
_LEVEL = 0.95


def mean_of_known(values: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
    """Mean along an axis without the NaN; NaN where there is nothing else."""
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


@dataclass(frozen=True)
class Sample:
    """A score of each scan, by each seed.

    Attributes
    ----------
    values : (seeds, scans) float
        NaN where a scan has no score: without a wrong voxel nothing tells wrong from right.
    """

    values: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[Sequence[float | None]]) -> Sample:
        """Build from lists; None is NaN."""
        return cls(np.array([[math.nan if v is None else v for v in row] for row in rows], float))

    @property
    def by_seed(self) -> NDArray[np.float64]:
        """Means over scans, one a seed."""
        return mean_of_known(self.values, axis=1)

    @property
    def mean(self) -> float:
        """Mean over seeds of the means over scans."""
        return float(self.by_seed.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over seeds of the means over scans; NaN of one seed."""
        return float(self.by_seed.std(ddof=1)) if len(self.values) > 1 else math.nan

    def interval(self) -> tuple[float, float]:
        """Return the 95 % bootstrap interval of the mean over scans, seeds averaged first.

        Percentiles of the means of resampled scans, always the same resamples.

        References
        ----------
        Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 13.3.
        """
        by_scan = mean_of_known(self.values)
        by_scan = by_scan[~np.isnan(by_scan)]
        generator = np.random.default_rng(0)
        picked = generator.integers(len(by_scan), size=(_NUM_RESAMPLES, len(by_scan)))
        low, high = np.quantile(by_scan[picked].mean(axis=1), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return float(low), float(high)


def paired(first: Sample, second: Sample) -> Sample:
    """Return first minus second, scan by scan and seed by seed.

    Seeds stand in one order; those that only one of them has are left out.
    """
    a, b = _matched(first, second)
    return Sample(a - b)


def ratio(first: Sample, second: Sample) -> Sample:
    """Return first over second, scan by scan and seed by seed; as :func:`paired`."""
    a, b = _matched(first, second)
    return Sample(a / b)


def _matched(first: Sample, second: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    seeds = min(len(first.values), len(second.values))
    return first.values[:seeds], second.values[:seeds]
