"""A training that runs in the background, and what is heard of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from psygnal import Signal

from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import explain
from napari_bayesseg.session.training_worker import (
    TrainingFolders,
    TrainingOutcome,
    TrainingRequest,
    run_training,
)
from napari_bayesseg.session.work import Work
from napari_bayesseg.training.progress import Progress

__all__ = ["Training", "TrainingFolders", "TrainingOutcome", "TrainingRequest"]


class Training(Work):
    """One training at a time, in the background.

    Signals, all emitted on the owner's thread:

    - ``begun(TrainingRequest)``
    - ``progressed(tuple of Progress)``: the steps since the last time, at most three times a
      second.
    - ``ended(TrainingOutcome)``
    - ``state_changed(str)``: ``"starting"`` while scans are read, ``"running"`` from the first step
      on.

    Parameters
    ----------
    background : Background
    in_the_way : callable, optional
        Says what else is under way that needs all processors, empty for nothing.
    """

    begun = Signal(TrainingRequest)
    progressed = Signal(tuple)
    ended = Signal(TrainingOutcome)

    def __init__(self, background: Background, in_the_way: Callable[[], str] = str) -> None:
        under_way = "a training is running: wait for it, or cancel it first"
        super().__init__(background, "training", under_way, in_the_way)

    def run(self, request: TrainingRequest) -> None:
        """Start a training, or go on with the one that was begun at the same place.

        Raises
        ------
        SettingsError
            If one is running, or something else that needs all processors is.
        """
        self.check_free()
        self._enter("starting")
        self.begun.emit(request)
        self._job.start(
            partial(run_training, request, self._progressed),
            done=self._ended,
            failed=lambda error: self._ended(TrainingOutcome("bug", request.out, explain(error))),
        )

    def _progressed(self, steps: tuple[Progress, ...]) -> None:
        self._enter_running()
        self.progressed.emit(steps)

    def _ended(self, outcome: TrainingOutcome) -> None:
        self._enter("idle")
        self.ended.emit(outcome)
