"""What can be done with a review that is open, or a line that none is."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QStackedWidget, QWidget

__all__ = ["WhenOpen"]


class WhenOpen(QStackedWidget):
    """Shows `body` while a review is open; at first, and else, a line.

    Parameters
    ----------
    body : QWidget
    line : str
        What to do to get a review.
    """

    def __init__(self, body: QWidget, line: str) -> None:
        super().__init__()
        empty = QLabel(line)
        empty.setWordWrap(True)
        empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.addWidget(empty)
        self.addWidget(body)

    def set_open(self, is_open: bool) -> None:
        """Show the body, or the line."""
        self.setCurrentIndex(int(is_open))
