"""A name for each class."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QWidget

from napari_bayesseg.gui.layers import class_colours
from napari_bayesseg.gui.rows import add_row, form_layout, in_column, side_by_side

__all__ = ["MOST_CLASSES", "ClassNames"]

MOST_CLASSES = 16
"""More are named by their numbers: nobody types so many names into a window."""


class ClassNames(QWidget):
    """One line a class, with the colour in which a prediction shows it."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._typed: dict[int, str] = {}  # also of classes that are not there now
        self._edits: list[QLineEdit] = []
        self._rows: list[QWidget] = []
        self._first_label = 0
        self._lines = in_column(lines := QWidget(), spacing=2)
        lines.setToolTip("What the classes are called, in the order of their labels")
        add_row(form_layout(self), "Classes", lines)
        self.show_classes(0)

    @property
    def names(self) -> tuple[str, ...]:
        """The names; empty where there are too many classes, or none is typed."""
        if not any(edit.text().strip() for edit in self._edits):
            return ()
        return tuple(edit.text().strip() or edit.placeholderText() for edit in self._edits)

    @property
    def edits(self) -> tuple[QLineEdit, ...]:
        """The lines, by class."""
        return tuple(self._edits)

    def show_classes(self, count: int, first_label: int = 0) -> None:
        """Offer a line for each class.

        Parameters
        ----------
        count : int
            Of classes.
        first_label : int
            The label that is class 0.
        """
        shown = count if count <= MOST_CLASSES else 0
        self.setVisible(shown > 0)
        if (shown, first_label) == (len(self._edits), self._first_label):
            return
        for row in self._rows:
            self._lines.removeWidget(row)
            row.deleteLater()
        self._rows.clear()
        self._first_label = first_label
        self._edits = [self._line(index) for index in range(shown)]

    def set_names(self, names: tuple[str, ...]) -> None:
        """Type names."""
        for edit, name in zip(self._edits, names, strict=False):
            edit.setText(name)

    def _line(self, index: int) -> QLineEdit:
        colour = class_colours(index + 1)[index]
        square = QLabel("\u25a1" if index == 0 else f"<span style='color: {colour}'>\u25a0</span>")
        label = QLabel(str(index + self._first_label))
        label.setToolTip("Label value")
        label.setMinimumWidth(16)
        edit = QLineEdit(self._typed.get(index, ""))
        edit.setPlaceholderText(f"class {index}")
        edit.textChanged.connect(lambda text: self._on_typed(index, text))
        row = side_by_side(square, label, edit, stretch=(2,))
        self._rows.append(row)
        self._lines.addWidget(row)
        return edit

    def _on_typed(self, index: int, text: str) -> None:
        self._typed[index] = text
        self.changed.emit()
