"""The buttons of the review, made from the table of actions."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_bayesseg.gui.review.keys.actions import Action, get_action

__all__ = ["ActionButton", "Handler", "button_grid"]

Handler = Callable[[Action], None]


class ActionButton(QPushButton):
    """Runs one action; one to hold lasts as long as the button is pressed.

    Parameters
    ----------
    action : Action
    begin, end : callable
    """

    def __init__(self, action: Action, begin: Handler, end: Handler) -> None:
        super().__init__()
        self.set_action(action)
        self.setAccessibleName(action.name)
        # The canvas keeps the keyboard when a button is clicked.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if action.hold:
            self.pressed.connect(lambda: begin(action))
            self.released.connect(lambda: end(action))
        else:
            self.clicked.connect(lambda: begin(action))

    def set_action(self, action: Action) -> None:
        """Show the same action with another key."""
        self.action = action
        self.setText(action.button_text)
        self.setToolTip(action.button_tooltip)


def button_grid(
    rows: tuple[tuple[str, ...], ...],
    begin: Handler,
    end: Handler,
) -> tuple[QWidget, dict[str, ActionButton]]:
    """Return a grid of buttons for actions named by their ids, and the buttons by id."""
    grid_widget = QWidget()
    grid = QGridLayout(grid_widget)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(3)
    # Rows of different lengths fill the same width.
    width = 60
    buttons = {}
    for row, names in enumerate(rows):
        span = width // len(names)
        for column, name in enumerate(names):
            button = ActionButton(get_action(name), begin, end)
            grid.addWidget(button, row, column * span, 1, span)
            buttons[name] = button
    return grid_widget, buttons
