"""The button that predicts, and while it does how far it is and how to stop it."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_bayesseg.gui.predict.target import Target
from napari_bayesseg.gui.progress import ProgressMeter
from napari_bayesseg.gui.run_box import RunBox
from napari_bayesseg.inference.serial_runner import RunProgress

__all__ = ["PredictBox"]


class PredictBox(RunBox):
    """Estimate, Run button, progress and Cancel."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.estimate, self.run = QLabel(), QPushButton("Run")
        super().__init__(
            self.run,
            self.estimate,
            cancel_tip="Stop; finished blocks are kept, and a later run continues",
            starting="reading the scan \u2026",
            cancelling="stopping after this draw \u2026",
            parent=parent,
        )
        self._meter = ProgressMeter()
        self.estimate.setToolTip("What the run will need on this machine")

    def show_estimate(self, text: str) -> None:
        """Show what a run would need, or why that can't be said."""
        self._show_note(text)

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
        super().show_started()

    def show_progress(self, now: RunProgress) -> None:
        """Move the bar."""
        done, total, text = self._meter.update(now)
        self.bar.show_done(done, total)
        self._show_text(text)
