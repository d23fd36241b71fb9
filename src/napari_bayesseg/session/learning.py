"""Learning from what was decided, and predicting again with what was learnt."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.inference.serial_runner import RunProgress
from napari_bayesseg.networks.checkpoint import MODEL_NAME_PATTERN
from napari_bayesseg.networks.model_folders import local_models_folder
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import Job, JobSlot, explain
from napari_bayesseg.session.learning_worker import (
    Learned,
    LearnedResult,
    LearningListener,
    LearningProgress,
    Lesson,
    learn,
    predict_again,
    why_not,
)
from napari_bayesseg.session.work import Work

if TYPE_CHECKING:
    from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["Learned", "LearnedResult", "Learning", "LearningProgress", "ToLearn"]


@dataclass(frozen=True)
class ToLearn:
    """What there is to learn from.

    Attributes
    ----------
    regions : int
        Decided ones, at the thresholds of the day.
    voxels : int
        Those in which a person has settled the label, strokes outside of regions too.
    """

    regions: int
    voxels: int


class Learning(Work):
    """One lesson at a time, in the background; the review goes on meanwhile.

    What is learnt is a new model, in the folder of the person's own models. The prediction that
    follows is a new result beside the old one, to which the decisions are carried.

    Signals, all emitted on the owner's thread:

    - ``counted(ToLearn)``: what there is to learn from now.
    - ``progressed(LearningProgress)``, ``predicted(RunProgress)``
    - ``learned(Learned)``: there is a new model.
    - ``result_ready(LearnedResult)``: there is a new result; whoever has the old one open may go
      on with it.
    - ``failed(str)``, ``notice(str)``: one line for the person.
    - ``state_changed(str)``: ``"learning"``, then ``"predicting"`` where that is wanted.

    Parameters
    ----------
    background : Background
    models : Path, optional
        Folder of the new models; by default that of the person's own.
    in_the_way : callable, optional
        Says what else is under way that needs all processors, empty for nothing.
    """

    counted = Signal(ToLearn)
    progressed = Signal(LearningProgress)
    predicted = Signal(RunProgress)
    learned = Signal(Learned)
    result_ready = Signal(LearnedResult)
    failed = Signal(str)
    notice = Signal(str)

    def __init__(
        self,
        background: Background,
        models: Path | None = None,
        in_the_way: Callable[[], str] = str,
    ) -> None:
        under_way = "the model is learning: wait for it, or stop it first"
        super().__init__(background, "learning", under_way, in_the_way)
        self._models = models
        self._count = JobSlot(background, "count")
        self._desk: ReviewDesk | None = None
        self._learned: Learned | None = None

    @property
    def models(self) -> Path:
        """Folder of the new models."""
        return self._models or local_models_folder()

    @property
    def last(self) -> Learned | None:
        """What was learnt last from the result under review; None where nothing was."""
        learned = self._learned
        if learned is None or self._desk is None or learned.source != self._desk.result.path:
            return None
        return learned

    @property
    def why_not(self) -> str:
        """Why nothing can be learnt from this result at all; empty where something can."""
        return "no review is open" if self._desk is None else why_not(self._desk.result)

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Learn from another review from now on; what is under way goes on."""
        if self._desk is not None:
            self._desk.saved.disconnect(self._recount)
            self._desk.statuses_changed.disconnect(self._recount)
        self._desk = desk
        self._count.cancel()
        if desk is not None:
            desk.saved.connect(self._recount)
            desk.statuses_changed.connect(self._recount)
            self._recount()

    def propose_name(self) -> str:
        """Return a name for the next model: the old one's with a number; it is not taken."""
        if self._desk is None:
            return ""
        name = str(self._desk.result.record["model"].get("name", "model"))
        stem = name.rpartition("-learnt-")[0] or name
        number = 1
        while (self.models / f"{stem}-learnt-{number}").exists():
            number += 1
        return f"{stem}-learnt-{number}"

    def learn(self, minutes: float, name: str, *, then_predict: bool) -> None:
        """Learn from what is decided now, and predict again if that is wanted.

        Parameters
        ----------
        minutes : float
            For learning; the prediction takes as long as the first one did.
        name : str
            Of the new model.
        then_predict : bool

        Raises
        ------
        SettingsError
            If something is learnt already, nothing can be, or the name is not a plain one.
        """
        desk = self._free_desk()
        if re.fullmatch(MODEL_NAME_PATTERN, name.strip()) is None:
            raise SettingsError(
                "the new model's name must hold letters, digits and . _ - only, a letter or digit "
                f"first; got {name.strip()!r}"
            )
        lesson = Lesson(desk.result, self.models / name.strip(), minutes * 60.0)
        self._enter("learning")
        self._job.start(
            partial(learn, lesson, LearningListener(self.progressed.emit, self.predicted.emit)),
            done=partial(self._on_learned, then_predict),
            failed=self._on_failed,
        )

    def predict_again(self) -> None:
        """Predict the scan with what was learnt last, with the settings of the old result.

        Raises
        ------
        SettingsError
            If something is being done already, or nothing was learnt from this result.
        """
        self._free_desk()
        if self.last is None:
            raise SettingsError("nothing was learnt from this result yet: learn first")
        self._predict(self.last)

    def close(self) -> None:
        """Drop everything; no signal is emitted afterwards."""
        super().close()
        self._count.close()
        self.set_desk(None)

    def _free_desk(self) -> ReviewDesk:
        self.check_free()
        if self._desk is None or self.why_not:
            raise SettingsError(self.why_not)
        return self._desk

    def _predict(self, learned: Learned) -> None:
        self._enter("predicting")
        listener = LearningListener(self.progressed.emit, self.predicted.emit)
        self._job.start(
            partial(predict_again, learned, listener),
            done=self._on_predicted,
            failed=self._on_failed,
        )

    def _on_learned(self, then_predict: bool, learned: Learned | None) -> None:
        if learned is None:
            self._enter("idle")
            self.notice.emit("stopped: nothing was learnt")
            return
        stopping = self.state == "cancelling"
        self._learned = learned
        self.learned.emit(learned)
        if then_predict and not stopping:
            self._predict(learned)
            return
        self._enter("idle")
        self.notice.emit(f"learnt: the new model is {learned.card.name}; predict again with it")

    def _on_predicted(self, found: LearnedResult | str) -> None:
        self._enter("idle")
        if isinstance(found, str):
            self.failed.emit(found)
        else:
            self.result_ready.emit(found)

    def _on_failed(self, error: Exception) -> None:
        self._enter("idle")
        self.failed.emit(explain(error))

    def _recount(self) -> None:
        """Count what there is to learn from, in the background; the newest count is told."""
        desk = self._desk
        if desk is None:
            return
        regions = sum(status.is_decided for status in desk.statuses.values())

        def count(_: Job) -> ToLearn:
            return ToLearn(regions, desk.review.count_decided_voxels())

        self._count.start(count, self.counted.emit, self._on_failed)
