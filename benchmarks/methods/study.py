"""Every method trained with several seeds and judged on scans that nothing was chosen by."""

from __future__ import annotations

import os
from collections.abc import Sequence

from benchmarks.methods.claims import aim_rows, claim_rows
from benchmarks.methods.contenders import Contender, contenders
from benchmarks.methods.data import CARDIAC, HIPPOCAMPUS, missing_data
from benchmarks.methods.results import Results
from benchmarks.methods.runs import Run, all_runs
from benchmarks.methods.scores import CONDITIONS, Task, score_missing
from benchmarks.methods.shipped import shipped_rows
from benchmarks.methods.tables import curve_rows, main_rows, shift_rows
from benchmarks.methods.training import is_trained, train_missing
from benchmarks.rows import Row, skipped
from benchmarks.shifts import IN_DOMAIN

__all__ = ["SEEDS_VARIABLE", "SPLIT_VARIABLE", "run"]

SPLIT_VARIABLE = "NAPARI_BAYESSEG_STUDY_SPLIT"
"""Environment variable: ``choosing`` judges by the scans for choosing; the test is left alone."""
SEEDS_VARIABLE = "NAPARI_BAYESSEG_STUDY_SEEDS"
"""Environment variable: how many seeds, of those of the study; default all."""

_SPLITS = ("testing", "choosing")


def run(quick: bool) -> list[Row]:
    """Train what is missing and judge everything; with `quick` only the shipped model."""
    reason = missing_data(HIPPOCAMPUS)
    if reason is not None:
        return [skipped(reason)]
    if quick:
        return shipped_rows()
    rows = [*_hippocampus(), *shipped_rows()]
    reason = missing_data(CARDIAC)
    rows += [skipped(reason)] if reason is not None else _cardiac()
    return [*rows, skipped("left atrium: needs a GPU, and there is none")]


def _split() -> str:
    chosen = os.environ.get(SPLIT_VARIABLE, _SPLITS[0])
    if chosen not in _SPLITS:
        raise ValueError(f"{SPLIT_VARIABLE} must be testing or choosing; got {chosen!r}")
    return chosen


def _runs(data: str) -> list[Run]:
    """Return the runs of as many seeds as are asked for."""
    given = os.environ.get(SEEDS_VARIABLE)
    runs = all_runs(data)
    return runs if given is None else [r for r in runs if r.settings.seed < int(given)]


def _tasks(runs: Sequence[Run], found: Sequence[Contender], *, shifts: bool) -> list[Task]:
    """Return what is to be judged; runs whose seed is not trained are not there."""
    conditions = CONDITIONS if shifts else (IN_DOMAIN,)
    return [
        Task(contender, run, _split(), conditions)
        for contender in found
        for run in runs
        if run.name == contender.run
    ]


def _hippocampus() -> list[Row]:
    results = _judged(HIPPOCAMPUS, shifts=True)
    return [
        *aim_rows(results),
        *main_rows(results),
        *shift_rows(results),
        *claim_rows(results),
        *curve_rows(results),
    ]


def _cardiac() -> list[Row]:
    return main_rows(_judged(CARDIAC, shifts=False))


def _judged(data: str, *, shifts: bool) -> Results:
    runs = _runs(data)
    train_missing(runs)
    found = contenders(data)
    tasks = _tasks([run for run in runs if is_trained(run)], found, shifts=shifts)
    score_missing(tasks)
    return Results.load(data, found, tasks)
