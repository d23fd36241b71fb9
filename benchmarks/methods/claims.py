"""What the methods' authors claim, and what we aim at, each as a number with a goal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.methods.contenders import RECOMMENDED
from benchmarks.methods.results import Results
from benchmarks.methods.statistics import Sample, paired
from benchmarks.rows import Goal, Row, at_least, at_most
from benchmarks.shifts import SHIFTS
from benchmarks.tables import PLUS_MINUS

__all__ = ["aim_rows", "claim_rows"]

_INTERVAL = "95 % interval"
_VALUE = "value"

_BLUR, _GAMMA = ("blur", 1.5), ("gamma", 2.5)
_QUARTERS = {"bcnn": "bcnn-quarter", "heteroscedastic": "heteroscedastic-quarter"}


def aim_rows(results: Results) -> list[Row]:
    """Return what the recommended contender reaches of the aims."""
    title = f"aims: {RECOMMENDED}"
    own = RECOMMENDED

    def row(line: str, sample: Sample, goal: Goal) -> list[Row]:
        return _rows(title, line, sample, goal)

    return [
        *row("Dice", results.sample(own, "dice"), at_least(0.88)),
        *row("errors among 5 %", results.sample(own, "at_5_percent"), at_least(0.95)),
        *row("ECE", results.sample(own, "ece"), at_most(0.003)),
        *row("NLL (nat)", results.sample(own, "nll"), at_most(0.033)),
        *row(
            "errors among 5 %, mean over shifts",
            results.under_shift(own, "at_5_percent"),
            at_least(0.88),
        ),
        *row(
            "errors among 5 %, blur 1.5", results.sample(own, "at_5_percent", _BLUR), at_least(0.88)
        ),
        *row(
            "errors among 5 %, gamma 2.5",
            results.sample(own, "at_5_percent", _GAMMA),
            at_least(0.88),
        ),
    ]


def claim_rows(results: Results) -> list[Row]:
    """Return what holds of the claims, from differences scan by scan."""

    def difference(first: str, second: str, score: str) -> Sample:
        return paired(results.sample(first, score), results.sample(second, score))

    table = "claims"
    rows = [
        *_rows(
            table,
            "bcnn minus mc-dropout: Dice",
            difference("bcnn", "mc-dropout", "dice"),
            at_least(-0.01),
        ),
        *_rows(
            table,
            "bcnn minus mc-dropout: PAvPU",
            difference("bcnn", "mc-dropout", "pavpu"),
            at_least(0.0),
        ),
        *_rows(
            table,
            "bcnn minus mc-dropout: PAvPU, area",
            difference("bcnn", "mc-dropout", "pavpu_area"),
        ),
        *_rows(
            table,
            "bcnn minus mc-dropout: AURC",
            difference("bcnn", "mc-dropout", "aurc"),
            at_most(0.0),
        ),
        *_rows(
            table, "sghmc minus ensemble: ECE", difference("sghmc", "ensemble", "ece"), at_most(0.0)
        ),
        *_rows(
            table,
            "sghmc minus ensemble: NLL (nat)",
            difference("sghmc", "ensemble", "nll"),
            at_most(0.0),
        ),
        Row.of(
            table,
            "sghmc over ensemble: processor time of a training",
            _VALUE,
            value=results.seconds("sghmc").mean / results.seconds("ensemble").mean,
            goal=at_most(0.2),
        ),
        *_rows(
            table,
            "ua-mt minus supervised, 8 labelled scans: Dice",
            difference("ua-mt-8", "supervised-8", "dice"),
            at_least(0.02),
        ),
    ]
    return [*rows, *_size_rows(results), *_rise_rows(results)]


def _size_rows(results: Results) -> list[Row]:
    """Return how uncertainty changes with the number of training scans."""
    rows = []
    for whole, quarter in _QUARTERS.items():
        for kind, goal in (("epistemic", at_least(1.0)), ("aleatoric", at_most(1.1))):
            ratio = _ratio(results.sample(quarter, kind), results.sample(whole, kind))
            line = f"{whole}, 16 over 64 training scans: {kind}"
            rows += _rows("claims: uncertainty and the number of scans", line, ratio, goal)
    return rows


def _rise_rows(results: Results) -> list[Row]:
    """Return how uncertainty changes from the scans as they are to the strongest shifts."""
    rows = []
    for name in _QUARTERS:
        for kind in ("epistemic", "aleatoric"):
            usual = results.sample(name, kind)
            for shift, (_, strengths) in SHIFTS.items():
                strongest = results.sample(name, kind, (shift, strengths[-1]))
                goal = at_least(1.0) if kind == "epistemic" else None
                table = "claims: uncertainty under the strongest shift, over that of the scans as they are"
                rows += _rows(table, f"{name}, {shift}: {kind}", _ratio(strongest, usual), goal)
    return rows


def _ratio(first: Sample, second: Sample) -> Sample:
    a, b = first.values, second.values
    if len(a) != len(b):
        a, b = (np.nanmean(values, axis=0, keepdims=True) for values in (a, b))
    return Sample(a / b)


def _rows(table: str, line: str, sample: Sample, goal: Goal | None = None) -> list[Row]:
    low, high = sample.interval()
    rows = [Row.of(table, line, _VALUE, value=sample.mean, goal=goal)]
    if not np.isnan(sample.spread):
        rows.append(Row.of(table, line, f"{_VALUE}{PLUS_MINUS}", value=sample.spread))
    return [*rows, Row.of(table, line, _INTERVAL, value=f"{low:.4f} to {high:.4f}")]


Difference = Callable[[str, str, str], Sample]
