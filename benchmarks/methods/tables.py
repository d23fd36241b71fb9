"""The study's numbers as rows."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from benchmarks.methods.results import Results
from benchmarks.methods.scores import CONDITIONS, condition_name
from benchmarks.methods.statistics import Sample
from benchmarks.rows import Row
from benchmarks.tables import PLUS_MINUS

__all__ = [
    "AS_THEY_ARE",
    "COLUMNS",
    "GAP",
    "SHIFTED",
    "curve_rows",
    "main_rows",
    "shift_rows",
]

AS_THEY_ARE, SHIFTED = "as they are", "mean over the five shifts"
"""How the tables call the conditions."""
GAP = "accuracy minus confidence, by confidence"
"""Title of the reliability's tables."""

COLUMNS: Mapping[str, str] = {
    "dice": "Dice",
    "auroc": "AUROC of an error, entropy",
    "auroc_information": "AUROC, MI",
    "at_5_percent": "errors among the 5 % most uncertain",
    "ece": "ECE",
    "nll": "NLL (nat)",
    "brier": "Brier",
    "pavpu": "PAvPU",
    "pavpu_area": "PAvPU, area",
    "aurc": "AURC",
}
"""Scores of the main tables, and their titles."""

_UNDER_SHIFT = ("dice", "auroc", "at_5_percent", "ece", "nll", "brier", "pavpu", "aurc")
_WITHOUT_INFORMATION = ("plain UNet, softmax",)
_REVIEWED = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)


def _with_spread(table: str, line: str, column: str, sample: Sample) -> list[Row]:
    rows = [Row.of(table, line, column, value=sample.mean)]
    if not math.isnan(sample.spread):
        rows.append(Row.of(table, line, f"{column}{PLUS_MINUS}", value=sample.spread))
    return rows


def _title(results: Results, what: str) -> str:
    return f"{results.title}, {results.num_scans} scans, {what}"


def main_rows(results: Results) -> list[Row]:
    """Return every score as the scans are, how sure the means are, and what a run cost."""
    rows: list[Row] = []
    title = _title(results, AS_THEY_ARE)
    for name in results.names:
        for score, column in COLUMNS.items():
            if score == "auroc_information" and name in _WITHOUT_INFORMATION:
                continue
            rows += _with_spread(title, name, column, results.sample(name, score))
    return [*rows, *_interval_rows(results), *_cost_rows(results)]


def _interval_rows(results: Results) -> list[Row]:
    title = _title(results, "95 % interval of the mean over scans")
    rows = []
    for name in results.names:
        for score in ("dice", "at_5_percent", "ece", "nll"):
            low, high = results.sample(name, score).interval()
            rows.append(Row.of(title, name, COLUMNS[score], value=f"{low:.4f} to {high:.4f}"))
    return rows


def _cost_rows(results: Results) -> list[Row]:
    title = f"{results.title}: what a training costs"
    rows = []
    for name in results.names:
        runs = results.runs(name)
        rows += _with_spread(title, name, "processor time, one thread (s)", results.seconds(name))
        steps = runs[0].settings.steps * runs[0].settings.members
        rows.append(Row.of(title, name, "steps", value=steps))
        rows.append(Row.of(title, name, "seeds", value=len(runs)))
        rows.append(Row.of(title, name, "draws of a prediction", value=_draws(results, name)))
    return rows


def _draws(results: Results, name: str) -> int:
    contender = results.tasks[name][0].contender
    settings = results.runs(name)[0].settings
    if contender.plain:
        return 1
    wanted = contender.draws(shifted=False)
    if settings.method == "ensemble":
        distinct = settings.num_members
    elif settings.method == "sghmc":
        distinct = len(settings.cycles.snapshots)
    else:
        return wanted
    return min(wanted, distinct * 2 ** len(contender.flips))


def shift_rows(results: Results) -> list[Row]:
    """Return the means over all shifts, and two scores under each of them."""
    rows: list[Row] = []
    title = f"{results.title}, {SHIFTED}"
    for name in results.under_shifts:
        for score in _UNDER_SHIFT:
            rows += _with_spread(title, name, COLUMNS[score], results.under_shift(name, score))
    for score in ("dice", "at_5_percent"):
        title = f"{results.title}: {COLUMNS[score]}"
        for condition in CONDITIONS:
            for name in results.under_shifts:
                value = results.sample(name, score, condition).mean
                rows.append(Row.of(title, condition_name(condition), name, value=value))
    return rows


def curve_rows(results: Results) -> list[Row]:
    """Return what the figures show: errors removed by volume reviewed, and reliability."""
    rows: list[Row] = []
    own = results.under_shifts or results.names
    kinds = {AS_THEY_ARE: False}
    if results.under_shifts:
        kinds[SHIFTED] = True
    for what, shifted in kinds.items():
        names = results.under_shifts if shifted else own
        title = f"{results.title}, {what}: share of the errors removed, by volume reviewed"
        for name in names:
            curve = results.curve(name, shifted=shifted)
            # The curve's points are the squares of every per cent.
            shares = np.linspace(0.0, 1.0, len(curve)) ** 2
            for share in _REVIEWED:
                value = float(np.interp(share, shares, curve))
                rows.append(Row.of(title, f"{100 * share:g} %", name, value=value))
    for what, shifted in kinds.items():
        names = results.under_shifts if shifted else own
        title = f"{results.title}, {what}: {GAP}"
        for name in names:
            gaps = results.reliability(name, shifted=shifted)
            for index, gap in enumerate(gaps):
                if not math.isnan(gap):
                    centre = (index + 0.5) / len(gaps)
                    rows.append(Row.of(title, f"{centre:.3f}", name, value=float(gap)))
    return rows
