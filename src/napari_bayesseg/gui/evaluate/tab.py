"""The tab in which a result is judged against the truth, and a threshold gets its worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.evaluate.curve_plot import CurvePlot
from napari_bayesseg.gui.evaluate.judge_box import JudgeBox
from napari_bayesseg.gui.evaluate.link_note import LinkNote
from napari_bayesseg.gui.evaluate.question_form import QuestionForm
from napari_bayesseg.gui.evaluate.scores_table import ScoresTable
from napari_bayesseg.gui.message import MessageLine
from napari_bayesseg.gui.rows import in_column, side_by_side
from napari_bayesseg.gui.when_open import WhenOpen
from napari_bayesseg.io.numbered import first_free_path
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.evaluated import Evaluated
from napari_bayesseg.session.session import Session

if TYPE_CHECKING:
    import napari

__all__ = ["EvaluateTab"]

_NO_REVIEW = "No result is open: open a result, or predict one, first. It is judged here."


class EvaluateTab(QWidget):
    """Asks for the truth, shows scores and curves, and ties their line to the review's threshold.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
        Tells which review is open.
    """

    def __init__(
        self, viewer: napari.Viewer, session: Session, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._desk: ReviewDesk | None = None
        self._connections = Connections()
        self.form = QuestionForm(viewer)
        self.judge_box = JudgeBox()
        self.message = MessageLine()
        self.scores = ScoresTable()
        self.curves = CurvePlot()
        self.link_note = LinkNote()
        self.add_button = _button(
            "Add a result\u2026", "Judge another result of this scan by the same truth, beside it"
        )
        self.clear_button = _button("Remove others", "Keep only the result under review")
        self.save_button = _button(
            "Save report\u2026", "Write scores and curves into a folder: report.html, report.json"
        )
        self._found = QWidget()
        self._stack = WhenOpen(self._body(), _NO_REVIEW)
        in_column(self, self._stack, margin=6)
        self._connect(session)
        self._show((), None)

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Judge another result, or none."""
        if desk is self._desk:
            return
        self._connections.drop()
        self._desk = desk
        self.message.clear_message()
        self.form.set_desk(desk)
        self._stack.set_open(desk is not None)
        if desk is None:
            self._show((), None)
            return
        evaluation = desk.evaluation
        self._connections.follow(
            (evaluation.changed, self._on_changed),
            (evaluation.busy_changed, self._on_busy),
            (evaluation.progressed, self.judge_box.bar.show_share),
            (evaluation.failed, self._on_failed),
            (evaluation.notice, self._on_notice),
            (evaluation.link.threshold_changed, self.curves.set_threshold),
            (evaluation.link.link_changed, self._on_link),
        )
        self._show(evaluation.evaluated, desk)
        self._on_busy(evaluation.is_busy)

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        self.form.truth.disconnect_viewer()

    def evaluate(self) -> None:
        """Do what the button says."""
        if self._desk is None:
            return
        self.message.clear_message()
        evaluation = self._desk.evaluation
        try:
            truth = self.form.truth.truth() or evaluation.reviewed_truth()
        except BayesSegError as error:
            self._on_failed(str(error))
            return
        evaluation.evaluate(truth, self.form.measure.currentData(), self.form.ignored_label)

    def _body(self) -> QWidget:
        buttons = side_by_side(
            self.add_button, self.clear_button, self.save_button, stretch=(0, 1, 2)
        )
        in_column(self._found, self.scores, self.curves, self.link_note, buttons, spacing=6)
        body = QWidget()
        parts = (self.form, self.judge_box, self.message, self._found)
        in_column(body, *parts, spacing=6).addStretch(1)
        return body

    def _connect(self, session: Session) -> None:
        session.desk_changed.connect(self.set_desk)
        self.form.measure_chosen.connect(self._on_measure_chosen)
        self.judge_box.clicked.connect(self.evaluate)
        self.judge_box.cancel_clicked.connect(self._cancel)
        self.curves.dragged.connect(self._on_dragged)
        self.curves.released.connect(self._on_released)
        self.link_note.use_clicked.connect(self._use_in_review)
        self.add_button.clicked.connect(self._ask_other)
        self.clear_button.clicked.connect(self._clear_others)
        self.save_button.clicked.connect(self._ask_folder)

    # What the desk says

    def _show(self, evaluated: tuple[Evaluated, ...], desk: ReviewDesk | None) -> None:
        self._found.setVisible(bool(evaluated))
        self.scores.show_evaluated(evaluated)
        self.curves.show_evaluated(
            evaluated, 0.0 if desk is None else desk.evaluation.link.threshold
        )
        self.clear_button.setVisible(len(evaluated) > 1)
        if desk is not None:
            self._on_link(desk.evaluation.link.is_linked)

    def _on_changed(self, evaluated: tuple[Evaluated, ...]) -> None:
        self._show(evaluated, self._desk)

    def _on_link(self, is_linked: bool) -> None:
        if self._desk is not None:
            link = self._desk.evaluation.link
            self.link_note.show_measures(link.measure, link.review_measure)

    def _on_busy(self, is_busy: bool) -> None:
        is_judging = self._desk is not None and self._desk.evaluation.is_judging
        self.judge_box.show_judging(is_judging)
        self.form.setEnabled(not is_judging)
        for button in (self.add_button, self.clear_button, self.save_button):
            button.setEnabled(not is_busy)

    def _on_failed(self, text: str) -> None:
        self.message.show_message("error", text)

    def _on_notice(self, text: str) -> None:
        self.message.show_message("done", text)

    # What the person does

    def _on_measure_chosen(self, measure: str) -> None:
        if self._desk is not None:
            self._desk.evaluation.set_measure(measure)

    def _on_dragged(self, threshold: float) -> None:
        if self._desk is not None:
            self._desk.evaluation.link.drag(threshold)

    def _on_released(self, threshold: float) -> None:
        if self._desk is not None:
            self._desk.evaluation.link.release(threshold)

    def _use_in_review(self) -> None:
        if self._desk is not None:
            self._desk.evaluation.link.use_in_review()

    def _cancel(self) -> None:
        if self._desk is not None:
            self._desk.evaluation.cancel()

    def _clear_others(self) -> None:
        if self._desk is not None:
            self._desk.evaluation.clear_others()

    def _ask_other(self) -> None:
        if self._desk is None:
            return
        folder = str(self._desk.result.path.parent)
        chosen = QFileDialog.getExistingDirectory(self, "Add a result (*.zarr)", folder)
        if chosen:
            self.message.clear_message()
            self._desk.evaluation.add(Path(chosen))

    def _ask_folder(self) -> None:
        if self._desk is None:
            return
        result = self._desk.result.path
        proposed = first_free_path(
            result.with_name(f"{result.name.removesuffix('.zarr')}-evaluation")
        )
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save the report in a new folder", str(proposed), "New folder (*)"
        )
        if chosen:
            self.message.clear_message()
            self._desk.evaluation.save(Path(chosen))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
