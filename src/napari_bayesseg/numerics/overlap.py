"""Overlap of a prediction with the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError

__all__ = ["dice_per_class"]


def dice_per_class(
    prediction: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]], num_classes: int
) -> NDArray[np.float64]:
    """Dice coefficient of every class: twice the common voxels over the sum of both.

    Parameters
    ----------
    prediction, truth : (...) int
        Classes from 0 to ``num_classes - 1``.
    num_classes : int

    Returns
    -------
    (num_classes,) float64
        Between 0 and 1; NaN for a class that occurs in neither.

    Raises
    ------
    SettingsError
        If the shapes differ, or a label is no class.

    References
    ----------
    Dice, "Measures of the amount of ecologic association between species", 1945.
    """
    if prediction.shape != truth.shape:
        raise SettingsError(
            f"prediction and truth must have one shape; got {prediction.shape} and {truth.shape}"
        )
    for name, labels in (("prediction", prediction), ("truth", truth)):
        if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
            raise SettingsError(
                f"labels of the {name} must be 0 to {num_classes - 1}; "
                f"got {labels.min()} to {labels.max()}"
            )
    scores = np.full(num_classes, np.nan)
    for c in range(num_classes):
        predicted, true = prediction == c, truth == c
        total = np.count_nonzero(predicted) + np.count_nonzero(true)
        if total:
            scores[c] = 2 * np.count_nonzero(predicted & true) / total
    return scores
