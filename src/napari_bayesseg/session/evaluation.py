"""The result under review judged against the truth, with others beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.numerics.uncertainty import EXCESS_SUFFIX, get_measure
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.busy import BusyTeller
from napari_bayesseg.session.evaluated import Evaluated, Question, Truth, judge, save_report
from napari_bayesseg.session.job import Job, JobSlot, explain
from napari_bayesseg.session.threshold_link import ThresholdLink

if TYPE_CHECKING:
    from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["DeskEvaluation"]


class DeskEvaluation:
    """Judges a desk's result and others beside it, in the background.

    Signals:

    - ``changed(tuple of Evaluated)``: the results, that under review first.
    - ``busy_changed(bool)``: something is judged, or a report is written.
    - ``progressed(float)``: share that is judged, from 0 to 1.
    - ``failed(str)``, ``notice(str)``: one line for the person.

    ``link`` ties the threshold on its curves to that of the review.

    Parameters
    ----------
    desk : ReviewDesk
    background : Background
    """

    changed = Signal(tuple)
    busy_changed = Signal(bool)
    progressed = Signal(float)
    failed = Signal(str)
    notice = Signal(str)

    def __init__(self, desk: ReviewDesk, background: Background) -> None:
        self._desk = desk
        self._busy = BusyTeller(lambda: self.is_busy, self.busy_changed.emit)
        self._judging = JobSlot(background, "evaluate", self._busy)
        self._writing = JobSlot(background, "evaluation report", self._busy)
        self._evaluated: tuple[Evaluated, ...] = ()
        self.link = ThresholdLink(desk)

    @property
    def evaluated(self) -> tuple[Evaluated, ...]:
        """The results that were judged, the one under review first."""
        return self._evaluated

    @property
    def question(self) -> Question | None:
        """What they were judged by; None before."""
        return self._evaluated[0].question if self._evaluated else None

    @property
    def measure(self) -> str | None:
        """Whose scores and curves are looked at; None before."""
        return self._evaluated[0].measure if self._evaluated else None

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures of the result that say something, and their excesses, in display order."""
        result = self._desk.result
        draws = result.settings.num_samples
        known = [name for name in result.measures if get_measure(name).needs_draws <= draws]
        return (*known, *(name + EXCESS_SUFFIX for name in known))

    @property
    def is_judging(self) -> bool:
        """Whether something is judged."""
        return self._judging.is_running

    @property
    def is_busy(self) -> bool:
        """Whether something is judged, or a report written."""
        return self._judging.is_running or self._writing.is_running

    def reviewed_truth(self) -> Truth:
        """Return the reviewed mask as it is now."""
        labels = self._desk.review.labels()
        geometry = self._desk.result.geometry
        return Truth("the reviewed mask", Volume.from_array(labels, geometry, name="reviewed"))

    def evaluate(self, truth: Truth, measure: str, ignore: int | None = None) -> None:
        """Judge the result under review, and those beside it; what is under way is superseded.

        Parameters
        ----------
        truth : Truth
        measure : str
            Which of :attr:`measures` is looked at first.
        ignore : int, optional
            Label of the truth that isn't judged.
        """
        self._judge(Question(truth, ignore), measure, self._others)

    def set_measure(self, measure: str) -> None:
        """Look at scores and curves of another measure; judges again where it must."""
        question = self.question
        if question is None or measure == self.measure:
            return
        shown = [one.by(measure) for one in self._evaluated]
        if any(one is None for one in shown):
            self._judge(question, measure, self._others)
        else:
            self._judging.cancel()
            self._take(tuple(one for one in shown if one is not None))

    def add(self, path: str | Path) -> None:
        """Judge another result by the same question and keep it beside the others."""
        question, measure, place = self.question, self.measure, Path(path)
        if question is None or measure is None:
            self.failed.emit("evaluate the result under review first, then add others to it")
        elif place.resolve() in [one.path.resolve() for one in self._evaluated]:
            self.failed.emit(f"{place.name}: is there already; choose another result")
        else:
            self._judge(question, measure, [*self._others, place])

    def clear_others(self) -> None:
        """Keep only the result under review."""
        if len(self._evaluated) > 1:
            self._take(self._evaluated[:1])

    def cancel(self) -> None:
        """Stop judging; what was there stays."""
        self._judging.cancel()

    def save(self, folder: str | Path) -> None:
        """Write a report on all results into a folder, in the background."""
        evaluated, place = self._evaluated, Path(folder)
        if evaluated:
            self._writing.start(
                lambda _: save_report(place, evaluated), self.notice.emit, self._tell
            )
        else:
            self.failed.emit("evaluate something first: there is nothing to report yet")

    def close(self) -> None:
        """Drop what is under way; no signal is emitted afterwards."""
        self._judging.close()
        self._writing.close()
        self.link.close()
        self._evaluated = ()

    @property
    def _others(self) -> list[Path]:
        return [one.path for one in self._evaluated[1:]]

    def _judge(self, question: Question, measure: str, others: Sequence[Path]) -> None:
        first = self._desk.result
        known = {one.path: one for one in self._evaluated if one.question is question}

        def work(job: Job) -> tuple[Evaluated, ...]:
            results = [first, *(Result(ResultStore.open(path)) for path in others)]
            return judge(results, question, measure, known, job, self.progressed.emit)

        self._judging.start(work, self._take, self._tell)

    def _take(self, evaluated: tuple[Evaluated, ...]) -> None:
        self._evaluated = evaluated
        self.changed.emit(evaluated)
        self.link.take(evaluated)

    def _tell(self, error: Exception) -> None:
        self.failed.emit(explain(error))
