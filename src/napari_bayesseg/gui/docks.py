"""Docks of a viewer's window."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

__all__ = ["DockedPanel", "dock_of", "put_beside"]


class DockedPanel(QWidget):
    """A widget that tells when it is taken out of its dock, as by the dock's button."""

    left = Signal()
    """It is in no dock any more."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._was_docked = False

    def event(self, event: QEvent) -> bool:
        """Tell when the dock is closed."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parentWidget() is not None:
                self._was_docked = True
            elif self._was_docked:
                self.left.emit()
        return super().event(event)


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
