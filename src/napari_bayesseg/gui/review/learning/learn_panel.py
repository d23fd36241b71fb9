"""The page on which the model learns from what was decided."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.gui.message import MessageLine
from napari_bayesseg.gui.progress import ProgressMeter
from napari_bayesseg.gui.progress_bar import SteadyBar
from napari_bayesseg.gui.review.buttons import Handler, button_grid
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.inference.progress import RunProgress, duration
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.learning import Learned, Learning, LearningProgress, ToLearn

__all__ = ["LearnPanel"]

_BUTTONS = (("learn", "predict_again"),)
_MOST_MINUTES = 600.0
_MINUTES_WIDTH = 104  # pixels
_EXPLAIN = (
    "Trains a copy of the model on these voxels and holds it to its own word everywhere else. "
    "Every decision is kept."
)
_NOTHING = "Nothing is decided yet: accept, reject or paint a few regions first."


class LearnPanel(QWidget):
    """What there is to learn from, how long, under which name; and how far it is.

    Parameters
    ----------
    learning : Learning
    begin, end : callable
        Of the buttons' actions.
    """

    def __init__(self, learning: Learning, begin: Handler, end: Handler) -> None:
        super().__init__()
        self._learning = learning
        self._known = ToLearn(0, 0)
        self._proposed = ""
        self._meter = ProgressMeter()
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.amount = QLabel()
        self.amount.setToolTip(
            "Regions that are decided at these thresholds, and all voxels in which you have "
            "settled the label, strokes outside of regions too"
        )
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0.1, _MOST_MINUTES)
        self.minutes.setDecimals(1)
        self.minutes.setValue(2.0)
        self.minutes.setSuffix(" min")
        self.minutes.setMaximumWidth(_MINUTES_WIDTH)  # the name needs the room
        self.minutes.setToolTip("How long to learn, in minutes; predicting again comes on top")
        self.name = QLineEdit()
        self.name.setToolTip(
            "Name of the new model: letters, digits and . _ - only. It appears among the models of "
            "the tab Predict; the old one stays as it is."
        )
        self.then_predict = QCheckBox("then predict this scan again")
        self.then_predict.setChecked(True)
        self.then_predict.setToolTip(
            "With the settings of this result, into a new one beside it; the review goes on there"
        )
        buttons, self.buttons = button_grid(_BUTTONS, begin, end)
        self.bar = SteadyBar()
        self.bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.bar.hide()
        self.text = MessageLine()
        self._explain = QLabel(_EXPLAIN)
        self._explain.setWordWrap(True)
        self._lay_out(buttons)
        for signal, slot in (
            (learning.counted, self._on_counted),
            (learning.state_changed, self._show_state),
            (learning.progressed, self._on_progressed),
            (learning.predicted, self._on_predicted),
            (learning.learned, self._on_learned),
            (learning.notice, self._note),
            (learning.failed, self._fail),
        ):
            signal.connect(slot)
        self._show_state()

    def _lay_out(self, buttons: QWidget) -> None:
        row = QHBoxLayout()
        row.setSpacing(3)
        for widget in (QLabel("For"), self.minutes, QLabel("as")):
            row.addWidget(widget)
        row.addWidget(self.name, 1)
        layout = in_column(self, self.amount, spacing=3)
        layout.addLayout(row)
        layout.addWidget(buttons)
        layout.addWidget(self.then_predict)
        layout.addWidget(self.bar)
        layout.addWidget(self.text)
        layout.addWidget(self._explain)

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Propose a name for what may be learnt from another review, or none."""
        self._known = ToLearn(0, 0)
        if not self._learning.is_running:
            self._say("")
            self._propose()
        self._show_state()

    def run(self, what: str) -> None:
        """Learn as is chosen, or predict with what was learnt (``"predict_again"``).

        Where something is being done already, learning stops it. What can't be done is told.
        """
        learning = self._learning
        if what == "learn" and learning.is_running:
            learning.cancel()
            return
        if self.name.hasFocus() or self.minutes.hasFocus():
            self.setFocus()  # else the keys would be typed into them
        self._say("")
        try:
            if what == "predict_again":
                learning.predict_again()
                return
            then_predict = self.then_predict.isChecked()
            learning.learn(self.minutes.value(), self.name.text(), then_predict=then_predict)
        except BayesSegError as error:
            self._fail(str(error))

    def _propose(self) -> None:
        """Propose a name, unless the person has typed one."""
        if self.name.text() == self._proposed:
            self._proposed = self._learning.propose_name()
            self.name.setText(self._proposed)
            self.name.setCursorPosition(0)

    def _on_counted(self, known: ToLearn) -> None:
        self._known = known
        self._show_state()

    def _show_state(self) -> None:
        learning, known = self._learning, self._known
        state, reason = learning.state, learning.why_not
        is_idle = state == "idle"
        if reason:
            self.amount.setText("Nothing to learn from here.")
        elif known.voxels:
            regions = f"{known.regions:,} region{'' if known.regions == 1 else 's'} decided"
            voxels = f"{known.voxels:,} voxel{'' if known.voxels == 1 else 's'}"
            self.amount.setText(f"{regions}: {voxels} to learn from")
        else:
            self.amount.setText("Nothing decided yet.")
        for widget in (self.minutes, self.name, self.then_predict):
            widget.setEnabled(is_idle and not reason)
        learn, predict = (self.buttons[name] for name in _BUTTONS[0])
        learn.setText(learn.action.button_text if is_idle else "Stop")
        learn.setEnabled(
            state != "cancelling" and (not is_idle or (known.voxels > 0 and not reason))
        )
        predict.setEnabled(is_idle and learning.last is not None)
        self.then_predict.setVisible(is_idle)
        self.bar.setVisible(not is_idle)
        self._explain.setText(reason or (_EXPLAIN if known.voxels else _NOTHING))
        self._explain.setVisible(not self.text.text())
        if state == "learning":
            self.bar.show_share(0.0, "getting ready \u2026")
        elif state == "predicting":
            self._meter = ProgressMeter()
            self.bar.show_share(0.0, "predicting again \u2026")
        elif state == "cancelling":
            self.bar.show_share(self.bar.share, "stopping \u2026")

    def _on_progressed(self, now: LearningProgress) -> None:
        if self._learning.state == "learning":
            left = duration(now.seconds_left)
            self.bar.show_share(now.share, f"learning \u00b7 step {now.step} \u00b7 {left} left")

    def _on_predicted(self, now: RunProgress) -> None:
        if self._learning.state == "predicting":
            done, total, text = self._meter.update(now)
            self.bar.show_done(done, total, text)

    def _on_learned(self, learned: Learned) -> None:
        self._proposed = self.name.text()  # it is taken now
        self._propose()

    def _note(self, line: str) -> None:
        self._say(line)

    def _fail(self, line: str) -> None:
        self._say(line, is_error=True)

    def _say(self, line: str, *, is_error: bool = False) -> None:
        if line:
            self.text.show_message("error" if is_error else "note", line)
        else:
            self.text.clear_message()
        self._explain.setVisible(not line)
