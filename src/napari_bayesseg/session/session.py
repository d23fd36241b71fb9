"""The observable state of one piece of work: prediction, training, and a result under review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psygnal import Signal

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.import_probabilities import import_probabilities
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.run import RunHooks
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.review.carrying import Carrying, carry_review
from napari_bayesseg.review.other_run import other_run_notice
from napari_bayesseg.session.background import Background, lower_priority
from napari_bayesseg.session.busy import BusyTeller
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.desk_regions import Opened, open_review
from napari_bayesseg.session.job import Job, JobSlot, explain
from napari_bayesseg.session.learning import LearnedResult, Learning
from napari_bayesseg.session.prediction import Prediction
from napari_bayesseg.session.preferences import Preferences
from napari_bayesseg.session.training import Training
from napari_bayesseg.session.work import Work

__all__ = ["Session"]

CLOSE_TIMEOUT_S = 10.0


class Session:
    """Everything behind one window; made, used and closed on one thread.

    Signals:

    - ``desk_changed(ReviewDesk | None)``: a result is under review, or no longer.
    - ``result_changed(Result | None)``: just before, with the result under review.
    - ``busy_changed(bool)``: a result is being opened or imported.
    - ``failed(str)``: one line for the person.

    Parameters
    ----------
    background : Background
        Closed with the session.
    """

    desk_changed = Signal(object)
    result_changed = Signal(object)
    busy_changed = Signal(bool)
    failed = Signal(str)

    def __init__(self, background: Background) -> None:
        self.prediction = Prediction(background, lambda: self._busy_beside(self.prediction))
        self.training = Training(background, lambda: self._busy_beside(self.training))
        self.prediction.opened.connect(self._predicted)
        self._background = background
        self.learning = Learning(background, in_the_way=lambda: self._busy_beside(self.learning))
        self.learning.result_ready.connect(self._learned)
        self._busy = BusyTeller(lambda: self.is_busy, self.busy_changed.emit)
        self._opening = JobSlot(background, "open result", self._busy)
        self._preferences = Preferences()
        self._desk: ReviewDesk | None = None
        self._is_closed = False

    @property
    def desk(self) -> ReviewDesk | None:
        """The result under review."""
        return self._desk

    @property
    def result(self) -> Result | None:
        """The result under review."""
        return None if self._desk is None else self._desk.result

    @property
    def is_busy(self) -> bool:
        """Whether a result is being opened or imported."""
        return self._opening.is_running

    def set_preferences(self, preferences: Preferences) -> None:
        """Open and go on with reviews as the person prefers."""
        self._preferences = preferences
        if self._desk is not None:
            self._desk.set_preferences(preferences)

    def open_result(
        self,
        result: str | Path | Result,
        scan: Volume | None = None,
        start: Volume | None = None,
        carrying: Carrying | None = None,
    ) -> None:
        """Open a result for review, in the background; the one that was open is closed first.

        Parameters
        ----------
        result : path or Result
        scan : Volume, optional
            Where it was in memory; needed to make draws again.
        start : Volume, optional
            Labels to begin the review from, in place of the predicted ones.
        carrying : Carrying, optional
            Decisions about another result with which this one's review begins.
        """
        self.close_result()

        preferences = self._preferences

        def work(_: Job) -> Opened:
            opened = result if isinstance(result, Result) else _opened(Path(result), scan)
            if carrying is None:
                return open_review(opened, start, preferences)
            carry_review(carrying, opened)
            found = open_review(opened, start, preferences)
            found.review.notice = other_run_notice(found.review.conflicts)
            return found

        self._opening.start(
            work,
            done=self._show,
            failed=self._failed,
            dropped=lambda opened: opened.review.close(),
        )

    def import_probabilities(
        self,
        paths: Sequence[str | Path],
        out: str | Path,
        scan: Volume | str | Path | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        """Make a result of softmax arrays made elsewhere and open it, in the background.

        Parameters
        ----------
        paths : sequence of path
        out : path
            Result store to write.
        scan : Volume or path, optional
            The scan that was segmented: gives the geometry.
        overwrite : bool
            Replace another result at `out`.
        """

        def work(job: Job) -> Result:
            lower_priority()

            def written(path: Path) -> None:
                job.post(lambda: self._give_way(path))

            import_probabilities(
                paths,
                out,
                scan=scan,
                overwrite=overwrite,
                hooks=RunHooks(opened=written, should_stop=job.should_stop),
            )
            return _opened(Path(out), scan if isinstance(scan, Volume) else None)

        self._opening.start(work, done=self.open_result, failed=self._failed)

    def close_result(self) -> None:
        """Close the result under review; what is being opened is dropped."""
        self._opening.cancel()
        self._close_desk()

    def _busy_beside(self, one: Work) -> str:
        """Say which other work needs all processors now; empty for none."""
        works: tuple[Work, ...] = (self.prediction, self.training, self.learning)
        return next((work.under_way for work in works if work is not one and work.is_running), "")

    def close(self) -> None:
        """Cancel everything, wait for its threads and close the review; may be called again.

        No signal is emitted any more.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self.prediction.close()
        self.training.close()
        self.learning.close()
        self._opening.close()
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.close()
        self._background.close(CLOSE_TIMEOUT_S)

    def _failed(self, error: Exception) -> None:
        self.failed.emit(explain(error))

    def _show(self, opened: Opened) -> None:
        self._desk = desk = ReviewDesk(opened, self._background, self._preferences)
        self.learning.set_desk(desk)
        self.result_changed.emit(opened.result)
        self.desk_changed.emit(desk)
        if opened.review.notice:
            desk.notice.emit(opened.review.notice)
        if desk.audit.is_on:
            desk.notice.emit("an audit that was interrupted goes on; Escape stops it")

    def _learned(self, found: LearnedResult) -> None:
        """Go on with a new result, where the old one is still being looked at."""
        desk = self._desk
        if desk is None or desk.result.path != found.source or desk.audit.is_on:
            self.learning.notice.emit(f"{found.result.path.name} is ready, with all decisions")
            return
        self.open_result(found.result, carrying=found.carrying)

    def _predicted(self, result: Result) -> None:
        self._give_way(result.path)

    def _give_way(self, path: Path) -> None:
        """Close the review of a result that is being written anew."""
        if self._desk is not None and self._desk.result.path.resolve() == path.resolve():
            self._close_desk()

    def _close_desk(self) -> None:
        desk, self._desk = self._desk, None
        if desk is not None:
            self.learning.set_desk(None)
            self.desk_changed.emit(None)
            self.result_changed.emit(None)
            desk.close()


def _opened(path: Path, scan: Volume | None) -> Result:
    # Not with `load_result`, which warns of what is not finished.
    return Result(ResultStore.open(path), scan)
