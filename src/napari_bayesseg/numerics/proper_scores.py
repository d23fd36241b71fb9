"""Proper scores of the mean probabilities: negative log-likelihood and Brier score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError

__all__ = ["SMALLEST_PROBABILITY", "ProperScores", "Scores"]

SMALLEST_PROBABILITY = 2.0**-24
"""Probabilities of the true class count as at least this in the log-likelihood.

Half the spacing of float32 below 1: a mean that is stored as 0 or 1 is known no better. A voxel
costs at most 16.6 nats.
"""


@dataclass(frozen=True)
class Scores:
    """Means over voxels; both are the smaller the better, NaN without a voxel.

    Attributes
    ----------
    negative_log_likelihood : float
        In nats a voxel, from 0.
    brier_score : float
        Sum over the classes of the squared difference between probability and truth (1 for the
        true class, 0 for the others), from 0 to 2: twice the one-class form where C = 2.
    """

    negative_log_likelihood: float
    brier_score: float


class ProperScores:
    """Negative log-likelihood and Brier score, summed up piece by piece in double precision.

    References
    ----------
    Gneiting & Raftery, "Strictly proper scoring rules, prediction, and estimation", 2007,
    sections 3 and 4; Brier, "Verification of forecasts expressed in terms of probability", 1950,
    equation 2.
    """

    def __init__(self) -> None:
        self._voxels = 0
        self._log_loss = 0.0
        self._squares = 0.0

    def update(
        self, probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]
    ) -> None:
        """Add the voxels of a piece.

        Parameters
        ----------
        probabilities : (C, ...) float
            Sums to 1 over C; no NaN.
        truth : (...) int
            Classes from 0 to C - 1.

        Raises
        ------
        SettingsError
            If the shapes differ, or a label is no class.
        """
        num_classes = len(probabilities)
        if probabilities.shape[1:] != truth.shape:
            raise SettingsError(
                f"probabilities must be (C, ...) for a truth of shape {truth.shape}; "
                f"got {probabilities.shape}"
            )
        if not truth.size:
            return
        if not 0 <= truth.min() <= truth.max() < num_classes:
            raise SettingsError(
                f"labels of the truth must be 0 to {num_classes - 1}; "
                f"got {truth.min()} to {truth.max()}"
            )
        flat = probabilities.reshape(num_classes, -1)
        classes = truth.reshape(1, -1).astype(np.intp, copy=False)
        of_truth = np.take_along_axis(flat, classes, axis=0)[0].astype(np.float64)
        # sum over c of (p_c - [c is true])^2 = sum p_c^2 - 2 p_true + 1
        self._squares += sum(float(np.square(row, dtype=np.float64).sum()) for row in flat)
        self._squares += float((1.0 - 2.0 * of_truth).sum())
        np.maximum(of_truth, SMALLEST_PROBABILITY, out=of_truth)
        self._log_loss -= float(np.log(of_truth).sum())
        self._voxels += truth.size

    def merge(self, other: ProperScores) -> None:
        """Add what another one has summed up."""
        self._voxels += other._voxels
        self._log_loss += other._log_loss
        self._squares += other._squares

    def compute(self) -> Scores:
        """Return the means so far."""
        if not self._voxels:
            return Scores(float("nan"), float("nan"))
        return Scores(self._log_loss / self._voxels, self._squares / self._voxels)
