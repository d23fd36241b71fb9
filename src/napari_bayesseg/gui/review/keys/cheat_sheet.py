"""All keys at a glance."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from napari_bayesseg.gui.review.keys.actions import ALL_ACTIONS, Action

__all__ = ["CheatSheet"]

_SIZE = (820, 600)
_HINT = (
    "The keys work on the canvas, whichever layer is active, and in the review's panel. "
    "Other keys: File > Preferences > BayesSeg."
)


class CheatSheet(QDialog):
    """A list of all actions: key, name, what it does. Escape closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of the review")
        self.resize(*_SIZE)
        self.text = QTextBrowser()
        self.set_actions(ALL_ACTIONS)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)

    def set_actions(self, actions: Iterable[Action]) -> None:
        """List actions with other keys."""
        rows = "".join(map(_row, sorted(actions, key=lambda a: not a.key)))
        self.text.setHtml(f"<table cellpadding='3'>{rows}</table><p>{_HINT}</p>")


def _row(action: Action) -> str:
    name = action.name.rstrip("\u2026")
    cells = (
        f"<b>{escape(action.key_text)}</b>",
        name[0].upper() + name[1:],
        escape(action.tooltip),
    )
    return "<tr>" + "".join(f"<td nowrap>{cell}</td>" for cell in cells) + "</tr>"
