"""What a model learns from ten corrected regions of a scan that is unlike its training scans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import hippocampus
from benchmarks.data import workspace
from benchmarks.learning_case import (
    SHIFTS,
    LearningCase,
    Learnt,
    at_random,
    largest_expected_error,
)
from benchmarks.rows import Goal, Row, at_least, skipped
from napari_bayesseg.training.fine_tune_settings import FineTuneSettings

__all__ = ["run"]

NUM_CASES, NUM_REGIONS = 5, 10
STEPS = 60  # the same for every choice, however busy the machine
SECONDS = 120.0  # nobody waits longer for a model to learn
LARGEST, RANDOM = "largest expected error", "random"
GAIN = "gain in what neither choice reviewed"
_CHOICES = {LARGEST: largest_expected_error, RANDOM: at_random}

Scores = Mapping[str, Mapping[str, float]]


def run(quick: bool) -> list[Row]:
    """Correct, learn and predict again, on test cases under each shift; `quick` trains nothing."""
    if quick:
        return [skipped("it trains: run it without --quick")]
    reason = hippocampus.missing()
    if reason is not None:
        return [skipped(reason)]
    model = hippocampus.bayesian_model()
    settings = FineTuneSettings(steps=STEPS, seconds=SECONDS, device="cpu")
    rows: list[Row] = []
    for number, (shift, change) in enumerate(SHIFTS.items()):
        scores: list[Scores] = []
        for case in hippocampus.cases_for_testing()[:NUM_CASES]:
            folder = workspace() / f"learning-{number}-{case.name}"
            shifted = LearningCase(case, model, change, folder)
            with _one_core():
                learnt = {
                    name: shifted.learn(f"learnt-{index}", choose, NUM_REGIONS, settings)
                    for index, (name, choose) in enumerate(_CHOICES.items())
                }
            scores.append(_scores(shifted, learnt))
        rows += _rows(shift, scores)
    return rows


@contextmanager
def _one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _scores(case: LearningCase, learnt: Mapping[str, Learnt]) -> Scores:
    """Return each choice's numbers of one case by the names of their lines."""
    neither = np.logical_and.reduce([one.unreviewed for one in learnt.values()])
    return {name: _scores_of(case, one, neither) for name, one in learnt.items()}


def _scores_of(case: LearningCase, one: Learnt, neither: NDArray[np.bool_]) -> Mapping[str, float]:
    before, rest = case.dice(case.predicted, neither), case.dice(one.again, neither)
    return {
        "whole case, predicted": case.dice(case.predicted),
        "whole case, corrected by hand": case.dice(one.corrected),
        "whole case, learnt and corrections kept": case.dice(one.kept),
        "what was not reviewed, predicted": case.dice(case.predicted, one.unreviewed),
        "what was not reviewed, learnt": case.dice(one.again, one.unreviewed),
        "what neither choice reviewed, predicted": before,
        "what neither choice reviewed, learnt": rest,
        GAIN: rest - before,
        "voxels reviewed": float(np.count_nonzero(~one.unreviewed)),
        "steps": float(one.steps),
        "processor time to learn (s)": one.seconds,
        "mean mutual information, learnt over before": one.disagreement,
    }


def _rows(shift: str, scores: Sequence[Scores]) -> list[Row]:
    """Return a line each number, with a column each choice of regions and its spread."""
    table = f"hippocampus, {NUM_CASES} test cases, {shift}: mean Dice, {NUM_REGIONS} regions"
    rows = []
    for name in _CHOICES:
        for line in scores[0][name]:
            values = [of_case[name][line] for of_case in scores]
            goal = at_least(0.0) if line == GAIN and name == LARGEST else None
            rows += _mean_and_spread(table, line, name, values, goal)
            if line == GAIN:
                rows.append(Row.of(table, "least gain of a case", name, value=min(values)))
    for line in ("whole case, learnt and corrections kept", GAIN):
        ahead = [of_case[LARGEST][line] - of_case[RANDOM][line] for of_case in scores]
        rows += _mean_and_spread(table, f"{line}: more than random", LARGEST, ahead, None)
    return rows


def _mean_and_spread(
    table: str, line: str, column: str, values: Sequence[float], goal: Goal | None
) -> list[Row]:
    rows = [Row.of(table, line, column, value=float(np.mean(values)), goal=goal)]
    if len(values) > 1:
        spread = float(np.std(values, ddof=1))
        rows.append(Row.of(table, line, f"{column}, standard deviation", value=spread))
    return rows
