"""Whether the line on the curves is the threshold of the review, and how to make it so."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_bayesseg.gui.layers import measure_title
from napari_bayesseg.gui.rows import in_column

__all__ = ["LinkNote"]


class LinkNote(QWidget):
    """One line of text; a button where the review goes by another measure."""

    use_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.use = QPushButton("Use this measure in the review")
        self.use.setToolTip(
            "Let the review find its regions by the measure of the curves; what was decided stays"
        )
        in_column(self, self.text, self.use, spacing=3)
        self.use.clicked.connect(self.use_clicked)

    def show_measures(self, evaluated: str | None, reviewed: str) -> None:
        """Say whether both go by one measure; nothing where nothing was evaluated."""
        is_linked = evaluated == reviewed
        self.setVisible(evaluated is not None)
        self.use.setVisible(not is_linked)
        if is_linked:
            self.text.setText("The line is the review's lower threshold.")
        elif evaluated is not None:
            self.text.setText(
                f"The review goes by {measure_title(reviewed)}, these curves by "
                f"{measure_title(evaluated)}: the line moves alone."
            )
