"""The tables of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from math import isnan

from napari_bayesseg.core.unit_symbols import unit_symbol
from napari_bayesseg.evaluation.comparison import SCORES, Comparison, Score
from napari_bayesseg.evaluation.evaluation import Evaluation, MeasureScores
from napari_bayesseg.evaluation.meanings import SCORE_MEANINGS
from napari_bayesseg.evaluation.report_text import (
    difference_text,
    measure_title,
    number_text,
    score_text,
)
from napari_bayesseg.numerics.bootstrap import Interval

__all__ = ["case_table", "class_table", "difference_table", "measure_table", "score_table"]

Methods = Mapping[str, Sequence[Evaluation]]

_MOST_BESIDE_WORDS = 2
_DISTANCES = ("hd95", "asd")
_OF_A_CASE = (
    "dice",
    "hd95",
    "expected_calibration_error",
    "error_auroc",
    "error_removed_at_5_percent",
)
_OF_A_MEASURE: Mapping[str, Callable[[MeasureScores], float]] = {
    "AUROC\u00a0↑": lambda one: one.error_auroc,
    "AUPRC\u00a0↑": lambda one: one.error_auprc,
    "AURC\u00a0↓": lambda one: one.aurc,
    "found in 5 %\u00a0↑": lambda one: one.error_removed_at_5_percent,
    "PAvPU\u00a0↑": lambda one: one.pavpu,
}


def score_table(comparison: Comparison, first: Evaluation) -> list[str]:
    """Return every score with its meaning, a column a method."""
    others = ", ".join(first.class_names[1:])
    lead = (
        f"Uncertainty: {measure_title(first.measure)}. ↑ the more the better, ↓ the less the "
        f"better. Overlap and distances are means of {others}; each class stands below."
    )
    if len(comparison.cases) > 1:
        lead += (
            f" Small: the {100 * comparison.confidence:g} % interval of the mean over "
            f"{len(comparison.cases):,} cases."
        )
    # Beside more columns there is no room for words: they get rows of their own.
    is_wide = len(comparison.methods) > _MOST_BESIDE_WORDS
    names = list(comparison.methods)
    rows = [_row(names, "th", first=0) if is_wide else _row(["", *names], "th")]
    for score in _shown(first):
        values = [comparison.means[method][score.key] for method in comparison.methods]
        cells = "".join(f'<td class="number">{_interval(found)}</td>' for found in values)
        title, meaning = escape(_title(score, first)), escape(SCORE_MEANINGS[score.key])
        if is_wide:
            words = f"<b>{title}</b> {meaning}"
            rows.append(f'<tr><td class="words" colspan="{len(values)}">{words}</td></tr>')
            rows.append(f"<tr>{cells}</tr>")
        else:
            rows.append(f"<tr><td>{title}<p>{meaning}</p></td>{cells}</tr>")
    return [f"<p>{escape(lead)}</p>", _table(rows)]


def difference_table(comparison: Comparison, first: Evaluation) -> list[str]:
    """Return the differences of all methods to the first one; nothing where there are none."""
    if len(comparison.methods) < 2 or len(comparison.cases) < 2:
        return []
    reference, *others = comparison.methods
    found = {
        (one.score, one.method): one for one in comparison.differences if one.reference == reference
    }
    rows = [_row(["", *others], "th")]
    for score in _shown(first):
        cells = []
        for method in others:
            one = found[score.key, method]
            text = difference_text(one.interval.mean)
            shown = f'<b class="clear">{text}</b>' if one.is_clear else text
            if not isnan(one.interval.low):
                span = (
                    f"{difference_text(one.interval.low)} to {difference_text(one.interval.high)}"
                )
                shown += f'<span class="range">{span}</span>'
            cells.append(f'<td class="number">{shown}</td>')
        rows.append(f"<tr><td>{escape(_title(score, first))}</td>{''.join(cells)}</tr>")
    lead = (
        f"Mean difference to {reference}, case by case, so that what makes a case hard for both "
        "cancels. Bold: the interval leaves zero out."
    )
    return [
        f"<h2>Compared with {escape(reference)}</h2>",
        f"<p>{escape(lead)}</p>",
        _table(rows),
    ]


def class_table(methods: Methods, first: Evaluation) -> list[str]:
    """Return what there is for each class, method after method."""
    unit = unit_symbol(first.unit)
    head = ["", "Dice\u00a0↑", "Jaccard\u00a0↑"]
    if first.hausdorff_95:
        head += [f"95 % Hausdorff ({unit})\u00a0↓", f"average distance ({unit})\u00a0↓"]
    head.append("calibration error\u00a0↓")
    rows = [_row(head, "th")]
    for method, cases in methods.items():
        rows += _group(method, methods, len(head))
        for name in first.class_names:
            columns = [[one.dice[name] for one in cases], [one.jaccard[name] for one in cases]]
            if first.hausdorff_95:
                columns.append([one.hausdorff_95[name] for one in cases])
                columns.append([one.average_surface_distance[name] for one in cases])
            columns.append([one.class_calibration_error[name] for one in cases])
            rows.append(_row([name, *(number_text(column) for column in columns)]))
    lead = (
        "The calibration error here is that of the probability of the class, whether it was "
        "predicted or not."
    )
    return [f"<p>{escape(lead)}</p>", _table(rows)]


def measure_table(methods: Methods, first: Evaluation) -> list[str]:
    """Return how well each stored uncertainty finds the errors."""
    rows = [_row(["", *_OF_A_MEASURE], "th")]
    for method, cases in methods.items():
        rows += _group(method, methods, 1 + len(_OF_A_MEASURE))
        for name in dict.fromkeys(name for one in cases for name in one.measures):
            found = [one.measures[name] for one in cases if name in one.measures]
            values = [number_text([of(one) for one in found]) for of in _OF_A_MEASURE.values()]
            rows.append(_row([measure_title(name), *values]))
        optimum = number_text([one.scores().aurc - one.scores().excess_aurc for one in cases])
        rows.append(_row(["a perfect ranking", "1", "1", optimum, "", ""]))
    lead = "The same labels, ranked by every uncertainty that there is."
    return [f"<p>{escape(lead)}</p>", _table(rows)]


def case_table(methods: Methods, comparison: Comparison, first: Evaluation) -> list[str]:
    """Return the main scores case by case; nothing where there is one."""
    if len(comparison.cases) < 2:
        return []
    shown = [score for score in _shown(first) if score.key in _OF_A_CASE]
    rows = [_row(["case", "method", *(_title(score, first) for score in shown)], "th", first=2)]
    for case in comparison.cases:
        for method, evaluations in methods.items():
            for one in evaluations:
                if one.case == case:
                    values = [score_text(score.of(one)) for score in shown]
                    rows.append(_row([case, method, *values], first=2))
    return ["<h2>Case by case</h2>", _table(rows)]


def _shown(first: Evaluation) -> list[Score]:
    return [s for s in SCORES.values() if first.hausdorff_95 or s.key not in _DISTANCES]


def _title(score: Score, first: Evaluation) -> str:
    arrow = "↑" if score.is_better_high else "↓"
    unit = f" ({unit_symbol(first.unit)})" if score.key in _DISTANCES else ""
    return f"{score.title}{unit}\u00a0{arrow}"


def _interval(found: Interval) -> str:
    if isnan(found.low):
        return score_text(found.mean)
    span = f"{score_text(found.low)} to {score_text(found.high)}"
    return f'{score_text(found.mean)}<span class="range">{span}</span>'


def _group(method: str, methods: Methods, width: int) -> list[str]:
    """Return a row that names a method; none where there is only one."""
    if len(methods) < 2:
        return []
    return [f'<tr><th class="group" colspan="{width}">{escape(method)}</th></tr>']


def _row(cells: Sequence[str], kind: str = "td", *, first: int = 1) -> str:
    """Return a row whose cells from `first` on are numbers."""
    number = ' class="number"'
    found = (
        f"<{kind}{number if place >= first else ''}>{escape(cell)}</{kind}>"
        for place, cell in enumerate(cells)
    )
    return f"<tr>{''.join(found)}</tr>"


def _table(rows: Sequence[str]) -> str:
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'
