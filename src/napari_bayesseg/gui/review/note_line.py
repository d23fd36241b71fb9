"""One line in which the why is written."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from napari_bayesseg.gui.review.buttons import ActionButton, Handler
from napari_bayesseg.gui.review.keys.actions import get_action
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.notes import LONGEST_NOTE

__all__ = ["NoteLine"]


class NoteLine(QWidget):
    """The note on the current region; Enter saves it, Escape leaves it as it was.

    Attributes
    ----------
    written : Signal(object, str)
        The :class:`Region`, and the text.
    """

    written = Signal(object, str)

    def __init__(self, begin: Handler, end: Handler) -> None:
        super().__init__()
        action = get_action("write_note")
        self.button = ActionButton(action, begin, end)
        self.button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.edit = _Line()
        self.edit.setMaxLength(LONGEST_NOTE)
        self.edit.setPlaceholderText("why; Enter saves it")
        self.edit.setToolTip(action.tooltip)
        self.edit.setAccessibleName(action.name)
        self.edit.entered.connect(self._on_entered)
        self.edit.left.connect(self._on_left)
        self._region: Region | None = None
        self._saved = ""
        self._focused_before: QWidget | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        row.addWidget(self.button)
        row.addWidget(self.edit, 1)

    def show_note(self, region: Region | None, text: str) -> None:
        """Show the note on a region; what was typed about another one is saved first."""
        if region == self._region:
            if text != self._saved:
                self._saved = text
                self.edit.setText(text)
            return
        self._flush()
        self._region, self._saved = region, text
        self.edit.setText(text)
        self.edit.setCursorPosition(0)

    def begin(self) -> None:
        """Take the keyboard; it goes back where it was."""
        self._focused_before = QApplication.focusWidget()
        self.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.edit.selectAll()

    def _flush(self) -> None:
        text = self.edit.text()
        if self._region is not None and text.strip() != self._saved:
            self._saved = text.strip()
            self.written.emit(self._region, text)

    def _on_entered(self) -> None:
        self._flush()
        self._give_back()

    def _on_left(self) -> None:
        self.edit.setText(self._saved)
        self._give_back()

    def _give_back(self) -> None:
        before, self._focused_before = self._focused_before, None
        if before is not None and before is not self.edit and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.edit.clearFocus()


class _Line(QLineEdit):
    """Says when it is done, and keeps both keys for itself."""

    entered = Signal()
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Finish on Enter and on Escape."""
        if event is None:
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
