"""Buttons of decisions and moves, and what becomes of rejected voxels."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget
from superqt.utils import signals_blocked

from napari_bayesseg.gui.review.buttons import Handler, button_grid
from napari_bayesseg.gui.review.note_line import NoteLine
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.review.status import Replacement

__all__ = ["DecisionPanel"]

_DECISIONS = (
    ("accept", "reject", "defer", "reopen"),
    ("previous_region", "next_region", "centre", "edit"),
    ("undo", "redo", "hide_overlays", "views", "show_keys"),
)
_BULK = (("accept_below", "reject_above"),)


class DecisionPanel(QWidget):
    """Buttons of decisions and moves, and what becomes of rejected voxels."""

    replacement_chosen = Signal(object)

    def __init__(self, begin: Handler, end: Handler) -> None:
        super().__init__()
        decisions, self.buttons = button_grid(_DECISIONS, begin, end)
        bulk, more = button_grid(_BULK, begin, end)
        self.buttons |= more
        self.replacement = QComboBox()
        self.replacement.setToolTip("What the label of a rejected voxel becomes, from now on")
        row = QHBoxLayout()
        row.addWidget(QLabel("Rejected becomes"))
        row.addWidget(self.replacement, 1)
        self.note = NoteLine(begin, end)
        self.buttons["write_note"] = self.note.button
        layout = in_column(self, decisions, self.note, spacing=3)
        layout.addLayout(row)
        layout.addWidget(bulk)
        self.replacement.currentIndexChanged.connect(
            # Qt hands back the plain text of an enum of texts.
            lambda: self.replacement_chosen.emit(Replacement(self.replacement.currentData()))
        )

    def set_replacements(self, background: str, has_previous: bool, chosen: Replacement) -> None:
        """Offer what a rejected label may become; the previous mask only where there is one."""
        texts = {
            Replacement.RUNNER_UP: "runner-up class",
            Replacement.BACKGROUND: f"background ({background})",
        }
        if has_previous:
            texts[Replacement.PREVIOUS] = "previous mask"
        with signals_blocked(self.replacement):
            self.replacement.clear()
            for replacement, text in texts.items():
                self.replacement.addItem(text, replacement)
            self.replacement.setCurrentIndex(max(0, self.replacement.findData(chosen)))

    def set_read_only(self, is_read_only: bool) -> None:
        """Switch off what would write."""
        for name in ("accept", "reject", "defer", "reopen", "edit", "undo", "redo", *_BULK[0]):
            self.buttons[name].setEnabled(not is_read_only)
        self.replacement.setEnabled(not is_read_only)
        self.note.setEnabled(not is_read_only)

    def set_editing(self, is_editing: bool) -> None:
        """Show by the button that the brush is out."""
        button = self.buttons["edit"]
        button.setText(f"Finish ({button.action.key})" if is_editing else button.action.button_text)
