"""Runs that were trained already are taken from a folder; the others are trained there.

A run that is interrupted goes on where it was. What each cost, in seconds of the processor, is
written beside it, over all interruptions.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from platformdirs import user_cache_path

from benchmarks.methods.data import load_data
from benchmarks.methods.plain_unet import train_unet
from benchmarks.methods.runs import UNET, Run
from benchmarks.methods.workers import done_by_processes
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.training.dataset import TrainingPair
from napari_bayesseg.training.loop import Progress, TrainingHooks
from napari_bayesseg.training.train import train_pairs

__all__ = [
    "FOLDER_VARIABLE",
    "is_trained",
    "model_folder",
    "pairs_of",
    "study_folder",
    "train_missing",
    "training_seconds",
]

FOLDER_VARIABLE = "NAPARI_BAYESSEG_STUDY"
"""Environment variable: the folder of the study's models and scores."""

_COST_NAME = "cost.json"
_SAVE_COST_EVERY_S = 10.0


def study_folder() -> Path:
    """Return the folder of models and scores; the user's cache where none is named."""
    given = os.environ.get(FOLDER_VARIABLE)
    cache = user_cache_path("napari-bayesseg", appauthor=False) / "study"
    return Path(given) if given else cache


def model_folder(run: Run) -> Path:
    """Return where a run's model is, or is to be."""
    return study_folder() / run.key


def is_trained(run: Run) -> bool:
    """Whether a run has been finished."""
    return (model_folder(run) / _COST_NAME).is_file()


def training_seconds(run: Run) -> float:
    """Return the processor time that a finished run took, of one thread."""
    text = (model_folder(run) / _COST_NAME).read_text(encoding="utf-8")
    return float(json.loads(text)["processor_seconds"])


def pairs_of(run: Run) -> list[TrainingPair]:
    """Return the scans of a run: to train on, and last, to choose by."""
    data = load_data(run.data)
    pairs = []
    for index, pair in enumerate(data.training):
        if index % run.every == 0:
            pairs.append(pair)
        elif run.unlabelled:
            pairs.append(replace(pair, labels=None))
    return [*pairs, *data.choosing]


def train_missing(runs: Sequence[Run]) -> None:
    """Train what is missing, in the order given, several at a time."""
    missing = [run for run in runs if not is_trained(run)]
    if not missing:
        return
    sys.stderr.write(f"training {len(missing)} runs in {study_folder()}\n")
    study_folder().mkdir(parents=True, exist_ok=True)
    for done, run in enumerate(done_by_processes(_train, missing), 1):
        sys.stderr.write(f"{done}/{len(missing)} {run.key}: {training_seconds(run):.0f} s\n")


class _Meter:
    """Adds up the processor time of a run's steps over its interruptions.

    From the first step to the last, with validation; without reading scans and compiling.

    Parameters
    ----------
    file : Path
        Where the sum so far is kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        self._seconds = float(known.get("processor_seconds", 0.0))
        self._last: float | None = None
        self._written = self._seconds

    def tick(self, progress: Progress) -> None:
        """Count the time since the step before."""
        now = time.process_time()
        if self._last is not None:
            self._seconds += now - self._last
        self._last = now
        if self._seconds - self._written > _SAVE_COST_EVERY_S:
            self.write(self._file)

    def write(self, file: Path) -> None:
        """Keep the sum so far."""
        self._written = self._seconds
        with replace_atomically(file) as temporary:
            text = json.dumps({"processor_seconds": round(self._seconds, 1)})
            temporary.write_text(text + "\n", encoding="utf-8")


def _train(run: Run) -> None:
    folder = model_folder(run)
    unfinished = folder.with_name(f"{folder.name}.{_COST_NAME}")
    meter = _Meter(unfinished)
    hooks = TrainingHooks(progress=meter.tick)
    pairs = pairs_of(run)
    if run.name == UNET:
        train_unet(pairs, folder, run.settings, hooks)
    else:
        train_pairs(pairs, folder, run.settings, overwrite=True, hooks=hooks)
    meter.write(folder / _COST_NAME)
    unfinished.unlink(missing_ok=True)
