"""All the scores of a volume, gathered slab by slab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.evaluation.curves import error_removed, patch_curve, risk_coverage
from napari_bayesseg.evaluation.evaluation import MeasureScores
from napari_bayesseg.numerics.calibration import Reliability
from napari_bayesseg.numerics.error_histogram import ErrorHistogram
from napari_bayesseg.numerics.overlap import ConfusionMatrix
from napari_bayesseg.numerics.patch_metrics import PatchErrors, counts_at
from napari_bayesseg.numerics.proper_scores import ProperScores
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess

__all__ = ["REVIEWED_SHARE", "MeasureTally", "Slab", "Tally"]

REVIEWED_SHARE = 0.05
"""Share of the volume at which the removed error is named."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Slab:
    """Whole planes of a volume, in memory.

    Attributes
    ----------
    probabilities : (C, z, Y, X) float
    prediction, truth : (z, Y, X) int
        Any class where not judged.
    judged : (z, Y, X) bool
        Voxels that count.
    """

    probabilities: NDArray[np.floating[Any]]
    prediction: NDArray[np.integer[Any]]
    truth: NDArray[np.integer[Any]]
    judged: Mask

    @property
    def wrong(self) -> Mask:
        """``(z, Y, X)`` whether prediction and truth differ."""
        return np.asarray(self.prediction != self.truth)


class MeasureTally:
    """Errors and patches by one measure of uncertainty.

    Parameters
    ----------
    measure : str
    patch_shape : (z, y, x)
        In voxels.
    """

    def __init__(self, measure: str, patch_shape: tuple[int, int, int]) -> None:
        self.measure = measure
        self._errors = ErrorHistogram()
        self._patches = PatchErrors(patch_shape)

    def update(self, uncertainty: NDArray[np.floating[Any]], wrong: Mask, judged: Mask) -> None:
        """Add a slab that begins at a multiple of the patch's depth; all are ``(z, Y, X)``."""
        self._errors.update(uncertainty[judged], wrong[judged])
        self._patches.update(uncertainty, wrong, judged)

    def merge(self, other: MeasureTally) -> None:
        """Add what another one has gathered about the same measure."""
        self._errors.merge(other._errors)
        self._patches.merge(other._patches)

    def compute(self) -> MeasureScores:
        """Return the scores so far."""
        ranked, patches = self._errors.compute(), self._patches.compute()
        threshold = self._patches.mean
        counts = counts_at(patches, threshold)
        return MeasureScores(
            measure=self.measure,
            unit=get_measure(split_excess(self.measure)[0]).unit,
            error_auroc=ranked.auroc,
            error_auprc=ranked.auprc,
            aurc=ranked.aurc,
            excess_aurc=ranked.aurc - ranked.optimal_aurc,
            error_removed_at_5_percent=float(ranked.removed(REVIEWED_SHARE)),
            pavpu=counts.pavpu,
            accurate_given_certain=counts.accurate_given_certain,
            uncertain_given_inaccurate=counts.uncertain_given_inaccurate,
            patch_threshold=threshold,
            risk_coverage=risk_coverage(ranked),
            error_removed=error_removed(ranked),
            patch_curve=patch_curve(patches),
        )


class Tally:
    """Overlap, calibration and error detection of a volume.

    Parameters
    ----------
    num_classes : int
    measures : sequence of str
    patch_shape : (z, y, x)
        In voxels.
    """

    def __init__(
        self, num_classes: int, measures: tuple[str, ...], patch_shape: tuple[int, int, int]
    ) -> None:
        self.confusion = ConfusionMatrix(num_classes)
        self.proper = ProperScores()
        self.reliability = Reliability()
        self.class_reliability = [Reliability() for _ in range(num_classes)]
        self.measures = {name: MeasureTally(name, patch_shape) for name in measures}
        self.voxels = 0

    def update(self, slab: Slab, read: Callable[[str], NDArray[np.floating[Any]]]) -> None:
        """Add a slab that begins at a multiple of the patch's depth.

        Parameters
        ----------
        slab : Slab
        read : callable
            Gives a measure of the slab, ``(z, Y, X)`` float, by its name; one at a time is held.
        """
        judged = slab.judged
        probabilities = slab.probabilities[:, judged]
        prediction, truth = slab.prediction[judged], slab.truth[judged]
        self.voxels += truth.size
        self.confusion.update(prediction, truth)
        self.proper.update(probabilities, truth)
        if truth.size:
            self.reliability.update(probabilities.max(axis=0), prediction == truth)
        for label, reliability in enumerate(self.class_reliability):
            reliability.update(probabilities[label], truth == label)
        wrong = slab.wrong
        for name, tally in self.measures.items():
            tally.update(read(name), wrong, judged)

    def merge(self, other: Tally) -> None:
        """Add what another one has gathered about the same classes and measures."""
        self.voxels += other.voxels
        self.confusion.merge(other.confusion)
        self.proper.merge(other.proper)
        self.reliability.merge(other.reliability)
        for mine, theirs in zip(self.class_reliability, other.class_reliability, strict=True):
            mine.merge(theirs)
        for name, tally in self.measures.items():
            tally.merge(other.measures[name])
