"""Calibration: whether what is called 80 % sure is right in 80 % of the cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError

__all__ = ["NUM_BINS", "Reliability", "ReliabilityBins"]

NUM_BINS = 15

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """A reliability diagram: bins of confidence, and how often each is right.

    Attributes
    ----------
    edges : (n + 1,) float64
        Evenly spaced from 0 to 1; a bin holds its upper edge, the first one its lower edge too.
    counts : (n,) int64
        Predictions in each bin.
    confidence, accuracy : (n,) float64
        Mean confidence and share that is right; NaN in an empty bin.
    """

    edges: Doubles
    counts: NDArray[np.int64]
    confidence: Doubles
    accuracy: Doubles

    @property
    def expected_calibration_error(self) -> float:
        """Mean of ``|accuracy - confidence|`` over the bins, weighted by their predictions.

        From 0, perfectly calibrated, to 1; NaN without a prediction.
        """
        total = int(self.counts.sum())
        if not total:
            return float("nan")
        gaps = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(gaps * self.counts) / total)


class Reliability:
    """Counts, confidence and hits in evenly spaced bins, summed up piece by piece.

    Parameters
    ----------
    num_bins : int
        Between confidence 0 and 1.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML 2017,
    arXiv:1706.04599, equations 2 to 5.
    """

    def __init__(self, num_bins: int = NUM_BINS) -> None:
        if num_bins < 1:
            raise SettingsError(f"the number of bins must be at least 1; got {num_bins}")
        self._counts = np.zeros(num_bins, np.int64)
        self._right = np.zeros(num_bins, np.int64)
        self._confidence = np.zeros(num_bins)

    def update(self, confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> None:
        """Add the predictions of a piece.

        Parameters
        ----------
        confidence : (...) float
            Probability that was promised, from 0 to 1; for the usual error that of the top class.
        right : (...) bool
            Whether it came true.

        Raises
        ------
        SettingsError
            If the shapes differ, or a confidence is no probability.
        """
        if confidence.shape != right.shape:
            raise SettingsError(
                f"confidence and right must have one shape; got {confidence.shape} and "
                f"{right.shape}"
            )
        if not confidence.size:
            return
        values = confidence.reshape(-1).astype(np.float64)
        # Means over draws may be off 1 by the rounding of what they were stored in.
        if not -1e-2 <= values.min() <= values.max() <= 1 + 1e-2:
            raise SettingsError(
                f"confidence must be from 0 to 1; got {values.min():g} to {values.max():g}"
            )
        num_bins = len(self._counts)
        bins = np.clip(np.ceil(values * num_bins).astype(np.intp) - 1, 0, num_bins - 1)
        self._counts += np.bincount(bins, minlength=num_bins)
        self._right += np.bincount(bins[right.reshape(-1)], minlength=num_bins)
        self._confidence += np.bincount(bins, weights=values, minlength=num_bins)

    def merge(self, other: Reliability) -> None:
        """Add what another one of as many bins has summed up."""
        self._counts += other._counts
        self._right += other._right
        self._confidence += other._confidence

    def compute(self) -> ReliabilityBins:
        """Return the diagram so far."""
        means = [np.full(len(self._counts), np.nan) for _ in range(2)]
        for mean, total in zip(means, (self._confidence, self._right), strict=True):
            np.divide(total, self._counts, out=mean, where=self._counts > 0)
        edges = np.linspace(0.0, 1.0, len(self._counts) + 1)
        return ReliabilityBins(edges, self._counts.copy(), *means)
