"""The button that runs, and while it runs how far it is and how to stop it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_bayesseg.gui.predict.progress import ProgressMeter
from napari_bayesseg.gui.predict.target import Target
from napari_bayesseg.gui.rows import side_by_side
from napari_bayesseg.inference.serial_runner import RunProgress

__all__ = ["RunBox"]


class RunBox(QWidget):
    """Estimate, Run button, progress and Cancel."""

    run_clicked = Signal()
    cancel_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._meter = ProgressMeter()
        self.estimate = QLabel()
        self.estimate.setWordWrap(True)
        self.estimate.setToolTip("What the run will need on this machine")
        self.run = QPushButton("Run")
        font = self.run.font()
        font.setBold(True)
        self.run.setFont(font)
        self.run.setMinimumHeight(34)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop; finished blocks are kept, and a later run continues")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self._progress = side_by_side(self.bar, self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.estimate, self.run, self._progress, self.text):
            layout.addWidget(widget)
        self.run.clicked.connect(self.run_clicked)
        self.cancel.clicked.connect(self.cancel_clicked)
        self.show_idle()

    def show_estimate(self, text: str) -> None:
        """Show what a run would need, or why that can't be said."""
        self.estimate.setText(text)
        self.estimate.setVisible(bool(text) and not self.run.isHidden())

    def offer(self, target: Target | None, reason: str = "", *, overwrite: bool = False) -> None:
        """Say on the button what a click will do.

        Parameters
        ----------
        target : Target or None
            What is at the result's place; None where it isn't known yet.
        reason : str
            Why nothing can be run; empty where it can.
        overwrite : bool
            Whether another run's result may be replaced.
        """
        kind = "new" if target is None else target.kind
        captions = {
            "resume": "Resume",
            "finished": "Open the finished result",
            "other": "Replace and run" if overwrite else "Run",
        }
        caption = captions.get(kind, "Run")
        if target is not None and kind == "resume":
            caption = f"Resume ({target.done} of {target.total} blocks done)"
        self.run.setText(caption)
        is_taken = kind == "blocked" or (kind == "other" and not overwrite)
        self.run.setEnabled(target is not None and not reason and not is_taken)
        self.run.setToolTip(reason or ("" if target is None else target.message))

    def show_started(self) -> None:
        """Show that a run begins: how far it is isn't known yet."""
        self._meter = ProgressMeter()
        self.bar.setRange(0, 0)
        self.text.setText("reading the scan \u2026")
        self.cancel.setEnabled(True)
        self._show_running(True)

    def show_progress(self, now: RunProgress) -> None:
        """Move the bar."""
        done, total, text = self._meter.update(now)
        # Qt draws a bar at once, and with it the whole window and its canvas, in the middle of
        # whatever is going on; so it is drawn with everything else, soon.
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.bar.setUpdatesEnabled(True)
        if self.cancel.isEnabled():
            self.text.setText(text)

    def show_cancelling(self) -> None:
        """Show that the run ends with the draw that is under way."""
        self.cancel.setEnabled(False)
        self.text.setText("stopping after this draw \u2026")

    def show_idle(self) -> None:
        """Show the button again."""
        self._show_running(False)

    def _show_running(self, is_running: bool) -> None:
        self.run.setVisible(not is_running)
        self.estimate.setVisible(not is_running and bool(self.estimate.text()))
        self._progress.setVisible(is_running)
        self.text.setVisible(is_running)
