"""Overlap of a prediction with the truth, class by class, from one table of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError

__all__ = ["ConfusionMatrix", "dice_of_counts", "dice_per_class", "jaccard_of_counts"]

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]


class ConfusionMatrix:
    """Voxels of each true class to which each class was given, counted piece by piece.

    Parameters
    ----------
    num_classes : int
    """

    def __init__(self, num_classes: int) -> None:
        self._counts = np.zeros((num_classes, num_classes), np.int64)

    def update(self, prediction: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]) -> None:
        """Count the voxels of a piece.

        Parameters
        ----------
        prediction, truth : (...) int
            Classes from 0 to ``num_classes - 1``.

        Raises
        ------
        SettingsError
            If the shapes differ, or a label is no class.
        """
        num_classes = len(self._counts)
        _check(prediction, truth, num_classes)
        codes = truth.reshape(-1).astype(np.intp)
        codes *= num_classes
        codes += prediction.reshape(-1)
        found = np.bincount(codes, minlength=num_classes**2)
        self._counts += found.reshape(num_classes, num_classes)

    def merge(self, other: ConfusionMatrix) -> None:
        """Add what another one has counted."""
        self._counts += other._counts

    def compute(self) -> Counts:
        """Return the counts so far: ``(num_classes, num_classes)``, true class first."""
        return self._counts.copy()


def dice_of_counts(counts: Counts) -> Doubles:
    """Dice coefficient of every class: twice the common voxels over the sum of both.

    Parameters
    ----------
    counts : (C, C) int64
        As :meth:`ConfusionMatrix.compute` gives them.

    Returns
    -------
    (C,) float64
        Between 0 and 1; NaN for a class that occurs in neither.

    References
    ----------
    Dice, "Measures of the amount of ecologic association between species", 1945.
    """
    return _ratio(2 * np.diag(counts), counts.sum(0) + counts.sum(1))


def jaccard_of_counts(counts: Counts) -> Doubles:
    """Jaccard index of every class: the common voxels over those of either (IoU).

    Parameters
    ----------
    counts : (C, C) int64
        As :meth:`ConfusionMatrix.compute` gives them.

    Returns
    -------
    (C,) float64
        Between 0 and 1; NaN for a class that occurs in neither.

    References
    ----------
    Jaccard, "The distribution of the flora in the alpine zone", 1912.
    """
    return _ratio(np.diag(counts), counts.sum(0) + counts.sum(1) - np.diag(counts))


def dice_per_class(
    prediction: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]], num_classes: int
) -> Doubles:
    """Dice coefficient of every class of two arrays; see :func:`dice_of_counts`.

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
    """
    confusion = ConfusionMatrix(num_classes)
    confusion.update(prediction, truth)
    return dice_of_counts(confusion.compute())


def _check(
    prediction: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]], num_classes: int
) -> None:
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


def _ratio(part: Counts, whole: Counts) -> Doubles:
    values = np.full(len(whole), np.nan)
    np.divide(part, whole, out=values, where=whole > 0)
    return values
