"""Several results compared: means over cases and differences between methods, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.evaluation.evaluation import Evaluation, class_mean
from napari_bayesseg.numerics.bootstrap import NUM_RESAMPLES, Interval, mean_interval

__all__ = ["SCORES", "Comparison", "Difference", "Score", "by_method", "compare"]


@dataclass(frozen=True)
class Score:
    """A number of an evaluation that methods are compared by.

    Attributes
    ----------
    key : str
        As in the report.
    title : str
        For people.
    is_better_high : bool
    of : callable
        Evaluation -> value; NaN where it doesn't exist.
    """

    key: str
    title: str
    is_better_high: bool
    of: Callable[[Evaluation], float]


_ALL = (
    Score("dice", "Dice", True, lambda one: class_mean(one.dice)),
    Score("jaccard", "Jaccard", True, lambda one: class_mean(one.jaccard)),
    Score("hd95", "95 % Hausdorff distance", False, lambda one: class_mean(one.hausdorff_95)),
    Score(
        "asd", "Average surface distance", False,
        lambda one: class_mean(one.average_surface_distance),
    ),
    Score(
        "expected_calibration_error", "Expected calibration error", False,
        lambda one: one.expected_calibration_error,
    ),
    Score("brier_score", "Brier score", False, lambda one: one.brier_score),
    Score(
        "negative_log_likelihood", "Negative log-likelihood", False,
        lambda one: one.negative_log_likelihood,
    ),
    Score("pavpu", "PAvPU", True, lambda one: one.pavpu),
    Score("error_auroc", "Error AUROC", True, lambda one: one.error_auroc),
    Score("error_auprc", "Error AUPRC", True, lambda one: one.error_auprc),
    Score("aurc", "AURC", False, lambda one: one.aurc),
    Score(
        "error_removed_at_5_percent", "Errors found in 5 % of the volume", True,
        lambda one: one.scores().error_removed_at_5_percent,
    ),
)  # fmt: skip

_ROUNDING = 1e-12

SCORES: Mapping[str, Score] = {score.key: score for score in _ALL}
"""What methods are compared by. Scores by class are means over all classes but the first."""


@dataclass(frozen=True)
class Difference:
    """How two methods differ on the cases that both have.

    Attributes
    ----------
    score : str
        Key of :data:`SCORES`.
    method, reference : str
        The difference is the first minus the second.
    interval : Interval
        Of the mean difference, case by case (paired).
    """

    score: str
    method: str
    reference: str
    interval: Interval

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out, by more than rounding."""
        return self.interval.low > _ROUNDING or self.interval.high < -_ROUNDING


@dataclass(frozen=True)
class Comparison:
    """Methods by cases.

    Attributes
    ----------
    methods, cases : tuple of str
        In the order in which they came.
    means : mapping of str to mapping of str to Interval
        Method -> key of :data:`SCORES` -> mean over its cases.
    differences : tuple of Difference
        Every pair of methods, later minus earlier, for every score.
    confidence : float
        Of all intervals.
    num_resamples, seed : int
        Of the bootstrap.
    """

    methods: tuple[str, ...]
    cases: tuple[str, ...]
    means: Mapping[str, Mapping[str, Interval]]
    differences: tuple[Difference, ...]
    confidence: float
    num_resamples: int
    seed: int

    def as_json(self) -> dict[str, Any]:
        """Return everything in plain lists and dictionaries."""
        return {
            "methods": list(self.methods),
            "cases": list(self.cases),
            "means": {
                method: {key: _interval_json(found) for key, found in scores.items()}
                for method, scores in self.means.items()
            },
            "differences": [
                {
                    "score": one.score,
                    "method": one.method,
                    "reference": one.reference,
                    **_interval_json(one.interval),
                }
                for one in self.differences
            ],
            "interval": "BCa bootstrap over cases",
            "confidence": self.confidence,
            "num_resamples": self.num_resamples,
            "seed": self.seed,
        }


def by_method(evaluations: Sequence[Evaluation]) -> dict[str, list[Evaluation]]:
    """Group evaluations by their name, methods and cases in the order in which they came."""
    groups: dict[str, list[Evaluation]] = {}
    for one in evaluations:
        groups.setdefault(one.name, []).append(one)
    return groups


def compare(
    evaluations: Mapping[str, Sequence[Evaluation]],
    *,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare methods over cases.

    Parameters
    ----------
    evaluations : mapping of str to sequence of Evaluation
        Method -> its cases, in any order; they are paired by :attr:`Evaluation.case`.
    confidence : float
        Of the intervals, between 0 and 1.
    num_resamples, seed : int
        Of the bootstrap; the same give the same intervals.

    Returns
    -------
    Comparison
        Intervals are NaN where there are fewer than two cases.

    Raises
    ------
    SettingsError
        If there is nothing to compare, a method has a case twice, or classes, units or measures
        differ between evaluations.
    """
    tables = {method: _by_case(method, cases) for method, cases in evaluations.items()}
    _check_alike([one for cases in tables.values() for one in cases.values()])

    def interval(values: list[float]) -> Interval:
        return mean_interval(
            np.array(values), seed=seed, confidence=confidence, num_resamples=num_resamples
        )

    means = {
        method: {
            key: interval([score.of(one) for one in cases.values()])
            for key, score in SCORES.items()
        }
        for method, cases in tables.items()
    }
    methods = tuple(tables)
    differences = [
        Difference(
            key,
            methods[j],
            methods[i],
            interval(_paired(score, tables[methods[j]], tables[methods[i]])),
        )
        for key, score in SCORES.items()
        for i in range(len(methods))
        for j in range(i + 1, len(methods))
    ]
    cases = dict.fromkeys(case for table in tables.values() for case in table)
    return Comparison(
        methods, tuple(cases), means, tuple(differences), confidence, num_resamples, seed
    )


def _by_case(method: str, evaluations: Sequence[Evaluation]) -> dict[str, Evaluation]:
    found: dict[str, Evaluation] = {}
    for one in evaluations:
        if one.case in found:
            raise SettingsError(
                f"{method} has the case {one.case} twice: name methods or cases apart"
            )
        found[one.case] = one
    return found


def _check_alike(evaluations: Sequence[Evaluation]) -> None:
    if not evaluations:
        raise SettingsError("there must be an evaluation to compare; got none")
    first = evaluations[0]
    for one in evaluations:
        for what in ("class_names", "unit", "measure"):
            mine, theirs = getattr(one, what), getattr(first, what)
            if mine != theirs:
                raise SettingsError(
                    f"what is compared must have one {what.replace('_', ' ')}; {first.name} on "
                    f"{first.case} has {theirs}, {one.name} on {one.case} {mine}"
                )


def _paired(
    score: Score, method: Mapping[str, Evaluation], reference: Mapping[str, Evaluation]
) -> list[float]:
    return [
        score.of(one) - score.of(reference[case])
        for case, one in method.items()
        if case in reference
    ]


def _interval_json(interval: Interval) -> dict[str, Any]:
    return {
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "num_cases": interval.num_cases,
    }
