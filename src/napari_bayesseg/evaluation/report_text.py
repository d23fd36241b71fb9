"""The sentences and numbers of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

from napari_bayesseg.core.unit_symbols import percent_text
from napari_bayesseg.evaluation.evaluation import Evaluation
from napari_bayesseg.numerics.uncertainty import MEASURES, split_excess

__all__ = ["headlines", "measure_title", "number_text", "score_text", "warnings_of"]

Methods = Mapping[str, Sequence[Evaluation]]

_MOST_METHODS = 4


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


def measure_title(name: str) -> str:
    """Return a measure's name for people, in lower case."""
    base, is_excess = split_excess(name)
    title = MEASURES[base].title.lower()
    return f"{title} (excess)" if is_excess else title


def headlines(methods: Methods) -> list[str]:
    """Return what matters first, a sentence a method: overlap, honesty, worth of a review."""
    lines = []
    for method, cases in list(methods.items())[:_MOST_METHODS]:
        worst = min(_by_class(cases), key=lambda pair: pair[1], default=("", float("nan")))
        right = _mean([one.accuracy for one in cases])
        promised = _mean([_promised(one) for one in cases])
        found = _mean([one.scores().error_removed_at_5_percent for one in cases])
        text = f"{percent_text(right)} of the voxels are right"
        if not isnan(worst[1]):
            text += f"; the weakest class is {worst[0]} with Dice {score_text(worst[1])}"
        gap = promised - right
        if abs(gap) < 0.005:
            text += ". Its probabilities promise as much as they keep"
        else:
            kind = "too sure" if gap > 0 else "too careful"
            text += f". Its probabilities promise {percent_text(promised)}: it is {kind}"
        if not isnan(found):
            text += f". Looking at the most uncertain 5 % finds {percent_text(found)} of the errors"
        lines.append(f"{method}: {text}.".replace(" %", "\u00a0%"))
    return lines


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
