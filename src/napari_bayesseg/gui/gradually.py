"""Slow steps on the window's thread, one by one, with the window alive in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtpy.QtCore import QObject, QTimer

__all__ = ["Gradually"]

_SOON_MS = 60


class Gradually(QObject):
    """Runs steps from a timer: those that are wanted soon first, then the others.

    Parameters
    ----------
    later_ms : int
        Milliseconds before each of the others.
    """

    def __init__(self, later_ms: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._later_ms = later_ms
        self._soon: list[Callable[[], object]] = []
        self._later: list[Callable[[], object]] = []
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._run_next)

    @property
    def is_active(self) -> bool:
        """Whether there are steps left."""
        return bool(self._soon or self._later)

    def start(
        self, soon: Iterable[Callable[[], object]], later: Iterable[Callable[[], object]]
    ) -> None:
        """Take up new steps in place of those that are left; :meth:`go` begins."""
        self._timer.stop()
        self._soon, self._later = list(soon), list(later)

    def go(self) -> None:
        """Begin, where that has not happened yet."""
        if self.is_active and not self._timer.isActive():
            self._timer.start(_SOON_MS if self._soon else self._later_ms)

    def hurry(self) -> None:
        """Run those that are wanted soon now."""
        while self._soon:
            self._soon.pop(0)()
        if self._later:
            self._timer.start(self._later_ms)

    def stop(self) -> None:
        """Drop all steps that are left."""
        self._soon, self._later = [], []
        self._timer.stop()

    def _run_next(self) -> None:
        steps = self._soon or self._later
        if steps:
            steps.pop(0)()
        if not self.is_active:
            self._timer.stop()
        elif not self._soon:
            self._timer.setInterval(self._later_ms)
