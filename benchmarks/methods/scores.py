"""Each contender judged on each scan, as it is and under every shift; kept beside the models."""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods.contenders import Contender
from benchmarks.methods.data import load_data
from benchmarks.methods.prediction import Predictor
from benchmarks.methods.runs import Run
from benchmarks.methods.training import model_folder, study_folder
from benchmarks.methods.workers import done_by_processes
from benchmarks.shifts import IN_DOMAIN, SHIFTS, shifted
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.evaluation.curves import PatchCurve
from napari_bayesseg.evaluation.evaluate import evaluate_arrays
from napari_bayesseg.evaluation.evaluation import Evaluation, class_mean
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.training.dataset import TrainingPair

__all__ = [
    "CONDITIONS",
    "CURVES",
    "REFERENCE_CONDITIONS",
    "Condition",
    "Scores",
    "Task",
    "condition_name",
    "judge",
    "load_scores",
    "score_missing",
]

Condition = tuple[str, float]
Scores = Mapping[str, Mapping[str, Any]]
"""Of one contender and seed: by condition as text, by case, a number or a list by name."""

CONDITIONS: tuple[Condition, ...] = (
    IN_DOMAIN,
    *((kind, strength) for kind, (_, strengths) in SHIFTS.items() for strength in strengths),
)
REFERENCE_CONDITIONS: tuple[Condition, ...] = (
    ("gamma", 2.5),
    ("noise", 0.5),
    ("bias field", 0.8),
    ("blur", 1.5),
    ("motion ghost", 1.0),
)
"""One strength of each shift, under which every seed is judged."""
CURVES = ("removed", "bin_counts", "bin_confidence", "bin_accuracy")
"""Scores that are lists."""

_ENTROPY, _INFORMATION = "predictive_entropy", "mutual_information"
_ALEATORIC = "expected_entropy"


@dataclass(frozen=True)
class Task:
    """What one file of scores holds.

    Attributes
    ----------
    contender : Contender
    run : Run
    split : str
        ``"testing"``, or ``"choosing"`` while the study is being made.
    conditions : tuple of (str, float)
        Shifts to judge under.
    every : int
        Every n-th scan is judged.
    """

    contender: Contender
    run: Run
    split: str
    conditions: tuple[Condition, ...]
    every: int = 1

    @property
    def file(self) -> Path:
        """Where the scores are kept."""
        return study_folder() / "scores" / f"{self.contender.key(self.run)}-{self.split}.json"


def condition_name(condition: Condition) -> str:
    """Return a condition in words: ``"blur 1.5"``."""
    kind, strength = condition
    return "as it is" if condition == IN_DOMAIN else f"{kind} {strength:g}"


def load_scores(task: Task) -> dict[str, dict[str, Any]]:
    """Return the scores that are there, by condition and case."""
    if not task.file.is_file():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(task.file.read_text(encoding="utf-8"))
    return found


def score_missing(tasks: Sequence[Task]) -> None:
    """Judge what has not been judged, several contenders at a time.

    Two tasks must not share a file.
    """
    missing = [task for task in tasks if _left(task)]
    if not missing:
        return
    sys.stderr.write(f"judging {len(missing)} contenders\n")
    (study_folder() / "scores").mkdir(parents=True, exist_ok=True)
    for done, task in enumerate(done_by_processes(_score, missing), 1):
        sys.stderr.write(f"{done}/{len(missing)} {task.file.stem}\n")


def _cases(task: Task) -> Sequence[TrainingPair]:
    data = load_data(task.run.data)
    cases: Sequence[TrainingPair] = getattr(data, task.split)
    return cases[:: task.every]


def _left(task: Task) -> list[tuple[Condition, TrainingPair]]:
    """Return what a task has not judged yet."""
    known, cases = load_scores(task), _cases(task)
    return [
        (condition, case)
        for condition in task.conditions
        for case in cases
        if case.name not in known.get(condition_name(condition), {})
    ]


def _score(task: Task) -> None:
    contender, class_names = task.contender, load_data(task.run.data).class_names
    predictor = Predictor(model_folder(task.run), flips=contender.flips, plain=contender.plain)
    found = load_scores(task)
    judged_last = None
    for condition, case in _left(task):
        if judged_last not in (None, condition):
            _save(task, found)
        num_samples = contender.draws(shifted=condition != IN_DOMAIN)
        scores = judge(predictor, class_names, case, condition, num_samples)
        found.setdefault(condition_name(condition), {})[case.name] = scores
        judged_last = condition
    _save(task, found)


def _save(task: Task, found: Mapping[str, Any]) -> None:
    with replace_atomically(task.file) as temporary:
        text = json.dumps(_without_nan(found), allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def judge(
    predictor: Predictor,
    class_names: Sequence[str],
    case: TrainingPair,
    condition: Condition,
    num_samples: int,
) -> dict[str, Any]:
    """Predict a scan under one condition, and return its scores.

    The mutual information is judged by the scans as they are only.
    """
    assert case.labels is not None
    whole = Roi.whole(case.scan.shape)
    # Every contender sees the same noise; another case, another.
    seed = zlib.crc32(case.name.encode())
    usual = condition == IN_DOMAIN
    prediction = predictor(shifted(case.scan.read(whole), *condition, seed), num_samples)
    measures = (_ENTROPY, _INFORMATION) if usual else (_ENTROPY,)
    geometry = case.scan.spec.geometry
    evaluation = evaluate_arrays(
        prediction.mean_probability,
        {name: prediction.measures[name] for name in measures},
        case.labels.read(whole),
        geometry.spacing,
        class_names,
        unit=geometry.unit,
        surfaces=False,
    )
    return {
        **_numbers(evaluation),
        "epistemic": float(prediction.measures[_INFORMATION].mean()),
        "aleatoric": float(prediction.measures[_ALEATORIC].mean()),
    }


def _numbers(evaluation: Evaluation) -> dict[str, Any]:
    entropy = evaluation.scores(_ENTROPY)
    reliability = evaluation.reliability
    found = {
        "dice": class_mean(evaluation.dice),
        "wrong": 1.0 - evaluation.accuracy,
        "auroc": entropy.error_auroc,
        "at_5_percent": entropy.error_removed_at_5_percent,
        "ece": evaluation.expected_calibration_error,
        "nll": evaluation.negative_log_likelihood,
        "brier": evaluation.brier_score,
        "aurc": entropy.aurc,
        "pavpu": entropy.pavpu,
        "pavpu_area": _area(entropy.patch_curve),
        "removed": list(entropy.error_removed.removed),
        "bin_counts": list(reliability.counts),
        "bin_confidence": list(reliability.confidence),
        "bin_accuracy": list(reliability.accuracy),
    }
    if _INFORMATION in evaluation.measures:
        information = evaluation.scores(_INFORMATION)
        found["auroc_information"] = information.error_auroc
        found["at_5_percent_information"] = information.error_removed_at_5_percent
        found["pavpu_area_information"] = _area(information.patch_curve)
    return found


def _area(curve: PatchCurve) -> float:
    """Return the mean PAvPU over the thresholds, from the surest patch to the least sure."""
    known = ~np.isnan(curve.pavpu)
    x, y = np.asarray(curve.threshold)[known], np.asarray(curve.pavpu)[known]
    if len(x) < 2 or x[-1] == x[0]:
        return math.nan
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
