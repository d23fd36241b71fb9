"""Drawing that is asked for often and done now and then."""

from __future__ import annotations

from time import perf_counter

from qtpy.QtCore import QObject, QTimer, Signal

__all__ = ["Throttle"]


class Throttle(QObject):
    """Takes calls in quick succession together: the first is answered at once.

    Parameters
    ----------
    rest_ms : int
        Milliseconds from one answer to the next.
    """

    fired = Signal()

    def __init__(self, rest_ms: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rest_ms = rest_ms
        self._fired_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._fire)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return self._timer.isActive()

    def ask(self) -> None:
        """Have :attr:`fired` emitted soon, from the event loop."""
        if not self._timer.isActive():
            rested = 1e3 * (perf_counter() - self._fired_at)
            self._timer.start(max(0, round(self._rest_ms - rested)))

    def stop(self) -> None:
        """Forget what was asked for."""
        self._timer.stop()

    def _fire(self) -> None:
        self._fired_at = perf_counter()
        self.fired.emit()
