"""Docks of a viewer's window."""

from __future__ import annotations

from contextlib import suppress

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

__all__ = ["dock_of", "put_beside"]


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that a widget is in."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


def put_beside(dock: QDockWidget, other: QDockWidget | None, width: int) -> None:
    """Put a dock between the canvas and another one on the right, where that is there."""
    window = dock.parentWidget()
    right = Qt.DockWidgetArea.RightDockWidgetArea
    if not isinstance(window, QMainWindow) or other is None or other.isFloating():
        return
    if window.dockWidgetArea(other) != right:
        return
    widths, across = [width, other.width()], Qt.Orientation.Horizontal
    # A handler of napari's may raise in the midst of it, which Qt's binding reports as this; the
    # dock then stays where napari put it, below the other one.
    with suppress(ValueError):
        window.splitDockWidget(dock, other, across)

    def resize() -> None:
        window.resizeDocks([dock, other], widths, across)

    # Once the window has laid out both; nothing of it is done where they are gone by then.
    QTimer.singleShot(0, dock, resize)
