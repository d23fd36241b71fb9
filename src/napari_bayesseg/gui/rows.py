"""Columns, and rows of a form whose captions line up, also across the boxes of a tab."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

__all__ = ["Fold", "RowLabel", "add_row", "form_layout", "in_column", "let_shrink", "side_by_side"]

_WIDEST = "Block (voxels)"
_FEWEST_LETTERS = 8


class RowLabel(QLabel):
    """A caption as wide as the widest of them, whatever the theme's font."""

    def sizeHint(self) -> QSize:
        """Return the common width."""
        hint = super().sizeHint()
        return QSize(max(hint.width(), self.fontMetrics().horizontalAdvance(_WIDEST) + 10), 20)

    def minimumSizeHint(self) -> QSize:
        """Return the common width."""
        return self.sizeHint()


def form_layout(owner: QWidget) -> QFormLayout:
    """Give a widget a layout of captions and fields without margins."""
    layout = QFormLayout(owner)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(6)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return layout


def add_row(layout: QFormLayout, caption: str, field: QWidget) -> None:
    """Add a field with its caption, which takes over its tooltip."""
    label = RowLabel(caption)
    label.setToolTip(field.toolTip())
    label.setBuddy(field)
    layout.addRow(label, field)


def let_shrink(choice: QComboBox) -> None:
    """Let a list take what room there is, however long the names in it: a dock is narrow."""
    choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    choice.setMinimumContentsLength(_FEWEST_LETTERS)
    choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def in_column(owner: QWidget, *widgets: QWidget, spacing: int = 4, margin: int = 0) -> QVBoxLayout:
    """Give a widget a layout from top to bottom, and put widgets into it.

    Parameters
    ----------
    owner : QWidget
    *widgets : QWidget
    spacing, margin : int
        Pixels between them and around them.
    """
    layout = QVBoxLayout(owner)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def side_by_side(*widgets: QWidget, stretch: Sequence[int] = (0,)) -> QWidget:
    """Put widgets in one row.

    Parameters
    ----------
    *widgets : QWidget
    stretch : sequence of int
        Which of them share the room that is left.
    """
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, int(index in stretch))
    return row


class Fold(QWidget):
    """A widget under a heading that shows and hides it; hidden at first."""

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self._title = title
        self._content = content
        self.heading = QPushButton()
        self.heading.setFlat(True)
        self.heading.setStyleSheet(
            "QPushButton, QPushButton:disabled"
            "{ background: transparent; border: 0px; text-align: left; padding: 2px 0px; }"
        )
        self.heading.clicked.connect(lambda: self.set_open(self._content.isHidden()))
        in_column(self, self.heading, content)
        self.set_open(False)

    def set_open(self, is_open: bool) -> None:
        """Show or hide what is below the heading."""
        self._content.setVisible(is_open)
        arrow = "\u25be" if is_open else "\u25b8"
        self.heading.setText(f"{arrow} {self._title}")
