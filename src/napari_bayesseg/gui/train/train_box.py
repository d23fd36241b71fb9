"""The button that trains, and while it trains how far it is and how to stop it."""

from __future__ import annotations

from time import perf_counter

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_bayesseg.gui.predict.progress import duration
from napari_bayesseg.gui.rows import side_by_side
from napari_bayesseg.gui.train.loss_plot import fit_of
from napari_bayesseg.gui.train.place import Place
from napari_bayesseg.training.progress import Progress

__all__ = ["TrainBox"]

_UNITS = 1000
_UNKNOWN_BEFORE = 3


class TrainBox(QWidget):
    """Train button, reason why not, progress and Cancel."""

    train_clicked = Signal()
    cancel_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._first: tuple[float, float] | None = None
        self._num_seen = 0
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.train = QPushButton("Train")
        font = self.train.font()
        font.setBold(True)
        self.train.setFont(font)
        self.train.setMinimumHeight(34)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop; what is learnt is kept, and a later training goes on")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self._progress = side_by_side(self.bar, self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.reason, self.train, self._progress, self.text):
            layout.addWidget(widget)
        self.train.clicked.connect(self.train_clicked)
        self.cancel.clicked.connect(self.cancel_clicked)
        self.show_idle()

    def offer(self, place: Place | None, reason: str = "", *, overwrite: bool = False) -> None:
        """Say on the button what a click will do.

        Parameters
        ----------
        place : Place or None
            What is at the model's place; None where it isn't known yet.
        reason : str
            Why nothing can be trained; empty where it can.
        overwrite : bool
            Whether what is there may be replaced.
        """
        kind = "new" if place is None else place.kind
        caption = "Train"
        if place is not None and kind == "resume" and not overwrite:
            caption = f"Go on training ({place.share:.0%} done)"
        elif overwrite:
            caption = "Replace and train"
        is_taken = kind == "blocked" or (kind == "other" and not overwrite)
        self.train.setText(caption)
        self.train.setEnabled(place is not None and not reason and not is_taken)
        self.train.setToolTip(reason)
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason) and not self.train.isHidden())

    def show_started(self) -> None:
        """Show that a training begins: how far it is isn't known yet."""
        self._first, self._num_seen = None, 0
        # Not Qt's moving bar: where there is no graphics card, it draws the window all the time,
        # and what the training loads meanwhile has to wait for that.
        self.bar.setRange(0, _UNITS)
        self.bar.setValue(0)
        self.text.setText("reading the scans \u2026")
        self.cancel.setEnabled(True)
        self._show_running(True)

    def show_progress(self, now: Progress, num_steps: int) -> None:
        """Move the bar.

        Parameters
        ----------
        now : Progress
            The newest step.
        num_steps : int
            How many came with it.
        """
        clock = perf_counter()
        if self._first is None:
            self._first = (clock, now.share)
        self._num_seen += num_steps
        # Qt draws a bar at once, and with it the whole window and its canvas, in the middle of
        # whatever is going on; so it is drawn with everything else, soon.
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, _UNITS)
        self.bar.setValue(round(_UNITS * now.share))
        self.bar.setUpdatesEnabled(True)
        if self.cancel.isEnabled():
            self.text.setText(self._words(now, clock))

    def show_cancelling(self) -> None:
        """Show that the training ends with the step that is under way."""
        self.cancel.setEnabled(False)
        self.text.setText("stopping after this step \u2026")

    def show_idle(self) -> None:
        """Show the button again."""
        self._show_running(False)

    def _words(self, now: Progress, clock: float) -> str:
        network = f"network {now.member} of {now.members} \u00b7 " if now.members > 1 else ""
        text = f"{network}step {now.step} of {now.steps}"
        if now.share >= 1.0:
            return f"{text} \u00b7 scoring and saving the model \u2026"
        assert self._first is not None
        started, first_share = self._first
        # The pace of this run alone: steps of an earlier one cost nothing now.
        if self._num_seen >= _UNKNOWN_BEFORE and now.share > first_share:
            left = (clock - started) / (now.share - first_share) * (1.0 - now.share)
            text += f" \u00b7 {duration(left)} left"
        return f"{text} \u00b7 loss {fit_of(now):.3g}"

    def _show_running(self, is_running: bool) -> None:
        self.train.setVisible(not is_running)
        self.reason.setVisible(not is_running and bool(self.reason.text()))
        self._progress.setVisible(is_running)
        self.text.setVisible(is_running)
