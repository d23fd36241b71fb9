"""Work on other threads, and the one way back: `post`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol

__all__ = ["Background", "ThreadBackground", "lower_priority"]

_NICENESS = 10


class Background(Protocol):
    """Where work runs so that its owner's thread stays free.

    The owner is the thread that made it. Nothing but `post` may be called from another thread.
    """

    def start(self, work: Callable[[], None], name: str) -> None:
        """Run `work` on another thread, called `name`; it must not raise."""
        ...

    def post(self, callback: Callable[[], None]) -> None:
        """Have `callback` run on the owner's thread, after those posted before.

        From any thread; once closed, it is dropped.
        """
        ...

    def close(self, timeout: float) -> bool:
        """Drop what is posted, and wait for all work; `timeout` in seconds.

        Returns
        -------
        bool
            Whether all work has ended.
        """
        ...


class ThreadBackground:
    """A thread for each piece of work; callbacks run where :meth:`drain` is called.

    For programs without an event loop, and for tests.
    """

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._running: set[threading.Thread] = set()
        self._callbacks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closed = False

    def start(self, work: Callable[[], None], name: str) -> None:
        """Run `work` on a new thread.

        Raises
        ------
        RuntimeError
            If it is closed.
        """
        if self._closed:
            raise RuntimeError(f"{name}: can't be started, the background is closed")
        self._threads = [thread for thread in self._threads if thread.is_alive()]

        def run() -> None:
            try:
                work()
            finally:
                self._running.discard(threading.current_thread())
                self.post(lambda: None)  # wakes a waiting `drain`

        thread = threading.Thread(target=run, name=name)
        self._threads.append(thread)
        self._running.add(thread)
        thread.start()

    def post(self, callback: Callable[[], None]) -> None:
        """Queue a callback; from any thread."""
        if not self._closed:
            self._callbacks.put(callback)

    def drain(self, timeout: float | None = None) -> bool:
        """Run callbacks until no work is under way and none is queued.

        Parameters
        ----------
        timeout : float, optional
            In seconds; default as long as it takes.

        Returns
        -------
        bool
            Whether it came to rest in time.
        """
        return self._run_until(self._is_idle, timeout)

    def drain_until(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        """Run callbacks until `condition` holds, asked after each of them.

        Parameters
        ----------
        condition : callable
        timeout : float, optional
            In seconds; default as long as it takes.

        Returns
        -------
        bool
            Whether it holds; False after the timeout, or where nothing is under way that could
            change it.
        """
        self._run_until(lambda: condition() or self._is_idle(), timeout)
        return condition()

    def _is_idle(self) -> bool:
        # In this order: work posts before it ends.
        return not self._running and self._callbacks.empty()

    def _run_until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        deadline = None if timeout is None else monotonic() + timeout
        while not condition():
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return False
            try:
                callback = self._callbacks.get(timeout=left)
            except Empty:
                return condition()
            callback()
        return True

    def close(self, timeout: float) -> bool:
        """Drop what is queued and wait for all threads; a second call waits again."""
        self._closed = True
        deadline = monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
        while not self._callbacks.empty():
            self._callbacks.get()
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return not self._threads


def lower_priority() -> None:
    """Let other threads go first: lower the priority of this thread and of those it starts.

    On Linux only; elsewhere a thread can't do that for itself through the standard library.
    """
    if sys.platform.startswith("linux"):
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(
                os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            )
