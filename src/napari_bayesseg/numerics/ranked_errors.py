"""Wrong and right voxels in the order of an uncertainty, and every score that depends on it alone.

Voxels of equal uncertainty have no order among each other: the scores are the means over all the
orders that they could have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma

from napari_bayesseg.core.errors import SettingsError

__all__ = ["RankedErrors", "rank_errors"]

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RankedErrors:
    """How many voxels are right and wrong at each value of an uncertainty.

    Attributes
    ----------
    values : (k,) float64
        Ascending, all different.
    right, wrong : (k,) int64
        Voxels at each value; never both 0.
    """

    values: Doubles
    right: Counts
    wrong: Counts

    @property
    def num_voxels(self) -> int:
        """Of both kinds."""
        return int(self.right.sum() + self.wrong.sum())

    @property
    def auroc(self) -> float:
        """Area under the ROC curve of the uncertainty as a detector of wrong voxels.

        The probability that a wrong voxel has a higher value than a right one, ties counted half;
        0.5 for an uncertainty that knows nothing, NaN where no voxel is wrong, or all are.

        References
        ----------
        Hanley & McNeil, "The meaning and use of the area under a receiver operating characteristic
        (ROC) curve", 1982, section II (the Wilcoxon statistic).
        """
        num_right, num_wrong = float(self.right.sum()), float(self.wrong.sum())
        if not num_right or not num_wrong:
            return float("nan")
        below = np.cumsum(self.right) - self.right
        wins = float(np.dot(self.wrong, below + 0.5 * self.right))
        return wins / (num_right * num_wrong)

    @property
    def auprc(self) -> float:
        """Area under the precision-recall curve, as the average precision.

        The mean, over the wrong voxels, of the share of wrong ones among those at least as
        uncertain; the share of wrong voxels itself for an uncertainty that knows nothing, NaN where
        none is wrong.

        References
        ----------
        Davis & Goadrich, "The relationship between precision-recall and ROC curves", ICML 2006,
        section 4 (no straight lines between the points of the curve).
        """
        num_wrong = float(self.wrong.sum())
        if not num_wrong:
            return float("nan")
        found = np.cumsum(self.wrong[::-1])
        looked_at = np.cumsum((self.wrong + self.right)[::-1])
        return float(np.dot(self.wrong[::-1], found / looked_at) / num_wrong)

    @property
    def aurc(self) -> float:
        """Area under the risk-coverage curve: mean over all coverages of the share that is wrong.

        From 0; the smaller the better. NaN without a voxel.

        References
        ----------
        Geifman & El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017,
        arXiv:1705.08500 (the curve); Geifman, Uziel & El-Yaniv, "Bias-reduced uncertainty
        estimation for deep neural classifiers", ICLR 2019, arXiv:1805.08206, section 3 (its area).
        """
        if not self.num_voxels:
            return float("nan")
        counts = (self.right + self.wrong).astype(np.float64)
        before, wrong_before = self._seen[:-1], self._wrong_seen[:-1]
        # Among n equal voxels, e of them wrong, after N with E wrong, the mean risk of the j-th is
        # (E + j e/n) / (N + j) = e/n + (E - N e/n) / (N + j); the sum over j is harmonic.
        share = self.wrong / counts
        harmonic = digamma(before + counts + 1) - digamma(before + 1)
        total = np.sum(share * counts + (wrong_before - share * before) * harmonic)
        return float(total / self.num_voxels)

    @property
    def optimal_aurc(self) -> float:
        """The `aurc` of a perfect uncertainty: higher at every wrong voxel than at any right one.

        What `aurc` has beyond it is the uncertainty's fault, not the segmentation's.
        """
        right, wrong = int(self.right.sum()), int(self.wrong.sum())
        kinds = [(value, *pair) for value, pair in enumerate(((right, 0), (0, wrong))) if any(pair)]
        values, *counts = np.array(kinds, np.int64).reshape(-1, 3).T
        return RankedErrors(values.astype(np.float64), *counts).aurc

    def risk(self, coverage: ArrayLike) -> Doubles:
        """Return the share of wrong voxels among the surest ones.

        Parameters
        ----------
        coverage : (n,) float
            Shares of the voxels that are kept, the surest first, above 0 up to 1.

        Returns
        -------
        (n,) float64
            NaN without a voxel.
        """
        kept = np.asarray(coverage, np.float64) * self.num_voxels
        if not self.num_voxels:
            return np.full(kept.shape, np.nan)
        kept = np.maximum(kept, 1.0)  # no coverage is less than a voxel
        return np.asarray(np.interp(kept, self._seen, self._wrong_seen) / kept)

    def removed(self, reviewed: ArrayLike) -> Doubles:
        """Return the share of all wrong voxels that lies among the most uncertain ones.

        Parameters
        ----------
        reviewed : (n,) float
            Shares of the voxels that somebody looks at and puts right, the most uncertain first,
            from 0 to 1.

        Returns
        -------
        (n,) float64
            `reviewed` itself for an uncertainty that knows nothing; NaN where no voxel is wrong.
        """
        shares = np.asarray(reviewed, np.float64)
        num_wrong = self._wrong_seen[-1]
        if not num_wrong:
            return np.full(shares.shape, np.nan)
        left = np.interp((1.0 - shares) * self.num_voxels, self._seen, self._wrong_seen)
        return np.asarray(1.0 - left / num_wrong)

    def threshold_of(self, reviewed: ArrayLike) -> Doubles:
        """Return the values above which a share of the voxels lies: no more, as near as it gets.

        Parameters
        ----------
        reviewed : (n,) float
            Shares, from 0 to 1.

        Returns
        -------
        (n,) float64
            The greatest value for 0, the least for 1; NaN without a voxel.
        """
        shares = np.asarray(reviewed, np.float64)
        if not self.num_voxels:
            return np.full(shares.shape, np.nan)
        places = np.searchsorted(self._seen[1:], (1.0 - shares) * self.num_voxels, side="left")
        return self.values[np.minimum(places, self.values.size - 1)]

    @cached_property
    def _seen(self) -> Doubles:
        """Voxels before each value, and all."""
        return np.concatenate([[0.0], np.cumsum(self.right + self.wrong, dtype=np.float64)])

    @cached_property
    def _wrong_seen(self) -> Doubles:
        return np.concatenate([[0.0], np.cumsum(self.wrong, dtype=np.float64)])


def rank_errors(uncertainty: NDArray[np.floating[Any]], wrong: NDArray[np.bool_]) -> RankedErrors:
    """Rank the voxels of arrays in memory, exactly, in O(n log n).

    For large volumes see :class:`~napari_bayesseg.numerics.error_histogram.ErrorHistogram`.

    Parameters
    ----------
    uncertainty : (...) float
        Voxels that are NaN are left out.
    wrong : (...) bool
        Whether the predicted label differs from the truth.

    Raises
    ------
    SettingsError
        If the shapes differ.
    """
    if uncertainty.shape != wrong.shape:
        raise SettingsError(
            f"uncertainty and wrong must have one shape; got {uncertainty.shape} and {wrong.shape}"
        )
    known = ~np.isnan(uncertainty)
    values, places = np.unique(uncertainty[known], return_inverse=True)
    wrong_counts = np.bincount(places[wrong[known]], minlength=values.size)
    right_counts = np.bincount(places, minlength=values.size) - wrong_counts
    return RankedErrors(values.astype(np.float64), right_counts, wrong_counts)
