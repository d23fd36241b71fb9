"""Every method trained with several seeds and judged on scans that nothing was chosen by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.methods.claims import aim_rows, claim_rows
from benchmarks.methods.contenders import RECOMMENDED, Contender, contenders
from benchmarks.methods.data import CARDIAC, HIPPOCAMPUS, HIPPOCAMPUS_LONGER, missing_data
from benchmarks.methods.results import Results
from benchmarks.methods.runs import Run, all_runs
from benchmarks.methods.scores import CONDITIONS, REFERENCE_CONDITIONS, Task, score_missing
from benchmarks.methods.shipped import shipped_rows
from benchmarks.methods.tables import curve_rows, main_rows, shift_rows
from benchmarks.methods.training import is_trained, train_missing
from benchmarks.rows import Row, skipped
from benchmarks.shifts import IN_DOMAIN

__all__ = ["SPLIT_VARIABLE", "TRAIN_VARIABLE", "run"]

SPLIT_VARIABLE = "NAPARI_BAYESSEG_STUDY_SPLIT"
"""Environment variable: ``choosing`` judges by the scans for choosing; the test is left alone."""
TRAIN_VARIABLE = "NAPARI_BAYESSEG_STUDY_TRAIN"
"""Environment variable: 0 judges what has been trained so far, and trains nothing."""

_SPLITS = ("testing", "choosing")
_EVERY_UNDER_SHIFT = 2
"""Under shift every other scan is judged: there are sixteen conditions."""


def run(quick: bool) -> list[Row]:
    """Train what is missing and judge everything; with `quick` only the shipped model."""
    reason = missing_data(HIPPOCAMPUS)
    if reason is not None:
        return [skipped(reason)]
    if quick:
        return shipped_rows()
    rows = [*_hippocampus(HIPPOCAMPUS_LONGER), *_hippocampus(HIPPOCAMPUS), *shipped_rows()]
    left_out = ["left atrium: needs a GPU, and there is none"]
    hearts: list[Row] = []
    reason = missing_data(CARDIAC)
    if reason is None:
        results = _judged(CARDIAC, shifts=False)
        hearts = main_rows(results) if results.names else []
        reason = None if hearts else "hearts: nothing is trained yet"
    if reason is not None:
        left_out.insert(0, reason)
    return [*rows, *hearts, skipped("; ".join(left_out))]


def _split() -> str:
    chosen = os.environ.get(SPLIT_VARIABLE, _SPLITS[0])
    if chosen not in _SPLITS:
        raise ValueError(f"{SPLIT_VARIABLE} must be testing or choosing; got {chosen!r}")
    return chosen


def _in_domain(runs: Sequence[Run], found: Sequence[Contender]) -> list[Task]:
    return [
        Task(contender, run, _split(), (IN_DOMAIN,))
        for contender in found
        for run in runs
        if run.name == contender.run
    ]


def _under_shift(tasks: Sequence[Task]) -> list[Task]:
    """Return the same contenders under shift: the first seed at every strength."""
    return [
        replace(
            task,
            conditions=CONDITIONS[1:] if task.run.settings.seed == 0 else REFERENCE_CONDITIONS,
            every=_EVERY_UNDER_SHIFT,
        )
        for task in tasks
        if task.contender.meets_shifts
    ]


def _hippocampus(data: str) -> list[Row]:
    results = _judged(data, shifts=True)
    if RECOMMENDED not in results.names:
        return [skipped(f"{results.title}: {RECOMMENDED} is not trained yet")]
    return [
        *aim_rows(results),
        *main_rows(results),
        *shift_rows(results),
        *claim_rows(results),
        *curve_rows(results),
    ]


def _judged(data: str, *, shifts: bool) -> Results:
    runs = all_runs(data)
    if os.environ.get(TRAIN_VARIABLE, "1") != "0":
        train_missing(runs)
    found = contenders(data)
    tasks = _in_domain([run for run in runs if is_trained(run)], found)
    score_missing(tasks)
    if shifts:
        score_missing(_under_shift(tasks))
    return Results.load(data, found, tasks)
