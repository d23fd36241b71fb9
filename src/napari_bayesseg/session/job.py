"""One kind of work, of which only the newest piece counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.session.background import Background

__all__ = ["Job", "JobSlot", "explain"]

T = TypeVar("T")
_log = logging.getLogger(__name__)


def explain(error: Exception) -> str:
    """Say in one line why work failed; what nobody can mend is logged with its traceback."""
    if isinstance(error, BayesSegError):
        return str(error)
    _log.error("unexpected error", exc_info=error)
    if isinstance(error, MemoryError):
        return "the memory ran out: close other programs, or take a smaller part of the scan"
    return f"a fault of the program, please report it: {type(error).__name__}: {error}"


@dataclass(frozen=True)
class Job:
    """What a piece of work knows of its place; may be used from its own thread.

    Attributes
    ----------
    should_stop : callable
        Whether its result is no longer wanted, or it was asked to stop.
    post : callable
        Runs a callback on the owner's thread, unless newer work has taken this one's place.
    """

    should_stop: Callable[[], bool]
    post: Callable[[Callable[[], None]], None]


@dataclass(eq=False)
class _Run(Generic[T]):
    work: Callable[[Job], T]
    done: Callable[[T], None]
    failed: Callable[[Exception], None]
    dropped: Callable[[T], None]
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    outcome: tuple[T] | Exception | None = None
    is_abandoned: bool = False

    def settle(self, outcome: tuple[T] | Exception) -> None:
        """Keep the outcome for the owner's thread, or drop it where nobody will ask for it."""
        with self.lock:
            self.outcome = outcome
            abandoned = self.is_abandoned
        if abandoned:
            self.drop()

    def abandon(self) -> None:
        with self.lock:
            self.is_abandoned = True
            settled = self.outcome is not None
        if settled:
            self.drop()

    def drop(self) -> None:
        if isinstance(self.outcome, tuple):
            self.dropped(*self.outcome)

    def deliver(self) -> None:
        if isinstance(self.outcome, tuple):
            self.done(*self.outcome)
        elif self.outcome is not None:
            self.failed(self.outcome)


def _ignore(_: object) -> None:
    pass


class JobSlot:
    """Runs work in the background; a newer piece takes the place of an older one.

    The results of work that was superseded are dropped. One piece runs at a time: a newer one
    begins when the older one, asked to stop, has ended, so threads never pile up.

    Parameters
    ----------
    background : Background
    name : str
        Of its threads.
    changed : callable, optional
        Called after :attr:`is_running` may have changed.
    """

    def __init__(
        self, background: Background, name: str, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._background = background
        self._name = name
        self._changed = changed
        self._wanted: _Run[Any] | None = None
        self._active: _Run[Any] | None = None
        self._closed = False

    @property
    def is_running(self) -> bool:
        """Whether a result is still to come."""
        return self._wanted is not None

    def start(
        self,
        work: Callable[[Job], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        dropped: Callable[[T], None] = _ignore,
    ) -> None:
        """Begin `work`, superseding what is under way.

        Parameters
        ----------
        work : callable
            Runs on another thread; must touch nothing that the owner's thread changes.
        done, failed : callable
            Receive its result, or what it raised, on the owner's thread.
        dropped : callable, optional
            Receives the result where it came too late, so that it can be released.
        """
        if self._closed:
            return
        if self._wanted is not None:
            self._wanted.stop.set()
        self._wanted = _Run(work, done, failed, dropped)
        if self._active is None:
            self._launch(self._wanted)
        self._changed()

    def stop(self) -> None:
        """Ask the work to stop; how it ended is still told."""
        if self._wanted is not None:
            self._wanted.stop.set()

    def cancel(self) -> None:
        """Ask the work to stop and drop its result."""
        if self._wanted is not None:
            self._wanted.stop.set()
            self._wanted = None
            self._changed()

    def close(self) -> None:
        """Cancel for good; a result that still comes is dropped by the thread that made it."""
        self._closed = True
        self._changed = lambda: None
        self.cancel()
        if self._active is not None:
            self._active.abandon()
            self._active = None

    def _launch(self, run: _Run[Any]) -> None:
        self._active = run
        self._background.start(lambda: self._execute(run), self._name)

    def _execute(self, run: _Run[Any]) -> None:
        def post(callback: Callable[[], None]) -> None:
            self._background.post(lambda: callback() if run is self._wanted else None)

        try:
            run.settle((run.work(Job(run.stop.is_set, post)),))
        except Exception as error:
            run.settle(error)
        self._background.post(lambda: self._finish(run))

    def _finish(self, run: _Run[Any]) -> None:
        if run is not self._active:
            return  # closed
        self._active = None
        if run is not self._wanted:
            run.drop()  # first: what it holds, such as a lock, may be what the newer one needs
            if self._wanted is not None:
                self._launch(self._wanted)
            return
        self._wanted = None
        try:
            run.deliver()
        finally:
            self._changed()
