"""The button that trains, and while it trains how far it is and how to stop it."""

from __future__ import annotations

from time import perf_counter

from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_bayesseg.gui.run_box import RunBox
from napari_bayesseg.gui.train.loss_plot import fit_of
from napari_bayesseg.gui.train.place import Place
from napari_bayesseg.inference.progress import duration
from napari_bayesseg.training.progress import Progress

__all__ = ["TrainBox"]

_UNKNOWN_BEFORE = 3


class TrainBox(RunBox):
    """Train button, reason why not, progress and Cancel."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.reason, self.train = QLabel(), QPushButton("Train")
        super().__init__(
            self.train,
            self.reason,
            cancel_tip="Stop; what is learnt is kept, and a later training goes on",
            starting="reading the scans \u2026",
            cancelling="stopping after this step \u2026",
            parent=parent,
        )
        self._first: tuple[float, float] | None = None
        self._num_seen = 0

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
        self._show_note(reason)

    def show_started(self) -> None:
        """Show that a training begins: how far it is isn't known yet."""
        self._first, self._num_seen = None, 0
        super().show_started()
        # Not Qt's moving bar: where there is no graphics card, it draws the window all the time,
        # and what the training loads meanwhile has to wait for that.
        self.bar.show_share(0.0)

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
        self.bar.show_share(now.share)
        self._show_text(self._words(now, clock))

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
