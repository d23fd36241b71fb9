"""What a click would do, found out before it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from qtpy.QtCore import QObject, QTimer

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import JobSlot, explain

__all__ = ["LookAhead"]

T = TypeVar("T")
_DEBOUNCE_MS = 400


class LookAhead(Generic[T]):
    """Looks at the disk on another thread when a form has come to rest; only the newest counts.

    Parameters
    ----------
    background : Background
    name : str
        Of its threads.
    read : callable
        Reads the form, and returns what finds out there what the form leads to; None where
        nothing is to be found out now.
    found : callable
        Receives that.
    refused : callable
        Receives in one line why the form leads to nothing.
    parent : QObject
        The tab.
    """

    def __init__(
        self,
        background: Background,
        name: str,
        *,
        read: Callable[[], Callable[[], T] | None],
        found: Callable[[T], None],
        refused: Callable[[str], None],
        parent: QObject,
    ) -> None:
        self._read, self._found, self._refused = read, found, refused
        self._slot = JobSlot(background, name)
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DEBOUNCE_MS)
        self._timer.timeout.connect(self._look)

    def ask(self) -> None:
        """Look soon; what is being looked at is of another form."""
        self._slot.cancel()
        self._timer.start()

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def close(self) -> None:
        """Drop what is being looked at, for good; touches no widget."""
        self._slot.close()

    def _look(self) -> None:
        try:
            look = self._read()
        except BayesSegError as error:
            self._refused(str(error))
            return
        if look is not None:
            self._slot.start(
                lambda _: look(), self._found, lambda error: self._refused(explain(error))
            )
