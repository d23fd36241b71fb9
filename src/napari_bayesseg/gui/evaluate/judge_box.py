"""The button that judges, and while it does how far it is and how to stop it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_bayesseg.gui.rows import side_by_side

__all__ = ["JudgeBox"]

_STEPS = 1000


class JudgeBox(QWidget):
    """Button Evaluate; a bar and Cancel in its place."""

    judge_clicked = Signal()
    cancel_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.judge = QPushButton("Evaluate")
        self.judge.setToolTip("Compare the result under review with the truth")
        font = self.judge.font()
        font.setBold(True)
        self.judge.setFont(font)
        self.judge.setMinimumHeight(34)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop; the scores that are shown stay")
        self._running = side_by_side(self.bar, self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.judge)
        layout.addWidget(self._running)
        self.judge.clicked.connect(self.judge_clicked)
        self.cancel.clicked.connect(self.cancel_clicked)
        self.show_judging(False)

    def show_judging(self, is_judging: bool) -> None:
        """Show the button, or how far it is."""
        if is_judging:
            self.bar.setRange(0, 0)  # how far it is isn't known yet
        self.judge.setVisible(not is_judging)
        self._running.setVisible(is_judging)

    def show_share(self, share: float) -> None:
        """Move the bar; `share` from 0 to 1."""
        # Qt draws a bar at once, and with it the whole window; so with everything else, soon.
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(round(share * _STEPS))
        self.bar.setUpdatesEnabled(True)
