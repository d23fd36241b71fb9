"""How sure a mean over few cases is: bootstrap intervals, bias-corrected and accelerated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from napari_bayesseg.core.errors import SettingsError

__all__ = ["NUM_RESAMPLES", "Interval", "mean_interval"]

NUM_RESAMPLES = 10_000

# Bounds the table of drawn cases: resamples are made in parts.
_TABLE_ENTRIES = 2**22


@dataclass(frozen=True)
class Interval:
    """A mean over cases, and the interval that holds the mean over all cases of the kind.

    Attributes
    ----------
    mean : float
        NaN without a case.
    low, high : float
        NaN where there are fewer than two cases.
    num_cases : int
        Those that have the score.
    """

    mean: float
    low: float
    high: float
    num_cases: int


def mean_interval(
    values: NDArray[np.floating[Any]],
    *,
    seed: int = 0,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """Return the mean of a score over cases and its BCa bootstrap interval.

    For the difference of two methods, give it case by case: the interval is then the paired one,
    in which what makes a case hard for both cancels. With fewer than about ten cases any such
    interval is too narrow, and says so only by being wide.

    Parameters
    ----------
    values : (n,) float
        One number a case; NaN (no score there) are left out.
    seed : int
        The same seed and number of cases give the same resamples, whatever the score.
    confidence : float
        Between 0 and 1.
    num_resamples : int

    Raises
    ------
    SettingsError
        If the confidence is not between 0 and 1.

    References
    ----------
    Efron, "Better bootstrap confidence intervals", 1987, section 3; acceleration by the jackknife,
    equation 6.6 of DiCiccio & Efron, "Bootstrap confidence intervals", 1996.
    """
    if not 0 < confidence < 1:
        raise SettingsError(f"the confidence must lie between 0 and 1; got {confidence}")
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not known.size:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    mean = float(known.mean())
    if known.size == 1:
        return Interval(mean, float("nan"), float("nan"), 1)
    if np.ptp(known) == 0:
        return Interval(mean, mean, mean, known.size)
    means = _resampled_means(known, seed, num_resamples)
    # Ties with the mean itself count half: few cases give few different means.
    slack = 1e-9 * float(np.ptp(known))
    below = np.count_nonzero(means < mean - slack) + np.count_nonzero(means <= mean + slack)
    bias = ndtri(below / (2 * num_resamples))
    others = (known.sum() - known) / (known.size - 1)
    deviations = others.mean() - others
    acceleration = np.sum(deviations**3) / (6 * np.sum(deviations**2) ** 1.5)
    ends = bias + ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    shares = ndtr(bias + ends / (1 - acceleration * ends))
    low, high = np.quantile(means, shares)
    return Interval(mean, float(low), float(high), known.size)


def _resampled_means(values: NDArray[np.float64], seed: int, count: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    means = np.empty(count)
    step = max(_TABLE_ENTRIES // values.size, 1)
    for start in range(0, count, step):
        rows = min(step, count - start)
        drawn = generator.integers(0, values.size, (rows, values.size))
        means[start : start + rows] = values[drawn].mean(axis=1)
    return means
