"""What happened, in words: a line, and a box for what a scan has in common with none before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

__all__ = ["MessageLine", "WarningBox", "for_window"]

Kind = Literal["note", "done", "error"]
_WORDS_OF_COMMANDS = {
    "go on with what it was started with, or pass --overwrite to start anew": "tick Start anew, or "
    "choose another name",
    "name another folder, or pass --overwrite": "choose another name",
    "name another --out, or pass --overwrite to replace it": "choose another path for the result",
    "name another --out, or pass --overwrite": "choose another path for the result",
    "name another --out": "choose another path for the result",
    "start again with --overwrite": "choose another path for the result",
    "run the same predict command again": "predict again with the same settings",
    "the same predict command": "the same prediction",
    "the same command": "the same prediction",
}
_WORDS = {"note": "Note", "done": "Done", "error": "Error"}


class MessageLine(QLabel):
    """One message at a time: it wraps, and can be selected and copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # Paths have no spaces to break at; without this they would widen the dock.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.clear_message()

    def show_message(self, kind: Kind, text: str) -> None:
        """Show a message in place of the one before."""
        text = for_window(text)
        self.setText(f"{_WORDS[kind]}: {_breakable(text)}")
        self.setToolTip(text)
        self.setVisible(True)

    def clear_message(self) -> None:
        """Show nothing."""
        self.clear()
        self.setVisible(False)


class WarningBox(QFrame):
    """In what a scan is unlike those that the model was trained on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("BayesSegWarning")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.text)
        self.show_lines(())

    def set_colour(self, colour: str) -> None:
        """Take over the theme's colour of warnings, for the border."""
        self.setStyleSheet(f"#BayesSegWarning {{ border: 2px solid {colour}; }}")

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show the lines, one a paragraph; nothing where there are none."""
        head = "Warning: this scan is unlike those that the model was trained on. Check the result."
        self.text.setText("\n".join([head, *(f"\u2022 {line}" for line in lines)]))
        self.setVisible(bool(lines))


def for_window(text: str) -> str:
    """Say in the window's words what an error says in those of the command line."""
    for there, here in _WORDS_OF_COMMANDS.items():
        text = text.replace(there, here)
    return text


def _breakable(text: str) -> str:
    """Allow a line break after each folder of a path."""
    return text.replace("/", "/\u200b").replace("\\", "\\\u200b")
