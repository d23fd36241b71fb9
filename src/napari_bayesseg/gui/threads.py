"""The only place where threads meet the viewer: work in the background, answers in Qt's loop."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from time import monotonic

from qtpy.QtCore import QCoreApplication, QObject, Qt, Signal

__all__ = ["CLOSE_TIMEOUT_S", "QtBackground"]

CLOSE_TIMEOUT_S = 10.0
"""How long closing waits for work that was asked to stop; a draw of a block ends sooner."""

Callback = Callable[[], None]


class QtBackground(QObject):
    """Runs work on threads of its own and brings callbacks to the thread it was made on.

    Follows ``session.background.Background``. It closes with the application at the latest, so no
    thread outlives the event loop that would take its answers.
    """

    closing = Signal()
    """The application quits: whoever has work under way should ask it to stop."""
    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._threads: list[threading.Thread] = []
        self._is_closed = False
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._close_at_exit)
        atexit.register(self._close_at_exit)

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be started any more."""
        return self._is_closed

    def start(self, work: Callback, name: str) -> None:
        """Run `work` on a new thread.

        Raises
        ------
        RuntimeError
            If it is closed.
        """
        if self._is_closed:
            raise RuntimeError(f"{name}: can't be started, the background is closed")
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        # A daemon: else the interpreter waits for it before anybody could ask it to stop.
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def post(self, callback: Callback) -> None:
        """Have `callback` run in the event loop, in order; from any thread."""
        if not self._is_closed:
            self._posted.emit(callback)

    def close(self, timeout: float = CLOSE_TIMEOUT_S) -> bool:
        """Drop what is posted and wait for all threads.

        Parameters
        ----------
        timeout : float
            In seconds.

        Returns
        -------
        bool
            Whether all of them have ended.
        """
        self._is_closed = True
        atexit.unregister(self._close_at_exit)
        deadline = monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return not self._threads

    def _close_at_exit(self) -> None:
        if not self._is_closed:
            self.closing.emit()
        if not self._is_closed:
            self.close()

    def _run(self, callback: Callback) -> None:
        if not self._is_closed:
            callback()
