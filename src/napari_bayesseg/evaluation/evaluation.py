"""What an evaluation found, as frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from napari_bayesseg.core.errors import GeometryError, SettingsError
from napari_bayesseg.core.geometry import convert_length
from napari_bayesseg.evaluation.curves import (
    Curves,
    ErrorRemoved,
    PatchCurve,
    ReliabilityDiagram,
    RiskCoverage,
)

__all__ = ["Evaluation", "MeasureScores", "class_mean"]

ByClass = Mapping[str, float]


@dataclass(frozen=True)
class MeasureScores:
    """How well one measure of uncertainty tells where the labels are wrong.

    Attributes
    ----------
    measure, unit : str
        Name and unit, as in ``numerics.uncertainty``.
    error_auroc, error_auprc : float
        Areas under the ROC and the precision-recall curve as a detector of wrong voxels.
    aurc, excess_aurc : float
        Area under the risk-coverage curve, and what of it a perfect ranking would not have.
    error_removed_at_5_percent : float
        Share of all wrong voxels among the most uncertain 5 % of the judged volume.
    pavpu, accurate_given_certain, uncertain_given_inaccurate : float
        Of patches, at `patch_threshold`.
    patch_threshold : float
        Mean uncertainty of all patches, in `unit`.
    risk_coverage, error_removed, patch_curve
        The curves.
    """

    measure: str
    unit: str
    error_auroc: float
    error_auprc: float
    aurc: float
    excess_aurc: float
    error_removed_at_5_percent: float
    pavpu: float
    accurate_given_certain: float
    uncertain_given_inaccurate: float
    patch_threshold: float
    risk_coverage: RiskCoverage
    error_removed: ErrorRemoved
    patch_curve: PatchCurve


@dataclass(frozen=True)
class Evaluation:
    """A result judged by the truth; where a number doesn't exist it is NaN.

    Attributes
    ----------
    name, case : str
        Who predicted (model, method), and what (scan).
    class_names : tuple of str
        From class 0.
    voxels : int
        Judged: predicted, and not of the ignored label.
    voxels_ignored, voxels_unprocessed : int
        Left out: those of the ignored label, and those without a prediction (NaN).
    confusion : tuple of tuples of int
        Voxels by true class, then by predicted class.
    dice, jaccard : mapping
        By class name, from 0 to 1.
    hausdorff_95, average_surface_distance : mapping
        By class name, in `unit`; empty where surfaces were not asked for.
    unit : str
        Of lengths: ``"micrometer"``; ``"pixel"`` where the scan says none.
    negative_log_likelihood : float
        Nats a voxel.
    brier_score : float
        From 0 to 2, summed over the classes.
    expected_calibration_error : float
        From 0 to 1, of the predicted class in 15 bins.
    class_calibration_error : mapping
        The same of the probability of each class, whether it was predicted or not.
    reliability : ReliabilityDiagram
    measure : str
        The one whose scores stand at the top.
    measures : mapping of str to MeasureScores
        Every measure that was looked at.
    worst_slice : int
        Along z, with the most wrong voxels; the lowest one among equals.
    """

    name: str
    case: str
    class_names: tuple[str, ...]
    voxels: int
    voxels_ignored: int
    voxels_unprocessed: int
    confusion: tuple[tuple[int, ...], ...]
    dice: ByClass
    jaccard: ByClass
    hausdorff_95: ByClass
    average_surface_distance: ByClass
    unit: str
    negative_log_likelihood: float
    brier_score: float
    expected_calibration_error: float
    class_calibration_error: ByClass
    reliability: ReliabilityDiagram
    measure: str
    measures: Mapping[str, MeasureScores]
    worst_slice: int = 0

    @property
    def accuracy(self) -> float:
        """Share of the judged voxels with the right label."""
        return sum(row[index] for index, row in enumerate(self.confusion)) / self.voxels

    @property
    def hd95_mm(self) -> dict[str, float]:
        """95 % Hausdorff distance by class in mm; NaN where the scan gives no unit of length."""
        return {name: self._in_mm(value) for name, value in self.hausdorff_95.items()}

    @property
    def asd_mm(self) -> dict[str, float]:
        """Average symmetric surface distance by class in mm; NaN as for :attr:`hd95_mm`."""
        return {name: self._in_mm(value) for name, value in self.average_surface_distance.items()}

    @property
    def error_auroc(self) -> float:
        """Of :attr:`measure`; see :class:`MeasureScores`."""
        return self.scores().error_auroc

    @property
    def error_auprc(self) -> float:
        """Of :attr:`measure`."""
        return self.scores().error_auprc

    @property
    def aurc(self) -> float:
        """Of :attr:`measure`."""
        return self.scores().aurc

    @property
    def pavpu(self) -> float:
        """Of :attr:`measure`."""
        return self.scores().pavpu

    @property
    def curves(self) -> Curves:
        """The curves of :attr:`measure`, and the reliability."""
        return self.curves_of(self.measure)

    def scores(self, measure: str | None = None) -> MeasureScores:
        """Return the scores of a measure, by default of :attr:`measure`.

        Raises
        ------
        SettingsError
            If it was not looked at.
        """
        name = measure or self.measure
        if name not in self.measures:
            raise SettingsError(
                f"measure must be one of {', '.join(self.measures)}; got {name!r} for {self.name}"
            )
        return self.measures[name]

    def curves_of(self, measure: str) -> Curves:
        """Return the curves of a measure, and the reliability.

        Raises
        ------
        SettingsError
            If it was not looked at.
        """
        found = self.scores(measure)
        return Curves(found.risk_coverage, found.error_removed, found.patch_curve, self.reliability)

    def as_json(self) -> dict[str, Any]:
        """Return everything in plain lists and dictionaries, under the names of the contract."""
        top = self.scores()
        return {
            "name": self.name,
            "case": self.case,
            "class_names": list(self.class_names),
            "voxels": self.voxels,
            "voxels_ignored": self.voxels_ignored,
            "voxels_unprocessed": self.voxels_unprocessed,
            "accuracy": self.accuracy,
            "confusion": [list(row) for row in self.confusion],
            "worst_slice": self.worst_slice,
            "dice": dict(self.dice),
            "jaccard": dict(self.jaccard),
            "hd95_mm": self.hd95_mm,
            "asd_mm": self.asd_mm,
            "hd95": dict(self.hausdorff_95),
            "asd": dict(self.average_surface_distance),
            "length_unit": self.unit,
            "negative_log_likelihood": self.negative_log_likelihood,
            "brier_score": self.brier_score,
            "expected_calibration_error": self.expected_calibration_error,
            "class_calibration_error": dict(self.class_calibration_error),
            "reliability": asdict(self.reliability),
            "measure": self.measure,
            **_measure_json(top),
            "measures": {name: _measure_json(found) for name, found in self.measures.items()},
        }

    def _in_mm(self, value: float) -> float:
        try:
            return convert_length(value, self.unit, "millimeter")
        except GeometryError:
            return float("nan")


def class_mean(scores: ByClass) -> float:
    """Mean over the classes but the first, which is the background in most data; NaN are left out.

    NaN where no other class has a score.
    """
    known = [value for value in list(scores.values())[1:] if not math.isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def _measure_json(found: MeasureScores) -> dict[str, Any]:
    return {
        "unit": found.unit,
        "error_auroc": found.error_auroc,
        "error_auprc": found.error_auprc,
        "aurc": found.aurc,
        "excess_aurc": found.excess_aurc,
        "pavpu": {
            "value": found.pavpu,
            "accurate_given_certain": found.accurate_given_certain,
            "uncertain_given_inaccurate": found.uncertain_given_inaccurate,
            "threshold": found.patch_threshold,
            "curve": asdict(found.patch_curve),
        },
        "risk_coverage": asdict(found.risk_coverage),
        "error_removed": {
            "at_5_percent": found.error_removed_at_5_percent,
            **asdict(found.error_removed),
        },
    }
