"""What the methods' authors claim, and what we aim at, each as a number with a goal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.methods.contenders import RECOMMENDED
from benchmarks.methods.results import Results
from benchmarks.methods.scores import REFERENCE_CONDITIONS, Condition, condition_name
from benchmarks.methods.statistics import Sample, paired, ratio
from benchmarks.rows import Goal, Row, at_least, at_most
from benchmarks.shifts import IN_DOMAIN
from benchmarks.tables import PLUS_MINUS

__all__ = ["aim_rows", "claim_rows"]

_VALUE, _INTERVAL = "value", "95 % interval over scans"
_BLUR, _GAMMA = ("blur", 1.5), ("gamma", 2.5)
_MEAN_OF_SHIFTS: Condition = ("mean of the five shifts", 0.0)

_AIMS: tuple[tuple[str, str, Condition, Goal], ...] = (
    ("Dice", "dice", IN_DOMAIN, at_least(0.88)),
    ("errors among 5 %", "at_5_percent", IN_DOMAIN, at_least(0.95)),
    ("ECE", "ece", IN_DOMAIN, at_most(0.003)),
    ("NLL (nat)", "nll", IN_DOMAIN, at_most(0.033)),
    ("errors among 5 %, mean of the five shifts", "at_5_percent", _MEAN_OF_SHIFTS, at_least(0.88)),
    ("errors among 5 %, blur 1.5", "at_5_percent", _BLUR, at_least(0.88)),
    ("errors among 5 %, gamma 2.5", "at_5_percent", _GAMMA, at_least(0.88)),
)
_AIMED = (RECOMMENDED, "mc-dropout", "heteroscedastic")


@dataclass(frozen=True)
class _Claim:
    """A difference that somebody has published: first minus second."""

    first: str
    second: str
    score: str
    title: str
    goal: Goal | None = None


_CLAIMS = (
    _Claim("bcnn", "mc-dropout", "dice", "Dice", at_least(-0.01)),
    _Claim("bcnn", "mc-dropout", "pavpu", "PAvPU", at_least(0.0)),
    _Claim("bcnn", "mc-dropout", "pavpu_area", "PAvPU, area"),
    _Claim("bcnn", "mc-dropout", "aurc", "AURC", at_most(0.0)),
    _Claim("sghmc", "ensemble", "ece", "ECE", at_most(0.0)),
    _Claim("sghmc", "ensemble", "nll", "NLL (nat)", at_most(0.0)),
    _Claim("ua-mt-8", "supervised-8", "dice", "Dice", at_least(0.02)),
)
_SIZES = {"bcnn": "bcnn-quarter", "heteroscedastic": "heteroscedastic-quarter"}
"""What was trained on all scans, and the same on a quarter of them."""


def aim_rows(results: Results) -> list[Row]:
    """Return what the recommended contender and two single networks reach of the aims."""
    rows = []
    for name in (name for name in _AIMED if name in results.under_shifts):
        for line, score, condition, goal in _AIMS:
            if condition is _MEAN_OF_SHIFTS:
                sample = results.under_shift(name, score)
            else:
                sample = results.sample(name, score, condition)
            rows += _rows(f"{results.title}, aims: {name}", line, sample, goal)
    return rows


def claim_rows(results: Results) -> list[Row]:
    """Return what holds of the claims, from differences scan by scan."""
    table = f"{results.title}, claims: difference of two methods"
    rows = []
    for claim in _CLAIMS:
        if {claim.first, claim.second} <= set(results.names):
            samples = (results.sample(name, claim.score) for name in (claim.first, claim.second))
            line = f"{claim.first} minus {claim.second}: {claim.title}"
            rows += _rows(table, line, paired(*samples), claim.goal)
    if {"sghmc", "ensemble"} <= set(results.names):
        rows += _cost_rows(table, results)
    return [*rows, *_size_rows(results), *_rise_rows(results)]


def _cost_rows(table: str, results: Results) -> list[Row]:
    """Return what SGHMC costs of an ensemble: in steps, and as measured."""
    own, other = (results.runs(name)[0].settings for name in ("sghmc", "ensemble"))
    steps = own.steps / (other.steps * other.num_members)
    time = ratio(results.seconds("sghmc"), results.seconds("ensemble")).mean
    line = "sghmc over ensemble: "
    return [
        Row.of(table, f"{line}steps of a training", _VALUE, value=steps, goal=at_most(0.2)),
        Row.of(table, f"{line}processor time of a training", _VALUE, value=time),
    ]


def _size_rows(results: Results) -> list[Row]:
    """Return how uncertainty changes with the number of training scans."""
    table = f"{results.title}, claims: mean uncertainty with 16 training scans, over that with 64"
    rows = []
    for whole, quarter in _SIZES.items():
        if {whole, quarter} <= set(results.names):
            for kind, goal in (("epistemic", at_least(1.0)), ("aleatoric", at_most(1.1))):
                found = ratio(results.sample(quarter, kind), results.sample(whole, kind))
                rows += _rows(table, f"{whole}: {kind}", found, goal)
    return rows


def _rise_rows(results: Results) -> list[Row]:
    """Return how uncertainty changes from the scans as they are to shifted ones."""
    what = "mean uncertainty under a shift, over that of the scans as they are"
    table = f"{results.title}, claims: {what}"
    rows = []
    for name in (name for name in _SIZES if name in results.under_shifts):
        for condition in REFERENCE_CONDITIONS:
            for kind, goal in (("epistemic", at_least(1.0)), ("aleatoric", None)):
                usual = results.sample(name, kind, judged_under=condition)
                found = ratio(results.sample(name, kind, condition), usual)
                rows += _rows(table, f"{name}, {condition_name(condition)}: {kind}", found, goal)
    return rows


def _rows(table: str, line: str, sample: Sample, goal: Goal | None) -> list[Row]:
    low, high = sample.interval()
    rows = [Row.of(table, line, _VALUE, value=sample.mean, goal=goal)]
    if not np.isnan(sample.spread):
        rows.append(Row.of(table, line, f"{_VALUE}{PLUS_MINUS}", value=sample.spread))
    return [*rows, Row.of(table, line, _INTERVAL, value=f"{low:.4f} to {high:.4f}")]
