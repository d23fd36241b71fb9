"""The button that begins something long, and while it runs how far it is and how to stop it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QSizePolicy, QWidget

from napari_bayesseg.gui.progress_bar import SteadyBar
from napari_bayesseg.gui.rows import in_column, side_by_side

__all__ = ["RunBox"]


class RunBox(QWidget):
    """A note, and a button below it; while it runs a bar, Cancel and a text in their place.

    Parameters
    ----------
    button : QPushButton
        Begins it.
    note : QLabel, optional
        Stands above the button, where there is something in it.
    cancel_tip : str
        What becomes of the work when it is stopped.
    starting, cancelling : str
        What the text says while nothing of it is done yet, and until it has stopped.
    """

    clicked = Signal()
    cancel_clicked = Signal()

    def __init__(
        self,
        button: QPushButton,
        note: QLabel | None = None,
        *,
        cancel_tip: str,
        starting: str = "",
        cancelling: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._button, self._note = button, note or QLabel()
        self._starting, self._cancelling = starting, cancelling
        font = button.font()
        font.setBold(True)
        button.setFont(font)
        button.setMinimumHeight(34)
        self.bar = SteadyBar()
        self.bar.setTextVisible(False)
        self.bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip(cancel_tip)
        self.text = QLabel()
        self._progress = side_by_side(self.bar, self.cancel)
        for words in (self._note, self.text):
            words.setWordWrap(True)
        in_column(self, self._note, button, self._progress, self.text)
        button.clicked.connect(self.clicked)
        self.cancel.clicked.connect(self.cancel_clicked)
        self.show_idle()

    def show_state(self, state: str) -> None:
        """Show what a state of :class:`~napari_bayesseg.session.work.Work` means."""
        if state == "starting":
            self.show_started()
        elif state == "cancelling":
            self.show_cancelling()
        elif state == "idle":
            self.show_idle()

    def show_started(self) -> None:
        """Show that it begins: how far it is isn't known yet."""
        self.bar.setRange(0, 0)
        self.text.setText(self._starting)
        self.cancel.setEnabled(True)
        self._show_running(True)

    def show_cancelling(self) -> None:
        """Show that it is about to stop."""
        self.cancel.setEnabled(False)
        self.text.setText(self._cancelling)

    def show_idle(self) -> None:
        """Show the button again."""
        self._show_running(False)

    def _show_note(self, text: str) -> None:
        self._note.setText(text)
        self._note.setVisible(bool(text) and not self._button.isHidden())

    def _show_text(self, text: str) -> None:
        """Say how far it is, unless it is being stopped."""
        if self.cancel.isEnabled():
            self.text.setText(text)

    def _show_running(self, is_running: bool) -> None:
        self._button.setVisible(not is_running)
        self._note.setVisible(not is_running and bool(self._note.text()))
        self._progress.setVisible(is_running)
        self.text.setVisible(is_running and bool(self.text.text()))
