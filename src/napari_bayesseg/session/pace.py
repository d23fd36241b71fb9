"""How often what goes on in the background is told."""

from __future__ import annotations

from time import perf_counter

__all__ = ["Pace"]

# Where there is no graphics card, each change of a text draws the whole window again.
_REST_S = 0.3


class Pace:
    """Lets something be told as often as an eye can follow: at most three times a second."""

    def __init__(self) -> None:
        self._told = float("-inf")

    def takes(self, *, always: bool = False) -> bool:
        """Return whether to tell now; if so, the next rest begins.

        Parameters
        ----------
        always : bool
            Tell it though the last time is not long ago.
        """
        now = perf_counter()
        is_due = always or now - self._told >= _REST_S
        if is_due:
            self._told = now
        return is_due
