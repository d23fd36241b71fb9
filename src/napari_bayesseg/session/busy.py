"""Whether something is busy, told when it changes."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["BusyTeller"]


class BusyTeller:
    """Tells whether its owner is busy, once for each change; idle at first.

    Parameters
    ----------
    is_busy : callable
        Whether it is now.
    tell : callable
        Hears of it, as the owner's signal does.
    """

    def __init__(self, is_busy: Callable[[], bool], tell: Callable[[bool], None]) -> None:
        self._is_busy = is_busy
        self._tell = tell
        self._told = False

    def __call__(self) -> None:
        """Look again: it may have changed."""
        is_busy = self._is_busy()
        if is_busy != self._told:
            self._told = is_busy
            self._tell(is_busy)
