"""What a model learns from ten corrected regions of a scan that is unlike its training scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

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
SECONDS = 60.0  # of one core, to learn
LARGEST, RANDOM = "largest expected error", "random"
_CHOICES = {LARGEST: largest_expected_error, RANDOM: at_random}


def run(quick: bool) -> list[Row]:
    """Correct, learn and predict again, on test cases under each shift; `quick` trains nothing."""
    if quick:
        return [skipped("it trains: run it without --quick")]
    reason = hippocampus.missing()
    if reason is not None:
        return [skipped(reason)]
    model = hippocampus.bayesian_model()
    settings = FineTuneSettings(seconds=SECONDS, device="cpu")
    rows: list[Row] = []
    for number, (shift, change) in enumerate(SHIFTS.items()):
        learnt: dict[str, list[Learnt]] = {name: [] for name in _CHOICES}
        for case in hippocampus.cases_for_testing()[:NUM_CASES]:
            folder = workspace() / f"learning-{number}-{case.name}"
            shifted = LearningCase(case, model, change, folder)
            for index, (name, choose) in enumerate(_CHOICES.items()):
                with _one_core():
                    learnt[name].append(
                        shifted.learn(f"learnt-{index}", choose, NUM_REGIONS, settings)
                    )
        rows += _rows(shift, learnt)
    return rows


@contextmanager
def _one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _rows(shift: str, learnt: dict[str, list[Learnt]]) -> list[Row]:
    """Return a line each number, with a column each choice of regions and its spread."""
    table = f"hippocampus, {NUM_CASES} test cases, {shift}: mean Dice, {NUM_REGIONS} regions"
    gains = {
        name: [one.rest_after - one.rest_before for one in ones] for name, ones in learnt.items()
    }
    rows = []
    for name, ones in learnt.items():
        columns = {
            "whole case, predicted": [one.before for one in ones],
            "whole case, corrected by hand": [one.corrected for one in ones],
            "whole case, learnt and corrections kept": [one.after for one in ones],
            "what nobody reviewed, predicted": [one.rest_before for one in ones],
            "what nobody reviewed, learnt": [one.rest_after for one in ones],
            "gain in what nobody reviewed": gains[name],
            "least gain of a case there": [min(gains[name])],
            "voxels reviewed": [float(one.reviewed) for one in ones],
            "steps": [float(one.steps) for one in ones],
            "mean mutual information, learnt over before": [one.disagreement for one in ones],
        }
        for line, values in columns.items():
            is_aim = line.startswith("gain") and name == LARGEST
            rows += _mean_and_spread(table, line, name, values, at_least(0.0) if is_aim else None)
    ahead = np.subtract(gains[LARGEST], gains[RANDOM]).tolist()
    return rows + _mean_and_spread(table, "gain over that of random regions", LARGEST, ahead, None)


def _mean_and_spread(
    table: str, line: str, column: str, values: Sequence[float], goal: Goal | None
) -> list[Row]:
    rows = [Row.of(table, line, column, value=float(np.mean(values)), goal=goal)]
    if len(values) > 1:
        spread = float(np.std(values, ddof=1))
        rows.append(Row.of(table, line, f"{column}, standard deviation", value=spread))
    return rows
