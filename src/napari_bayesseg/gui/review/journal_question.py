"""The question what a journal is to be checked against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

__all__ = ["HEAD_FILTER", "JournalQuestion", "ask_journal_check"]

HEAD_FILTER = "Head of a journal (*.json)"
_TEXT = (
    "Every decision and stroke is a row of the journal, tied to the one before by its hash. The "
    "check reads all of them, and makes the mask anew from the first.\n\n"
    "A chain that was rewritten as a whole is told only by a head that you saved outside the "
    "review's folder."
)


@dataclass(frozen=True)
class JournalQuestion:
    """What the person wants.

    Attributes
    ----------
    saved_head : Path or None
        A head to check against; None to check the journal alone.
    """

    saved_head: Path | None


def ask_journal_check(window: QWidget, folder: Path) -> JournalQuestion | None:
    """Ask what to check; None where the person thinks better of it.

    Parameters
    ----------
    window : QWidget
        Parent of the dialogs.
    folder : Path
        Where the search for a head begins.
    """
    buttons, roles = QMessageBox.StandardButton, QMessageBox.ButtonRole
    box = QMessageBox(QMessageBox.Icon.Question, "Check the journal", _TEXT, parent=window)
    alone = box.addButton("Check", roles.AcceptRole)
    against = box.addButton("Check against a saved head\u2026", roles.AcceptRole)
    box.addButton(buttons.Cancel)
    box.setDefaultButton(alone)
    box.exec()
    if box.clickedButton() is alone:
        return JournalQuestion(None)
    if box.clickedButton() is not against:
        return None
    name, _ = QFileDialog.getOpenFileName(window, "A saved head", str(folder), HEAD_FILTER)
    return JournalQuestion(Path(name)) if name else None
