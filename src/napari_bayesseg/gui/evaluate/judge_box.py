"""The button that judges, and while it does how far it is and how to stop it."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QWidget

from napari_bayesseg.gui.run_box import RunBox

__all__ = ["JudgeBox"]


class JudgeBox(RunBox):
    """Button Evaluate; a bar and Cancel in its place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.judge = QPushButton("Evaluate")
        self.judge.setToolTip("Compare the result under review with the truth")
        super().__init__(
            self.judge, cancel_tip="Stop; the scores that are shown stay", parent=parent
        )

    def show_judging(self, is_judging: bool) -> None:
        """Show the button, or how far it is."""
        self.show_state("starting" if is_judging else "idle")
