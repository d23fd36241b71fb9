"""A training that runs in the background, and what is heard of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from psygnal import Signal

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import JobSlot, explain
from napari_bayesseg.session.training_worker import (
    TrainingFolders,
    TrainingOutcome,
    TrainingRequest,
    run_training,
)
from napari_bayesseg.training.progress import Progress

__all__ = ["Training", "TrainingFolders", "TrainingOutcome", "TrainingRequest", "TrainingState"]

TrainingState = Literal["idle", "starting", "running", "cancelling"]


class Training:
    """One training at a time, in the background.

    Signals, all emitted on the owner's thread:

    - ``begun(TrainingRequest)``
    - ``progressed(tuple of Progress)``: the steps since the last time, at most three times a
      second.
    - ``ended(TrainingOutcome)``
    - ``state_changed(str)``: see :attr:`state`.

    Parameters
    ----------
    background : Background
    in_the_way : callable, optional
        Says what else is under way that needs all processors, empty for nothing.
    """

    begun = Signal(TrainingRequest)
    progressed = Signal(tuple)
    ended = Signal(TrainingOutcome)
    state_changed = Signal(str)

    def __init__(self, background: Background, in_the_way: Callable[[], str] = str) -> None:
        self._runs = JobSlot(background, "training")
        self._in_the_way = in_the_way
        self._state: TrainingState = "idle"

    @property
    def state(self) -> TrainingState:
        """``"starting"`` until the first step is done: scans are read."""
        return self._state

    @property
    def is_running(self) -> bool:
        """Whether a training has not ended yet."""
        return self._state != "idle"

    @property
    def under_way(self) -> str:
        """What stands in the way of other work; empty for nothing."""
        return "a training is running: wait for it, or cancel it first" if self.is_running else ""

    @property
    def refusal(self) -> str:
        """Why nothing can be trained now; empty where it can."""
        return self.under_way or self._in_the_way()

    def run(self, request: TrainingRequest) -> None:
        """Start a training, or go on with the one that was begun at the same place.

        Raises
        ------
        BayesSegError
            If one is running, or something else that needs all processors is.
        """
        if self.refusal:
            raise BayesSegError(self.refusal)
        self._enter("starting")
        self.begun.emit(request)
        self._runs.start(
            partial(run_training, request, self._progressed),
            done=self._ended,
            failed=lambda error: self._ended(TrainingOutcome("bug", request.out, explain(error))),
        )

    def cancel(self) -> None:
        """Ask the training to stop; it ends within one step, and its state is kept."""
        if self._state in ("starting", "running"):
            self._enter("cancelling")
            self._runs.stop()

    def close(self) -> None:
        """Cancel everything; no signal is emitted afterwards."""
        self._runs.close()
        self._state = "idle"

    def _enter(self, state: TrainingState) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)

    def _progressed(self, steps: tuple[Progress, ...]) -> None:
        if self._state == "starting":
            self._enter("running")
        self.progressed.emit(steps)

    def _ended(self, outcome: TrainingOutcome) -> None:
        self._enter("idle")
        self.ended.emit(outcome)
