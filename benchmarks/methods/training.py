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
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import torch
from platformdirs import user_cache_path

from benchmarks.methods.data import load_data
from benchmarks.methods.plain_unet import train_unet
from benchmarks.methods.runs import UNET, Run
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.training.dataset import TrainingPair
from napari_bayesseg.training.loop import Progress, TrainingHooks
from napari_bayesseg.training.train import train_pairs

__all__ = [
    "FOLDER_VARIABLE",
    "PROCESSES_VARIABLE",
    "is_trained",
    "model_folder",
    "num_processes",
    "pairs_of",
    "single_thread",
    "study_folder",
    "train_missing",
    "training_seconds",
]

FOLDER_VARIABLE = "NAPARI_BAYESSEG_STUDY"
"""Environment variable: the folder of the study's models and scores."""
PROCESSES_VARIABLE = "NAPARI_BAYESSEG_STUDY_PROCESSES"
"""Environment variable: how many processes of one thread each train and score; default 2."""

_COST_NAME = "cost.json"
_SAVE_COST_EVERY_S = 10.0


def study_folder() -> Path:
    """Return the folder of models and scores; the user's cache where none is named."""
    given = os.environ.get(FOLDER_VARIABLE)
    cache = user_cache_path("napari-bayesseg", appauthor=False) / "study"
    return Path(given) if given else cache


def num_processes() -> int:
    """Return how many processes work at a time."""
    return int(os.environ.get(PROCESSES_VARIABLE, "2"))


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
    with ProcessPoolExecutor(
        num_processes(), mp_context=get_context("spawn"), initializer=single_thread
    ) as pool:
        pending = {pool.submit(_train, run): run for run in missing}
        for done, future in enumerate(as_completed(pending), 1):
            future.result()
            run = pending[future]
            sys.stderr.write(f"{done}/{len(missing)} {run.key}: {training_seconds(run):.0f} s\n")


def single_thread() -> None:
    """Keep a process to one thread, so that processor time is time."""
    torch.set_num_threads(1)


@dataclass
class _Meter:
    """Adds up the processor time of a run over its interruptions.

    Attributes
    ----------
    file : Path
        Where the sum so far is kept.
    """

    file: Path

    def __post_init__(self) -> None:
        known = self.file.is_file()
        before = json.loads(self.file.read_text(encoding="utf-8")) if known else {}
        self._before = float(before.get("processor_seconds", 0.0))
        self._started = self._written = time.process_time()

    @property
    def seconds(self) -> float:
        return self._before + time.process_time() - self._started

    def tick(self, progress: Progress) -> None:
        if time.process_time() - self._written > _SAVE_COST_EVERY_S:
            self._written = time.process_time()
            self.write(self.file)

    def write(self, file: Path) -> None:
        with replace_atomically(file) as temporary:
            text = json.dumps({"processor_seconds": round(self.seconds, 1)})
            temporary.write_text(text + "\n", encoding="utf-8")


def _train(run: Run) -> None:
    folder = model_folder(run)
    meter = _Meter(folder.with_name(f"{folder.name}.{_COST_NAME}"))
    hooks = TrainingHooks(progress=meter.tick)
    pairs = pairs_of(run)
    if run.name == UNET:
        train_unet(pairs, folder, run.settings, hooks)
    else:
        train_pairs(pairs, folder, run.settings, overwrite=True, hooks=hooks)
    meter.write(folder / _COST_NAME)
    meter.file.unlink(missing_ok=True)
