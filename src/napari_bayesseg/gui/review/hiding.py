"""Hiding layers for as long as a key or button is held, and bringing them back as they were."""

from __future__ import annotations

from collections.abc import Iterable

from napari.layers import Layer
from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent

__all__ = ["Hiding"]


class Hiding(QObject):
    """Hides layers until it is told to end, or the key is let go wherever the focus is by then.

    Parameters
    ----------
    key : int
        Qt's code of the key that is held.
    """

    changed = Signal(bool)

    def __init__(self, key: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._key = key
        self._hidden: list[Layer] = []
        self._is_active = False

    def set_key(self, key: int) -> None:
        """Take another key; what is hidden comes back."""
        self.end()
        self._key = key

    @property
    def is_active(self) -> bool:
        """Whether layers are hidden at present."""
        return self._is_active

    def begin(self, layers: Iterable[Layer]) -> None:
        """Hide those layers that are visible."""
        if self._is_active:
            return
        self._is_active = True
        self._hidden = [layer for layer in layers if layer.visible]
        for layer in self._hidden:
            layer.visible = False
        application = QGuiApplication.instance()
        if application is not None:
            application.installEventFilter(self)
        self.changed.emit(True)

    def end(self) -> None:
        """Show again what was hidden, unless somebody else has done so."""
        if not self._is_active:
            return
        self._is_active = False
        application = QGuiApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        hidden, self._hidden = self._hidden, []
        for layer in hidden:
            layer.visible = True
        self.changed.emit(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """End when the key comes up in any widget, or the window is left while it is down."""
        if event.type() == QEvent.Type.ApplicationDeactivate or (
            event.type() == QEvent.Type.KeyRelease
            and isinstance(event, QKeyEvent)
            and event.key() == self._key
            and not event.isAutoRepeat()
        ):
            self.end()
        return False
