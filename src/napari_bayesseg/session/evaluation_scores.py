"""The scores of an evaluation as a person reads them: title, number, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_bayesseg.core.unit_symbols import unit_symbol

if TYPE_CHECKING:
    from napari_bayesseg.session.evaluated import Evaluated

__all__ = ["Score", "scores_of"]

_DICE = (
    "How well the predicted {name} covers the true one: twice what both share over the sum of "
    "both. 1 is perfect, 0 means no voxel in common."
)
_DISTANCE = (
    "How far the outlines of {name} lie apart: 95 % of the points on either are no farther from "
    "the other. The smaller the better."
)
_CALIBRATION = (
    "Expected calibration error: how far the promised certainty is from the share that is right, "
    "on average. 0: of what is called 80 % sure, 80 % is right."
)
_LOG_LOSS = (
    "Negative log-likelihood in nats a voxel: how surprising the truth is for the predicted "
    "probabilities. The smaller the better; being sure and wrong costs most."
)
_BRIER = (
    "Brier score: squared distance from the predicted probabilities to the truth, on average. 0 is "
    "perfect, 2 is sure and wrong everywhere."
)
_AUROC = (
    "How well the measure tells wrong voxels from right ones: the chance that a wrong one is more "
    "uncertain than a right one. 1 is perfect, 0.5 is guessing."
)
_AT_5_PERCENT = (
    "Share of all wrong voxels that lies among the 5 % most uncertain: what somebody finds who "
    "looks at no more than that. 5 % is guessing."
)


@dataclass(frozen=True)
class Score:
    """One number about a result.

    Attributes
    ----------
    title : str
        With its unit.
    value : float
        NaN where it doesn't exist.
    text : str
        The value as it is written.
    meaning : str
        In plain words.
    is_better_high : bool
    """

    title: str
    value: float
    text: str
    meaning: str
    is_better_high: bool


def scores_of(evaluated: Evaluated) -> tuple[Score, ...]:
    """Return the scores of a result: of every class, of its probabilities, of its measure."""
    return (*_of_classes(evaluated), *_of_all(evaluated))


def _of_classes(evaluated: Evaluated) -> Iterator[Score]:
    evaluation = evaluated.evaluation
    unit = unit_symbol(evaluation.unit)
    for name, value in evaluation.dice.items():
        yield _score(f"Dice: {name}", value, _fixed(3), _DICE.format(name=name), high=True)
    for name, value in evaluation.hausdorff_95.items():
        meaning = _DISTANCE.format(name=name)
        yield _score(f"HD95: {name} ({unit})", value, "{:.3g}".format, meaning, high=False)


def _of_all(evaluated: Evaluated) -> Iterator[Score]:
    evaluation = evaluated.evaluation
    calibration = evaluation.expected_calibration_error
    yield _score("Calibration error (ECE)", calibration, _fixed(4), _CALIBRATION, high=False)
    log_loss = evaluation.negative_log_likelihood
    yield _score("Log-likelihood loss (NLL)", log_loss, _fixed(4), _LOG_LOSS, high=False)
    yield _score("Brier score", evaluation.brier_score, _fixed(4), _BRIER, high=False)
    of_measure = evaluation.scores(evaluated.measure)
    yield _score("Errors told apart (AUROC)", of_measure.error_auroc, _fixed(3), _AUROC, high=True)
    found = of_measure.error_removed_at_5_percent
    yield _score("Errors in the top 5 %", found, _percent, _AT_5_PERCENT, high=True)


def _score(
    title: str, value: float, write: Callable[[float], str], meaning: str, *, high: bool
) -> Score:
    text = "none" if math.isnan(value) else write(value)
    return Score(title, value, text, meaning, high)


def _fixed(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{digits}f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
