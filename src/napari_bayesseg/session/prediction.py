"""A prediction that runs in the background, and what is heard of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from psygnal import Signal

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.estimate_prediction import estimate_prediction
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.serial_runner import RunProgress
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import JobSlot, explain
from napari_bayesseg.session.prediction_worker import (
    Outcome,
    PredictionRequest,
    RunListener,
    run_prediction,
)
from napari_bayesseg.session.work import Work

__all__ = ["Outcome", "Prediction", "PredictionRequest"]


class Prediction(Work):
    """One prediction at a time, in the background.

    Signals, all emitted on the owner's thread:

    - ``opened(Result)``: the store exists; what is finished in it can be shown.
    - ``progressed(RunProgress)``: at most three a second besides those with a finished block.
    - ``block_written(Roi)``: voxels that were written.
    - ``ended(Outcome)``
    - ``estimate_ready(RunEstimate | str)``: the answer to :meth:`estimate`.
    - ``state_changed(str)``: ``"starting"`` until the first block is begun, then ``"running"``.

    Parameters
    ----------
    background : Background
    in_the_way : callable, optional
        Says what else is under way that needs all processors, empty for nothing.
    """

    opened = Signal(Result)
    progressed = Signal(RunProgress)
    block_written = Signal(Roi)
    ended = Signal(Outcome)
    estimate_ready = Signal(object)

    def __init__(self, background: Background, in_the_way: Callable[[], str] = str) -> None:
        under_way = "a prediction is running: wait for it, or cancel it first"
        super().__init__(background, "prediction", under_way, in_the_way)
        self._estimates = JobSlot(background, "estimate")

    def estimate(self, request: PredictionRequest) -> None:
        """Find out what a request would need; ``estimate_ready`` tells it, or why it can't.

        Only the newest request is answered, and none while a prediction runs: timing this machine
        would slow the run, and be wrong.
        """
        if self.is_running:
            return
        if self._in_the_way():
            self._estimates.cancel()
            self.estimate_ready.emit(self._in_the_way())
            return
        self._estimates.start(
            lambda _: estimate_prediction(
                request.scan.spec,
                request.model,
                request.out,
                request.settings,
                overwrite=request.overwrite,
            ),
            done=self.estimate_ready.emit,
            failed=lambda error: self.estimate_ready.emit(explain(error)),
        )

    def run(self, request: PredictionRequest) -> None:
        """Start a prediction, or continue the one that was begun at the same place.

        Raises
        ------
        SettingsError
            If one is running, or something else that needs all processors is.
        """
        self.check_free()
        self._estimates.cancel()
        self._enter("starting")
        listener = RunListener(self.opened.emit, self._progressed)
        self._job.start(
            partial(run_prediction, request, listener),
            done=self._ended,
            failed=lambda error: self._ended(Outcome("bug", explain(error))),
        )

    def close(self) -> None:
        """Cancel everything; no signal is emitted afterwards."""
        super().close()
        self._estimates.close()

    def _progressed(self, now: RunProgress) -> None:
        self._enter_running()
        self.progressed.emit(now)
        if now.block is not None:
            self.block_written.emit(now.block.core)

    def _ended(self, outcome: Outcome) -> None:
        self._enter("idle")
        self.ended.emit(outcome)
