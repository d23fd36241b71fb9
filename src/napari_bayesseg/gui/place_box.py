"""Where something is written to, and what is there already."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QLineEdit, QWidget

from napari_bayesseg.gui.rows import add_row, form_layout

__all__ = ["PlaceBox"]


class PlaceBox(QWidget):
    """A line that names itself until the person types, and a tick to replace what is there.

    Parameters
    ----------
    caption : str
    line : QLineEdit
        Name or path.
    field : QWidget
        What stands behind the caption: the line, perhaps with a button.
    """

    changed = Signal()

    def __init__(
        self, caption: str, line: QLineEdit, field: QWidget, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._line = line
        self.is_automatic = True
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.replace = QCheckBox()
        layout = form_layout(self)
        add_row(layout, caption, field)
        layout.addRow(self.state)
        layout.addRow(self.replace)
        line.textEdited.connect(self._on_edited)
        self.replace.toggled.connect(lambda _: self.changed.emit())
        self._show_state("")

    @property
    def text(self) -> str:
        """The line as it stands."""
        return self._line.text().strip()

    @property
    def overwrite(self) -> bool:
        """Whether the person wants what is there replaced."""
        return self.replace.isChecked() and not self.replace.isHidden()

    def set_text(self, text: str) -> None:
        """Fill the line as if the person had typed it."""
        self._line.setText(text)
        self._on_edited("")

    def _propose(self, text: str, cursor: int) -> None:
        """Show what is taken by itself, with the letters around a place of it in view."""
        if self.is_automatic and self._line.text() != text:
            self._line.setText(text)
            self._line.setCursorPosition(cursor)

    def _show_state(
        self, message: str, *, is_other: bool = False, can_replace: bool = False
    ) -> None:
        """Say what is there.

        Parameters
        ----------
        message : str
            Empty for nothing.
        is_other : bool
            Whether it is something else, which stays unless it is replaced.
        can_replace : bool
            Whether to offer that.
        """
        self.state.setText(message + (": choose another name, or" if is_other else ""))
        self.state.setVisible(bool(message))
        self.replace.setVisible(can_replace)

    def _on_edited(self, _: str) -> None:
        # An emptied line names itself again.
        self.is_automatic = not self.text
        self.replace.setChecked(False)
        self.changed.emit()
