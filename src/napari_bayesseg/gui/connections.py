"""Signals of what is open now: followed together, and let go of together."""

from __future__ import annotations

from collections.abc import Callable

from psygnal import SignalInstance

__all__ = ["Connections"]


class Connections:
    """What is followed of something that gives way to another, or goes.

    Parameters
    ----------
    *pairs : (SignalInstance, callable)
        Signals, each with the slot that hears it.
    """

    def __init__(self, *pairs: tuple[SignalInstance, Callable[..., None]]) -> None:
        self._pairs: tuple[tuple[SignalInstance, Callable[..., None]], ...] = ()
        self.follow(*pairs)

    def follow(self, *pairs: tuple[SignalInstance, Callable[..., None]]) -> None:
        """Follow these signals, and those before no more."""
        for signal, slot in self._pairs:
            signal.disconnect(slot)
        for signal, slot in pairs:
            signal.connect(slot)
        self._pairs = pairs

    def drop(self) -> None:
        """Follow nothing any more."""
        self.follow()
