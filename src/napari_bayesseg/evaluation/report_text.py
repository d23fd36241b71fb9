"""The sentences and numbers of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import floor, isnan, log10

from napari_bayesseg.core.unit_symbols import percent_text
from napari_bayesseg.evaluation.evaluation import Evaluation, class_mean
from napari_bayesseg.numerics.uncertainty import MEASURES, split_excess

__all__ = [
    "difference_text",
    "headlines",
    "measure_title",
    "number_text",
    "score_text",
    "warnings_of",
]

Methods = Mapping[str, Sequence[Evaluation]]

_MOST_METHODS = 3
# Promised and true accuracy that agree to this count as equal.
_HONEST = 0.005
_NO_DIFFERENCE = 1e-9


def score_text(value: float) -> str:
    """Return a score with three digits after the point, or three that count; a dash for NaN."""
    if isnan(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:#.3g}"


def number_text(values: Sequence[float]) -> str:
    """Return the mean of the values that there are, as :func:`score_text`."""
    return score_text(_mean(values))


def difference_text(value: float) -> str:
    """Return a difference with its sign and two digits that count; a dash for NaN."""
    if isnan(value):
        return "–"
    if abs(value) < _NO_DIFFERENCE:
        return "0"
    digits = max(1 - floor(log10(abs(value))), 0)
    return f"{value:+.{digits}f}".replace("-", "\u2212")


def measure_title(name: str) -> str:
    """Return a measure's name for people, in lower case."""
    base, is_excess = split_excess(name)
    title = MEASURES[base].title.lower()
    return f"{title} (excess)" if is_excess else title


def headlines(methods: Methods) -> list[str]:
    """Return what matters first: overlap, honesty, worth of a review.

    A sentence a method; where there are many, which of them is best at what.
    """
    if len(methods) > _MOST_METHODS:
        lines = [_best(methods, *question) for question in _QUESTIONS]
    else:
        lines = [_line(method, cases) for method, cases in methods.items()]
    return [line for line in lines if line]


def _line(method: str, cases: Sequence[Evaluation]) -> str:
    worst = min(_by_class(cases), key=lambda pair: pair[1], default=("", float("nan")))
    right = _mean([one.accuracy for one in cases])
    promised = _mean([_promised(one) for one in cases])
    found = _mean([_found(one) for one in cases])
    text = f"{method}: {percent_text(right)} of the voxels are right"
    if not isnan(worst[1]):
        text += f"; the weakest class is {worst[0]} with Dice {score_text(worst[1])}"
    gap = promised - right
    if abs(gap) < _HONEST:
        text += ". Its probabilities promise as much as they keep"
    else:
        kind = "too sure" if gap > 0 else "too careful"
        text += f". Its probabilities promise {percent_text(promised)}: it is {kind}"
    if not isnan(found):
        text += f". Looking at the most uncertain 5 % finds {percent_text(found)} of the errors"
    return f"{text}."


def _found(one: Evaluation) -> float:
    return one.scores().error_removed_at_5_percent


_QUESTIONS: tuple[tuple[str, Callable[[Evaluation], float], bool], ...] = (
    ("Dice is highest", lambda one: class_mean(one.dice), True),
    ("The calibration error is lowest", lambda one: one.expected_calibration_error, False),
    ("The most uncertain 5 % hold the largest share of the errors", _found, True),
)


def _best(
    methods: Methods, words: str, score: Callable[[Evaluation], float], is_better_high: bool
) -> str:
    """Return which method is the best at something; nothing where no method has the score."""
    means = {name: _mean([score(one) for one in cases]) for name, cases in methods.items()}
    known = {name: value for name, value in means.items() if not isnan(value)}
    if not known:
        return ""
    best = (max if is_better_high else min)(known, key=lambda name: known[name])
    ends = f"{score_text(min(known.values()))} to {score_text(max(known.values()))}"
    return f"{words} for {best}: {score_text(known[best])} (all methods: {ends})."


def warnings_of(methods: Methods) -> list[str]:
    """Return what a reader must know before believing the numbers."""
    evaluations = [one for cases in methods.values() for one in cases]
    found = []
    unprocessed = sum(one.voxels_unprocessed for one in evaluations)
    ignored = sum(one.voxels_ignored for one in evaluations)
    if unprocessed:
        found.append(f"{unprocessed:,} voxels without a prediction were left out.")
    if ignored:
        found.append(f"{ignored:,} voxels of the ignored label were left out.")
    if any(one.unit == "pixel" and one.hausdorff_95 for one in evaluations):
        found.append("The scan says no unit of length: distances are in voxels, not in mm.")
    faultless = [one for one in evaluations if one.accuracy == 1]
    if faultless:
        found.append(
            f"{len(faultless)} of {len(evaluations)} results have no wrong voxel: how well the "
            "uncertainty finds errors can't be told there."
        )
    missing = sorted(
        {name for one in evaluations for name, value in one.hausdorff_95.items() if isnan(value)}
    )
    if missing:
        found.append(
            f"Somewhere a class is missing in prediction or truth ({', '.join(missing)}): it has "
            "no distance there, and is left out of the means."
        )
    return found


def _promised(one: Evaluation) -> float:
    """Mean probability of the predicted class."""
    pairs = zip(one.reliability.counts, one.reliability.confidence, strict=True)
    return sum(count * mean for count, mean in pairs if count) / one.voxels


def _by_class(cases: Sequence[Evaluation]) -> list[tuple[str, float]]:
    means = [(name, _mean([one.dice[name] for one in cases])) for name in cases[0].class_names]
    return [pair for pair in means if not isnan(pair[1])]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not isnan(value)]
    return sum(known) / len(known) if known else float("nan")
