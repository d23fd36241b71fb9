"""How well a measure of uncertainty points at the wrong voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError

__all__ = ["accuracy", "error_auroc"]


def accuracy(prediction: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]) -> float:
    """Share of voxels with the right label; NaN without any voxel.

    Raises
    ------
    SettingsError
        If the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise SettingsError(
            f"prediction and truth must have one shape; got {prediction.shape} and {truth.shape}"
        )
    if prediction.size == 0:
        return float("nan")
    return int(np.count_nonzero(prediction == truth)) / prediction.size


def error_auroc(measure: NDArray[np.floating[Any]], wrong: NDArray[np.bool_]) -> float:
    """Area under the ROC curve of the measure as a detector of wrong voxels.

    The probability that a wrong voxel has a higher value than a right one, ties counted half; exact
    (by ranks), in O(n log n).

    Parameters
    ----------
    measure : (...) float
        Voxels that are NaN are left out.
    wrong : (...) bool
        Whether the predicted label differs from the truth.

    Returns
    -------
    float
        0.5 for a measure that knows nothing; NaN where no voxel is wrong, or all are.

    Raises
    ------
    SettingsError
        If the shapes differ.

    References
    ----------
    Hanley & McNeil, "The meaning and use of the area under a receiver operating characteristic
    (ROC) curve", 1982, section II (the Wilcoxon statistic).
    """
    if measure.shape != wrong.shape:
        raise SettingsError(
            f"measure and wrong must have one shape; got {measure.shape} and {wrong.shape}"
        )
    known = ~np.isnan(measure)
    of_wrong = np.sort(measure[known & wrong])
    of_right = np.sort(measure[known & ~wrong])
    if of_wrong.size == 0 or of_right.size == 0:
        return float("nan")
    below = np.searchsorted(of_right, of_wrong, side="left")
    not_above = np.searchsorted(of_right, of_wrong, side="right")
    wins = (int(below.sum()) + int(not_above.sum())) / 2
    return wins / (of_wrong.size * of_right.size)
