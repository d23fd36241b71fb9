"""The tab in which scans and labels become a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QPushButton, QScrollArea, QWidget

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.gui.look_ahead import LookAhead
from napari_bayesseg.gui.message import MessageLine, for_window
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.gui.train.look import LabelsFound, Looked, labels_found, look
from napari_bayesseg.gui.train.loss_plot import LossPlot
from napari_bayesseg.gui.train.outcome import told
from napari_bayesseg.gui.train.train_box import TrainBox
from napari_bayesseg.gui.train.train_form import TrainForm
from napari_bayesseg.session.background import Background, lower_priority
from napari_bayesseg.session.job import Job, JobSlot, explain
from napari_bayesseg.session.session import Session
from napari_bayesseg.session.training import TrainingOutcome, TrainingRequest
from napari_bayesseg.training.progress import Progress
from napari_bayesseg.training.scribbles import UNLABELLED, label_counts

if TYPE_CHECKING:
    import napari

__all__ = ["TrainTab"]

_ONE_SCAN = "One scan only: none is held out, so the model is not scored."


class TrainTab(QWidget):
    """Asks, trains, and says how it goes.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
    background : Background
        Where it looks at the disk and counts labels.
    parent : QWidget, optional
    """

    predict_clicked = Signal()
    """The person wants to predict with the model that was trained."""

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        background: Background,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._training = session.training
        self._prediction = session.prediction
        self._look = LookAhead(
            background,
            "look at training data",
            read=self._read,
            found=self._on_looked,
            refused=self._refuse,
            parent=self,
        )
        self._count = JobSlot(background, "count labels")
        self._looked: Looked | None = None
        self._labels: LabelsFound | None = None
        self._may_start_anew = False
        self.form = TrainForm(viewer)
        self.run_box = TrainBox()
        self.plot = LossPlot()
        self.message = MessageLine()
        self.predict = QPushButton("Predict with it")
        self.predict.setToolTip("Go to the tab Predict, where the model is chosen")
        self._lay_out()
        self._connect()
        self.ask()

    @property
    def looked(self) -> Looked | None:
        """What a click would do; None while that is being found out."""
        return self._looked

    def ask(self) -> None:
        """Find out, soon, what a click on Train would do."""
        self._looked = None
        self.run_box.offer(None)
        self._look.ask()

    def train(self) -> None:
        """Train, or go on with a training, as the button says."""
        looked = self._looked
        try:
            if looked is None or looked.place.kind == "blocked":
                return
            self.form.wish()  # layers may have changed since
            self.message.clear_message()
            self.predict.hide()
            self._training.run(looked.request)
        except BayesSegError as error:
            self.message.show_message("error", str(error))

    def stop(self) -> None:
        """Ask nothing more."""
        self._look.stop()

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        self._look.close()
        self._count.close()
        self.form.disconnect_viewer()

    def _lay_out(self) -> None:
        parts = (self.form, self.run_box, self.plot, self.message, self.predict)
        in_column(self, *parts, spacing=8, margin=6).addStretch(1)
        self.plot.hide()
        self.predict.hide()

    def _connect(self) -> None:
        self.form.data_changed.connect(self._on_data)
        self.form.changed.connect(self.ask)
        self.run_box.clicked.connect(self.train)
        self.run_box.cancel_clicked.connect(self._training.cancel)
        self.predict.clicked.connect(self.predict_clicked)
        self._training.begun.connect(self._on_begun)
        self._training.progressed.connect(self._on_progressed)
        self._training.state_changed.connect(self._on_state)
        self._training.ended.connect(self._on_ended)
        self._prediction.state_changed.connect(self._on_prediction)

    # What a click would do

    def _on_data(self) -> None:
        self._count.cancel()
        self._labels, self._may_start_anew = None, False

    def _read(self) -> Callable[[], Looked] | None:
        if self._training.is_running:
            return None
        wish = self.form.wish(1.0 if self._labels is None else self._labels.labelled_share)
        return lambda: look(wish)

    def _refuse(self, reason: str) -> None:
        self.form.name.show_place(None)
        self.form.data.show_found("")
        self.run_box.offer(None, for_window(reason))

    def _on_looked(self, looked: Looked) -> None:
        self._looked = looked
        self.form.show_looked(looked, may_start_anew=self._may_start_anew)
        self._offer()
        if self._labels is not None:
            return

        def count(job: Job) -> dict[int, int]:
            lower_priority()
            return _counted(looked, job)

        self._count.start(count, self._on_counted, lambda error: self._refuse(explain(error)))

    def _on_counted(self, counts: Mapping[int, int]) -> None:
        self._labels = labels_found(counts, self.form.data.is_scribbled)
        self.form.show_labels(self._labels)
        if self._labels.labelled_share < 1.0 and not self._labels.problem:
            self.ask()  # what suits the scans depends on it
        self._offer()

    def _offer(self) -> None:
        looked, labels = self._looked, self._labels
        if looked is None:
            return
        reason = self._training.refusal
        if labels is not None:
            note = f"\n{_ONE_SCAN}" if len(looked.pairs) == 1 else ""
            self.form.data.show_found(labels.text + note)
            reason = reason or labels.problem
        is_known = labels is not None or not looked.request.is_scribbled
        self.run_box.offer(
            looked.place if is_known else None, reason, overwrite=looked.request.overwrite
        )

    # What the training says

    def _on_begun(self, request: TrainingRequest) -> None:
        self.plot.clear()
        if self._looked is not None and not request.overwrite:
            self.plot.add(self._looked.place.log)
        self.plot.show()
        self._bring_into_view(self.plot)

    def _on_progressed(self, steps: tuple[Progress, ...]) -> None:
        self.plot.add(steps)
        self.run_box.show_progress(steps[-1], len(steps))

    def _on_state(self, state: str) -> None:
        self.form.setEnabled(state == "idle")
        self.run_box.show_state(state)
        if state == "idle":
            self.ask()

    def _on_ended(self, outcome: TrainingOutcome) -> None:
        kind, text = told(outcome)
        self.message.show_message(kind, text)
        self.predict.setVisible(outcome.kind == "done")
        self._bring_into_view(self.message)
        if outcome.kind == "failed":
            self._may_start_anew = True
        elif outcome.kind == "done":
            self.form.name.replace.setChecked(False)

    def _bring_into_view(self, widget: QWidget) -> None:
        """Scroll to what has just appeared, once the window has laid it out."""
        parent = self.parentWidget()
        area = parent.parentWidget() if parent is not None else None
        if isinstance(area, QScrollArea):
            QTimer.singleShot(0, area, lambda: area.ensureWidgetVisible(widget))

    def _on_prediction(self, state: str) -> None:
        if state in ("starting", "idle"):
            self.ask()


def _counted(looked: Looked, job: Job) -> dict[int, int]:
    """Count label values as they are stored: those of scribbles from 1, and 0 for none."""
    total: dict[int, int] = {}
    for pair in looked.pairs:
        if pair.labels is None:
            continue
        for value, number in label_counts(pair.labels.data, job.should_stop).items():
            if looked.request.is_scribbled:
                value = 0 if value == UNLABELLED else value + 1
            total[value] = total.get(value, 0) + number
    return dict(sorted(total.items()))
