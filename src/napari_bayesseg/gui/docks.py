"""Docks of a viewer's window."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

__all__ = ["dock_of", "put_beside"]


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that a widget is in."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


def put_beside(widget: QWidget, other: QDockWidget | None, width: int) -> None:
    """Put the dock of a widget between the canvas and another one on the right, if that is there.

    What napari returns for a dock is a proxy that Qt doesn't take.
    """
    dock = dock_of(widget)
    if dock is None or other is None or other.isFloating():
        return
    window, right = dock.parentWidget(), Qt.DockWidgetArea.RightDockWidgetArea
    if not isinstance(window, QMainWindow):
        return
    if window.dockWidgetArea(other) != right:
        return
    widths, across = [width, other.width()], Qt.Orientation.Horizontal
    window.splitDockWidget(dock, other, across)

    def resize() -> None:
        window.resizeDocks([dock, other], widths, across)

    # Once the window has laid out both; nothing of it is done where they are gone by then.
    QTimer.singleShot(0, dock, resize)
