"""Docks of a viewer's window."""

from __future__ import annotations

from qtpy.QtCore import Qt
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
    former = other.width()
    window.splitDockWidget(dock, other, Qt.Orientation.Horizontal)
    window.resizeDocks([dock, other], [width, former], Qt.Orientation.Horizontal)
